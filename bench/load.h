/*
 * Simulated users: many client cores on one thread and one struct net, with storage that keeps at once and remembers
 * nothing unless the workload keeps it.
 * The benchmarks and the kill -9 test drive them through callbacks.
 *
 *      load_init → load_add … → load_turn … → load_finish
 */
#ifndef GALKA_BENCH_LOAD_H
#define GALKA_BENCH_LOAD_H

#include "base/heap.h"
#include "core/core.h"
#include "seam/clock.h"
#include "seam/net.h"

struct load;

/* One simulated user's device. */
struct load_user {
        struct load *load;
        struct core *core;
        struct arena arena;
        struct heap_node timer;
        int socket; /* -1: none */
        bool connecting, ready;
        uint8_t head[WIRE_LENGTH_SIZE + 1]; /* of the frame being sent: so much of it as was taken */
        uint8_t head_size;
        uint32_t frame_left; /* bytes of it not taken yet, past the head */
        uint32_t index;
        uint64_t user, device;
        void *own; /* the workload's */
};

struct load_listener {
        /* A message of user `from` was acknowledged. */
        void (*acknowledged)(void *context, struct load_user *from, const struct id *room, const struct id *id,
                             uint64_t seq);
        /* A row reached `to` (others' rows and own ones). */
        void (*row)(void *context, struct load_user *to, const struct id *room, const struct wire_row *row);
        void (*failed)(void *context, struct load_user *from, const struct id *room, const struct id *id, enum error error);
        /* The user's storage, for workloads that look into it later. NULL: all is kept at once and forgotten, and nothing is there. */
        void (*keep)(void *context, struct load_user *user, const struct core_event *event);
        void (*want)(void *context, struct load_user *user, const struct core_event *event);
        /* Of a socket that the workload itself opened on load.net, with a tag of LOAD_FOREIGN_TAG or more. */
        void (*foreign)(void *context, const struct net_event *event);
        void *context;
};

struct load {
        struct net *net;
        struct clock clock;
        struct load_user *users;
        uint32_t user_count, users_max;
        struct heap timers;
        struct load_listener listener;
        const char *const *addresses; /* of the server: users take turns; ends with NULL */
        uint16_t port;
        uint32_t ready_count, address_count;
        uint32_t connecting_count;
        uint64_t bytes_in;
        uint64_t frames_sent[256]; /* by code */
        int alarm;                 /* timerfd: exact to microseconds, where epoll's waits are rounded to milliseconds */
        bool reads;                /* users read what they get: marks go out */
};

#define LOAD_CONNECTING_MAX 256 /* connects under way at once */
#define LOAD_FOREIGN_TAG    ((uint64_t)1 << 32)

must_use enum error load_init(struct load *load, uint32_t users_max, const char *const *addresses, uint16_t port);
void load_finish(struct load *load);

/* One more user with an imported account. It connects by itself from the next turn on. NULL: no memory, or users_max. */
struct load_user *load_add(struct load *load, uint64_t user, uint64_t device, const uint8_t token[40]);

/* Waits up to wait_ms, handles what came: so many events. */
size_t load_turn(struct load *load, int wait_ms);

/* The same, until a moment of load_now_us. */
void load_turn_until(struct load *load, uint64_t until_us);

/* Queues a text. */
must_use enum error load_send(struct load_user *user, const struct id *room, struct slice text, struct id *id);

/* Queues the making of a group; queues any operation on a room. */
must_use enum error load_create_group(struct load_user *user, struct slice title, struct id *room);
must_use enum error load_write(struct load_user *user, const struct id *room, const struct wire_operation *operation,
                               struct id *id);

/* The server is back: the user does not wait out the pause before his next connect. */
void load_hurry(struct load_user *user);

uint64_t load_now_us(struct load *load);

#endif
