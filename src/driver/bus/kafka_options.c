/* Options and what they mean for librdkafka. Each line that is not its default has its reason beside it. */
#include <ctype.h>
#include <stdio.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define VALUE_SIZE 32

/* ---- ours ---- */

static bool is_one_of(const char *text, const char *const *names, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(text, names[i]) == 0)
                        return true;
        return false;
}

static bool wants(const struct bus_kafka_options *options, const char *part)
{
        return strstr(options->security, part) != NULL;
}

static enum error check_security(const struct bus_kafka_options *options, char *text)
{
        static const char *const securities[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
        static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

        text[0] = '\0';
        if (!is_one_of(options->security, securities, countof(securities)))
                snprintf(text, BUS_KAFKA_ERROR_SIZE,
                         "Kafka: security '%.40s' is not one of plaintext, ssl, sasl_plaintext, sasl_ssl",
                         options->security);
        else if (wants(options, "sasl") &&
                 (!options->sasl_mechanism || !is_one_of(options->sasl_mechanism, mechanisms, countof(mechanisms))))
                snprintf(text, BUS_KAFKA_ERROR_SIZE,
                         "Kafka: security %s needs a mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", options->security);
        else if (wants(options, "sasl") && (!options->sasl_user || !options->sasl_password))
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: security %s needs a user and a password", options->security);
        else if (!wants(options, "sasl") && (options->sasl_user || options->sasl_password))
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: a user or password is given, but security %s sends none",
                         options->security);
        else if (!wants(options, "ssl") && options->ca_file)
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: a file of authorities is given, but security %s has no TLS",
                         options->security);
        return text[0] ? ERR_CONFIG : ERR_OK;
}

/* Kafka allows letters, digits, '.', '_' and '-', and 249 of them. */
static enum error check_prefix(const char *prefix, char *text)
{
        size_t size = strlen(prefix);

        for (size_t i = 0; i < size; i++)
                if (!isalnum((unsigned char)prefix[i]) && !strchr("._-", prefix[i]))
                        size = KAFKA_NAME_SIZE;
        if (size <= KAFKA_NAME_SIZE / 2)
                return ERR_OK;
        snprintf(text, BUS_KAFKA_ERROR_SIZE,
                 "Kafka: '%.60s' cannot begin a topic's or group's name: letters, digits, . _ - only", prefix);
        return ERR_CONFIG;
}

enum error kafka_options_take(struct bus_kafka *kafka, const struct bus_kafka_options *options, char *text)
{
        struct bus_kafka_options *own = &kafka->options;
        enum error error;

        *own = *options;
        own->security = own->security ? own->security : "plaintext";
        own->topic_prefix = own->topic_prefix ? own->topic_prefix : BUS_KAFKA_PREFIX;
        own->group_prefix = own->group_prefix ? own->group_prefix : own->topic_prefix;
        own->start_ms = own->start_ms ? own->start_ms : BUS_KAFKA_START_MS;
        own->publish_ms = own->publish_ms ? own->publish_ms : BUS_KAFKA_PUBLISH_MS;
        own->session_ms = own->session_ms ? own->session_ms : BUS_KAFKA_SESSION_MS;
        own->buffer_bytes_max = own->buffer_bytes_max ? own->buffer_bytes_max : BUS_KAFKA_BUFFER_BYTES;
        if (!own->brokers || !own->brokers[0]) {
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: no broker is named: host:port, several with commas between");
                return ERR_CONFIG;
        }
        error = check_security(own, text);
        if (!error)
                error = check_prefix(own->topic_prefix, text);
        if (!error)
                error = check_prefix(own->group_prefix, text);
        for (int i = 0; i < BUS_TOPIC_COUNT && !error; i++) {
                snprintf(kafka->topics[i], KAFKA_NAME_SIZE, "%.128s%s", own->topic_prefix, bus_topic_name(i));
                snprintf(kafka->groups[i], KAFKA_NAME_SIZE, "%.128s%s", own->group_prefix, bus_topic_name(i));
        }
        return error;
}

/* ---- librdkafka's ---- */

struct setting {
        const char *name, *value; /* NULL value: librdkafka's default */
};

static enum error set_all(rd_kafka_conf_t *conf, const struct setting *settings, size_t count, char *text)
{
        char why[256];

        for (size_t i = 0; i < count; i++) {
                if (!settings[i].value)
                        continue;
                if (rd_kafka_conf_set(conf, settings[i].name, settings[i].value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
                        continue;
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: %.250s", why);
                return ERR_CONFIG;
        }
        return ERR_OK;
}

static const char *number(char *value, uint64_t n)
{
        snprintf(value, VALUE_SIZE, "%llu", (unsigned long long)n);
        return value;
}

static enum error set_common(rd_kafka_conf_t *conf, const struct bus_kafka *kafka, char *text)
{
        const struct bus_kafka_options *options = &kafka->options;
        const struct setting settings[] = {
                {"bootstrap.servers", options->brokers},
                {"client.id", "galka"},
                {"security.protocol", options->security},
                {"ssl.ca.location", options->ca_file},
                {"ssl.endpoint.identification.algorithm", "https"}, /* the certificate must have the broker's name */
                {"sasl.mechanisms", options->sasl_mechanism},
                {"sasl.username", options->sasl_user},
                {"sasl.password", options->sasl_password},
                {"log.queue", "true"}, /* else it is printed by threads of its own */
                {"log.connection.close", "false"},
                {"socket.nagle.disable", "true"},
                {"socket.keepalive.enable", "true"},
                {"socket.timeout.ms", "10000"}, /* a broker that is silent so long is asked anew */
                {"socket.connection.setup.timeout.ms", "3000"},
                {"reconnect.backoff.ms", "50"},
                {"reconnect.backoff.max.ms", "1000"}, /* it is back: notice within a second */
                {"topic.metadata.refresh.fast.interval.ms", "100"},
        };

        return set_all(conf, settings, countof(settings), text);
}

static enum error set_producer(rd_kafka_conf_t *conf, const struct bus_kafka *kafka, char *text)
{
        const struct bus_kafka_options *options = &kafka->options;
        char bytes[VALUE_SIZE], records[VALUE_SIZE], record[VALUE_SIZE], timeout[VALUE_SIZE];
        const struct setting settings[] = {
                {"enable.idempotence", "true"}, /* a repeated request is not a repeated record, and order is kept */
                {"acks", "all"},
                {"linger.ms", "0"}, /* we gather ourselves: kafka_lanes.c */
                {"queue.buffering.max.kbytes", number(bytes, options->buffer_bytes_max / 1024 + 1)}, /* counted by us */
                {"queue.buffering.max.messages", number(records, KAFKA_BUFFER_RECORDS)},
                {"message.max.bytes", number(record, KAFKA_RECORD_BYTES_MAX)},
                {"message.timeout.ms", number(timeout, options->publish_ms)}, /* clients do not wait five minutes */
        };

        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
        return set_all(conf, settings, countof(settings), text);
}

static enum error set_consumer(rd_kafka_conf_t *conf, const struct bus_kafka *kafka, enum bus_topic topic, char *text)
{
        const struct bus_kafka_options *options = &kafka->options;
        char session[VALUE_SIZE], beat[VALUE_SIZE], poll[VALUE_SIZE], record[VALUE_SIZE];
        const struct setting settings[] = {
                {"group.id", kafka->groups[topic]},
                {"enable.auto.commit", "false"},
                {"enable.auto.offset.store", "false"},
                {"auto.offset.reset", topic == BUS_FRONTENDS ? "latest" : "earliest"}, /* told as LOST: kafka_consumer.c */
                {"enable.partition.eof", "true"},           /* tells where an empty partition's reading starts */
                {"partition.assignment.strategy", "range"}, /* others do not leave cleanly in 2.0.2 */
                {"session.timeout.ms", number(session, options->session_ms)},
                {"heartbeat.interval.ms", number(beat, min_of(options->session_ms / 4, 150u))}, /* tells of rebalances */
                {"max.poll.interval.ms", number(poll, max_of(options->session_ms, 60000u))},    /* a thread that hangs */
                {"fetch.wait.max.ms", "100"}, /* how long a partition waits for the others' fetch when it joins in */
                {"fetch.error.backoff.ms", "100"},
                {"fetch.message.max.bytes", number(record, KAFKA_RECORD_BYTES_MAX)},
                {"queued.min.messages", "10000"},
                {"queued.max.messages.kbytes", "8192"}, /* read ahead, of one handle */
                {"allow.auto.create.topics", "false"},
                {"statistics.interval.ms",
                 "1000"}, /* they tell whether a broker answers, and nothing else does when all is still */
        };

        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR |
                                               RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS);
        return set_all(conf, settings, countof(settings), text);
}

/* A probe only asks: as a consumer, since a producer's questions make topics where brokers allow it. */
static enum error set_probe(rd_kafka_conf_t *conf, char *text)
{
        const struct setting settings[] = {{"allow.auto.create.topics", "false"}};

        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
        return set_all(conf, settings, countof(settings), text);
}

enum error kafka_client_new(const struct bus_kafka *kafka, enum kafka_client kind, enum bus_topic topic, rd_kafka_t **client,
                            char *text)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        enum error error = set_common(conf, kafka, text);
        char why[256];

        *client = NULL;
        if (!error && kind == KAFKA_PRODUCER)
                error = set_producer(conf, kafka, text);
        else if (!error && kind == KAFKA_CONSUMER)
                error = set_consumer(conf, kafka, topic, text);
        else if (!error)
                error = set_probe(conf, text);
        if (!error) {
                *client =
                        rd_kafka_new(kind == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof(why));
                if (*client)
                        return ERR_OK; /* conf is the client's now */
                snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: %.250s", why);
                error = ERR_CONFIG;
        }
        rd_kafka_conf_destroy(conf);
        return error;
}
