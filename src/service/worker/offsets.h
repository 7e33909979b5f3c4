/*
 * The offset tracker: which records of which partition were taken and not yet done, and so up to where a partition may be
 * committed: one past the last record before which everything taken is done, never past a hole.
 *
 * Who owns what: an entry lives in its record's item; the tracker only links it. An entry leaves the tracker when it and all
 * before it are done, or when its partition is reset (revoked): then marking it done has no effect any more.
 *
 *      offsets_take … offsets_done … offsets_next → commit → offsets_committed
 */
#ifndef GALKA_SERVICE_WORKER_OFFSETS_H
#define GALKA_SERVICE_WORKER_OFFSETS_H

#include "base/error.h"
#include "base/list.h"

#include <stdint.h>

struct offsets_entry {
        struct list_node node;
        uint64_t offset;
        bool done;
};

struct offsets_partition {
        struct list taken;  /* entries in the order they were taken */
        bool any;           /* something was taken since the reset: */
        uint64_t last;      /* the highest offset of it */
        uint64_t next;      /* what may be committed */
        uint64_t committed; /* what was acknowledged as committed */
};

struct offsets {
        struct offsets_partition *partitions;
        uint32_t partition_count;
};

/* NO_MEMORY. */
must_use enum error offsets_init(struct offsets *offsets, uint32_t partition_count);
void offsets_finish(struct offsets *offsets);

/* Forgets all of a partition (it was revoked, or assigned anew). */
void offsets_reset(struct offsets *offsets, uint32_t partition);

/* The record was taken. Offsets of one partition rise; one that the bus repeats (not higher than the last) is not tracked: the
 * first one speaks for it. */
void offsets_take(struct offsets *offsets, uint32_t partition, struct offsets_entry *entry, uint64_t offset);

/* Its work is finished and published. An entry that was forgotten by a reset is ignored. */
void offsets_done(struct offsets *offsets, uint32_t partition, struct offsets_entry *entry);

/* True if there is something to commit for the partition; *next is one past the last record of the done beginning. */
bool offsets_next(const struct offsets *offsets, uint32_t partition, uint64_t *next);

/* The commit of `next` was acknowledged. */
void offsets_committed(struct offsets *offsets, uint32_t partition, uint64_t next);

#endif
