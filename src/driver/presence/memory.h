/*
 * Presence inside one process: handles (struct presence) over one shared table. Requests are done at once, under one lock in
 * threaded mode; only their completions wait for poll. Inline mode has no lock and no descriptor (-1): the simulator.
 *
 * Life cycle: presence_memory_new → presence_memory_open for each handle → handles freed by their `free` → presence_memory_free.
 */
#ifndef GALKA_DRIVER_PRESENCE_MEMORY_H
#define GALKA_DRIVER_PRESENCE_MEMORY_H

#include "seam/clock.h"
#include "seam/presence.h"

#define PRESENCE_SUBMITS_MAX 64  /* of one handle, not polled; beyond: FULL */
#define PRESENCE_RECENT_MAX  256 /* inline mode: the newest entries, which presence_memory_forget may forget */

enum presence_memory_mode { PRESENCE_MEMORY_THREADED, PRESENCE_MEMORY_INLINE };

struct presence_memory_options {
        enum presence_memory_mode mode;
        struct clock *clock;  /* asked under the lock; must serve all threads; stays the caller's */
        uint32_t entries_max; /* connections in all; 0: four million */
};

struct presence_memory;

/* NO_MEMORY. */
must_use enum error presence_memory_new(const struct presence_memory_options *options, struct presence_memory **memory);

/* All handles must be gone. */
void presence_memory_free(struct presence_memory **memory);

/* A handle, from any thread; it then belongs to the thread that uses it. NO_MEMORY, SYSTEM (no descriptor).
 * Its submit says FULL also when entries or epochs have reached their limit. */
must_use enum error presence_memory_open(struct presence_memory *memory, struct presence **presence);

/* Connections it knows, and the bytes it holds for them. */
struct presence_memory_size {
        uint32_t entries;
        size_t bytes;
};

struct presence_memory_size presence_memory_size(struct presence_memory *memory);

/* For tests and the simulator, inline mode only: loses up to `newest` of the entries set last, or all it knows. As with a
 * replica that was promoted too early, no epoch is sure of itself then: the next beat of each says `forgot`. */
#define PRESENCE_FORGET_ALL SIZE_MAX
void presence_memory_forget(struct presence_memory *memory, size_t newest);

/* The same: keeps an image of all it knows, instead of the last one; and then the image is what there is, with all that was gone
 * since, and without what came. NO_MEMORY. */
must_use enum error presence_memory_keep(struct presence_memory *memory);
void presence_memory_fail_over(struct presence_memory *memory);

#endif
