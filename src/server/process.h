/*
 * A process of galkad: roles on threads, signals, the monitor. It knows no drivers: whoever made the roles' seams frees the engines after
 * process_end.
 *
 *      process_begin → seams made, process_start_role … → process_serve → process_end
 */
#ifndef GALKA_SERVER_PROCESS_H
#define GALKA_SERVER_PROCESS_H

#include <signal.h>

#include "server/monitor.h"
#include "server/server.h"

struct process {
        struct server server;
        struct role roles[SERVER_ROLES_MAX]; /* workers first */
        unsigned role_count, workers;
        struct monitor *monitor; /* NULL: no --health */
        sigset_t signals;
        bool told; /* to stop */
        char error[SERVER_ERROR_SIZE];
};

/* Blocks signals, opens the log, listens on --health. On error process->error says why. */
must_use enum error process_begin(struct process *process, const struct options *options);

/* The next role, to be filled with seams. */
struct role *process_new_role(struct process *process, enum role_kind kind, uint16_t index);

/* Starts the newest one, with its seams, and waits until it works. On error process->error says why. */
must_use enum error process_start_role(struct process *process);

/* The newest one is not to be started after all; its seams are freed. */
void process_drop_role(struct process *process);

/* Says where it listens, and waits for SIGTERM or SIGINT; SIGHUP, and every second: files are looked at again; SIGHUP: the certificate
 * too. Returns the exit code. */
int process_serve(struct process *process);

/* True if SIGTERM or SIGINT comes within ms, or the terminal goes away. SIGHUP may end the wait early. */
bool process_is_told_to_stop(struct process *process, unsigned ms);

/* The roles end in good order: frontends say goodbye and wait for replies, which the workers still give. */
void process_end(struct process *process);

/* Prints the error that kept it from starting, unless it was told to stop. Returns the exit code. */
int process_say_error(const struct process *process, enum error error);

#endif
