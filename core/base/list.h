/* SPDX-License-Identifier: MIT
 *
 * list.h: an intrusive doubly linked ring. A node that is in no list points to itself. Allocates
 * nothing.
 */
#ifndef KITH_BASE_LIST_H
#define KITH_BASE_LIST_H

#include <stddef.h>

struct kith_node {
    struct kith_node *next, *prev;
};

/* The struct that holds `member` at `node`. */
#define KITH_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void kith_list_init(struct kith_node *node)
{
    node->next = node->prev = node;
}

static inline int kith_list_empty(const struct kith_node *list)
{
    return list->next == list;
}

static inline void kith_list_append(struct kith_node *list, struct kith_node *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Legal for a node in no list. */
static inline void kith_list_remove(struct kith_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    kith_list_init(node);
}

/* Moves every node of `from` into the empty list `to`. */
static inline void kith_list_move(struct kith_node *from, struct kith_node *to)
{
    kith_list_init(to);
    if (!kith_list_empty(from)) {
        to->next = from->next;
        to->prev = from->prev;
        to->next->prev = to;
        to->prev->next = to;
        kith_list_init(from);
    }
}

#endif
