/*
 * TLS as a byte filter: a struct net in front of another one. Sockets that are secured have their bytes pass through OpenSSL on their
 * way; all others pass as they are. No thread, no waiting: like every net it belongs to one thread.
 *
 *      tls_server_new or tls_client_new → loop_tls_new → net->ops->secure … → net->ops->free → tls_context_free
 *
 * TLS 1.2 and 1.3 only, with forward secrecy only; no renegotiation, no compression; tickets for resumption, no early data.
 */
#ifndef GALKA_LOOP_TLS_H
#define GALKA_LOOP_TLS_H

#include "base/event.h"
#include "seam/clock.h"
#include "seam/net.h"

#define TLS_WHY_SIZE 512

/* A certificate with its key, or whom to believe. May be shared by the threads of a process. */
struct tls_context;

/* For who accepts. certificate: a PEM file with the certificate and, after it, its chain; key: a PEM file with its key. CONFIG: why
 * says in one line what is wrong with which file; NO_MEMORY. */
must_use enum error tls_server_new(const char *certificate, const char *key, struct tls_context **context,
                                   char why[static TLS_WHY_SIZE]);

/* Reads the files anew: whoever connects from now on gets the new certificate, connections that are there go on with theirs. On an
 * error, as of tls_server_new, all stays as it was. */
must_use enum error tls_server_reload(struct tls_context *context, char why[static TLS_WHY_SIZE]);

/* Until when the certificate is valid, in milliseconds since 1970. */
uint64_t tls_server_expires_ms(struct tls_context *context);

/* Is the certificate for that name, or address? */
bool tls_server_names(struct tls_context *context, const char *host);

/* For who connects. ca: a PEM file with those who may sign certificates; NULL: whom this system trusts. Errors as above. */
must_use enum error tls_client_new(const char *ca, struct tls_context **context, char why[static TLS_WHY_SIZE]);

void tls_context_free(struct tls_context **context);

/* Zero means the default beside it. */
struct loop_tls_options {
        struct tls_context *server; /* for accepted sockets; NULL: there are none to secure */
        struct tls_context *client; /* for connected ones; the same */
        struct clock *clock;
        struct event_sink *events;  /* may be NULL */
        uint32_t handshakes_max;    /* 1,000 of accepted sockets under way at once; then secure says FULL */
        uint32_t handshakes_a_poll; /* 4 steps of handshakes in one poll: others have their turn in between */
        uint32_t handshake_ms;      /* 10,000 from secure to the last byte of the handshake */
        uint32_t record_ms;         /* 10,000 from a record's first byte to its last */
        size_t in_bytes_max;        /* 64 MiB read and not taken yet: parts of records, of all connections */
};

struct loop_tls_counts {
        uint64_t begun, done, failed; /* handshakes; failed: also by their deadline */
        uint64_t refused;             /* begun they would have been too many */
        uint64_t under_way;           /* now */
        uint64_t in_bytes;            /* now: read and not taken yet */
};

/* The net in front of `inner`, which is its own from then on. The contexts stay the caller's, for longer than the net. NO_MEMORY:
 * inner is still the caller's. */
must_use enum error loop_tls_new(struct net *inner, const struct loop_tls_options *options, struct net **net);

struct loop_tls_counts loop_tls_counts(struct net *net);

/* Why the last connected socket that was secured came to nothing, in words for a person; empty: none did. */
const char *loop_tls_why(struct net *net);

#endif
