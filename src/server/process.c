/* See process.h. */
#include "server/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/random/system.h"
#include "loop/loop.h"
#include "server/setup.h"

#define DESCRIPTORS   100 /* that are not connections: engines, wake-ups */
#define START_WAIT_MS 30000
#define STEP_MS       2

/* ---- beginning ---- */

void server_init(struct server *server, const struct options *options)
{
        *server = (struct server){.options = options, .random = random_system(), .frontends = 1};
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

enum error process_begin(struct process *process, const struct options *options)
{
        /* Blocked before any thread exists, so that only sigtimedwait gets them. */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk */
        sigemptyset(&process->signals);
        sigaddset(&process->signals, SIGTERM);
        sigaddset(&process->signals, SIGINT);
        sigaddset(&process->signals, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &process->signals, NULL);
        server_init(&process->server, options);
        bound_connections(&process->server);
        return *options->health ? monitor_new(&process->server, &process->monitor, process->error) : ERR_OK;
}

/* What is in files and may change while it runs. */
static void reload(struct process *process)
{
        keyring_look(&process->server.keyring);
}

/* ---- roles ---- */

struct role *process_new_role(struct process *process, enum role_kind kind, uint16_t index)
{
        struct role *role = &process->roles[process->role_count++];

        check(process->role_count <= SERVER_ROLES_MAX);
        *role = (struct role){.kind = kind, .index = index, .server = &process->server};
        process->workers += kind != ROLE_FRONTEND;
        return role;
}

static void sleep_ms(unsigned ms)
{
        struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        nanosleep(&time, NULL);
}

static enum error await_role(struct process *process, struct role *role)
{
        for (unsigned waited = 0; waited < START_WAIT_MS; waited += STEP_MS) {
                if (atomic_load(&role->ready))
                        return ERR_OK;
                if (atomic_load(&role->ended))
                        break;
                if (process_is_told_to_stop(process, 0))
                        return ERR_CLOSED;
                sleep_ms(STEP_MS);
        }
        snprintf(process->error, sizeof(process->error), "%s",
                 role->error[0] ? role->error : "a role did not start in time");
        return ERR_SYSTEM;
}

void process_drop_role(struct process *process)
{
        struct role *role = &process->roles[--process->role_count];

        process->workers -= role->kind != ROLE_FRONTEND;
        role_finish(role);
        memory_free(role->metrics);
}

enum error process_start_role(struct process *process)
{
        struct role *role = &process->roles[process->role_count - 1];
        enum error error = process->monitor ? role_meter(role) : ERR_OK;

        if (!error)
                error = role_start(role);
        if (!error)
                return await_role(process, role);
        snprintf(process->error, sizeof(process->error), "a role cannot start: %s", error_text(error));
        process_drop_role(process);
        return error;
}

/* ---- serving ---- */

bool process_is_told_to_stop(struct process *process, unsigned ms)
{
        const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
        siginfo_t info = {0};
        int caught = process->told ? 0 : sigtimedwait(&process->signals, &info, &time);
        /* The kernel sends it when the terminal goes away, anybody else to have files looked at again. */
        bool hung_up = caught == SIGHUP && info.si_code == SI_KERNEL;

        process->told |= caught == SIGTERM || caught == SIGINT || hung_up;
        if (caught == SIGHUP && !hung_up) {
                reload(process);
                setup_tls_again(&process->server);
                setup_web_again(&process->server);
        }
        return process->told;
}

/* What a person or a script wants to know first. */
static void print_addresses(const struct process *process)
{
        const char *at = process->server.options->listen;

        if (process->role_count > process->workers) {
                while (*at) {
                        size_t size = strcspn(at, ",");

                        printf("listening on %.*s:%u\n", (int)size, at, atomic_load(&process->roles[process->workers].port));
                        at += size + (at[size] == ',');
                }
        } else {
                printf("working: %s\n", role_needs[process->roles[0].kind].name);
        }
        if (process->monitor)
                monitor_print_address(process->monitor);
        fflush(stdout);
}

/* True when a role has ended that nobody told to. */
static bool has_died(const struct process *process)
{
        for (unsigned i = 0; i < process->role_count; i++)
                if (atomic_load(&process->roles[i].ended))
                        return true;
        return false;
}

int process_serve(struct process *process)
{
        struct event_sink *events = &process->server.log.sink;

        if (process->monitor && monitor_start(process->monitor, process->roles, process->role_count) != ERR_OK)
                return process_say_error(process, ERR_SYSTEM);
        print_addresses(process);
        event_note(events, EVENT_INFO, "server.started", NULL,
                   {"role", process->role_count > 1 ? "all" : role_needs[process->roles[0].kind].name},
                   {"frontends", NULL, process->role_count - process->workers});
        while (!process_is_told_to_stop(process, 1000) && !has_died(process))
                reload(process);
        if (process->monitor)
                monitor_drain(process->monitor);
        if (!process->told) {
                event_note(events, EVENT_ERROR, "server.role_ended", NULL, {"roles", NULL, process->role_count});
                return SERVER_FAILED;
        }
        event_note(events, EVENT_INFO, "server.stopping", NULL, {"roles", NULL, process->role_count});
        return SERVER_DONE;
}

static void end_roles(struct role *roles, unsigned count)
{
        for (unsigned i = 0; i < count; i++)
                role_stop(&roles[i]);
        for (unsigned i = 0; i < count; i++)
                role_join(&roles[i]);
}

void process_end(struct process *process)
{
        end_roles(process->roles + process->workers, process->role_count - process->workers);
        end_roles(process->roles, process->workers);
        monitor_free(&process->monitor);
        tls_context_free(&process->server.tls);
        web_free(&process->server.web);
        for (unsigned i = 0; i < process->role_count; i++) {
                memory_free(process->roles[i].metrics);
                crypto_wipe(&process->roles[i].keys, sizeof(process->roles[i].keys));
        }
        keyring_close(&process->server.keyring);
}

int process_say_error(const struct process *process, enum error error)
{
        if (process->told)
                return SERVER_DONE;
        fprintf(stderr, "galkad: %s\n", process->error[0] ? process->error : error_text(error));
        return SERVER_FAILED;
}
