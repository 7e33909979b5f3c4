/* See kafka_world.h. */
#include "contract/kafka_world.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define REQUESTS_MAX    30   /* numbers of Kafka's requests that the mock knows */
#define MOCK_SESSION_MS 4000 /* the mock waits 3 s for a group's first members; a real broker's lower bound is 6 s */

struct bus_kafka_options kafka_world_options;

const char *kafka_world_broker(void)
{
        const char *broker = getenv("ENGINES_KAFKA");

        return broker && broker[0] ? broker : NULL;
}

static atomic_uint replaced;

/* GALKA_TEST_VERBOSE=1 shows what the driver and librdkafka note. */
static void take_event(struct event_sink *sink, const struct event *event)
{
        (void)sink;
        if (strcmp(event->name, "bus.kafka_producer_replaced") == 0)
                atomic_fetch_add(&replaced, 1);
        if (!getenv("GALKA_TEST_VERBOSE"))
                return;
        fprintf(stderr, "%s", event->name);
        for (size_t i = 0; i < event->field_count; i++) {
                const struct event_field *field = &event->fields[i];

                if (field->text)
                        fprintf(stderr, " %s=%s", field->name, field->text);
                else
                        fprintf(stderr, " %s=%llu", field->name, (unsigned long long)field->number);
        }
        fprintf(stderr, "\n");
}

static struct event_sink events = {.write = take_event};

unsigned kafka_world_replaced(void)
{
        return atomic_load(&replaced);
}

static struct kafka_world *world_new(const char *brokers)
{
        static unsigned worlds;
        struct kafka_world *world = memory_new(sizeof(*world));

        check(world);
        snprintf(world->prefix, sizeof(world->prefix), "t%ld-%d-%u.", (long)time(NULL), getpid(), ++worlds);
        snprintf(world->brokers, sizeof(world->brokers), "%s", brokers);
        world->options = kafka_world_options;
        world->options.brokers = world->brokers;
        world->options.topic_prefix = world->prefix;
        world->options.events = &events;
        return world;
}

static void start(struct kafka_world *world)
{
        char text[BUS_KAFKA_ERROR_SIZE];

        if (bus_kafka_new(&world->options, &world->kafka, text) == ERR_OK)
                return;
        fprintf(stderr, "%s\n", text);
        check(!"the driver must start");
}

/* One mock cluster serves many worlds, each with topics of its own: it takes seconds to stop. */
static struct {
        rd_kafka_t *host;
        rd_kafka_mock_cluster_t *cluster;
        int brokers;
        bool spoilt; /* not for the next world */
} mock;

static void mock_stop(void)
{
        if (mock.cluster)
                rd_kafka_mock_cluster_destroy(mock.cluster);
        if (mock.host)
                rd_kafka_destroy(mock.host);
        mock.cluster = NULL;
        mock.host = NULL;
        mock.spoilt = false;
}

static void mock_start(int brokers)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        static bool before;
        char why[256];

        mock_stop();
        if (!before)
                check(atexit(mock_stop) == 0);
        before = true;
        rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
        mock.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        check(mock.host);
        mock.cluster = rd_kafka_mock_cluster_new(mock.host, brokers);
        check(mock.cluster);
        mock.brokers = brokers;
}

struct kafka_world *kafka_world_mock(int brokers, int partitions)
{
        struct kafka_world *world;
        char name[128];

        if (!mock.cluster || mock.brokers != brokers || mock.spoilt)
                mock_start(brokers);
        rd_kafka_mock_broker_set_up(mock.cluster, -1);
        rd_kafka_mock_broker_set_rtt(mock.cluster, -1, 0);
        for (int16_t request = 0; request <= REQUESTS_MAX; request++)
                rd_kafka_mock_clear_request_errors(mock.cluster, request);
        world = world_new(rd_kafka_mock_cluster_bootstraps(mock.cluster));
        world->mock = mock.cluster;
        world->options.session_ms = MOCK_SESSION_MS;
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                snprintf(name, sizeof(name), "%s%s", world->prefix, bus_topic_name(i));
                check(!rd_kafka_mock_topic_create(mock.cluster, name, partitions, min_of(brokers, 3)));
        }
        start(world);
        return world;
}

/* From then on the broker looks at errors of its own only, and never again at those that are pushed for all of them, even when it has
 * none left: a test that came later would wait in vain for its errors whenever it met this broker. */
void kafka_world_answer_late(struct kafka_world *world, int32_t broker, int16_t request, int after_ms)
{
        mock.spoilt = true;
        check(!rd_kafka_mock_broker_push_request_error_rtts(world->mock, broker, request, 1, RD_KAFKA_RESP_ERR_NO_ERROR,
                                                            after_ms));
}

static void say_nothing(void *owner, const char *line)
{
        (void)owner;
        (void)line;
}

struct kafka_world *kafka_world_real(uint32_t partitions)
{
        struct kafka_world *world = world_new(kafka_world_broker());
        struct bus_kafka_topics topics = {0};
        char text[BUS_KAFKA_ERROR_SIZE];

        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                topics.partitions[i] = partitions;
        if (bus_kafka_topics(&world->options, &topics, say_nothing, NULL, text) != ERR_OK)
                fprintf(stderr, "%s\n", text);
        start(world);
        return world;
}

void kafka_world_free(struct kafka_world *world)
{
        bus_kafka_free(&world->kafka);
        memory_free(world);
}

struct bus *kafka_world_open(struct kafka_world *world, enum bus_topic reads)
{
        char text[BUS_KAFKA_ERROR_SIZE];
        struct bus *bus;

        if (bus_kafka_open(world->kafka, reads, &bus, text) == ERR_OK)
                return bus;
        fprintf(stderr, "%s\n", text);
        check(!"a handle must open");
        return NULL;
}
