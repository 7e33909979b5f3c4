/*
 * An arena: many small allocations, freed at once. It grows by chunks from a source that its owner chooses (memory_new
 * in the server, a fixed block in the core), up to size_max; then arena_take returns NULL.
 *
 * Life cycle: arena_init → arena_take … → arena_reset (keeps the first chunk) … → arena_finish.
 */
#ifndef GALKA_BASE_ARENA_H
#define GALKA_BASE_ARENA_H

#include "base/slice.h"

struct arena_chunk;

/* Where chunks come from. take returns NULL when there is no more. */
struct arena_source {
        void *(*take)(size_t size);
        void (*give)(void *chunk);
};

struct arena {
        const struct arena_source *source;
        struct arena_chunk *chunk; /* the one being filled; older ones hang behind it */
        size_t used;               /* bytes used in `chunk` */
        size_t total;              /* bytes in all chunks */
        size_t chunk_size, size_max;
};

void arena_init(struct arena *arena, const struct arena_source *source, size_t chunk_size, size_t size_max);
void arena_finish(struct arena *arena);

/* Forgets everything taken. The oldest chunk is kept for reuse. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type. NULL when size_max or the source is exhausted. Owned by the arena. */
void *arena_take(struct arena *arena, size_t size) __attribute__((warn_unused_result));

/* A copy that the arena owns. On exhaustion returns false and *copy is empty. */
bool arena_copy(struct arena *arena, struct slice bytes, struct slice *copy) __attribute__((warn_unused_result));

#define arena_new(arena, type)          ((type *)arena_take(arena, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_take(arena, sizeof(type) * (count)))

#endif
