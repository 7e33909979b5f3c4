/*
 * All allocation goes through here, so that a test can make the n-th one fail. Not part of the wasm build: the core
 * allocates from the arena that its host gives it.
 */
#ifndef GALKA_BASE_MEMORY_H
#define GALKA_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory, or NULL. Free with memory_free. */
void *memory_new(size_t size) __attribute__((malloc, warn_unused_result));

/* Grows or shrinks; the new part is not zeroed; NULL leaves the old block as it was. */
void *memory_resize(void *block, size_t size) __attribute__((warn_unused_result));

/* NULL is fine. */
void memory_free(void *block);

/* Test hook: the n-th allocation from now (1 = next) fails, and those after it succeed; 0 switches it off.
 * Returns how many allocations were made since the last call. */
unsigned long memory_fail_at(unsigned long nth);

#endif
