/*
 * Two ends of a connection under TLS over a network in memory, with a clock that stands still until told: a server's net and a client's,
 * each the filter of loop/tls.h in front of a fake one.
 *
 *      tls_pair_start → tls_pair_connect → tls_pair_turn … → tls_pair_stop
 */
#ifndef GALKA_TEST_TLS_PAIR_H
#define GALKA_TEST_TLS_PAIR_H

#include "loop/tls.h"
#include "support/fake_net.h"

#define PAIR_SERVER_TAG 2
#define PAIR_CLIENT_TAG 3
#define PAIR_EVENTS     32

struct pair_end {
        struct tls_pair *pair;
        struct net *net; /* the filter */
        struct net *raw; /* what it stands in front of */
        int socket;
        unsigned readable, writable; /* events since they were last looked at */
        bool open;
};

struct tls_pair {
        struct clock clock;
        uint64_t now_us;
        struct fake_world *world;
        struct tls_context *server_context, *client_context;
        struct pair_end server, client;
        uint16_t port;
};

/* Certificates as of tls_make: the server's, and whom the client believes. options may be NULL; contexts and clock are filled in. */
void tls_pair_start(struct tls_pair *pair, const char *certificate, const char *ca, size_t pipe_size,
                    const struct loop_tls_options *options);
void tls_pair_stop(struct tls_pair *pair);

/* A connection, not secured yet. */
void tls_pair_connect(struct tls_pair *pair);

/* Both ends begin. name: whom the client expects. The server is told that nothing was read yet. */
void tls_pair_secure(struct tls_pair *pair, const char *name);

/* Some polls of both. */
void tls_pair_turn(struct tls_pair *pair);
void tls_pair_close(struct pair_end *end);

/* OK: all of it was taken. */
enum error tls_pair_say(struct pair_end *end, const char *text);

/* What is there now, as text. */
#define TLS_PAIR_TEXT 64
enum error tls_pair_get(struct pair_end *end, char text[static TLS_PAIR_TEXT]);

/* After a turn: exactly that text; that it is told of the end; that each hears the other. They abort if not. */
void tls_pair_expect(struct pair_end *end, const char *text);
void tls_pair_expect_closed(struct pair_end *end);
void tls_pair_talk(struct tls_pair *pair);

#endif
