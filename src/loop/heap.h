/* SPDX-License-Identifier: MIT */
/*
 * loop/heap.h - the timers of a loop, by (due, order of arming)
 *
 * A 4-ary heap whose entries carry the time inline, so that comparing touches
 * no timer.  Equal times are decided by the timers' order of arming.
 *
 * Most timers lie on the stacks of sleeping tasks, a page each that is in no
 * cache.  So entries that move tell a table of ours, not the timer, where they
 * are: a timer keeps the same *ticket* while it is armed, the heap has for each
 * ticket the timer and its place.
 *
 * Arming cannot fail, because waiting must not: a timer for which the arrays
 * cannot grow is *spilled* to a list, which is searched one by one.  Slow, and
 * right.  A second list has those that are *due*, about to fire; a third those
 * that are *aside*, not to be found for a while.
 *
 * Invariant: places[entries[i].ticket] == i for every i < count, no entry is
 * before its parent, and timers[t]->_index == t + 1; a timer in one of the
 * lists has BL__HEAP_LISTED.
 */
#ifndef BL__LOOP_HEAP_H
#define BL__LOOP_HEAP_H

#include <belay/loop.h>

struct bl__heap_entry {
    bl_ns due;
    uint64_t ticket; /* as wide as the time: copied by registers */
};

struct bl__heap {
    struct bl__heap_entry *entries;
    bl_timer **timers; /* by ticket */
    uint32_t *places;  /* by ticket; of a free one: the next free, from 1 */
    uint32_t count;
    uint32_t capacity;
    uint32_t ticket_count; /* that were ever given out */
    uint32_t free_ticket;  /* the first free one, from 1 */
    void *memory;          /* of all three arrays */
    uint32_t listed_count; /* in the three lists */
    bl_link due;           /* before all others, in order */
    bl_link spilled;
    bl_link aside;
};

#define BL__HEAP_LISTED UINT32_MAX

void bl__heap_init(struct bl__heap *heap);

/* Frees the heap.  Timers that are still armed count as stopped. */
void bl__heap_done(struct bl__heap *heap);

void bl__heap_insert(struct bl__heap *heap, bl_timer *timer);
void bl__heap_remove(struct bl__heap *heap, bl_timer *timer);

/* Takes a timer out of the order until bl__heap_take_back; it stays armed. */
void bl__heap_set_aside(struct bl__heap *heap, bl_timer *timer);
void bl__heap_take_back(struct bl__heap *heap);

/*
 * Moves timers that are due at `now` to the list of those about to fire, which
 * is empty: at most `max`; those that were armed after `order_last` are set
 * aside.  True if there was one.
 */
bool bl__heap_gather(struct bl__heap *heap, bl_ns now, uint64_t order_last,
                     uint32_t max);

/* Takes the first of those out. */
bl_timer *bl__heap_take_due(struct bl__heap *heap);

/* The earliest that is not aside, if some are listed; for bl__heap_first. */
bl_timer *bl__heap_first_listed(const struct bl__heap *heap);

static inline bl_timer *bl__heap_first(const struct bl__heap *heap) {
    if (__builtin_expect(heap->listed_count > 0, 0)) {
        return bl__heap_first_listed(heap);
    }
    return heap->count > 0 ? heap->timers[heap->entries[0].ticket] : NULL;
}

/* When the first is due, without touching it; BL_FOREVER if there is none. */
static inline bl_ns bl__heap_first_due(const struct bl__heap *heap) {
    if (__builtin_expect(heap->listed_count > 0, 0)) {
        const bl_timer *first = bl__heap_first_listed(heap);
        return first != NULL ? first->_due : BL_FOREVER;
    }
    return heap->count > 0 ? heap->entries[0].due : BL_FOREVER;
}

static inline uint64_t bl__heap_count(const struct bl__heap *heap) {
    return (uint64_t)heap->count + heap->listed_count;
}

#endif
