/* See pool.h. A free item's first bytes are the link to the next free one. */
#include "frontend/pool.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define SLAB_SIZE 16384

struct pool_slab {
        struct pool_slab *next;
        _Alignas(16) char items[];
};

static size_t items_of_slab(const struct pool *pool)
{
        return max_of(SLAB_SIZE / pool->item_size, 1);
}

void pool_init(struct pool *pool, size_t item_size, uint32_t count_max)
{
        check(item_size >= sizeof(void *));
        *pool = (struct pool){.item_size = (item_size + 7) & ~(size_t)7, .count_max = count_max};
}

void pool_finish(struct pool *pool)
{
        while (pool->slabs) {
                struct pool_slab *slab = pool->slabs;

                pool->slabs = slab->next;
                memory_free(slab);
        }
        *pool = (struct pool){0};
}

void *pool_take(struct pool *pool)
{
        void *item = pool->free;

        if (pool->count == pool->count_max)
                return NULL;
        if (item) {
                pool->free = *(void **)item;
        } else {
                if (pool->fresh == 0) {
                        struct pool_slab *slab = memory_new(sizeof(*slab) + items_of_slab(pool) * pool->item_size);

                        if (!slab)
                                return NULL;
                        slab->next = pool->slabs;
                        pool->slabs = slab;
                        pool->fresh = items_of_slab(pool);
                }
                item = pool->slabs->items + --pool->fresh * pool->item_size;
        }
        memset(item, 0, pool->item_size);
        pool->count++;
        return item;
}

void pool_give(struct pool *pool, void *item)
{
        check(item && pool->count > 0);
        *(void **)item = pool->free;
        pool->free = item;
        pool->count--;
}
