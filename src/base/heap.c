/* Sift up, sift down. */
#include "base/heap.h"

#include "base/assert.h"

void heap_init(struct heap *heap, struct heap_node **nodes, uint32_t size_max)
{
        *heap = (struct heap){.nodes = nodes, .size_max = size_max};
}

static void place(struct heap *heap, uint32_t index, struct heap_node *node)
{
        heap->nodes[index] = node;
        node->place = index + 1;
}

static void sift_up(struct heap *heap, uint32_t index)
{
        struct heap_node *node = heap->nodes[index];

        while (index > 0 && heap->nodes[(index - 1) / 2]->key > node->key) {
                place(heap, index, heap->nodes[(index - 1) / 2]);
                index = (index - 1) / 2;
        }
        place(heap, index, node);
}

static void sift_down(struct heap *heap, uint32_t index)
{
        struct heap_node *node = heap->nodes[index];

        for (;;) {
                uint32_t child = 2 * index + 1;

                if (child >= heap->count)
                        break;
                if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key)
                        child++;
                if (heap->nodes[child]->key >= node->key)
                        break;
                place(heap, index, heap->nodes[child]);
                index = child;
        }
        place(heap, index, node);
}

bool heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
        check(node->place == 0);
        if (heap->count == heap->size_max)
                return false;
        node->key = key;
        place(heap, heap->count++, node);
        sift_up(heap, heap->count - 1);
        return true;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
        uint32_t index;
        struct heap_node *last;

        if (node->place == 0)
                return;
        index = node->place - 1;
        check(index < heap->count && heap->nodes[index] == node);
        last = heap->nodes[--heap->count];
        node->place = 0;
        if (last == node)
                return;
        place(heap, index, last);
        sift_up(heap, index);
        sift_down(heap, last->place - 1);
}

struct heap_node *heap_peek(const struct heap *heap)
{
        return heap->count ? heap->nodes[0] : NULL;
}
