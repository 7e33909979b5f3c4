/*
 * A Redis server of the test's own, in a folder of its own, on a Unix socket and a port of 127.0.0.1 that nobody else has. It ends with
 * the test, whatever happens to that.
 *
 * Life cycle: redis_server_init → redis_server_start → (redis_server_kill → redis_server_start)… → redis_server_finish
 */
#ifndef GALKA_TEST_REDIS_SERVER_H
#define GALKA_TEST_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define REDIS_SERVER_ARGS_MAX 16

struct redis_server {
        pid_t pid; /* 0: it does not run */
        uint16_t port;
        char folder[64], socket[96];
        bool tls; /* the port speaks TLS: give it --tls-port and the rest */
};

/* Makes the folder and finds a port. */
void redis_server_init(struct redis_server *server);

/* Starts it with these arguments besides (NULL at the end; NULL: none), and waits until it answers. It keeps nothing on disk by itself;
 * dump.rdb in its folder is loaded. */
void redis_server_start(struct redis_server *server, const char *const *arguments);

/* A file of its folder. */
void redis_server_copy(struct redis_server *server, const char *from, const char *to);

/* Without a goodbye. */
void redis_server_kill(struct redis_server *server);
void redis_server_signal(struct redis_server *server, int number);
void redis_server_finish(struct redis_server *server);

/* A command as printf would write it; words are split at blanks. An integer as it is; 0: a text or a list; -1: an error. */
int64_t redis_server_do(struct redis_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Brings the end of everything that expires so much nearer. */
void redis_server_advance_ms(struct redis_server *server, uint64_t ms);

#endif
