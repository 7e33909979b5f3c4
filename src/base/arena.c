/* Bump allocation over a chain of chunks. */
#include "base/arena.h"

#include "base/assert.h"

struct arena_chunk {
        struct arena_chunk *older;
        size_t size; /* of `bytes` */
        _Alignas(16) uint8_t bytes[];
};

void arena_init(struct arena *arena, const struct arena_source *source, size_t chunk_size, size_t size_max)
{
        check(chunk_size > 0 && source);
        *arena = (struct arena){.source = source, .chunk_size = chunk_size, .size_max = size_max};
}

static void free_newer_than(struct arena *arena, struct arena_chunk *keep)
{
        while (arena->chunk != keep) {
                struct arena_chunk *chunk = arena->chunk;

                arena->chunk = chunk->older;
                arena->total -= chunk->size;
                arena->source->give(chunk);
        }
}

void arena_finish(struct arena *arena)
{
        free_newer_than(arena, NULL);
        arena->used = 0;
}

void arena_reset(struct arena *arena)
{
        struct arena_chunk *oldest = arena->chunk;

        while (oldest && oldest->older)
                oldest = oldest->older;
        free_newer_than(arena, oldest);
        arena->used = 0;
}

static bool grow(struct arena *arena, size_t size)
{
        size_t bytes = size > arena->chunk_size ? size : arena->chunk_size;
        struct arena_chunk *chunk;

        if (arena->total + bytes > arena->size_max)
                return false;
        chunk = arena->source->take(sizeof(*chunk) + bytes);
        if (!chunk)
                return false;
        chunk->older = arena->chunk;
        chunk->size = bytes;
        arena->chunk = chunk;
        arena->used = 0;
        arena->total += bytes;
        return true;
}

void *arena_take(struct arena *arena, size_t size)
{
        void *block;

        if (size > SIZE_MAX / 2)
                return NULL;
        size = (size + 15) & ~(size_t)15;
        if (!arena->chunk || arena->chunk->size - arena->used < size)
                if (!grow(arena, size))
                        return NULL;
        block = arena->chunk->bytes + arena->used;
        arena->used += size;
        check(arena->used <= arena->chunk->size);
        return memset(block, 0, size);
}

bool arena_copy(struct arena *arena, struct slice bytes, struct slice *copy)
{
        uint8_t *block;

        *copy = (struct slice){0};
        if (bytes.size == 0)
                return true;
        block = arena_take(arena, bytes.size);
        if (!block)
                return false;
        memcpy(block, bytes.data, bytes.size);
        *copy = slice_of(block, bytes.size);
        return true;
}
