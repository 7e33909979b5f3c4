/* The server under test: imported users, a galkad of its own in a folder of its own on a free port, its memory and its end. */
#ifndef GALKA_BENCH_PROCESS_H
#define GALKA_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct process {
        pid_t pid;
        uint16_t port;
        char folder[256];
        const char *galkad;
        const char *config; /* of a cluster, on whose database import and check work; NULL: on the folder's */
};

struct process_user {
        uint64_t user, device;
        uint8_t token[40];
};

/* Makes a new folder below `parent`, refusing tmpfs. False, having said why on standard error. */
bool process_init(struct process *process, const char *galkad, const char *parent);

/* Imports `count` users named PREFIX0 … with galkad user import; fills users. */
bool process_import(struct process *process, const char *prefix, uint32_t count, struct process_user *users);

/* What galkad user import prints: a line a user, name, user, device, token, separated by tabs. Returns how many were read. */
uint32_t process_read_users(FILE *in, struct process_user *users, uint32_t count);

/* Starts galkad all on the given addresses and port (0: any free one, which it then keeps), with `arguments` added (NULL-terminated);
 * returns once it listens. */
bool process_start(struct process *process, const char *addresses, const char *const *arguments);

/* Sends the signal and waits for the end. Returns the wait status, or -1. */
int process_stop(struct process *process, int signal);

/* Runs galkad check on the folder of a server that has ended, or the cluster's database. False: it found faults. */
bool process_check(struct process *process, uint64_t *rows);

/* Private_Dirty in bytes of the process; 0 if it cannot be read. */
uint64_t process_private_dirty(const struct process *process);

/* Seconds of CPU that it used, user and system. */
double process_cpu_s(const struct process *process);

/* Removes the folder and all in it. */
void process_finish(struct process *process);

#endif
