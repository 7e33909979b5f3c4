/*
 * One role over engines that others share: Kafka, Redis, PostgreSQL. What cannot work is refused at the start, with one line that says
 * what to do; once the role works, no engine's absence ends it.
 *
 * What belongs to this process alone (notes of crashes, letters) is in a folder of its own: DATA/ROLE-INDEX.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/bus/kafka.h"
#include "driver/bus/kafka_notes.h"
#include "driver/bus/kafka_topics.h"
#include "driver/notes/file.h"
#include "driver/presence/redis.h"
#include "driver/store/postgres.h"
#include "server/setup.h"

#define CLAIM_WAIT_MS 2000 /* L6 */
#define AGAIN_MS      1000 /* between two looks at an engine that does not answer */

struct cluster {
        struct process process;
        enum role_kind kind;
        struct bus_kafka *kafka;
        struct presence_redis *redis;
        struct store_postgres *postgres;
        struct notes_file *notes;
        int lock; /* of the folder; -1: none */
        char folder[SETUP_PATH_SIZE];
};

/* ---- what must be there before anything is opened ---- */

static enum error check_options(struct cluster *cluster)
{
        const struct options *options = cluster->process.server.options;
        const struct role_needs *needs = &role_needs[cluster->kind];
        const char *lacks = !*options->kafka                      ? "--kafka HOST:PORT"
                            : needs->presence && !*options->redis ? "--redis HOST:PORT"
                            : needs->store && !*options->postgres ? "--postgres URI"
                            : !*options->keys                     ? "--keys FILE"
                                                                  : NULL;

        if (!lacks)
                return ERR_OK;
        snprintf(cluster->process.error, SERVER_ERROR_SIZE, "galkad %s needs %s; 'galkad all' runs without other servers",
                 needs->name, lacks);
        return ERR_CONFIG;
}

/* Two processes with one folder would take each other's notes for their own. */
static enum error open_folder(struct cluster *cluster)
{
        const struct options *options = cluster->process.server.options;
        char path[SETUP_PATH_SIZE + 8];
        char *text = cluster->process.error;
        enum error error = server_make_folder(options->data, text);

        snprintf(cluster->folder, sizeof(cluster->folder), "%.4096s/%s-%u", options->data, role_needs[cluster->kind].name,
                 (unsigned)options->index);
        if (!error)
                error = server_make_folder(cluster->folder, text);
        if (error)
                return error;
        snprintf(path, sizeof(path), "%s/lock", cluster->folder);
        cluster->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (cluster->lock >= 0 && flock(cluster->lock, LOCK_EX | LOCK_NB) == 0)
                return ERR_OK;
        if (cluster->lock >= 0 && errno == EWOULDBLOCK)
                snprintf(text, SERVER_ERROR_SIZE,
                         "another galkad %s on this machine uses %.300s: give this one another --index, or another --data",
                         role_needs[cluster->kind].name, cluster->folder);
        else
                snprintf(text, SERVER_ERROR_SIZE, "cannot use the data folder %.300s: %s (see --data)", cluster->folder,
                         strerror(errno));
        return ERR_SYSTEM;
}

/* ---- engines ---- */

static enum error open_kafka(struct cluster *cluster)
{
        struct server *server = &cluster->process.server;
        struct bus_kafka_options options;
        enum error error = setup_kafka(server, &options, cluster->process.error);

        if (error)
                return error;
        if (cluster->kind == ROLE_FRONTEND)
                options.partitions_min[BUS_FRONTENDS] = (uint32_t)server->options->index + 1;
        return bus_kafka_new(&options, &cluster->kafka, cluster->process.error);
}

static enum error open_redis(struct cluster *cluster)
{
        struct server *server = &cluster->process.server;
        struct setup_redis redis;
        enum error error = setup_redis(server, &redis, cluster->process.error);

        if (!error)
                error = setup_where_to_look(presence_redis_new(&redis.options, &cluster->redis, cluster->process.error),
                                            SETUP_REDIS_OPTIONS, cluster->process.error);
        return error;
}

static enum error open_postgres(struct cluster *cluster)
{
        struct store_postgres_options options;
        enum error error = setup_postgres(&cluster->process.server, &options, cluster->process.error);

        if (!error)
                error = setup_where_to_look(store_postgres_new(&options, &cluster->postgres, cluster->process.error),
                                            SETUP_POSTGRES_OPTIONS, cluster->process.error);
        return error;
}

/* An engine that is not there yet is waited for as long as --wait-ms says; what is wrong with it is not. */
static enum error open_engine(struct cluster *cluster, const char *name, enum error (*open)(struct cluster *cluster))
{
        struct process *process = &cluster->process;
        uint64_t end_ms = clock_monotonic_ms(&process->server.clock) + process->server.options->wait_ms;
        enum error error;

        for (;;) {
                process->error[0] = '\0';
                error = open(cluster);
                if ((error != ERR_SYSTEM && error != ERR_FAILED) || clock_monotonic_ms(&process->server.clock) >= end_ms)
                        return error;
                event_note(&process->server.log.sink, EVENT_WARNING, "server.waiting", NULL, {"for", name},
                           {"reason", process->error});
                if (process_is_told_to_stop(process, AGAIN_MS))
                        return error;
        }
}

static enum error open_engines(struct cluster *cluster)
{
        const struct role_needs *needs = &role_needs[cluster->kind];
        struct process *process = &cluster->process;
        enum error error = check_options(cluster);

        if (!error)
                error = keyring_open(&process->server.keyring, process->server.options->keys, "", &process->server.clock,
                                     &process->server.log.sink, process->error);
        if (!error)
                error = open_folder(cluster);
        if (!error)
                error = setup_notes(&process->server, cluster->folder, &cluster->notes, process->error);
        if (!error && cluster->kind == ROLE_FRONTEND)
                error = setup_tls(&process->server, process->error);
        if (!error && cluster->kind == ROLE_FRONTEND)
                error = setup_web(&process->server, process->error);
        if (!error && needs->store)
                error = open_engine(cluster, "postgres", open_postgres);
        if (!error && needs->presence)
                error = open_engine(cluster, "redis", open_redis);
        if (!error)
                error = open_engine(cluster, "kafka", open_kafka);
        return error;
}

/* ---- the role ---- */

/* A frontend's crash is nobody's record's; a worker's notes are where the next one of its group finds them. */
static enum error open_notes(struct cluster *cluster, struct role *role)
{
        enum bus_topic topic = role_needs[cluster->kind].topic;
        struct notes *local = NULL;
        enum error error = notes_file_open(cluster->notes, topic, &local);

        if (!error && cluster->kind != ROLE_FRONTEND)
                error = bus_kafka_notes_new(role->bus, topic, local, &role->notes);
        else if (!error)
                role->notes = local;
        if (error && local)
                local->ops->free(&local);
        return error;
}

/* Last of all it joins its group. */
static enum error open_seams(struct cluster *cluster, struct role *role)
{
        const struct role_needs *needs = &role_needs[cluster->kind];
        struct process *process = &cluster->process;
        enum error error = ERR_OK;

        if (needs->store)
                error = store_postgres_open(cluster->postgres, &role->store);
        if (!error && needs->presence)
                error = presence_redis_open(cluster->redis, &role->presence);
        if (!error && needs->password)
                error = setup_password(&process->server, &role->password);
        if (!error && needs->mail)
                error = setup_mail(&process->server, cluster->folder, &role->mail, process->error);
        if (!error)
                error = bus_kafka_open(cluster->kafka, needs->topic, &role->bus, process->error);
        if (!error)
                error = open_notes(cluster, role);
        return error;
}

static enum error start(struct cluster *cluster)
{
        struct process *process = &cluster->process;
        struct role *role = process_new_role(process, cluster->kind, (uint16_t)process->server.options->index);
        enum error error = open_seams(cluster, role);

        if (error) {
                process_drop_role(process);
                return error;
        }
        role->listen_port = (uint16_t)process->server.options->port;
        return process_start_role(process);
}

int server_role(const struct options *options, enum role_kind kind)
{
        static struct cluster cluster = {.lock = -1}; /* one role a process */
        struct process *process = &cluster.process;
        enum error error = process_begin(process, options);
        int code;

        cluster.kind = kind;
        process->server.claim_wait_ms = CLAIM_WAIT_MS;
        if (!error)
                error = open_engines(&cluster);
        if (!error)
                error = start(&cluster);
        code = error ? process_say_error(process, error) : process_serve(process);
        process_end(process);
        bus_kafka_free(&cluster.kafka);
        presence_redis_free(&cluster.redis);
        store_postgres_free(&cluster.postgres);
        notes_file_free(&cluster.notes);
        if (cluster.lock >= 0)
                close(cluster.lock);
        return code;
}

/* ---- galkad topics, galkad migrate ---- */

static void print_line(void *owner, const char *line)
{
        (void)owner;
        puts(line);
}

static int say(enum error error, const char *text)
{
        fflush(stdout);
        if (error)
                fprintf(stderr, "galkad: %s\n", text[0] ? text : error_text(error));
        return error ? SERVER_FAILED : SERVER_DONE;
}

int server_topics(const struct options *options)
{
        char text[SERVER_ERROR_SIZE] = "";
        struct bus_kafka_topics topics = {.replication = (uint16_t)options->replication, .check_only = options->dry_run};
        struct bus_kafka_options kafka;
        struct server server;
        enum error error;

        server_init(&server, options);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                topics.partitions[topic] =
                        (uint32_t)(topic == BUS_FRONTENDS ? options->frontend_partitions : options->partitions);
        error = setup_kafka(&server, &kafka, text);
        if (!error)
                error = bus_kafka_topics(&kafka, &topics, print_line, NULL, text);
        return say(error, text);
}

int server_migrate(const struct options *options)
{
        char text[SERVER_ERROR_SIZE] = "";
        struct store_postgres_options postgres;
        struct server server;
        enum error error;

        server_init(&server, options);
        error = setup_postgres(&server, &postgres, text);
        if (!error)
                error = setup_where_to_look(store_postgres_migrate(&postgres, options->dry_run, print_line, NULL, text),
                                            SETUP_POSTGRES_OPTIONS, text);
        return say(error, text);
}
