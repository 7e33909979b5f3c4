/*
 * The core's memory: size classes carved from the host's arena, with a free list each. Nothing goes back to the arena, so what
 * is given back is used again for the same class; when the arena is exhausted, a larger free block is cut up. The caller
 * remembers sizes, so a block has no header.
 *
 * Life cycle: recycler_init; there is nothing to finish, the arena takes all of it with it.
 */
#ifndef GALKA_CORE_RECYCLER_H
#define GALKA_CORE_RECYCLER_H

#include "base/arena.h"

#define RECYCLER_CLASSES   22
#define RECYCLER_BLOCK_MAX ((size_t)524288)

struct recycler_block;

struct recycler {
        struct arena *arena;
        struct recycler_block *free[RECYCLER_CLASSES];
};

void recycler_init(struct recycler *recycler, struct arena *arena);

/* Zeroed. NULL when the arena has no more, or for more than RECYCLER_BLOCK_MAX. */
void *recycler_take(struct recycler *recycler, size_t size) __attribute__((warn_unused_result));

/* size: the one it was taken with. NULL is fine. */
void recycler_give(struct recycler *recycler, void *block, size_t size);

/* The size of a class, for those who count what lies in the free lists. */
size_t recycler_class_size(unsigned class);

/* A copy of bytes. An empty slice makes an empty copy. */
bool recycler_copy(struct recycler *recycler, struct slice bytes, struct slice *copy) __attribute__((warn_unused_result));
void recycler_give_copy(struct recycler *recycler, struct slice *copy);

#define recycler_new(recycler, type) ((type *)recycler_take(recycler, sizeof(type)))

#endif
