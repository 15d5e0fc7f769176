/* SPDX-License-Identifier: MIT */
/*
 * loop/heap.h - the timers of a loop, by (due, order of arming)
 *
 * A 4-ary heap whose entries carry the time inline, so that comparing touches
 * no timer.  Equal times are decided by the timers' order of arming.  Each
 * timer knows its index, from 1, so it can be taken out from anywhere.
 *
 * Arming cannot fail, because waiting must not: a timer for which the array
 * cannot grow goes to a list, which is searched one by one.  Slow, and right.
 * A second list holds timers that are *aside*: not to be found for a while.
 *
 * Invariant: entries[i - 1].timer->_index == i for every i in 1..count, and
 * no entry is before its parent; a timer in a list has BL__HEAP_SPILLED.
 */
#ifndef BL__LOOP_HEAP_H
#define BL__LOOP_HEAP_H

#include <belay/loop.h>

struct bl__heap_entry {
    bl_ns due;
    bl_timer *timer;
};

struct bl__heap {
    struct bl__heap_entry *entries;
    uint32_t count;
    uint32_t capacity;
    bl_link spilled;
    bl_link aside;
    uint32_t spilled_count; /* in both lists */
};

#define BL__HEAP_SPILLED UINT32_MAX

void bl__heap_init(struct bl__heap *heap);

/* Frees the heap.  Timers that are still armed count as stopped. */
void bl__heap_done(struct bl__heap *heap);

void bl__heap_insert(struct bl__heap *heap, bl_timer *timer);
void bl__heap_remove(struct bl__heap *heap, bl_timer *timer);

/* Takes a timer out of the order until bl__heap_take_back; it stays armed. */
void bl__heap_set_aside(struct bl__heap *heap, bl_timer *timer);
void bl__heap_take_back(struct bl__heap *heap);

/* The earliest of the list; for bl__heap_first. */
bl_timer *bl__heap_first_spilled(const struct bl__heap *heap);

static inline bl_timer *bl__heap_first(const struct bl__heap *heap) {
    if (__builtin_expect(heap->spilled_count > 0, 0)) {
        return bl__heap_first_spilled(heap);
    }
    return heap->count > 0 ? heap->entries[0].timer : NULL;
}

static inline uint64_t bl__heap_count(const struct bl__heap *heap) {
    return (uint64_t)heap->count + heap->spilled_count;
}

#endif
