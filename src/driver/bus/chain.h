/*
 * A chain: the records of one partition, in segments of memory. Records are appended at its end, read through
 * cursors, and trimmed from its beginning. A record that was handed out pins its segment: trimming takes the
 * segment out of the chain, but its memory stays until the last pin is gone, so readers need no copies.
 *
 * The chain owns its segments; the pool keeps a few that are empty, so that a steady flow allocates nothing.
 * Life cycle: chain_init → append, read, trim … → chain_finish.
 */
#ifndef GALKA_DRIVER_BUS_CHAIN_H
#define GALKA_DRIVER_BUS_CHAIN_H

#include "base/error.h"
#include "base/slice.h"

#define SEGMENT_SIZE     65536 /* bytes of records in a segment; a larger record has one of its own */
#define SEGMENT_POOL_MAX 64    /* empty segments that are kept */

struct segment {
        struct segment *next;
        uint64_t first;  /* offset of its first record */
        uint32_t used;   /* bytes */
        uint32_t size;   /* bytes */
        uint32_t pins;   /* who hands out records of it */
        uint32_t loose;  /* 1: out of its chain, kept by its pins alone */
        uint8_t bytes[]; /* records: struct record_head, key, value, padded to 8 */
};

struct segment_pool {
        struct segment *free;
        uint32_t count;
};

/* A place in a chain. Trimming may free the segment below it: `segment_first` tells that without looking at
 * it. */
struct cursor {
        struct segment *segment;
        uint64_t segment_first;
        uint64_t offset;
        uint32_t at; /* byte in the segment */
};

struct chain {
        struct segment_pool *pool;
        struct segment *head, *tail;
        struct cursor low; /* the first record kept */
        uint64_t end;      /* offset of the next record */
        size_t bytes;      /* of the records kept */
};

void segment_pool_finish(struct segment_pool *pool);

/* One more reader of its bytes, or one less. */
void segment_pin(struct segment *segment);
void segment_unpin(struct segment_pool *pool, struct segment *segment);

void chain_init(struct chain *chain, struct segment_pool *pool);
void chain_finish(struct chain *chain);

/* NO_MEMORY: nothing was appended. */
must_use enum error chain_append(struct chain *chain, struct slice key, struct slice value);

/* Places the cursor at offset, which must lie between chain_first and the end, inclusive. */
void chain_seek(const struct chain *chain, struct cursor *cursor, uint64_t offset);

/* The record at the cursor, which moves on; NULL at the end. The segment returned holds key and value; pin it
 * to keep them. A cursor below the first record kept must be seeked first. */
struct segment *chain_read(const struct chain *chain, struct cursor *cursor, struct slice *key, struct slice *value);

/* Forgets the records below offset, at most up to the end. */
void chain_trim(struct chain *chain, uint64_t offset);

static inline uint64_t chain_first(const struct chain *chain)
{
        return chain->low.offset;
}

static inline uint64_t chain_count(const struct chain *chain)
{
        return chain->end - chain->low.offset;
}

#endif
