/* SPDX-License-Identifier: MIT */
/*
 * loop/heap.c - a 4-ary heap of timers
 *
 * Four children per node: half the depth of a binary heap, and the children
 * share a cache line.
 */
#include "loop/heap.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"

enum {
    ARITY = 4,
    CAPACITY_FIRST = 16
};

static inline bool is_before(const struct bl__heap_entry *a,
                             const struct bl__heap_entry *b) {
    if (BL__LIKELY(a->due != b->due)) return a->due < b->due;
    return a->timer->_order < b->timer->_order;
}

static inline void place(struct bl__heap *heap, uint32_t index,
                         struct bl__heap_entry entry) {
    heap->entries[index] = entry;
    entry.timer->_index = index + 1;
}

static void sift_up(struct bl__heap *heap, uint32_t index,
                    struct bl__heap_entry entry) {
    while (index > 0) {
        uint32_t parent = (index - 1) / ARITY;
        if (!is_before(&entry, &heap->entries[parent])) break;
        place(heap, index, heap->entries[parent]);
        index = parent;
    }
    place(heap, index, entry);
}

/* The earliest child of `index`, or count if it has none. */
static uint32_t earliest_child(const struct bl__heap *heap, uint32_t index) {
    uint32_t first = index * ARITY + 1;
    if (first >= heap->count) return heap->count;

    uint32_t end = first + ARITY;
    if (end > heap->count) end = heap->count;
    uint32_t best = first;
    for (uint32_t i = first + 1; i < end; i++) {
        if (is_before(&heap->entries[i], &heap->entries[best])) best = i;
    }
    return best;
}

static void sift_down(struct bl__heap *heap, uint32_t index,
                      struct bl__heap_entry entry) {
    for (;;) {
        uint32_t child = earliest_child(heap, index);
        if (child == heap->count) break;
        if (!is_before(&heap->entries[child], &entry)) break;
        place(heap, index, heap->entries[child]);
        index = child;
    }
    place(heap, index, entry);
}

void bl__heap_init(struct bl__heap *heap) {
    heap->entries = NULL;
    heap->count = 0;
    heap->capacity = 0;
    heap->spilled_count = 0;
    bl__list_init(&heap->spilled);
    bl__list_init(&heap->aside);
}

void bl__heap_done(struct bl__heap *heap) {
    BL__ASSERT(bl__list_is_empty(&heap->aside));
    while (heap->spilled_count > 0) {
        bl_link *first = bl__list_first(&heap->spilled);
        bl__heap_remove(heap, bl__container_of(first, bl_timer, _link));
    }
    while (heap->count > 0)
        heap->entries[--heap->count].timer->_index = 0;
    bl__free(heap->entries);
    heap->entries = NULL;
    heap->capacity = 0;
}

/* Makes room for one more; false without memory. */
static bool grow(struct bl__heap *heap) {
    if (heap->count >= UINT32_MAX / 2) return false;
    uint32_t capacity = heap->capacity ? heap->capacity * 2 : CAPACITY_FIRST;
    struct bl__heap_entry *entries =
        bl_realloc(heap->entries, (size_t)capacity * sizeof *entries);
    if (entries == NULL) return false;
    heap->entries = entries;
    heap->capacity = capacity;
    return true;
}

void bl__heap_insert(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(timer->_index == 0);
    if (BL__UNLIKELY(heap->count == heap->capacity) && !grow(heap)) {
        timer->_index = BL__HEAP_SPILLED;
        bl__list_append(&heap->spilled, &timer->_link);
        heap->spilled_count++;
        return;
    }
    struct bl__heap_entry entry = { timer->_due, timer };
    sift_up(heap, heap->count++, entry);
}

static void remove_spilled(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(heap->spilled_count > 0);
    bl__list_remove(&timer->_link);
    heap->spilled_count--;
    timer->_index = 0;
}

void bl__heap_remove(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(timer->_index > 0);
    if (BL__UNLIKELY(timer->_index == BL__HEAP_SPILLED)) {
        remove_spilled(heap, timer);
        return;
    }
    BL__ASSERT(timer->_index <= heap->count);
    uint32_t index = timer->_index - 1;
    BL__ASSERT(heap->entries[index].timer == timer);

    timer->_index = 0;
    struct bl__heap_entry last = heap->entries[--heap->count];
    if (index == heap->count) return;
    if (index > 0 && is_before(&last, &heap->entries[(index - 1) / ARITY])) {
        sift_up(heap, index, last);
    } else {
        sift_down(heap, index, last);
    }
}

void bl__heap_set_aside(struct bl__heap *heap, bl_timer *timer) {
    bl__heap_remove(heap, timer);
    timer->_index = BL__HEAP_SPILLED;
    bl__list_append(&heap->aside, &timer->_link);
    heap->spilled_count++;
}

void bl__heap_take_back(struct bl__heap *heap) {
    while (!bl__list_is_empty(&heap->aside)) {
        bl_link *first = bl__list_first(&heap->aside);
        bl_timer *timer = bl__container_of(first, bl_timer, _link);
        remove_spilled(heap, timer);
        bl__heap_insert(heap, timer);
    }
}

bl_timer *bl__heap_first_spilled(const struct bl__heap *heap) {
    struct bl__heap_entry best = { 0, NULL };
    if (heap->count > 0) best = heap->entries[0];

    bl__list_each(link, &heap->spilled) {
        bl_timer *timer = bl__container_of(link, bl_timer, _link);
        struct bl__heap_entry entry = { timer->_due, timer };
        if (best.timer == NULL || is_before(&entry, &best)) best = entry;
    }
    return best.timer;
}
