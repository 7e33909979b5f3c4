/* Size classes: powers of two, and below 2 KiB the ones half-way between, which most of the core's structures need. */
#include "core/recycler.h"

#include "base/assert.h"

struct recycler_block {
        struct recycler_block *next;
};

static const uint32_t class_sizes[RECYCLER_CLASSES] = {
        16,   32,   48,   64,   96,   128,   192,   256,   384,    512,    768,
        1024, 1536, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288,
};

void recycler_init(struct recycler *recycler, struct arena *arena)
{
        check(arena && class_sizes[RECYCLER_CLASSES - 1] == RECYCLER_BLOCK_MAX);
        *recycler = (struct recycler){.arena = arena};
}

static unsigned class_of(size_t size)
{
        unsigned class = 0;

        check(size <= RECYCLER_BLOCK_MAX);
        while (class_sizes[class] < size)
                class += 1;
        return class;
}

static void put(struct recycler *recycler, unsigned class, void *block)
{
        struct recycler_block *free_block = block;

        free_block->next = recycler->free[class];
        recycler->free[class] = free_block;
}

/* Cuts `size` bytes off the front of a free block of a larger class and puts the rest into the lists of smaller ones. */
static void *cut(struct recycler *recycler, unsigned class)
{
        for (unsigned larger = class + 1; larger < RECYCLER_CLASSES; larger++) {
                uint8_t *block = (uint8_t *)recycler->free[larger];
                size_t rest = class_sizes[larger] - class_sizes[class];

                if (!block)
                        continue;
                recycler->free[larger] = recycler->free[larger]->next;
                for (unsigned piece = larger; rest >= class_sizes[0]; piece--)
                        while (rest >= class_sizes[piece]) {
                                rest -= class_sizes[piece];
                                put(recycler, piece, block + class_sizes[class] + rest);
                        }
                return block;
        }
        return NULL;
}

void *recycler_take(struct recycler *recycler, size_t size)
{
        unsigned class;
        void *block;

        if (size > RECYCLER_BLOCK_MAX)
                return NULL;
        class = class_of(size);
        block = recycler->free[class];
        if (block) {
                recycler->free[class] = recycler->free[class]->next;
                return memset(block, 0, size);
        }
        block = arena_take(recycler->arena, class_sizes[class]);
        if (block)
                return block;
        block = cut(recycler, class);
        return block ? memset(block, 0, size) : NULL;
}

void recycler_give(struct recycler *recycler, void *block, size_t size)
{
        if (block)
                put(recycler, class_of(size), block);
}

size_t recycler_class_size(unsigned class)
{
        check(class < RECYCLER_CLASSES);
        return class_sizes[class];
}

bool recycler_copy(struct recycler *recycler, struct slice bytes, struct slice *copy)
{
        uint8_t *block;

        *copy = (struct slice){0};
        if (bytes.size == 0)
                return true;
        block = recycler_take(recycler, bytes.size);
        if (!block)
                return false;
        memcpy(block, bytes.data, bytes.size);
        *copy = slice_of(block, bytes.size);
        return true;
}

void recycler_give_copy(struct recycler *recycler, struct slice *copy)
{
        if (copy->size)
                recycler_give(recycler, (void *)(uintptr_t)copy->data, copy->size);
        *copy = (struct slice){0};
}
