/*
 * Wiring: the one file that knows which drivers were chosen. `galkad all` is every role on embedded drivers: frontend threads, one
 * worker thread a role, one store-writer thread, one thread for password hashing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/bus/embedded.h"
#include "driver/mail/spool.h"
#include "driver/notes/file.h"
#include "driver/password/thread.h"
#include "driver/presence/memory.h"
#include "driver/random/system.h"
#include "driver/store/sqlite.h"
#include "loop/loop.h"
#include "server/tool.h"

#define FRONTENDS_MAX   16
#define WORKERS         4
#define ROLES_MAX       (FRONTENDS_MAX + WORKERS)
#define DESCRIPTORS     100 /* that are not connections: the database, the bus, wake-ups */
#define START_WAIT_MS   10000
#define STEP_MS         10
#define CODE_DIGITS_MAX 16
#define PATH_SIZE       4200
#define MAIL_FROM       "galka@localhost.localdomain"

/* The embedded engines, and the roles on them. */
struct embedded {
        struct server server;
        struct bus_embedded *bus;
        struct presence_memory *presence;
        struct store_sqlite *store;
        struct notes_file *notes;
        struct role roles[ROLES_MAX];
        unsigned role_count, started;
        char error[SERVER_ERROR_SIZE];
};

static void server_init(struct server *server, const struct options *options)
{
        *server = (struct server){.options = options, .random = random_system()};
        loop_clock_init(&server->clock);
        log_init(&server->log, &server->clock, options->log_format, options->log_level, STDERR_FILENO);
}

/* A frontend that has no descriptor left lets newcomers wait without a word; one whose table is full tells them. */
static void bound_connections(struct server *server)
{
        uint64_t limit = loop_raise_descriptors();
        uint64_t room = limit > DESCRIPTORS + 1 ? limit - DESCRIPTORS : 1;

        server->connections = (uint32_t)min_of(server->options->connections, room);
        if (server->connections < server->options->connections)
                event_note(&server->log.sink, EVENT_INFO, "server.few_descriptors", NULL, {"limit", NULL, limit},
                           {"connections", NULL, server->connections}, {"wanted", NULL, server->options->connections});
}

enum error server_make_folder(const char *path, char text[static SERVER_ERROR_SIZE])
{
        if ((mkdir(path, 0700) == 0 || errno == EEXIST) && access(path, R_OK | W_OK | X_OK) == 0)
                return ERR_OK;
        snprintf(text, SERVER_ERROR_SIZE, "cannot use the data folder %.300s: %s (see --data)", path, strerror(errno));
        return ERR_SYSTEM;
}

static enum error open_store(struct server *server, bool threaded, struct store_sqlite **store, char *text)
{
        const struct store_sqlite_options options = {
                .folder = server->options->data,
                .threaded = threaded,
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
        };

        return store_sqlite_new(&options, store, text);
}

/* Dev mode: the code that would be mailed is on the screen. */
static void print_code(void *owner, const struct mail_letter *letter, struct slice code)
{
        (void)owner;
        if (code.size == 0)
                return;
        printf("code for %.*s: %.*s\n", (int)letter->to.size, (const char *)letter->to.data,
               (int)min_of(code.size, (size_t)CODE_DIGITS_MAX), (const char *)code.data);
        fflush(stdout);
}

static enum error open_mail(struct embedded *embedded, struct mail **mail)
{
        char folder[PATH_SIZE];
        const struct mail_spool_options options = {
                .folder = folder,
                .from = MAIL_FROM,
                .clock = &embedded->server.clock,
                .random = embedded->server.random,
                .written = embedded->server.options->dev ? print_code : NULL,
        };

        snprintf(folder, sizeof(folder), "%.4096s/mail", embedded->server.options->data);
        return mail_spool_new(&options, mail);
}

static enum error open_password(struct embedded *embedded, struct password **password)
{
        const struct password_thread_options options = {.memory_limit = embedded->server.options->password_kib * 1024};

        return password_thread_new(&options, password);
}

/* Which record was being worked on when a process crashed (L10). */
static enum error open_notes(struct embedded *embedded)
{
        const struct notes_file_options options = {.folder = embedded->server.options->data,
                                                   .clock = &embedded->server.clock,
                                                   .events = &embedded->server.log.sink};

        return notes_file_new(&options, &embedded->notes, embedded->error);
}

static enum error open_engines(struct embedded *embedded)
{
        struct server *server = &embedded->server;
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_THREADED};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_THREADED, .clock = &server->clock};
        enum error error = server_make_folder(server->options->data, embedded->error);

        bus.log.partitions[BUS_FRONTENDS] = (uint32_t)server->options->frontends;
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                if (topic != BUS_FRONTENDS)
                        bus.log.partitions[topic] = 1; /* one worker a role */
        if (!error)
                error = open_store(server, true, &embedded->store, embedded->error);
        if (!error)
                error = keys_load(server->options->data, &server->keys, embedded->error);
        if (!error)
                error = open_notes(embedded);
        if (!error)
                error = bus_embedded_new(&bus, &embedded->bus);
        if (!error)
                error = presence_memory_new(&presence, &embedded->presence);
        return error;
}

/* Which topic a role reads, and which seams it works with. */
static const struct needs {
        enum bus_topic topic;
        bool store, presence, password, mail;
} needs[] = {
        [ROLE_FRONTEND] = {BUS_FRONTENDS, .presence = true},
        [ROLE_AUTH] = {BUS_AUTHENTICATION, .store = true, .password = true},
        [ROLE_SESSION] = {BUS_SESSION, .store = true, .presence = true},
        [ROLE_QUERY] = {BUS_QUERY, .store = true, .presence = true},
        [ROLE_NOTIFY] = {BUS_NOTIFY, .mail = true},
};

static enum error start_role(struct embedded *embedded, enum role_kind kind, uint16_t index, uint16_t port)
{
        struct role *role = &embedded->roles[embedded->role_count++];
        enum error error;

        check(embedded->role_count <= ROLES_MAX);
        *role = (struct role){.kind = kind, .index = index, .server = &embedded->server, .listen_port = port};
        error = bus_embedded_open(embedded->bus, &role->bus);
        if (!error && needs[kind].store)
                error = store_sqlite_open(embedded->store, &role->store);
        if (!error && needs[kind].presence)
                error = presence_memory_open(embedded->presence, &role->presence);
        if (!error && needs[kind].password)
                error = open_password(embedded, &role->password);
        if (!error && needs[kind].mail)
                error = open_mail(embedded, &role->mail);
        if (!error)
                error = notes_file_open(embedded->notes, needs[kind].topic, &role->notes);
        if (!error)
                error = role_start(role);
        if (error) {
                snprintf(embedded->error, sizeof(embedded->error), "a role cannot start: %s", error_text(error));
                embedded->role_count--;
                role_finish(role);
        }
        return error;
}

static void sleep_ms(unsigned ms)
{
        struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        nanosleep(&time, NULL);
}

/* Waits until the role works, or has ended with an error. */
static enum error await_role(struct embedded *embedded, struct role *role)
{
        for (unsigned waited = 0; waited < START_WAIT_MS; waited += STEP_MS) {
                if (atomic_load(&role->ready))
                        return ERR_OK;
                if (atomic_load(&role->ended))
                        break;
                sleep_ms(STEP_MS);
        }
        snprintf(embedded->error, sizeof(embedded->error), "%s",
                 role->error[0] ? role->error : "a role did not start in time");
        return ERR_SYSTEM;
}

/* Workers first, so that the first client finds them. The first frontend picks the port, the others share it. */
static enum error start_roles(struct embedded *embedded)
{
        static const enum role_kind workers[WORKERS] = {ROLE_AUTH, ROLE_SESSION, ROLE_QUERY, ROLE_NOTIFY};
        uint16_t port = (uint16_t)embedded->server.options->port;
        enum error error = ERR_OK;

        for (unsigned i = 0; i < WORKERS && !error; i++)
                error = start_role(embedded, workers[i], 0, 0);
        for (unsigned i = 0; i < WORKERS && !error; i++)
                error = await_role(embedded, &embedded->roles[i]);
        for (unsigned i = 0; i < embedded->server.options->frontends && !error; i++) {
                struct role *role = &embedded->roles[embedded->role_count];

                error = start_role(embedded, ROLE_FRONTEND, (uint16_t)i, port);
                if (!error)
                        error = await_role(embedded, role);
                if (!error)
                        port = (uint16_t)atomic_load(&role->port);
        }
        return error;
}

/* Frontends first: they say goodbye and wait for replies, which the workers still give. */
static void stop_roles(struct embedded *embedded)
{
        for (unsigned i = WORKERS; i < embedded->role_count; i++)
                role_stop(&embedded->roles[i]);
        for (unsigned i = WORKERS; i < embedded->role_count; i++)
                role_join(&embedded->roles[i]);
        for (unsigned i = 0; i < min_of(embedded->role_count, WORKERS); i++)
                role_stop(&embedded->roles[i]);
        for (unsigned i = 0; i < min_of(embedded->role_count, WORKERS); i++)
                role_join(&embedded->roles[i]);
        store_sqlite_free(&embedded->store);
        presence_memory_free(&embedded->presence);
        bus_embedded_free(&embedded->bus);
        notes_file_free(&embedded->notes);
}

static void print_addresses(const struct embedded *embedded)
{
        unsigned port = atomic_load(&embedded->roles[WORKERS].port);
        const char *at = embedded->server.options->listen;

        while (*at) {
                size_t size = strcspn(at, ",");

                printf("listening on %.*s:%u\n", (int)size, at, port);
                at += size + (at[size] == ',');
        }
        fflush(stdout);
}

/* True when a role has ended that nobody told to. */
static bool has_died(const struct embedded *embedded)
{
        for (unsigned i = 0; i < embedded->role_count; i++)
                if (atomic_load(&embedded->roles[i].ended))
                        return true;
        return false;
}

static int serve(struct embedded *embedded, const sigset_t *signals)
{
        const struct timespec second = {.tv_sec = 1};
        int caught = -1;

        print_addresses(embedded);
        event_note(&embedded->server.log.sink, EVENT_INFO, "server.started", NULL,
                   {"frontends", NULL, embedded->server.options->frontends});
        while (caught != SIGTERM && caught != SIGINT && !has_died(embedded))
                caught = sigtimedwait(signals, NULL, &second);
        if (caught != SIGTERM && caught != SIGINT) {
                event_note(&embedded->server.log.sink, EVENT_ERROR, "server.role_ended", NULL,
                           {"roles", NULL, embedded->role_count});
                return SERVER_FAILED;
        }
        event_note(&embedded->server.log.sink, EVENT_INFO, "server.stopping", NULL, {"signal", NULL, (uint64_t)caught});
        return SERVER_DONE;
}

int server_all(const struct options *options)
{
        static struct embedded embedded; /* one server a process */
        sigset_t signals;
        int code = SERVER_FAILED;

        /* Blocked before any thread exists, so that only sigtimedwait gets them. */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk */
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
        server_init(&embedded.server, options);
        bound_connections(&embedded.server);
        if (open_engines(&embedded) == ERR_OK && start_roles(&embedded) == ERR_OK)
                code = serve(&embedded, &signals);
        else
                fprintf(stderr, "galkad: %s\n", embedded.error[0] ? embedded.error : error_text(ERR_NO_MEMORY));
        stop_roles(&embedded);
        return code;
}

/* ---- commands on the database alone ---- */

bool tool_open(struct tool *tool, const struct options *options)
{
        char text[SERVER_ERROR_SIZE] = "";
        enum error error;

        *tool = (struct tool){0};
        server_init(&tool->server, options);
        error = server_make_folder(options->data, text);
        if (!error) /* first: it keeps others out of the folder */
                error = open_store(&tool->server, false, &tool->sqlite, text);
        if (!error)
                error = keys_load(options->data, &tool->server.keys, text);
        if (!error)
                error = store_sqlite_open(tool->sqlite, &tool->store);
        if (!error)
                return true;
        fprintf(stderr, "galkad: %s\n", text[0] ? text : error_text(error));
        tool_close(tool);
        return false;
}

bool tool_open_old(struct tool *tool, const struct options *options)
{
        char path[PATH_SIZE];

        *tool = (struct tool){0};
        snprintf(path, sizeof(path), "%.4096s/galka.db", options->data);
        if (access(path, F_OK) == 0)
                return tool_open(tool, options);
        fprintf(stderr, "galkad: there is no database in %.300s: %s (see --data)\n", options->data, strerror(errno));
        return false;
}

enum error tool_renew_era(struct tool *tool, struct id *before, struct id *after)
{
        enum error error;

        *before = store_sqlite_era(tool->sqlite);
        error = store_sqlite_renew_era(tool->sqlite);
        *after = store_sqlite_era(tool->sqlite);
        return error;
}

void tool_close(struct tool *tool)
{
        if (tool->store)
                tool->store->ops->free(&tool->store);
        store_sqlite_free(&tool->sqlite);
}

/* The inline store does the work within poll. */
static enum error await(struct tool *tool)
{
        struct completion completion;

        while (tool->store->ops->poll(tool->store, &completion, 1) == 0)
                ;
        switch (completion.outcome) {
        case OUTCOME_OK:
                return ERR_OK;
        case OUTCOME_FAILED:
                return ERR_FAILED;
        case OUTCOME_UNCERTAIN:
                return ERR_UNCERTAIN;
        }
        unreachable();
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
