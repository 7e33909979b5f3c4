/*
 * Presence in Redis, for roles that are processes of their own: one connection a handle, one round trip a batch. What is kept there,
 * and how, is said in redis_script.h.
 *
 *      presence_redis_new (looks at the server once) → presence_redis_open for each handle → handles freed → presence_redis_free
 *
 * Redis gone, hung or not the primary any more: what was sent is UNCERTAIN, what was not is FAILED, and the handle connects again by
 * itself. Redis empty, restarted, or another one promoted: the next beat of each epoch says `forgot` (L5).
 */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_H
#define GALKA_DRIVER_PRESENCE_REDIS_H

#include "base/event.h"
#include "seam/clock.h"
#include "seam/presence.h"

#define REDIS_SUBMITS_MAX 64   /* of one handle, not polled; beyond: FULL */
#define REDIS_START_MS    5000 /* presence_redis_new waits so long for somebody to answer */
#define REDIS_CONNECT_MS  2000 /* for a connection, and again for the answers to the greeting */
#define REDIS_DEADLINE_MS 2000 /* a server that owes an answer and says nothing for so long is given up */
#define REDIS_PAUSE_MIN   20   /* milliseconds between two attempts to connect, doubled at each */
#define REDIS_PAUSE_MAX   1000
#define REDIS_PORT        6379
#define REDIS_ERROR_SIZE  640

struct presence_redis_options {
        const char *host;     /* a name, an address, or the path of a Unix socket (begins with '/') */
        uint16_t port;        /* 0: REDIS_PORT */
        const char *user;     /* of Redis's ACL; NULL: its default user */
        const char *password; /* NULL: none is sent */
        const char *prefix;   /* of every key; NULL: "galka:" */

        bool tls;             /* TLS 1.2 or later; the server's certificate must be valid and name it */
        const char *tls_ca;   /* file of certificates that are trusted; NULL: the system's */
        const char *tls_name; /* the name that the certificate must have; NULL: host */
        const char *tls_cert; /* files of our own certificate and its key, if the server asks for one; NULL: none */
        const char *tls_key;

        uint32_t start_ms;   /* 0: REDIS_START_MS */
        struct clock *clock; /* serves all threads */
        struct event_sink *events;
};

struct presence_redis;

/*
 * Connects once, to see that everything is right. The options are copied, what they point to is not but for the texts. Errors, each
 * with one line in text: CONFIG (what is wrong can only be mended by hand: password, rights, version, a replica, settings, TLS),
 * SYSTEM (nobody answers there, within start_ms), NO_MEMORY.
 */
must_use enum error presence_redis_new(const struct presence_redis_options *options, struct presence_redis **redis,
                                       char text[static REDIS_ERROR_SIZE]);

/* All handles must be gone. */
void presence_redis_free(struct presence_redis **redis);

/* A handle, from any thread; it then belongs to the thread that uses it. It connects while it is used. NO_MEMORY, SYSTEM (no
 * descriptor). */
must_use enum error presence_redis_open(struct presence_redis *redis, struct presence **presence);

#endif
