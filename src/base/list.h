/* An intrusive doubly linked list with a sentinel. The element owns its node; the list owns nothing. */
#ifndef GALKA_BASE_LIST_H
#define GALKA_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct list_node {
        struct list_node *next, *prev;
};

struct list {
        struct list_node head; /* head.next is the first, head.prev the last */
};

static inline void list_init(struct list *list)
{
        list->head.next = list->head.prev = &list->head;
}

static inline bool list_empty(const struct list *list)
{
        return list->head.next == &list->head;
}

/* True while the node is on some list; needs a node that was zeroed or unlinked before. */
static inline bool list_linked(const struct list_node *node)
{
        return node->next != NULL;
}

static inline void list_insert_before(struct list_node *at, struct list_node *node)
{
        check(!list_linked(node));
        node->next = at;
        node->prev = at->prev;
        at->prev->next = node;
        at->prev = node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
        list_insert_before(&list->head, node);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
        list_insert_before(list->head.next, node);
}

/* Taking an unlinked node off is fine. */
static inline void list_remove(struct list_node *node)
{
        if (!list_linked(node))
                return;
        node->prev->next = node->next;
        node->next->prev = node->prev;
        node->next = node->prev = NULL;
}

/* NULL if empty. */
static inline struct list_node *list_first(const struct list *list)
{
        return list_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list)
{
        return list_empty(list) ? NULL : list->head.prev;
}

static inline struct list_node *list_pop(struct list *list)
{
        struct list_node *node = list_first(list);

        if (node)
                list_remove(node);
        return node;
}

/* Safe against removal of the current element. */
#define list_each(list, item, type, member)                                                                                 \
        for (type *item = container_of((list)->head.next, type, member),                                                    \
                  *item##_next = container_of(item->member.next, type, member);                                             \
             &item->member != &(list)->head;                                                                                \
             item = item##_next, item##_next = container_of(item->member.next, type, member))

#endif
