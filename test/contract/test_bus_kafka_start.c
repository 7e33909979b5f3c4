/*
 * How the Kafka driver starts, or refuses to: one line, what is wrong and what to do, and nothing half started. And the topics that
 * `galkad topics` makes. On brokers of tools/engines, plain ones and ones that demand TLS and a password (ENGINES_CA is set).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "driver/bus/kafka.h"
#include "driver/bus/kafka_topics.h"

#define LINES_SIZE 4096

static char prefix[64], lines[LINES_SIZE], text[BUS_KAFKA_ERROR_SIZE];
static struct bus_kafka_options options;
static struct bus_kafka *kafka;

static int set_up(void **state)
{
        static unsigned worlds;

        (void)state;
        snprintf(prefix, sizeof(prefix), "s%d-%u.", getpid(), ++worlds);
        options = (struct bus_kafka_options){.brokers = getenv("ENGINES_KAFKA"), .topic_prefix = prefix, .start_ms = 4000};
        if (getenv("ENGINES_CA")) {
                options.security = "sasl_ssl";
                options.ca_file = getenv("ENGINES_CA");
                options.sasl_mechanism = "PLAIN"; /* librdkafka 2.0.2 does not get through Kafka 4 with SCRAM */
                options.sasl_user = getenv("ENGINES_USER");
                options.sasl_password = getenv("ENGINES_PASSWORD");
        }
        return 0;
}

static void keep_line(void *owner, const char *line)
{
        size_t used = strlen(lines);

        (void)owner;
        snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
}

static enum error topics(uint32_t partitions, bool check_only)
{
        struct bus_kafka_topics wanted = {.check_only = check_only};

        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                wanted.partitions[i] = partitions;
        lines[0] = '\0';
        return bus_kafka_topics(&options, &wanted, keep_line, NULL, text);
}

/* It must not start, and say so in one line that has these words. */
static void refused(enum error error, const char *words)
{
        assert_int_equal(bus_kafka_new(&options, &kafka, text), error);
        assert_null(kafka);
        if (!strstr(text, words))
                fail_msg("'%s' is not in: %s", words, text);
        assert_null(strchr(text, '\n'));
        assert_null(options.sasl_password ? strstr(text, options.sasl_password) : NULL);
}

static void starts(void)
{
        if (bus_kafka_new(&options, &kafka, text) != ERR_OK)
                fail_msg("%s", text);
}

/* ---- topics ---- */

static void test_topics_are_made_and_checked(void **state)
{
        (void)state;
        assert_int_equal(topics(3, true), ERR_CONFIG);
        assert_non_null(strstr(lines, "missing"));
        assert_int_equal(topics(3, true), ERR_CONFIG); /* looking made none */
        assert_int_equal(topics(3, false), ERR_OK);
        assert_non_null(strstr(lines, "made with 3 partitions"));
        starts();
        bus_kafka_free(&kafka);
        assert_int_equal(topics(3, true), ERR_OK);
        assert_null(strstr(lines, ", not "));
        assert_int_equal(topics(5, true), ERR_CONFIG);
        assert_non_null(strstr(lines, "3 partitions, not 5"));
        assert_int_equal(topics(5, false), ERR_OK);
        assert_non_null(strstr(lines, "now 5"));
        usleep(500000); /* brokers hear of it */
        assert_int_equal(topics(4, false), ERR_OK);
        assert_non_null(strstr(lines, "left as they are"));
        assert_int_equal(topics(4, true), ERR_CONFIG);
        starts();
        bus_kafka_free(&kafka);
}

static void test_topics_that_are_missing(void **state)
{
        (void)state;
        refused(ERR_CONFIG, "make the topics with: galkad topics");
}

static void test_too_few_partitions(void **state)
{
        (void)state;
        assert_int_equal(topics(3, false), ERR_OK);
        options.partitions_min[BUS_FRONTENDS] = 4;
        refused(ERR_CONFIG, "has 3 partitions and 4 are needed");
        options.partitions_min[BUS_FRONTENDS] = 3;
        starts();
        bus_kafka_free(&kafka);
}

/* ---- workers ---- */

static void await_partition(struct bus *bus)
{
        struct bus_event event;

        for (int i = 0; i < 100; i++) {
                while (bus->ops->poll(bus, &event, 1) == 1)
                        if (event.kind == BUS_EVENT_ASSIGNED)
                                return;
                usleep(100000);
        }
        fail_msg("no partition");
}

static void test_more_workers_than_partitions(void **state)
{
        struct bus *first, *second;

        (void)state;
        options.session_ms = 6000;
        assert_int_equal(topics(1, false), ERR_OK);
        starts();
        assert_int_equal(bus_kafka_open(kafka, BUS_SESSION, &first, text), ERR_OK);
        assert_int_equal(first->ops->subscribe(first, BUS_SESSION), ERR_OK);
        await_partition(first);
        assert_int_equal(bus_kafka_open(kafka, BUS_SESSION, &second, text), ERR_CONFIG);
        assert_null(second);
        assert_non_null(strstr(text, "start fewer, or add partitions"));
        /* One that crashed makes room when its session ends, and its successor waits so long. */
        bus_kafka_crash(&first);
        assert_int_equal(bus_kafka_open(kafka, BUS_SESSION, &second, text), ERR_OK);
        assert_int_equal(second->ops->subscribe(second, BUS_SESSION), ERR_OK);
        await_partition(second);
        second->ops->free(&second);
        bus_kafka_free(&kafka);
}

/* ---- brokers, TLS, passwords ---- */

static void test_nobody_there(void **state)
{
        (void)state;
        options.brokers = "127.0.0.1:1";
        refused(ERR_FAILED, "no Kafka broker of 127.0.0.1:1 answers");
}

static void test_options_that_cannot_be(void **state)
{
        (void)state;
        options.brokers = "";
        refused(ERR_CONFIG, "no broker is named");
        set_up(NULL);
        options.security = "tls";
        refused(ERR_CONFIG, "is not one of");
        set_up(NULL);
        options.topic_prefix = "a b";
        refused(ERR_CONFIG, "cannot begin a topic's");
        set_up(NULL);
        options.security = "sasl_ssl";
        options.sasl_mechanism = "GUESS";
        refused(ERR_CONFIG, "needs a mechanism");
        options.sasl_mechanism = "PLAIN";
        options.sasl_user = options.sasl_password = NULL;
        refused(ERR_CONFIG, "needs a user and a password");
        options.security = "plaintext";
        options.ca_file = NULL;
        options.sasl_user = "somebody";
        refused(ERR_CONFIG, "sends none");
}

static void test_a_wrong_password(void **state)
{
        (void)state;
        if (!options.ca_file)
                skip(); /* plain brokers ask for none */
        options.sasl_password = "certainly not";
        refused(ERR_CONFIG, "check user, password and mechanism");
}

static void test_a_wrong_name(void **state)
{
        char brokers[128];

        (void)state;
        if (!options.ca_file)
                skip(); /* plain brokers have no certificate */
        snprintf(brokers, sizeof(brokers), "127.0.0.1%s", strchr(options.brokers, ':'));
        brokers[strcspn(brokers, ",")] = '\0';
        options.brokers = brokers;
        refused(ERR_CONFIG, "TLS failed");
}

static void test_a_stranger_signed(void **state)
{
        (void)state;
        if (!options.ca_file)
                skip();
        options.ca_file = getenv("ENGINES_STRANGER_CA");
        refused(ERR_CONFIG, "must be signed by");
}

static void test_no_tls_where_it_is_demanded(void **state)
{
        (void)state;
        if (!options.ca_file)
                skip();
        options.security = "plaintext";
        options.ca_file = options.sasl_user = options.sasl_password = options.sasl_mechanism = NULL;
        refused(ERR_FAILED, "is security plaintext right?");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
        static const struct CMUnitTest plain[] = {
                TEST(test_topics_are_made_and_checked),
                TEST(test_topics_that_are_missing),
                TEST(test_too_few_partitions),
                TEST(test_more_workers_than_partitions),
                TEST(test_nobody_there),
                TEST(test_options_that_cannot_be),
        };
        static const struct CMUnitTest secure[] = {
                TEST(test_topics_are_made_and_checked),
                TEST(test_a_wrong_password),
                TEST(test_a_wrong_name),
                TEST(test_a_stranger_signed),
                TEST(test_no_tls_where_it_is_demanded),
        };

        if (getenv("ENGINES_CA"))
                return cmocka_run_group_tests_name("bus, Kafka, start, TLS and passwords", secure, NULL, NULL);
        return cmocka_run_group_tests_name("bus, Kafka, start", plain, NULL, NULL);
}
