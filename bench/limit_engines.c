/* See limit_engines.h. */
#include "limit_engines.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "base/assert.h"

#define TOPIC         "galka-bench-limit"
#define RECORD_SIZE   200
#define UNDER_WAY     10000 /* records that are not back yet */
#define ANSWER_MS     10000
#define LINES_AT_ONCE "100"
#define ERROR_SIZE    256

static double now_s(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Kafka ---- */

struct setting {
        const char *name, *value;
};

static rd_kafka_t *client_new(rd_kafka_type_t type, const char *brokers)
{
        static const struct setting settings[2][3] = {
                [RD_KAFKA_PRODUCER] = {{"acks", "all"}, {"enable.idempotence", "true"}, {"linger.ms", "1"}},
                [RD_KAFKA_CONSUMER] = {{"group.id", TOPIC}, {"enable.auto.commit", "false"}, {"fetch.wait.max.ms", "10"}},
        };
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char why[ERROR_SIZE] = "";
        bool good = rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why)) == RD_KAFKA_CONF_OK;
        rd_kafka_t *client = NULL;

        for (size_t i = 0; i < countof(settings[type]) && good; i++)
                good = rd_kafka_conf_set(conf, settings[type][i].name, settings[type][i].value, why, sizeof(why)) ==
                       RD_KAFKA_CONF_OK;
        if (good)
                client = rd_kafka_new(type, conf, why, sizeof(why));
        if (!client) {
                fprintf(stderr, "librdkafka: %s\n", why);
                rd_kafka_conf_destroy(conf);
        }
        return client;
}

static bool make_topic(rd_kafka_t *client)
{
        char why[ERROR_SIZE];
        rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(TOPIC, 1, 1, why, sizeof(why));
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_event_t *event = NULL;
        bool made = false;

        if (topic) {
                rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
                event = rd_kafka_queue_poll(queue, ANSWER_MS);
                made = event && !rd_kafka_event_error(event);
                rd_kafka_NewTopic_destroy(topic);
        }
        if (event)
                rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        return made;
}

/* Sends as many as may be under way, takes what is back. */
static double there_and_back(rd_kafka_t *producer, rd_kafka_t *consumer, double seconds)
{
        static char bytes[RECORD_SIZE];
        rd_kafka_topic_t *to = rd_kafka_topic_new(producer, TOPIC, NULL);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
        static rd_kafka_message_t *messages[1000];
        unsigned long sent = 0, back = 0, from = 0;
        double start = now_s(), begin = 0;

        while (begin == 0 ? now_s() < start + 10 : now_s() < begin + seconds) {
                ssize_t got;

                while (sent < back + UNDER_WAY &&
                       rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, bytes, sizeof(bytes), NULL, 0, NULL) == 0)
                        sent++;
                rd_kafka_poll(producer, 0);
                got = rd_kafka_consume_batch_queue(queue, 1, messages, 1000);
                for (ssize_t i = 0; i < got; i++) {
                        back += messages[i]->err == 0;
                        rd_kafka_message_destroy(messages[i]);
                }
                if (begin == 0 && back > UNDER_WAY) { /* warm */
                        begin = now_s();
                        from = back;
                }
        }
        seconds = begin == 0 ? 0 : now_s() - begin;
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_destroy(to);
        return seconds > 0 ? (double)(back - from) / seconds : 0;
}

double limit_kafka(const char *brokers, double seconds)
{
        rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, brokers), *consumer = client_new(RD_KAFKA_CONSUMER, brokers);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        double rate = 0;

        rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = 0;
        if (producer && consumer && make_topic(producer) && rd_kafka_assign(consumer, list) == 0)
                rate = there_and_back(producer, consumer, seconds);
        if (rate <= 0)
                fprintf(stderr, "Kafka's own rate could not be measured\n");
        rd_kafka_topic_partition_list_destroy(list);
        if (consumer) {
                rd_kafka_consumer_close(consumer);
                rd_kafka_destroy(consumer);
        }
        if (producer) {
                rd_kafka_flush(producer, ANSWER_MS);
                rd_kafka_destroy(producer);
        }
        return rate;
}

/* ---- PostgreSQL ---- */

static bool execute(PGconn *link, const char *text)
{
        PGresult *result = PQexec(link, text);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

        PQclear(result);
        return good;
}

/* Prepared statements a second, each its own transaction. */
static double statements_a_second(PGconn *link, const char *text, double seconds)
{
        double start = now_s(), at = start;
        PGresult *result = PQprepare(link, "insert", text, 0, NULL);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
        unsigned count = 0;

        PQclear(result);
        for (; good && (at = now_s()) < start + seconds; count++) {
                result = PQexecPrepared(link, "insert", 0, NULL, NULL, NULL, 1);
                good = PQresultStatus(result) == PGRES_COMMAND_OK;
                PQclear(result);
        }
        return good && execute(link, "DEALLOCATE insert") ? count / (at - start) : 0;
}

struct limit_postgres limit_postgres(const char *conninfo, double seconds)
{
        static const char one[] = "INSERT INTO galka_bench_limit(text) VALUES(repeat('.', 100))";
        static const char many[] =
                "INSERT INTO galka_bench_limit(text) SELECT repeat('.', 100) FROM generate_series(1, " LINES_AT_ONCE ")";
        struct limit_postgres rates = {0};
        PGconn *link = PQconnectdb(conninfo);

        if (PQstatus(link) == CONNECTION_OK &&
            execute(link, "CREATE TABLE galka_bench_limit(id bigserial PRIMARY KEY, text text NOT NULL)")) {
                rates.commits = statements_a_second(link, one, seconds / 2);
                rates.lines = statements_a_second(link, many, seconds / 2) * atof(LINES_AT_ONCE);
                if (!execute(link, "DROP TABLE galka_bench_limit"))
                        rates = (struct limit_postgres){0};
        }
        if (rates.lines <= 0)
                fprintf(stderr, "PostgreSQL's own rate could not be measured: %s\n", PQerrorMessage(link));
        PQfinish(link);
        return rates;
}
