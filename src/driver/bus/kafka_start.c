/*
 * Is the cluster what this process needs? Asked once, at the start, by a client of its own. What is wrong is told in one line with
 * what to do about it; a reason that waiting cannot mend is told at once.
 */
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define TRY_MS          500
#define GROUP_MS        3000
#define HEARSAY_MS      3000
#define HEARSAY_EACH_MS 50

static void sleep_ms(unsigned ms)
{
        const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        nanosleep(&time, NULL);
}

/* What stood in the way last. */
struct reason {
        rd_kafka_resp_err_t error;
        char line[256];
};

static void remember(struct reason *reason, rd_kafka_resp_err_t error, const char *line)
{
        if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) /* what follows from the rest */
                return;
        reason->error = error;
        snprintf(reason->line, sizeof(reason->line), "%s", line ? line : "");
        for (char *at = reason->line; *at; at++)
                if (*at == '\n' || *at == '\r')
                        *at = ' ';
}

static void read_errors(rd_kafka_queue_t *queue, struct reason *reason)
{
        rd_kafka_event_t *event;

        while ((event = rd_kafka_queue_poll(queue, 0))) {
                if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
                        remember(reason, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
                rd_kafka_event_destroy(event);
        }
}

static bool is_hopeless(const struct reason *reason)
{
        return reason->error == RD_KAFKA_RESP_ERR__AUTHENTICATION || reason->error == RD_KAFKA_RESP_ERR__SSL ||
               reason->error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

/* Why right credentials may be refused: before 2.6.1 librdkafka does not get through Kafka 4 with SCRAM. */
static const char *scram_hint(const struct bus_kafka_options *options)
{
        bool scram = options->sasl_mechanism && strncmp(options->sasl_mechanism, "SCRAM", 5) == 0;

        return scram && rd_kafka_version() < 0x020601ff
                       ? "; brokers of Kafka 4 refuse SCRAM of this old a librdkafka: use PLAIN within TLS"
                       : "";
}

static enum error tell_unreachable(const struct bus_kafka *kafka, const struct reason *reason, char *text)
{
        const struct bus_kafka_options *options = &kafka->options;
        const char *brokers = options->brokers, *line = reason->line;

        if (reason->error == RD_KAFKA_RESP_ERR__SSL) {
                snprintf(text, BUS_KAFKA_ERROR_SIZE,
                         "Kafka at %.100s: TLS failed: the certificate must be signed by %.100s and carry the name that is "
                         "connected to "
                         "(%.180s)",
                         brokers, options->ca_file ? options->ca_file : "an authority that this system trusts", line);
                return ERR_CONFIG;
        }
        if (is_hopeless(reason)) {
                snprintf(text, BUS_KAFKA_ERROR_SIZE,
                         "Kafka at %.100s refuses user '%.60s': check user, password and mechanism (%.140s)%s", brokers,
                         options->sasl_user ? options->sasl_user : "", line, scram_hint(options));
                return ERR_CONFIG;
        }
        snprintf(text, BUS_KAFKA_ERROR_SIZE,
                 "no Kafka broker of %.100s answers: is it running, and is security %s right? (%.180s)", brokers,
                 options->security, line[0] ? line : "no answer in time");
        return ERR_FAILED;
}

/* ---- topics ---- */

static enum error check_topic(struct bus_kafka *kafka, enum bus_topic topic, const struct rd_kafka_metadata_topic *found,
                              char *text)
{
        uint32_t needed = max_of(kafka->options.partitions_min[topic], 1u);
        const char *name = kafka->topics[topic];

        if (!found || found->partition_cnt == 0)
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka has no topic %.200s: make the topics with: galkad topics", name);
        else if (found->err)
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka's topic %.200s cannot be used: %.200s", name,
                         rd_kafka_err2str(found->err));
        else if ((uint32_t)found->partition_cnt < needed)
                snprintf(text, BUS_KAFKA_ERROR_SIZE,
                         "Kafka's topic %.200s has %d partitions and %u are needed: add them with: galkad topics, then "
                         "restart workers "
                         "and frontends",
                         name, found->partition_cnt, needed);
        else {
                kafka->partitions[topic] = (uint32_t)found->partition_cnt;
                return ERR_OK;
        }
        return ERR_CONFIG;
}

/* ---- the probe ---- */

enum error kafka_probe_ask(struct bus_kafka *kafka, struct kafka_probe *probe, const struct rd_kafka_metadata **metadata,
                           char *text)
{
        uint64_t end_ms = kafka_now_ms() + kafka->options.start_ms;
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(probe->client);
        struct reason reason = {0};

        *metadata = NULL;
        while (rd_kafka_metadata(probe->client, 0, NULL, metadata, TRY_MS) != 0) {
                read_errors(queue, &reason);
                if (is_hopeless(&reason) || kafka_now_ms() >= end_ms)
                        break;
        }
        rd_kafka_queue_destroy(queue);
        return *metadata ? ERR_OK : tell_unreachable(kafka, &reason, text);
}

enum error kafka_probe_init(struct kafka_probe *probe, const struct bus_kafka *kafka, char *text)
{
        enum error error;

        *probe = (struct kafka_probe){0};
        error = kafka_client_new(kafka, KAFKA_PROBE, BUS_TOPIC_COUNT, &probe->client, text);
        if (error)
                return error;
        rd_kafka_set_log_queue(probe->client, NULL);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) /* asked for are those that the client knows of */
                probe->topics[i] = rd_kafka_topic_new(probe->client, kafka->topics[i], NULL);
        return ERR_OK;
}

void kafka_probe_finish(struct kafka_probe *probe)
{
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                if (probe->topics[i])
                        rd_kafka_topic_destroy(probe->topics[i]);
        if (probe->client)
                rd_kafka_destroy(probe->client);
        *probe = (struct kafka_probe){0};
}

const struct rd_kafka_metadata_topic *kafka_probe_topic(const struct bus_kafka *kafka, enum bus_topic topic,
                                                        const struct rd_kafka_metadata *metadata)
{
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, kafka->topics[topic]) == 0)
                        return metadata->topics[i].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? NULL
                                                                                                  : &metadata->topics[i];
        return NULL;
}

static enum error check_all(struct bus_kafka *kafka, struct kafka_probe *probe, char *text)
{
        const struct rd_kafka_metadata *metadata;
        enum error error = kafka_probe_ask(kafka, probe, &metadata, text);

        if (error)
                return error;
        for (int i = 0; i < BUS_TOPIC_COUNT && !error; i++)
                error = check_topic(kafka, (enum bus_topic)i, kafka_probe_topic(kafka, i, metadata), text);
        rd_kafka_metadata_destroy(metadata);
        return error == ERR_CONFIG ? ERR_AGAIN : error;
}

/* Brokers hear of topics that were just made one after the other, so what is missing may yet come. */
enum error kafka_start_check(struct bus_kafka *kafka, char *text)
{
        uint64_t end_ms = kafka_now_ms() + min_of(kafka->options.start_ms, (uint32_t)HEARSAY_MS);
        struct kafka_probe probe;
        enum error error = kafka_probe_init(&probe, kafka, text);

        if (!error)
                error = check_all(kafka, &probe, text);
        while (error == ERR_AGAIN && kafka_now_ms() < end_ms) {
                sleep_ms(HEARSAY_EACH_MS);
                error = check_all(kafka, &probe, text);
        }
        kafka_probe_finish(&probe);
        return error == ERR_AGAIN ? ERR_CONFIG : error;
}

/* ---- is there a place in the group? ---- */

/* How many members the group has; -1: the cluster does not say. */
static int member_count(rd_kafka_t *client, const char *group)
{
        const struct rd_kafka_group_list *list = NULL;
        int members = -1;

        if (rd_kafka_list_groups(client, group, &list, GROUP_MS) != 0)
                return -1;
        for (int i = 0; i < list->group_cnt; i++)
                if (strcmp(list->groups[i].group, group) == 0 && !list->groups[i].err)
                        members = list->groups[i].member_cnt;
        rd_kafka_group_list_destroy(list);
        return members;
}

/* A member too many would do nothing, and take part in every rebalance. One that crashed goes by itself after its session. */
enum error kafka_start_place(struct bus_kafka *kafka, rd_kafka_t *client, enum bus_topic topic, char *text)
{
        uint64_t end_ms = kafka_now_ms() + kafka->options.session_ms + 1000;
        int members;

        while ((members = member_count(client, kafka->groups[topic])) >= (int)kafka->partitions[topic]) {
                if (kafka_now_ms() >= end_ms) {
                        snprintf(text, BUS_KAFKA_ERROR_SIZE,
                                 "all %u partitions of Kafka's topic %.200s have a worker (group %.100s has %d): start "
                                 "fewer, or add "
                                 "partitions with: galkad topics",
                                 kafka->partitions[topic], kafka->topics[topic], kafka->groups[topic], members);
                        return ERR_CONFIG;
                }
                sleep_ms(TRY_MS);
        }
        return ERR_OK;
}
