/*
 * Who watches whom, for presence in memory: connections, each with what it watches; and users and rooms, each with the connections that
 * watch it. Beside them, who was connected a moment ago and of whom it was not said yet that he is gone.
 *
 * Not for more than one thread. The clock is an argument. Whether an epoch lives is not known here.
 * Life cycle: watches_init → … → watches_finish.
 */
#ifndef GALKA_DRIVER_PRESENCE_WATCHES_H
#define GALKA_DRIVER_PRESENCE_WATCHES_H

#include "base/list.h"
#include "base/map.h"
#include "seam/presence.h"

#define WATCHES_MAX        1000000 /* pairs of a connection and what it watches */
#define WATCHES_LINGER_MAX 65536   /* who was connected a moment ago; beyond it the first of them are forgotten */
#define WATCHES_SWEEP_MAX  64      /* watches and lingerers that are ended in one watches_expire */

struct watches {
        struct map watchers, watched, lingering;
        struct list watchers_by_end, lingering_by_end; /* the first to end first */
        uint32_t count;                                /* pairs */
};

/* False without memory. */
must_use bool watches_init(struct watches *watches);
void watches_finish(struct watches *watches);

/* Forgets all, and keeps the maps. */
void watches_clear(struct watches *watches);

/* Ends some of what has ended by now. */
void watches_expire(struct watches *watches, uint64_t now_ms);

/* What the connection watches from now on. FULL: WATCHES_MAX; NO_MEMORY; then it watches nothing. */
must_use enum error watches_set(struct watches *watches, const struct presence_request *request, uint64_t now_ms);

/* The connection watches nothing. */
void watches_drop(struct watches *watches, const struct presence_entry *entry);

/* Whoever watches the user, or, if he is 0, the room, newest first, at most `max`. entries NULL: only how many. */
size_t watches_list(const struct watches *watches, uint64_t user, const struct id *room, uint64_t now_ms,
                    struct presence_entry *entries, size_t max);

/* Of this user it was not said yet that he is gone, until watches_said or for PRESENCE_LINGER_MS. */
void watches_linger(struct watches *watches, uint64_t user, uint64_t now_ms);
bool watches_lingers(const struct watches *watches, uint64_t user, uint64_t now_ms);
void watches_said(struct watches *watches, uint64_t user);

#endif
