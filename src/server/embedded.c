/*
 * galkad all: every role on embedded drivers, in one process: frontend threads, one worker thread a role, one store-writer thread, one
 * thread for password hashing.
 */
#include <stdio.h>

#include "base/assert.h"
#include "driver/bus/embedded.h"
#include "driver/notes/file.h"
#include "driver/presence/memory.h"
#include "driver/store/sqlite.h"
#include "server/control.h"
#include "server/setup.h"

#define WORKERS 4

/* The embedded engines, and the roles on them. */
struct embedded {
        struct process process;
        struct bus_embedded *bus;
        struct presence_memory *presence;
        struct store_sqlite *store;
        struct notes_file *notes;
        struct control *control;
};

static enum error open_store(struct embedded *embedded)
{
        struct server *server = &embedded->process.server;
        const struct store_sqlite_options options = {
                .folder = server->options->data,
                .threaded = true,
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
        };

        return store_sqlite_new(&options, &embedded->store, embedded->process.error);
}

static enum error open_engines(struct embedded *embedded)
{
        struct process *process = &embedded->process;
        struct server *server = &process->server;
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_THREADED};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_THREADED, .clock = &server->clock};
        enum error error = server_make_folder(server->options->data, process->error);

        bus.log.partitions[BUS_FRONTENDS] = (uint32_t)server->options->frontends;
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                if (topic != BUS_FRONTENDS)
                        bus.log.partitions[topic] = 1; /* one worker a role */
        if (!error)
                error = setup_tls(server, process->error);
        if (!error)
                error = setup_web(server, process->error);
        if (!error)
                error = open_store(embedded);
        if (!error)
                error = keyring_open(&server->keyring, server->options->keys, server->options->data, &server->clock,
                                     &server->log.sink, process->error);
        if (!error)
                error = setup_notes(server, server->options->data, &embedded->notes, process->error);
        if (!error)
                error = bus_embedded_new(&bus, &embedded->bus);
        if (!error)
                error = presence_memory_new(&presence, &embedded->presence);
        return error;
}

/* The next role, with its seams. */
static enum error open_role(struct embedded *embedded, enum role_kind kind, uint16_t index)
{
        struct process *process = &embedded->process;
        struct role *role = process_new_role(process, kind, index);
        const struct role_needs *needs = &role_needs[kind];
        enum error error = bus_embedded_open(embedded->bus, &role->bus);

        if (!error && needs->store)
                error = store_sqlite_open(embedded->store, &role->store);
        if (!error && needs->presence)
                error = presence_memory_open(embedded->presence, &role->presence);
        if (!error && needs->password)
                error = setup_password(&process->server, &role->password);
        if (!error && needs->mail)
                error = setup_mail(&process->server, process->server.options->data, &role->mail, process->error);
        if (!error)
                error = notes_file_open(embedded->notes, needs->topic, &role->notes);
        if (error) {
                if (!*process->error)
                        snprintf(process->error, sizeof(process->error), "a role cannot start: %s", error_text(error));
                process_drop_role(process);
        }
        return error;
}

/* Workers first, so that the first client finds them. The first frontend picks the port, the others share it. */
static enum error start_roles(struct embedded *embedded)
{
        static const enum role_kind workers[WORKERS] = {ROLE_AUTH, ROLE_SESSION, ROLE_QUERY, ROLE_NOTIFY};
        struct process *process = &embedded->process;
        uint16_t port = (uint16_t)process->server.options->port;
        enum error error = ERR_OK;

        for (unsigned i = 0; i < WORKERS && !error; i++) {
                error = open_role(embedded, workers[i], 0);
                if (!error)
                        error = process_start_role(process);
        }
        for (unsigned i = 0; i < process->server.frontends && !error; i++) {
                error = open_role(embedded, ROLE_FRONTEND, (uint16_t)i);
                if (error)
                        break;
                process->roles[process->role_count - 1].listen_port = port;
                error = process_start_role(process);
                if (!error)
                        port = (uint16_t)atomic_load(&process->roles[process->role_count - 1].port);
        }
        return error;
}

/* An operator's door, with seams of its own. */
static enum error open_control(struct embedded *embedded)
{
        struct process *process = &embedded->process;
        struct store *store = NULL;
        struct bus *bus = NULL;
        enum error error = bus_embedded_open(embedded->bus, &bus);

        if (!error)
                error = store_sqlite_open(embedded->store, &store);
        if (!error)
                return control_new(&process->server, store, bus, &embedded->control, process->error);
        if (bus)
                bus->ops->free(&bus);
        snprintf(process->error, sizeof(process->error), "there is no control socket: %s", error_text(error));
        return error;
}

int server_all(const struct options *options)
{
        static struct embedded embedded; /* one server a process */
        struct process *process = &embedded.process;
        enum error error = process_begin(process, options);
        int code;

        process->server.frontends = (uint32_t)options->frontends;
        if (!error)
                error = open_engines(&embedded);
        if (!error)
                error = start_roles(&embedded);
        if (!error)
                error = open_control(&embedded);
        code = error ? process_say_error(process, error) : process_serve(process);
        process_end(process);
        control_free(&embedded.control);
        store_sqlite_free(&embedded.store);
        presence_memory_free(&embedded.presence);
        bus_embedded_free(&embedded.bus);
        notes_file_free(&embedded.notes);
        return code;
}
