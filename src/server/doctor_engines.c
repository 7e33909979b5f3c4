/* Engines that other processes share: each is asked as a role asks it at its start. */
#include <stdio.h>
#include <stdlib.h>

#include "driver/bus/kafka_topics.h"
#include "server/doctor.h"
#include "server/setup.h"

#define CLOCK_WARN_MS 1000
#define CLOCK_FAIL_MS 5000 /* a request's deadline (--reply-ms): beyond it everything would be too late, or nothing ever */

static void compare_clocks(struct doctor *doctor, const struct store_postgres_options *options)
{
        static const char to_do[] = "let all machines keep time (chrony, systemd-timesyncd)";
        char text[STORE_ERROR_SIZE];
        uint64_t theirs, ours;
        int64_t ahead;
        enum verdict verdict = VERDICT_OK;

        if (store_postgres_clock(options, &theirs, text) != ERR_OK)
                return; /* it was there a moment ago */
        ours = doctor->server.clock.wall_ms(&doctor->server.clock);
        ahead = (int64_t)theirs - (int64_t)ours;
        if (llabs(ahead) > CLOCK_WARN_MS)
                verdict = llabs(ahead) > CLOCK_FAIL_MS ? VERDICT_FAIL : VERDICT_WARN;
        doctor_tell(doctor, verdict, to_do, "the clock of PostgreSQL differs by %lld ms from this machine's",
                    (long long)ahead);
}

void doctor_postgres(struct doctor *doctor)
{
        struct store_postgres_options options;
        struct store_postgres *postgres = NULL;
        char text[SERVER_ERROR_SIZE] = "", era[ID_TEXT_SIZE];
        enum error error;
        struct id now;

        if (!*doctor->options->postgres)
                return;
        error = setup_postgres(&doctor->server, &options, text);
        if (!error)
                error = store_postgres_new(&options, &postgres, text);
        if (error) {
                doctor_say(doctor, VERDICT_FAIL, text[0] ? text : error_text(error), "see --postgres, postgres-password");
                return;
        }
        now = store_postgres_era(postgres);
        id_format(&now, era);
        doctor_tell(doctor, VERDICT_OK, NULL, "PostgreSQL answers, its schema is this galkad's, its era %s", era);
        store_postgres_free(&postgres);
        compare_clocks(doctor, &options);
}

void doctor_redis(struct doctor *doctor)
{
        struct setup_redis redis;
        struct presence_redis *presence = NULL;
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        if (!*doctor->options->redis)
                return;
        error = setup_redis(&doctor->server, &redis, text);
        if (!error)
                error = presence_redis_new(&redis.options, &presence, text);
        if (error)
                doctor_say(doctor, VERDICT_FAIL, text[0] ? text : error_text(error),
                           "see --redis, --redis-tls, redis-password");
        else
                doctor_say(doctor, VERDICT_OK, "Redis answers, and is set as it should be", NULL);
        presence_redis_free(&presence);
}

/* Says hello and goodbye, signed in: no letter is sent. */
void doctor_mail(struct doctor *doctor)
{
        static const char to_do[] = "see --smtp, --smtp-tls, --smtp-user, smtp-password";
        char text[SERVER_ERROR_SIZE] = "", why[SMTP_ERROR_SIZE];
        struct setup_smtp smtp;

        if (!*doctor->options->smtp)
                doctor_say(doctor, VERDICT_WARN,
                           "letters with codes are written into the folder mail of the data folder, and nobody sends them",
                           "name a mail server (--smtp), or read the codes to people");
        else if (setup_smtp(&doctor->server, &smtp, text) != ERR_OK)
                doctor_say(doctor, VERDICT_FAIL, text, to_do);
        else if (mail_smtp_try(&smtp.options, why) != ERR_OK)
                doctor_tell(doctor, VERDICT_FAIL, to_do, "%.255s takes no letters: %.300s", smtp.host, why);
        else
                doctor_tell(doctor, VERDICT_OK, NULL, "%.255s takes letters, which come from %s", smtp.host, smtp.from);
}

/* What would be done is said by galkad topics. */
static void hear_topics(void *owner, const char *line)
{
        (void)owner, (void)line;
}

/* Roles work with what is there, but perhaps not as many of them as was meant. */
static void compare_topics(struct doctor *doctor, const struct bus_kafka_options *options)
{
        struct bus_kafka_topics topics = {.replication = (uint16_t)doctor->options->replication, .check_only = true};
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                topics.partitions[topic] = (uint32_t)(topic == BUS_FRONTENDS ? doctor->options->frontend_partitions
                                                                             : doctor->options->partitions);
        error = bus_kafka_topics(options, &topics, hear_topics, NULL, text);
        if (!error)
                doctor_say(doctor, VERDICT_OK, "Kafka answers, and has all topics as they should be", NULL);
        else
                doctor_say(doctor, VERDICT_WARN, "Kafka answers, and its topics differ from what is asked for",
                           "galkad --dry-run topics says how; see --partitions, --frontend-partitions, --replication");
}

void doctor_kafka(struct doctor *doctor)
{
        struct bus_kafka_options options;
        struct bus_kafka *kafka = NULL;
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        if (!*doctor->options->kafka)
                return;
        error = setup_kafka(&doctor->server, &options, text);
        if (!error)
                error = bus_kafka_new(&options, &kafka, text);
        bus_kafka_free(&kafka);
        if (error)
                doctor_say(doctor, VERDICT_FAIL, text[0] ? text : error_text(error),
                           "see --kafka, --kafka-tls, kafka-password");
        else
                compare_topics(doctor, &options);
}
