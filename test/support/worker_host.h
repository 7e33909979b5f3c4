/*
 * A whole worker in a test: an inline bus, presence in memory, a clock that stands still until told, and a store that answers
 * everything at once with one status (but whether a device is live, with its own). The test plays the frontends: it publishes envelopes and reads what comes back.
 *
 *      worker_host_start → worker_host_publish, worker_host_work, worker_host_take … → worker_host_stop
 */
#ifndef GALKA_TEST_WORKER_HOST_H
#define GALKA_TEST_WORKER_HOST_H

#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "service/worker/service.h"
#include "support/by_hand.h"
#include "wire/envelope.h"

#define WORKER_HOST_USER       42
#define WORKER_HOST_DEVICE     7
#define WORKER_HOST_CONNECTION 1001
#define WORKER_HOST_REPLY_MS   5000

struct small_store {
        struct store store;
        enum error status, device_status; /* the latter to STORE_ASK_DEVICE */
        unsigned applied, asked;          /* operations and questions so far */
        uint64_t tags[4];
        size_t tag_count;
};

struct worker_host {
        struct hand_clock clock;
        struct hand_random random;
        struct event_sink events;
        struct token_keys keys;
        struct bus_embedded *embedded;
        struct bus *bus, *frontends;
        struct presence_memory *memory;
        struct presence *presence, *observer;
        struct small_store store;
        struct worker *worker;
        struct bus_event taken[1];
};

void worker_host_start(struct worker_host *host, const struct service *service);
void worker_host_stop(struct worker_host *host);

/* Wall clock of all. */
uint64_t worker_host_ms(struct worker_host *host);

/* A frontend publishes a frame of the one connection there is, which it got at wall time sent_ms. */
void worker_host_publish(struct worker_host *host, enum wire_code code, const void *message, uint64_t sent_ms);

/* Steps until nothing moves. */
void worker_host_work(struct worker_host *host);

/* The next record for the frontends: its code, WIRE_CODE_none if there is none. *post is set if it is one. */
enum wire_code worker_host_take(struct worker_host *host, struct wire_post *post);

/* Enters another connection of the user in presence. */
void worker_host_enter(struct worker_host *host, uint64_t connection);

/* How many connections of the user presence knows; whether it knows that one. */
size_t worker_host_presence(struct worker_host *host);
bool worker_host_knows(struct worker_host *host, uint64_t connection);

#endif
