/* See block.h. */
#include "frontend/block.h"

#include "base/assert.h"
#include "base/memory.h"

#define CLASS_ALONE BLOCK_CLASSES

static size_t class_size(uint32_t class)
{
        return (size_t)128 << class;
}

size_t block_room(const struct block *block)
{
        check(block->class < BLOCK_CLASSES);
        return class_size(block->class) - sizeof(*block);
}

struct block *block_new(struct blocks *blocks, size_t room)
{
        uint16_t class = 0;
        struct block *block;

        check(room <= BLOCK_SIZE_MAX);
        while (class_size(class) - sizeof(*block) < room)
                class ++;
        block = blocks->kept[class];
        if (block) {
                blocks->kept[class] = block->next;
                blocks->kept_bytes -= class_size(class);
        } else {
                block = memory_new(class_size(class));
                if (!block)
                        return NULL;
        }
        block->next = NULL;
        block->references = 1;
        block->size = 0;
        block->class = class;
        block->account = BLOCK_OF_FRAMES;
        block->bare = false;
        return block;
}

struct block *block_copy(struct blocks *blocks, struct slice bytes)
{
        struct block *block = block_new(blocks, bytes.size);

        if (!block)
                return NULL;
        memcpy(block->bytes, bytes.data, bytes.size);
        block->size = (uint32_t)bytes.size;
        return block;
}

struct block *block_copy_alone(struct slice bytes)
{
        struct block *block = bytes.size <= UINT32_MAX - sizeof(*block) ? memory_new(sizeof(*block) + bytes.size) : NULL;

        if (!block)
                return NULL;
        block->references = 1;
        block->size = (uint32_t)bytes.size;
        block->class = CLASS_ALONE;
        block->account = BLOCK_OF_FILES;
        if (bytes.size > 0)
                memcpy(block->bytes, bytes.data, bytes.size);
        return block;
}

struct block *block_hold(struct block *block)
{
        check(block->references > 0);
        block->references++;
        return block;
}

void block_drop(struct blocks *blocks, struct block *block)
{
        if (!block)
                return;
        check(block->references > 0);
        if (--block->references > 0)
                return;
        if (block->class == CLASS_ALONE || blocks->kept_bytes + class_size(block->class) > BLOCKS_KEPT_MAX) {
                memory_free(block);
                return;
        }
        block->next = blocks->kept[block->class];
        blocks->kept[block->class] = block;
        blocks->kept_bytes += class_size(block->class);
}

void blocks_finish(struct blocks *blocks)
{
        for (size_t i = 0; i < BLOCK_CLASSES; i++) {
                while (blocks->kept[i]) {
                        struct block *block = blocks->kept[i];

                        blocks->kept[i] = block->next;
                        memory_free(block);
                }
        }
        blocks->kept_bytes = 0;
}
