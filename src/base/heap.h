/* An intrusive binary min-heap of deadlines. The owner gives the array; an element knows its place in it. */
#ifndef GALKA_BASE_HEAP_H
#define GALKA_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
        uint64_t key;
        uint32_t place; /* 1-based index in the heap; 0 when in none */
};

struct heap {
        struct heap_node **nodes;
        uint32_t count, size_max;
};

/* `nodes` holds size_max pointers and stays the caller's. */
void heap_init(struct heap *heap, struct heap_node **nodes, uint32_t size_max);

/* False when the heap is full. The node must be in no heap. */
bool heap_insert(struct heap *heap, struct heap_node *node, uint64_t key) __attribute__((warn_unused_result));

/* Removing a node that is in no heap is fine. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the smallest key, or NULL. */
struct heap_node *heap_peek(const struct heap *heap);

#endif
