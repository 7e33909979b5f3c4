/*
 * Who is on the screen, and who types in the room that is open. The host says what it shows; the core watches that, on every link anew
 * and again before the lease ends. Nothing of it is kept: after a Join it is not known, until the server says it.
 *
 * Memory for it is taken when the host first says something.
 */
#ifndef GALKA_CORE_WATCH_H
#define GALKA_CORE_WATCH_H

#include "core/core.h"
#include "rules/limits.h"

#define WATCH_TYPISTS_MAX 8     /* shown at once; who comes beyond them is not */
#define WATCH_GATHER_MS   200   /* what is shown may change several times at once */
#define WATCH_LEASE_MIN   30000 /* of a lease that the server said, at least */
#define WATCH_PAUSE_MS    500   /* the core's own pause between two `typing`, beyond what the server wants */

struct request;

enum watch_status { WATCH_UNKNOWN, WATCH_OFFLINE, WATCH_ONLINE };

struct watched_user {
        uint64_t user, stamp, seen_ms;
        uint8_t status, told; /* enum watch_status: as it is; as the host was told last */
};

struct typist {
        uint64_t user, until_ms; /* until_ms 0: the place is free */
        bool told;
};

struct watching {
        struct watched_user users[WATCH_USERS_MAX];
        uint32_t count;
        struct id room;                           /* open; zero: none */
        struct typist typists[WATCH_TYPISTS_MAX]; /* there */
        bool due, asked, again;                   /* it is to be sent; it was; what is shown changed since */
        uint64_t send_ms;                         /* not before */
        uint64_t renew_ms;
        uint64_t typed_ms; /* the last `typing` */
        bool typed;
        uint8_t tries;
};

/* Forgets what was shown. */
void watch_end(struct core *core);

/* A Join was answered: all is to be asked anew. */
void watch_joined(struct core *core);

/* Who may be watched may be others now: it is asked at once. */
void watch_again(struct core *core);

/* The link is gone: nothing is known. */
void watch_closed(struct core *core);

void watch_step(struct core *core);
uint64_t watch_due(const struct core *core);
bool watch_poll(struct core *core, struct core_event *event);

bool watch_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void watch_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

/* Came down. */
bool watch_moved(struct core *core, const struct wire_status_moved *moved);
bool watch_types(struct core *core, const struct id *room, const struct wire_types *types);

/* His message came: he types no longer. */
void watch_spoke(struct core *core, const struct id *room, uint64_t user);

#endif
