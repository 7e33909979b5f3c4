/*
 * The holes of a room: ranges of operation numbers that were not fetched yet, disjoint, not touching, in rising order. Pure
 * numbers: what fills a hole is sync's affair, that it is kept in one step with the rows is batch's.
 *
 * The list grows by doubling; holes_reserve first, then the changes cannot fail. At most HOLES_MAX: beyond it the two
 * lowest become one (which only means that some rows are fetched twice).
 */
#ifndef GALKA_CORE_HOLES_H
#define GALKA_CORE_HOLES_H

#include "core/recycler.h"

#define HOLES_MAX 64

struct hole {
        uint64_t low, high; /* inclusive */
};

struct holes {
        struct hole *list;
        uint16_t count, room;
};

/* Room for one more change (a change adds at most one hole). False: no memory, nothing changed. */
bool holes_reserve(struct holes *holes, struct recycler *recycler) __attribute__((warn_unused_result));
void holes_finish(struct holes *holes, struct recycler *recycler);

/* [low, high] is not known (any more). low ≤ high, low > 0. */
void holes_add(struct holes *holes, uint64_t low, uint64_t high);

/* [low, high] is known now. */
void holes_remove(struct holes *holes, uint64_t low, uint64_t high);

bool holes_has(const struct holes *holes, uint64_t number);

/* The highest hole, or NULL. */
const struct hole *holes_highest(const struct holes *holes);

/* The upper end of the highest hole; 0 without one. */
uint64_t holes_top(const struct holes *holes);

/* How far from the bottom everything is known, if what is ≤ floor counts as known and the log goes up to head. */
uint64_t holes_whole_to(const struct holes *holes, uint64_t floor, uint64_t head);

#endif
