/* SPDX-License-Identifier: MIT */
/*
 * base/list.h - intrusive, circular, doubly linked lists
 *
 * A head is a link that is not part of an item.  An item that is in no list
 * points to itself, so removing it twice is harmless; a link of all zeroes
 * counts as being in no list.
 *
 * Invariant: link->_next->_prev == link and link->_prev->_next == link.
 */
#ifndef BL__BASE_LIST_H
#define BL__BASE_LIST_H

#include <stddef.h>

#include <belay/base.h>

#define bl__container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define bl__list_each(link, head) \
    for (bl_link *link = (head)->_next; link != (head); link = link->_next)

static inline void bl__list_init(bl_link *link) {
    link->_prev = link;
    link->_next = link;
}

static inline bool bl__list_is_empty(const bl_link *head) {
    return head->_next == head || head->_next == NULL;
}

static inline bool bl__list_is_linked(const bl_link *link) {
    return link->_next != NULL && link->_next != link;
}

/* Puts `link` before `where`: at the end, if `where` is the head. */
static inline void bl__list_insert_before(bl_link *where, bl_link *link) {
    bl_link *prev = where->_prev;
    link->_next = where;
    link->_prev = prev;
    prev->_next = link;
    where->_prev = link;
}

static inline void bl__list_append(bl_link *head, bl_link *link) {
    bl__list_insert_before(head, link);
}

static inline void bl__list_remove(bl_link *link) {
    if (link->_next == NULL) return;
    link->_prev->_next = link->_next;
    link->_next->_prev = link->_prev;
    bl__list_init(link);
}

/* Removes without re-initialising: the caller links it elsewhere at once. */
static inline void bl__list_unlink(bl_link *link) {
    link->_prev->_next = link->_next;
    link->_next->_prev = link->_prev;
}

static inline bl_link *bl__list_first(const bl_link *head) {
    return bl__list_is_empty(head) ? NULL : head->_next;
}

#endif
