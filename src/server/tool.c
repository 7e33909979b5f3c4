/* Commands on the database (and one that tells frontends of it): SQLite in the data folder or, where --postgres names one, a database that others use too. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/store/postgres.h"
#include "driver/store/sqlite.h"
#include "server/setup.h"
#include "server/tool.h"
#include "wire/envelope.h"

#define WAIT_MS 100

static enum error open_sqlite(struct tool *tool, char *text)
{
        const struct store_sqlite_options options = {
                .folder = tool->server.options->data,
                .beside = tool->beside,
                .clock = &tool->server.clock,
                .random = tool->server.random,
                .events = &tool->server.log.sink,
        };
        enum error error = server_make_folder(options.folder, text);

        if (!error) /* first: it keeps others out of the folder */
                error = store_sqlite_new(&options, &tool->sqlite, text);
        if (!error)
                error = store_sqlite_open(tool->sqlite, &tool->store);
        return error;
}

static enum error open_postgres(struct tool *tool, char *text)
{
        struct store_postgres_options options;
        enum error error = setup_postgres(&tool->server, &options, text);

        if (!error)
                error = setup_where_to_look(store_postgres_new(&options, &tool->postgres, text), SETUP_POSTGRES_OPTIONS,
                                            text);
        if (!error)
                error = store_postgres_open(tool->postgres, &tool->store);
        return error;
}

static bool open_tool(struct tool *tool, const struct options *options, bool with_keys, bool beside)
{
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        *tool = (struct tool){.beside = beside};
        server_init(&tool->server, options);
        error = *options->postgres ? open_postgres(tool, text) : open_sqlite(tool, text);
        if (!error && with_keys)
                error = *options->postgres ? keys_read(options->keys, &tool->server.keys, text)
                                           : keys_open(options->keys, options->data, &tool->server.keys, text);
        if (!error && with_keys) {
                const struct token_keys file = tool->server.keys;

                keys_at(&file, tool->server.clock.wall_ms(&tool->server.clock), &tool->server.keys);
        }
        if (!error)
                return true;
        fprintf(stderr, "galkad: %s\n", text[0] ? text : error_text(error));
        tool_close(tool);
        return false;
}

bool tool_open(struct tool *tool, const struct options *options, bool with_keys)
{
        return open_tool(tool, options, with_keys, false);
}

bool tool_open_beside(struct tool *tool, const struct options *options)
{
        return open_tool(tool, options, false, true);
}

bool server_has_database(const struct options *options, char text[static SERVER_ERROR_SIZE])
{
        char path[SETUP_PATH_SIZE];

        snprintf(path, sizeof(path), "%.4096s/galka.db", options->data);
        if (access(path, F_OK) == 0)
                return true;
        snprintf(text, SERVER_ERROR_SIZE, "there is no database in %.300s: %s (see --data)", options->data, strerror(errno));
        return false;
}

bool tool_open_old(struct tool *tool, const struct options *options)
{
        char text[SERVER_ERROR_SIZE];

        *tool = (struct tool){0};
        if (*options->postgres || server_has_database(options, text))
                return tool_open(tool, options, false);
        fprintf(stderr, "galkad: %s\n", text);
        return false;
}

enum error tool_renew_era(struct tool *tool, struct id *before, struct id *after)
{
        enum error error;

        *before = tool->postgres ? store_postgres_era(tool->postgres) : store_sqlite_era(tool->sqlite);
        error = tool->postgres ? store_postgres_renew_era(tool->postgres) : store_sqlite_renew_era(tool->sqlite);
        *after = tool->postgres ? store_postgres_era(tool->postgres) : store_sqlite_era(tool->sqlite);
        return error;
}

static enum error error_of(enum outcome outcome)
{
        switch (outcome) {
        case OUTCOME_OK:
                return ERR_OK;
        case OUTCOME_FAILED:
                return ERR_FAILED;
        case OUTCOME_UNCERTAIN:
                return ERR_UNCERTAIN;
        }
        unreachable();
}

/* A flush always ends: what the cluster does not take in time has failed. */
static enum error flush(struct bus *bus)
{
        struct pollfd fd = {.fd = bus->ops->fd(bus), .events = POLLIN};
        enum error error = bus->ops->flush(bus, 1);
        struct bus_event event = {0};

        while (!error && (bus->ops->poll(bus, &event, 1) == 0 || event.kind != BUS_EVENT_FLUSHED))
                poll(&fd, 1, WAIT_MS);
        return error ? error : error_of(event.completion.outcome);
}

/* To whoever serves a partition, on each of them. */
static enum error publish_to_all(struct bus *bus, uint8_t code, const void *body)
{
        uint8_t bytes[WIRE_RECORD_OVERHEAD_MAX];
        struct bus_message message = {.topic = BUS_FRONTENDS,
                                      .value = wire_record_build(code, body, bytes, bytes + sizeof(bytes))};
        uint32_t partitions = bus->ops->partitions(bus, BUS_FRONTENDS);
        enum error error = ERR_OK;

        for (message.partition = 0; message.partition < (int32_t)partitions && !error; message.partition++)
                error = bus->ops->publish(bus, &message);
        return error ? error : flush(bus);
}

static enum error tell_over_kafka(struct tool *tool, uint8_t code, const void *body, char text[static SERVER_ERROR_SIZE])
{
        struct bus_kafka_options options;
        struct bus_kafka *kafka = NULL;
        struct bus *bus = NULL;
        enum error error = setup_kafka(&tool->server, &options, text);

        if (!error)
                error = bus_kafka_new(&options, &kafka, text);
        if (!error)
                error = bus_kafka_open(kafka, BUS_TOPIC_COUNT, &bus, text);
        if (!error)
                error = publish_to_all(bus, code, body);
        if (error && !text[0])
                snprintf(text, SERVER_ERROR_SIZE, "%s", error_text(error));
        if (bus)
                bus->ops->free(&bus);
        bus_kafka_free(&kafka);
        return error;
}

/* A loss of epoch zero: whoever serves the partition is meant (L5, L9). */
enum error tool_tell_frontends(struct tool *tool, char text[static SERVER_ERROR_SIZE])
{
        const struct wire_lost lost = {0};

        return tell_over_kafka(tool, WIRE_CODE_lost, &lost, text);
}

enum error tool_revoke(struct tool *tool, uint64_t user, char text[static SERVER_ERROR_SIZE])
{
        const struct wire_revoke revoke = {.has = WIRE_HAS(revoke, user), .user = user};
        enum error error;

        if (!tool->bus && !*tool->server.options->postgres)
                return ERR_OK;
        if (!tool->bus)
                return tell_over_kafka(tool, WIRE_CODE_revoke, &revoke, text);
        error = publish_to_all(tool->bus, WIRE_CODE_revoke, &revoke);
        if (error)
                snprintf(text, SERVER_ERROR_SIZE, "%s", error_text(error));
        return error;
}

void tool_close(struct tool *tool)
{
        if (tool->store)
                tool->store->ops->free(&tool->store);
        if (tool->bus)
                tool->bus->ops->free(&tool->bus);
        store_sqlite_free(&tool->sqlite);
        store_postgres_free(&tool->postgres);
}

/* The inline store does the work within poll; the other one is waited for, and always answers in time. */
static enum error await(struct tool *tool)
{
        struct pollfd fd = {.fd = tool->store->ops->fd(tool->store), .events = POLLIN};
        struct completion completion;

        while (tool->store->ops->poll(tool->store, &completion, 1) == 0)
                if (fd.fd >= 0)
                        poll(&fd, 1, WAIT_MS);
        return error_of(completion.outcome);
}

enum error tool_apply(struct tool *tool, const struct store_op *ops, size_t count, struct store_result *results,
                      struct arena *arena)
{
        enum error error = tool->store->ops->apply(tool->store, ops, count, results, arena, 1);

        return error ? error : await(tool);
}

enum error tool_ask(struct tool *tool, const struct store_question *question, struct store_answer *answer,
                    struct arena *arena)
{
        enum error error = tool->store->ops->ask(tool->store, question, 1, answer, arena, 1);

        return error ? error : await(tool);
}
