/*
 * A pool of objects of one kind and size: taken from slabs, given back to a free list, never more than
 * count_max. Slabs are kept until pool_finish, so memory follows the highest use so far.
 */
#ifndef GALKA_FRONTEND_POOL_H
#define GALKA_FRONTEND_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool_slab;

struct pool {
        size_t item_size;
        uint32_t count, count_max;
        struct pool_slab *slabs;
        void *free;   /* chain of given-back items */
        size_t fresh; /* items of the newest slab that were never taken */
};

void pool_init(struct pool *pool, size_t item_size, uint32_t count_max);

/* Every item of it becomes invalid. */
void pool_finish(struct pool *pool);

/* Zeroed; NULL at count_max or without memory. */
void *pool_take(struct pool *pool) __attribute__((warn_unused_result));
void pool_give(struct pool *pool, void *item);

#endif
