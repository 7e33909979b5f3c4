/*
 * A byte stream to Redis that never blocks: a socket, or TLS over one.
 *
 * Life cycle: redis_link_open → redis_link_ready until it is → read, write → redis_link_close; and again. After BROKEN it can only be
 * closed; why says what happened. What it waits for is in wants_write; it always waits for input too.
 */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_LINK_H
#define GALKA_DRIVER_PRESENCE_REDIS_LINK_H

#include <sys/socket.h>

#include "base/error.h"
#include "base/slice.h"

#define REDIS_WHY_SIZE 256

struct bio_method_st;
struct ssl_ctx_st;
struct ssl_st;

struct redis_address {
        struct sockaddr_storage storage;
        socklen_t size;
};

/* How to speak TLS; made once, used by all links, on any thread. */
struct redis_tls {
        struct ssl_ctx_st *context;
        struct bio_method_st *method;
        const char *name; /* that the certificate must have */
};

enum redis_step { REDIS_STEP_DONE, REDIS_STEP_AGAIN, REDIS_STEP_BROKEN };

struct redis_link {
        int fd; /* -1: closed */
        bool connected;
        bool wants_write;
        bool wrong; /* BROKEN, and only a person can mend it: a certificate that is not right */
        struct ssl_st *ssl;
        char why[REDIS_WHY_SIZE];
};

/* tls NULL: none. BROKEN: refused at once. */
enum redis_step redis_link_open(struct redis_link *link, const struct redis_address *address, const struct redis_tls *tls);

/* DONE: bytes can be read and written. */
enum redis_step redis_link_ready(struct redis_link *link);

/* DONE: some bytes; AGAIN: none now. */
enum redis_step redis_link_read(struct redis_link *link, uint8_t *bytes, size_t size, size_t *got);
enum redis_step redis_link_write(struct redis_link *link, struct slice bytes, size_t *put);

void redis_link_close(struct redis_link *link);

/* ---- TLS (redis_tls.c) ---- */

struct redis_tls_files {
        const char *ca, *cert, *key; /* NULL: the system's; none */
};

/* CONFIG, NO_MEMORY, with one line in why. */
must_use enum error redis_tls_init(struct redis_tls *tls, const struct redis_tls_files *files, const char *name,
                                   char why[static REDIS_WHY_SIZE]);
void redis_tls_finish(struct redis_tls *tls);

enum redis_step redis_tls_begin(struct redis_link *link, const struct redis_tls *tls);
enum redis_step redis_tls_ready(struct redis_link *link);
enum redis_step redis_tls_read(struct redis_link *link, uint8_t *bytes, size_t size, size_t *got);
enum redis_step redis_tls_write(struct redis_link *link, struct slice bytes, size_t *put);
void redis_tls_end(struct redis_link *link);

#endif
