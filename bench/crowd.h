/*
 * Light members of a room, as many as would keep a thread of client cores busier than the server: they say Hello, Join, take frames
 * apart, compare each delivery with what the first of them got (copies.h), and send marks at the pace of the core (core/marks.h);
 * they keep nothing and ask for nothing. They use the sockets' loop of a struct load, beside its cores. Deliveries must come to each
 * in the room's order, once, and in the same bytes as to the others: else it is a failure, or the ledger counts it.
 *
 * A bare crowd reads deliveries from whom it is connected to, without a Hello: what limit_fanout.h writes.
 *
 *      crowd_init → crowd_add … → (load_turn, crowd_tick) … → crowd_finish
 */
#ifndef GALKA_BENCH_CROWD_H
#define GALKA_BENCH_CROWD_H

#include "copies.h"
#include "ledger.h"
#include "load.h"
#include "process.h"

#define CROWD_CONNECTING_MAX 128

enum crowd_state { CROWD_IDLE, CROWD_CONNECTING, CROWD_HELLO, CROWD_JOINING, CROWD_READY, CROWD_CLOSED };

struct crowd_member {
        struct heap_node timer; /* of its next mark */
        int socket;
        enum crowd_state state;
        bool slow;      /* once it is READY it reads nothing */
        bool marking;   /* a mark is not answered */
        uint32_t index; /* in the ledger */
        uint64_t user, device;
        uint8_t token[40];
        uint64_t head, marked;      /* highest number seen; as it was when marked last */
        uint64_t latest, next_copy; /* what came last, by which they must come in order; the place of the next */
        uint64_t mark_ms;           /* no mark before */
        uint8_t *rest;              /* the beginning of a frame */
        size_t rest_size;
};

struct crowd {
        struct load *load;
        struct ledger *ledger;
        struct crowd_member *members;
        struct heap timers;
        uint32_t count, count_max, ready, connecting, closed;
        uint64_t tag; /* of the first member: LOAD_FOREIGN_TAG or more */
        uint16_t port;
        bool bare;
        struct id room;
        struct copies copies;
        uint64_t marks, failures, requests;
        uint8_t sample[2048];            /* the latest delivery of a row with text of at most a kilobyte: a whole frame */
        size_t sample_size, sample_text; /* where its text begins */
};

/* NO_MEMORY. Calls of struct load's `foreign` with tags of this crowd go to crowd_event. */
must_use enum error crowd_init(struct crowd *crowd, struct load *load, struct ledger *ledger, uint32_t count_max,
                               uint64_t tag, uint16_t port, bool bare);
void crowd_finish(struct crowd *crowd);

/* One more. user: of an imported account, NULL in a bare crowd. index: its place in the ledger. */
void crowd_add(struct crowd *crowd, const struct process_user *user, uint32_t index);

/* Connects who is not connected, as many as may at once; sends marks that are due. After each load_turn. */
void crowd_tick(struct crowd *crowd);

void crowd_event(struct crowd *crowd, const struct net_event *event);

/* Closes a member's connection; the next tick makes another, on which it reads nothing once it has joined. */
void crowd_make_slow(struct crowd *crowd, uint32_t i);

/* Lets a slow member read again: until the server's end of the connection, if that was cut off. */
void crowd_wake(struct crowd *crowd, uint32_t i);

#endif
