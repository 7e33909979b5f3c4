/*
 * A whole frontend in a test: an inline bus, presence in memory, a network in memory, a clock that stands still until told, and the
 * worker's side played by the test. Failures of the test are cmocka assertions.
 *
 *      host_start → client_open … host_take, host_post … → host_stop
 */
#ifndef GALKA_TEST_FRONTEND_HOST_H
#define GALKA_TEST_FRONTEND_HOST_H

#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "frontend/frontend.h"
#include "support/fake_net.h"
#include "wire/envelope.h"

#define HOST_PIPE    65536
#define CLIENT_INPUT (512 * 1024)

struct host_clock {
        struct clock clock;
        uint64_t now_us, wall_ms;
};

struct host_random {
        struct random random;
        uint64_t state;
};

struct host {
        struct host_clock clock;
        struct host_random random;
        struct event_sink events;
        struct token_keys keys;
        struct fake_world *world;
        struct net *net, *client_net;
        struct net *raw, *raw_client;         /* `net` and `client_net` without TLS */
        struct net *tls_net, *tls_client_net; /* the same, if TLS is in front of them */
        struct bus_embedded *embedded;
        struct bus *bus, *worker_bus;
        struct presence_memory *memory;
        struct presence *presence, *observer;
        struct frontend *frontend;
        bool sockets; /* real ones */
        uint16_t port;
        struct bus_event taken[1];
};

struct client {
        struct host *host;
        int socket;
        bool closed; /* it has read the server's end, and closed its own */
        uint64_t user, device;
        uint8_t token[TOKEN_SIZE];
        uint8_t *input;
        size_t used;
        uint64_t requests;

        /* web_client.h: what of a client that speaks WebSocket is not unframed yet; what the server said of the connection. */
        bool framed;
        uint8_t *raw;
        size_t raw_used;
        unsigned messages, pongs;
        uint8_t pong[125];
        size_t pong_size;
        uint16_t closed_with;
};

/* Until it serves. options.index is 0 and there is one partition for each of the 2 frontends there may be. */
void host_start(struct host *host, const struct frontend_options *options);

/* The same behind TLS: whoever begins with it is secured by that certificate. Clients may be secured too, and then believe whom
 * `client` says. Both contexts stay the test's. */
struct tls_context;
void host_start_tls(struct host *host, const struct frontend_options *options, struct tls_context *server,
                    struct tls_context *client);

/* The same over sockets of this machine, where what was written takes its time; server NULL: without TLS. */
void host_start_sockets(struct host *host, const struct frontend_options *options, struct tls_context *server,
                        struct tls_context *client);

/* The same without a frontend: the test makes its own. */
void host_start_seams(struct host *host);
struct frontend_seams host_seams(struct host *host);
void host_stop(struct host *host);

/* A few turns at the same moment. Returns false when the frontend has ended. */
bool host_turn(struct host *host);

/* Time passes in steps of at most 100 ms, with turns in between. */
bool host_pass(struct host *host, uint64_t ms);

/* The next envelope that the frontend published, on any topic; asserts that there is one. The slices live until the next call. */
struct wire_envelope host_take(struct host *host, struct wire_frame *frame, struct bus_record *record);

/* Asserts that nothing more was published to the workers. */
void host_take_nothing(struct host *host);

/* Publishes a record to the frontend's partition and lets it read it. */
void host_publish(struct host *host, uint8_t code, const void *message);

/* The same, but it does not read yet: several come together. */
void host_publish_only(struct host *host, uint8_t code, const void *message);

/* Answers an envelope with a frame of that code, or posts an unasked one (request NULL). */
void host_post(struct host *host, const struct wire_envelope *to, const struct id *request, uint8_t code,
               const void *message, enum wire_effect effect);

/* The frontend gives out those files of the web app. */
void host_show(struct host *host, const struct frontend_file *files, size_t count);

/* How many connections presence knows of a user. */
size_t host_presence(struct host *host, uint64_t user);

/* ---- clients ---- */

/* With GALKA_TEST_FRAMED in the environment each client upgrades at once (web_client.h), and all that it does goes by WebSocket. */
void client_open(struct host *host, struct client *client);
void client_close(struct client *client);

/* TLS from now on; the server must prove that name. */
void client_secure(struct client *client, const char *name);

/* Sends as many as the pipe takes; returns how many. */
size_t client_send_bytes(struct client *client, const void *bytes, size_t size);

/* Reads all there is, as far as the server turns meanwhile. */
void client_receive(struct client *client);

/* Builds and sends a frame, with the client's token and device, the room and a new request id where the code has them. Returns
 * that id. */
struct id client_send(struct client *client, uint8_t code, const void *message);

/* The frame's bytes without sending them. Returns the size. */
size_t client_build(struct client *client, uint8_t code, const void *message, uint8_t *bytes, size_t room,
                    struct id *request);

/* After a turn: the next frame from the server; asserts that there is one and that it has that code. message may be NULL. */
struct wire_frame client_expect(struct client *client, uint8_t code, void *message);

/* Asserts that nothing came and the connection is open. */
void client_expect_nothing(struct client *client);

/* Error with that code; returns the request it is for. */
struct id client_expect_error(struct client *client, enum error error);

/* Bye with that code, then the end. */
void client_expect_bye(struct client *client, enum error error);

/* Reads all there is and returns the code of the last whole frame, which may be a Bye; frames before it must be whole. */
uint8_t client_read_to_the_end(struct client *client, struct wire_bye *bye);

/* Where a client that has joined is reached. */
struct wire_envelope client_place(struct client *client);

/* Hello and Welcome. */
void client_hello(struct client *client);

/* Hello, Join as that user and device, answered with OK: ready. */
void client_join(struct client *client, uint64_t user, uint64_t device);

#endif
