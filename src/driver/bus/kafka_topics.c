/* See kafka_topics.h. One question a topic: these are seven, and an operator wants to know which of them went wrong. */
#include "driver/bus/kafka_topics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define ANSWER_MS     30000
#define LINE_SIZE     400
#define KNOWN_EACH_MS 50
#define REPLICAS      3

struct work {
        struct bus_kafka kafka;
        struct kafka_probe probe;
        const struct bus_kafka_topics *topics;
        bus_kafka_topics_say *say;
        void *owner;
        char *text;
        int replication;
        bool differs;
};

__attribute__((format(printf, 2, 3))) static void say(struct work *work, const char *format, ...)
{
        char line[LINE_SIZE];
        va_list values;

        va_start(values, format);
        vsnprintf(line, sizeof(line), format, values);
        va_end(values);
        work->say(work->owner, line);
}

/* ---- what is asked for ---- */

struct setting {
        const char *name, *value;
};

#define SETTINGS_MAX 6

/* Frontends read what is new, so old deliveries are of no use; work that is a day old is long past its deadline; dead letters wait
 * for a person. */
static size_t settings_of(const struct work *work, enum bus_topic topic, struct setting settings[static SETTINGS_MAX])
{
        const char *keep_ms = topic == BUS_FRONTENDS ? "600000" : topic == BUS_DEAD_LETTERS ? "2592000000" : "86400000";
        const struct setting all[] = {
                {"cleanup.policy", "delete"},
                {"retention.ms", keep_ms},
                {"segment.ms", topic == BUS_FRONTENDS ? keep_ms : "3600000"}, /* what is kept goes by whole segments */
                {"max.message.bytes", "1048576"},
                {"min.insync.replicas", work->replication >= REPLICAS ? "2" : "1"},
                {"unclean.leader.election.enable", "false"},
        };

        _Static_assert(countof(all) == SETTINGS_MAX, "all of them");
        _Static_assert(KAFKA_RECORD_BYTES_MAX == 1048576, "max.message.bytes");
        memcpy(settings, all, sizeof(all));
        return countof(all);
}

static uint32_t partitions_of(const struct work *work, enum bus_topic topic)
{
        return work->topics->partitions[topic] ? work->topics->partitions[topic] : BUS_KAFKA_PARTITIONS;
}

/* ---- doing it ---- */

static rd_kafka_AdminOptions_t *options_new(struct work *work, rd_kafka_admin_op_t operation)
{
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(work->probe.client, operation);
        char why[128];

        rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof(why));
        if (operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
                rd_kafka_AdminOptions_set_operation_timeout(options, ANSWER_MS, why, sizeof(why));
        return options;
}

static enum error refused(struct work *work, const char *what, enum bus_topic topic, const char *why)
{
        snprintf(work->text, BUS_KAFKA_ERROR_SIZE, "Kafka refuses to %s topic %.200s: %.200s", what,
                 work->kafka.topics[topic], why ? why : "no reason given");
        return ERR_FAILED;
}

/* What the cluster answered about one topic. */
static enum error answer(struct work *work, const char *what, enum bus_topic topic, rd_kafka_event_t *event,
                         const rd_kafka_topic_result_t **results, size_t count)
{
        if (rd_kafka_event_error(event))
                return refused(work, what, topic, rd_kafka_event_error_string(event));
        check(count == 1);
        if (!rd_kafka_topic_result_error(results[0]))
                return ERR_OK;
        return refused(work, what, topic, rd_kafka_topic_result_error_string(results[0]));
}

static enum error make(struct work *work, enum bus_topic topic)
{
        struct setting settings[SETTINGS_MAX];
        size_t count = settings_of(work, topic, settings), results = 0;
        const rd_kafka_topic_result_t **list = NULL;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_NewTopic_t *fresh;
        rd_kafka_queue_t *queue;
        rd_kafka_event_t *event;
        enum error error;
        char why[128];

        fresh = rd_kafka_NewTopic_new(work->kafka.topics[topic], (int)partitions_of(work, topic), work->replication, why,
                                      sizeof(why));
        if (!fresh)
                return refused(work, "make", topic, why);
        for (size_t i = 0; i < count; i++)
                rd_kafka_NewTopic_set_config(fresh, settings[i].name, settings[i].value);
        options = options_new(work, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        queue = rd_kafka_queue_new(work->probe.client);
        rd_kafka_CreateTopics(work->probe.client, &fresh, 1, options, queue);
        event = rd_kafka_queue_poll(queue, -1); /* it has its own time-out */
        if (!rd_kafka_event_error(event))
                list = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &results);
        error = answer(work, "make", topic, event, list, results);
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_NewTopic_destroy(fresh);
        return error;
}

static enum error grow(struct work *work, enum bus_topic topic)
{
        const rd_kafka_topic_result_t **list = NULL;
        rd_kafka_NewPartitions_t *fresh;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_queue_t *queue;
        rd_kafka_event_t *event;
        enum error error;
        size_t results = 0;
        char why[128];

        fresh = rd_kafka_NewPartitions_new(work->kafka.topics[topic], partitions_of(work, topic), why, sizeof(why));
        if (!fresh)
                return refused(work, "add partitions to", topic, why);
        options = options_new(work, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
        queue = rd_kafka_queue_new(work->probe.client);
        rd_kafka_CreatePartitions(work->probe.client, &fresh, 1, options, queue);
        event = rd_kafka_queue_poll(queue, -1);
        if (!rd_kafka_event_error(event))
                list = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &results);
        error = answer(work, "add partitions to", topic, event, list, results);
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_NewPartitions_destroy(fresh);
        return error;
}

/* ---- what is there ---- */

static void compare_settings(struct work *work, enum bus_topic topic, const rd_kafka_ConfigResource_t *resource)
{
        struct setting settings[SETTINGS_MAX];
        size_t count = settings_of(work, topic, settings), entries = 0;
        const rd_kafka_ConfigEntry_t **list = rd_kafka_ConfigResource_configs(resource, &entries);

        for (size_t i = 0; i < entries; i++) {
                for (size_t n = 0; n < count; n++) {
                        const char *value = rd_kafka_ConfigEntry_value(list[i]);

                        if (strcmp(rd_kafka_ConfigEntry_name(list[i]), settings[n].name) != 0 || !value ||
                            strcmp(value, settings[n].value) == 0)
                                continue;
                        say(work, "%s: %s is %s, not %s: left as it is", work->kafka.topics[topic], settings[n].name, value,
                            settings[n].value);
                        work->differs = true;
                }
        }
}

static enum error check_settings(struct work *work, enum bus_topic topic)
{
        rd_kafka_ConfigResource_t *question =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, work->kafka.topics[topic]);
        rd_kafka_AdminOptions_t *options = options_new(work, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(work->probe.client);
        const rd_kafka_ConfigResource_t **resources;
        enum error error = ERR_OK;
        rd_kafka_event_t *event;
        size_t count = 0;

        rd_kafka_DescribeConfigs(work->probe.client, &question, 1, options, queue);
        event = rd_kafka_queue_poll(queue, -1);
        if (rd_kafka_event_error(event)) {
                error = refused(work, "describe", topic, rd_kafka_event_error_string(event));
        } else {
                resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
                check(count == 1);
                if (rd_kafka_ConfigResource_error(resources[0]))
                        error = refused(work, "describe", topic, rd_kafka_ConfigResource_error_string(resources[0]));
                else
                        compare_settings(work, topic, resources[0]);
        }
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ConfigResource_destroy(question);
        return error;
}

static enum error check_partitions(struct work *work, enum bus_topic topic, const struct rd_kafka_metadata_topic *found)
{
        uint32_t count = (uint32_t)found->partition_cnt, wanted = partitions_of(work, topic);
        int replicas = found->partition_cnt ? found->partitions[0].replica_cnt : 0;
        const char *name = work->kafka.topics[topic];
        enum error error = ERR_OK;

        if (count > wanted) {
                say(work, "%s: %u partitions, not %u: left as they are, since Kafka takes none away", name, count, wanted);
                work->differs = true;
        } else if (count < wanted && work->topics->check_only) {
                say(work, "%s: %u partitions, not %u: would be added", name, count, wanted);
                work->differs = true;
        } else if (count < wanted) {
                error = grow(work, topic);
                if (!error)
                        say(work, "%s: %u partitions, now %u: restart workers, then frontends", name, count, wanted);
        }
        if (!error && replicas != work->replication) {
                say(work, "%s: %d replicas, not %d: left as they are", name, replicas, work->replication);
                work->differs = true;
        }
        return error;
}

static enum error look_at(struct work *work, enum bus_topic topic, const struct rd_kafka_metadata *metadata)
{
        const struct rd_kafka_metadata_topic *found = kafka_probe_topic(&work->kafka, topic, metadata);
        const char *name = work->kafka.topics[topic];
        bool before = work->differs;
        enum error error;

        if (found) {
                work->differs = false;
                error = check_partitions(work, topic, found);
                if (!error)
                        error = check_settings(work, topic);
                if (!error && !work->differs)
                        say(work, "%s: as it should be", name);
                work->differs |= before;
                return error;
        }
        if (work->topics->check_only) {
                say(work, "%s: missing: would be made with %u partitions, %d replicas", name, partitions_of(work, topic),
                    work->replication);
                work->differs = true;
                return ERR_OK;
        }
        error = make(work, topic);
        if (!error)
                say(work, "%s: made with %u partitions, %d replicas", name, partitions_of(work, topic), work->replication);
        return error;
}

/* ---- afterwards ---- */

static bool is_known(const struct work *work, enum bus_topic topic, const struct rd_kafka_metadata *metadata)
{
        const struct rd_kafka_metadata_topic *found = kafka_probe_topic(&work->kafka, topic, metadata);

        if (!found || found->err || (uint32_t)found->partition_cnt < partitions_of(work, topic))
                return false;
        for (int i = 0; i < found->partition_cnt; i++)
                if (found->partitions[i].leader < 0)
                        return false;
        return true;
}

/* The first topic that the broker that is asked does not know of, or that has a partition without a leader; COUNT: none. */
static enum error find_unknown(struct work *work, enum bus_topic *topic)
{
        const struct rd_kafka_metadata *metadata;
        enum error error = kafka_probe_ask(&work->kafka, &work->probe, &metadata, work->text);

        *topic = 0;
        if (error)
                return error;
        while (*topic < BUS_TOPIC_COUNT && is_known(work, *topic, metadata))
                (*topic)++;
        rd_kafka_metadata_destroy(metadata);
        return ERR_OK;
}

/* The controller answers before brokers have heard of what it made: whoever is started next must find it. */
static enum error await_all(struct work *work)
{
        const struct timespec pause = {.tv_nsec = KNOWN_EACH_MS * 1000000};
        uint64_t end_ms = kafka_now_ms() + ANSWER_MS;
        enum bus_topic topic;
        enum error error = find_unknown(work, &topic);

        while (!error && topic < BUS_TOPIC_COUNT && kafka_now_ms() < end_ms) {
                nanosleep(&pause, NULL);
                error = find_unknown(work, &topic);
        }
        if (error || topic == BUS_TOPIC_COUNT)
                return error;
        snprintf(work->text, BUS_KAFKA_ERROR_SIZE,
                 "Kafka's topic %.200s is made, and after %d s a broker does not know of it, or a partition has no leader: "
                 "see the "
                 "brokers' logs",
                 work->kafka.topics[topic], ANSWER_MS / 1000);
        return ERR_FAILED;
}

enum error bus_kafka_topics(const struct bus_kafka_options *options, const struct bus_kafka_topics *topics,
                            bus_kafka_topics_say *say_line, void *owner, char text[static BUS_KAFKA_ERROR_SIZE])
{
        struct work work = {.topics = topics, .say = say_line, .owner = owner, .text = text};
        const struct rd_kafka_metadata *metadata;
        enum error error;

        text[0] = '\0';
        error = kafka_options_take(&work.kafka, options, text);
        if (!error)
                error = kafka_probe_init(&work.probe, &work.kafka, text);
        if (!error)
                error = kafka_probe_ask(&work.kafka, &work.probe, &metadata, text);
        if (!error) {
                work.replication = topics->replication ? topics->replication : min_of(metadata->broker_cnt, REPLICAS);
                for (int i = 0; i < BUS_TOPIC_COUNT && !error; i++)
                        error = look_at(&work, (enum bus_topic)i, metadata);
                rd_kafka_metadata_destroy(metadata);
        }
        if (!error && !topics->check_only)
                error = await_all(&work);
        kafka_probe_finish(&work.probe);
        if (error || !work.differs || !topics->check_only)
                return error;
        snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka's topics are not as they should be");
        return ERR_CONFIG;
}
