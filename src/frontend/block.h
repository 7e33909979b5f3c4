/*
 * Counted blocks of bytes in size classes: payloads, shared by all connections they are queued on, and the
 * buffers of partial frames. Blocks given back are kept for reuse, up to BLOCKS_KEPT_MAX bytes, so that a
 * message costs no heap call.
 */
#ifndef GALKA_FRONTEND_BLOCK_H
#define GALKA_FRONTEND_BLOCK_H

#include "base/slice.h"

#define BLOCK_CLASSES   13 /* 128 bytes, doubling, to 512 KiB; with the header */
#define BLOCKS_KEPT_MAX (4u << 20)
#define BLOCK_SIZE_MAX  ((128u << (BLOCK_CLASSES - 1)) - sizeof(struct block))

/* Whose memory its bytes are while they wait for sockets (budget.h). */
enum block_account { BLOCK_OF_FRAMES, BLOCK_OF_HTTP, BLOCK_OF_FILES, BLOCK_ACCOUNTS };

struct block {
        struct block *next; /* while kept for reuse */
        uint32_t references;
        uint32_t size; /* bytes in use */
        uint16_t class;
        uint8_t account; /* enum block_account */
        bool bare;       /* goes out as it is, also where others are framed (websocket.h) */
        uint8_t bytes[];
};

/* Bytes of a block that lie next to each other: one frame, or several of a run (run.h). */
struct piece {
        struct block *block;
        uint32_t from, size;
};

static inline struct piece piece_of(struct block *block)
{
        return (struct piece){.block = block, .size = block->size};
}

static inline struct slice piece_bytes(const struct piece *piece)
{
        return slice_of(piece->block->bytes + piece->from, piece->size);
}

struct blocks {
        struct block *kept[BLOCK_CLASSES];
        size_t kept_bytes;
};

/* A block with room for at least `room` bytes, one reference, size 0. NULL without memory. room ≤
 * BLOCK_SIZE_MAX. */
struct block *block_new(struct blocks *blocks, size_t room) __attribute__((warn_unused_result));

/* A copy of bytes, one reference. */
struct block *block_copy(struct blocks *blocks, struct slice bytes) __attribute__((warn_unused_result));

/* The same of any size, in memory of just that size, which is not kept for reuse: for what lives long, of the account of files. */
struct block *block_copy_alone(struct slice bytes) __attribute__((warn_unused_result));

/* How many bytes it has room for; not of one that stands alone. */
size_t block_room(const struct block *block);

struct block *block_hold(struct block *block);

/* Gives one reference back. NULL is fine. blocks NULL: it stands alone. */
void block_drop(struct blocks *blocks, struct block *block);

/* Frees those that are kept. */
void blocks_finish(struct blocks *blocks);

#endif
