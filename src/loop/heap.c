/* SPDX-License-Identifier: MIT */
/*
 * loop/heap.c - a 4-ary heap of timers
 *
 * Four children per node: half the depth of a binary heap, and the children
 * are one cache line.  The way down a large heap is a chain of cache misses, so
 * the lines of all grandchildren, which lie side by side, are asked for while
 * the earliest child is looked for.
 */
#include "loop/heap.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"

enum {
    ARITY = 4,
    CAPACITY_FIRST = BL__HARD_OR(1, 16),
    LINE_BYTES = 64,
    PREFETCHED_MAX = 64
};

static_assert(ARITY * sizeof(struct bl__heap_entry) == LINE_BYTES,
              "the children of a node are one cache line");

/* Which of two timers with equal times comes first. */
static bool was_armed_before(const struct bl__heap *heap, uint64_t a,
                             uint64_t b) {
    return heap->timers[a]->_order < heap->timers[b]->_order;
}

/* Entries are passed by value: they stay in registers then. */
static BL__INLINE bool is_before(const struct bl__heap *heap,
                                 struct bl__heap_entry a,
                                 struct bl__heap_entry b) {
    if (BL__LIKELY(a.due != b.due)) return a.due < b.due;
    return was_armed_before(heap, a.ticket, b.ticket);
}

static BL__INLINE void place(struct bl__heap *heap, uint32_t index,
                             struct bl__heap_entry entry) {
    heap->entries[index].due = entry.due;
    heap->entries[index].ticket = entry.ticket;
    heap->places[entry.ticket] = index;
}

static BL__INLINE void sift_up(struct bl__heap *heap, uint32_t index,
                               struct bl__heap_entry entry) {
    while (index > 0) {
        uint32_t parent = (index - 1) / ARITY;
        if (!is_before(heap, entry, heap->entries[parent])) break;
        place(heap, index, heap->entries[parent]);
        index = parent;
    }
    place(heap, index, entry);
}

/* The earliest of the four children that begin at `first`: the winners of two
 * matches play for it, so that the matches do not wait for each other. */
static BL__INLINE uint32_t earliest_of_four(const struct bl__heap *heap,
                                            uint32_t first) {
    const struct bl__heap_entry *child = &heap->entries[first];
    uint32_t left = is_before(heap, child[1], child[0]) ? 1 : 0;
    uint32_t right = is_before(heap, child[3], child[2]) ? 3 : 2;
    return first + (is_before(heap, child[right], child[left]) ? right : left);
}

/* The earliest of those that there are, of which there is one at least. */
static BL__INLINE uint32_t earliest_child(const struct bl__heap *heap,
                                          uint32_t first) {
    uint32_t end = first + ARITY;
    if (BL__LIKELY(end <= heap->count)) return earliest_of_four(heap, first);
    end = heap->count;
    uint32_t best = first;
    for (uint32_t i = first + 1; i < end; i++) {
        if (is_before(heap, heap->entries[i], heap->entries[best])) best = i;
    }
    return best;
}

/*
 * Asks for the children of the four nodes that begin at `first`.  To gcc a
 * function that does nothing but prefetch does nothing, and its calls are
 * dropped: so it is inlined before gcc can think so.
 */
static BL__INLINE void prefetch_children(const struct bl__heap *heap,
                                         uint32_t first) {
    if (first * ARITY + 1 >= heap->count) return;
    const struct bl__heap_entry *line = &heap->entries[first * ARITY + 1];
    __builtin_prefetch(line);
    __builtin_prefetch(line + ARITY);
    __builtin_prefetch(line + 2 * ARITY);
    __builtin_prefetch(line + 3 * ARITY);
}

/* Lets the earliest children move up until a node without any is free. */
static BL__INLINE uint32_t free_a_leaf(struct bl__heap *heap, uint32_t index) {
    for (;;) {
        uint32_t first = index * ARITY + 1;
        if (first >= heap->count) return index;

        prefetch_children(heap, first);
        uint32_t child = earliest_child(heap, first);
        place(heap, index, heap->entries[child]);
        index = child;
    }
}

void bl__heap_init(struct bl__heap *heap) {
    memset(heap, 0, sizeof *heap);
    bl__list_init(&heap->due);
    bl__list_init(&heap->spilled);
    bl__list_init(&heap->aside);
}

void bl__heap_done(struct bl__heap *heap) {
    BL__ASSERT(bl__list_is_empty(&heap->due));
    BL__ASSERT(bl__list_is_empty(&heap->aside));
    while (heap->listed_count > 0) {
        bl_link *first = bl__list_first(&heap->spilled);
        bl__heap_remove(heap, bl__container_of(first, bl_timer, _link));
    }
    while (heap->count > 0)
        heap->timers[heap->entries[--heap->count].ticket]->_index = 0;
    bl__free(heap->memory);
    bl__heap_init(heap);
}

/* The first entry's place in `memory`: entry 1 begins a cache line. */
static struct bl__heap_entry *lay_out(void *memory) {
    uintptr_t line = ((uintptr_t)memory + LINE_BYTES - 1) / LINE_BYTES;
    return (struct bl__heap_entry *)((line + 1) * LINE_BYTES) - 1;
}

/* Makes room for one more; false without memory. */
static bool grow(struct bl__heap *heap) {
    if (heap->capacity >= UINT32_MAX / 4) return false;
    uint32_t capacity = heap->capacity ? heap->capacity * 2 : CAPACITY_FIRST;
    size_t bytes =
        sizeof *heap->entries + sizeof(bl_timer *) + sizeof *heap->places;
    void *memory = bl__alloc(capacity * bytes + (size_t)2 * LINE_BYTES);
    if (memory == NULL) return false;

    struct bl__heap_entry *entries = lay_out(memory);
    bl_timer **timers = (bl_timer **)(void *)(entries + capacity);
    uint32_t *places = (uint32_t *)(void *)(timers + capacity);
    if (heap->capacity > 0) {
        memcpy(entries, heap->entries, heap->count * sizeof *entries);
        memcpy(timers, heap->timers, heap->ticket_count * sizeof(bl_timer *));
        memcpy(places, heap->places, heap->ticket_count * sizeof *places);
    }
    bl__free(heap->memory);
    heap->memory = memory;
    heap->entries = entries;
    heap->timers = timers;
    heap->places = places;
    heap->capacity = capacity;
    return true;
}

/* There is a free one whenever there is room for an entry. */
static uint32_t take_ticket(struct bl__heap *heap) {
    if (heap->free_ticket == 0) return heap->ticket_count++;
    uint32_t ticket = heap->free_ticket - 1;
    heap->free_ticket = heap->places[ticket];
    return ticket;
}

static void give_ticket_back(struct bl__heap *heap, uint32_t ticket) {
    heap->places[ticket] = heap->free_ticket;
    heap->free_ticket = ticket + 1;
}

static void put_into_list(struct bl__heap *heap, bl_link *list,
                          bl_timer *timer) {
    timer->_index = BL__HEAP_LISTED;
    bl__list_append(list, &timer->_link);
    heap->listed_count++;
}

static void take_from_list(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(heap->listed_count > 0);
    bl__list_remove(&timer->_link);
    heap->listed_count--;
    timer->_index = 0;
}

/* Inserts where there is room. */
static BL__INLINE void insert(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(heap->count < heap->capacity);
    uint32_t ticket = take_ticket(heap);
    heap->timers[ticket] = timer;
    timer->_index = ticket + 1;
    struct bl__heap_entry entry = { timer->_due, ticket };
    sift_up(heap, heap->count++, entry);
}

__attribute__((noinline)) static void grow_and_insert(struct bl__heap *heap,
                                                      bl_timer *timer) {
    if (grow(heap)) {
        insert(heap, timer);
    } else {
        put_into_list(heap, &heap->spilled, timer);
    }
}

BL__INLINED void bl__heap_insert(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(timer->_index == 0);
    if (BL__UNLIKELY(heap->count == heap->capacity)) {
        grow_and_insert(heap, timer);
        return;
    }
    insert(heap, timer);
}

/*
 * The last entry, just cut off, fills the gap.  It belongs near the leaves, so
 * the gap is moved there first and the entry let up from below: that saves
 * comparing it on each level.
 */
__attribute__((noinline)) static void fill_gap(struct bl__heap *heap,
                                               uint32_t index) {
    struct bl__heap_entry last = heap->entries[heap->count];
    sift_up(heap, free_a_leaf(heap, index), last);
}

/* A timer that is stopped is often the one that was armed last, for a time
 * later than all others: the end of the heap, where nothing is to be filled. */
void bl__heap_remove(struct bl__heap *heap, bl_timer *timer) {
    BL__ASSERT(timer->_index > 0);
    if (BL__UNLIKELY(timer->_index == BL__HEAP_LISTED)) {
        take_from_list(heap, timer);
        return;
    }
    BL__ASSERT(timer->_index <= heap->ticket_count);
    uint32_t ticket = timer->_index - 1;
    BL__ASSERT(heap->timers[ticket] == timer);
    uint32_t index = heap->places[ticket];
    BL__ASSERT(heap->entries[index].ticket == ticket);
    timer->_index = 0;
    give_ticket_back(heap, ticket);
    heap->count--;
    if (index < heap->count) fill_gap(heap, index);
}

void bl__heap_set_aside(struct bl__heap *heap, bl_timer *timer) {
    bl__heap_remove(heap, timer);
    put_into_list(heap, &heap->aside, timer);
}

void bl__heap_take_back(struct bl__heap *heap) {
    while (!bl__list_is_empty(&heap->aside)) {
        bl_link *first = bl__list_first(&heap->aside);
        bl_timer *timer = bl__container_of(first, bl_timer, _link);
        take_from_list(heap, timer);
        bl__heap_insert(heap, timer);
    }
}

/*
 * Asks for the timers that are due at `now`: those at the root of the heap that
 * hang together, as none of them is below one that is not.  They are nowhere
 * near each other, so each is a miss in the caches and in the TLB; asked for in
 * one go, they are fetched at the same time.  Inlined for the reason above.
 */
static BL__INLINE void prefetch_due(const struct bl__heap *heap, bl_ns now,
                                    uint32_t max) {
    uint32_t nodes[PREFETCHED_MAX]; /* whose children are yet to be asked for */
    uint32_t known_count = 0;
    if (max > PREFETCHED_MAX) max = PREFETCHED_MAX;
    if (heap->count > 0 && heap->entries[0].due <= now) {
        nodes[known_count++] = 0;
    }
    for (uint32_t i = 0; i < known_count; i++) {
        const bl_timer *timer = heap->timers[heap->entries[nodes[i]].ticket];
        __builtin_prefetch(timer, 1);
        __builtin_prefetch(timer + 1, 1); /* it may lie across two lines */

        uint32_t child = nodes[i] * ARITY + 1;
        for (int left = ARITY; left > 0; left--, child++) {
            if (known_count == max || child >= heap->count) break;
            if (heap->entries[child].due <= now) nodes[known_count++] = child;
        }
    }
}

static bool is_timer_before(const bl_timer *a, const bl_timer *b) {
    return a->_due != b->_due ? a->_due < b->_due : a->_order < b->_order;
}

/* The earliest of the heap and the spilled ones; NULL if there is none. */
static bl_timer *first_with_spilled(const struct bl__heap *heap) {
    bl_timer *best = NULL;
    if (heap->count > 0) best = heap->timers[heap->entries[0].ticket];
    bl__list_each(link, &heap->spilled) {
        bl_timer *timer = bl__container_of(link, bl_timer, _link);
        if (best == NULL || is_timer_before(timer, best)) best = timer;
    }
    return best;
}

/* The first of those not yet known to be due, if it is; else NULL. */
static inline bl_timer *find_due(const struct bl__heap *heap, bl_ns now) {
    if (BL__UNLIKELY(!bl__list_is_empty(&heap->spilled))) {
        bl_timer *timer = first_with_spilled(heap);
        return timer->_due <= now ? timer : NULL;
    }
    if (heap->count == 0 || heap->entries[0].due > now) return NULL;
    return heap->timers[heap->entries[0].ticket];
}

/*
 * Takes several out before the first is fired.  Nothing here waits for what is
 * in them, unless some may be too new.
 */
bool bl__heap_gather(struct bl__heap *heap, bl_ns now, uint64_t order_last,
                     uint32_t max) {
    BL__ASSERT(bl__list_is_empty(&heap->due));
    prefetch_due(heap, now, max);
    bl_timer *timer;
    while (max > 0 && (timer = find_due(heap, now)) != NULL) {
        if (order_last != UINT64_MAX && timer->_order > order_last) {
            bl__heap_set_aside(heap, timer);
            continue;
        }
        bl__heap_remove(heap, timer);
        put_into_list(heap, &heap->due, timer);
        max--;
    }
    return !bl__list_is_empty(&heap->due);
}

bl_timer *bl__heap_take_due(struct bl__heap *heap) {
    bl_link *first = bl__list_first(&heap->due);
    if (first == NULL) return NULL;
    bl_timer *timer = bl__container_of(first, bl_timer, _link);
    take_from_list(heap, timer);
    return timer;
}

bl_timer *bl__heap_first_listed(const struct bl__heap *heap) {
    bl_link *due = bl__list_first(&heap->due);
    if (due != NULL) return bl__container_of(due, bl_timer, _link);
    return first_with_spilled(heap);
}
