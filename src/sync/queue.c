/* SPDX-License-Identifier: MIT */
/*
 * sync/queue.c - a bounded line of items between tasks of one loop
 *
 * Items are kept in a ring.  A put that finds a getter in line copies straight
 * to where the getter wants its item; a get that frees a slot moves the item
 * of the first putter in line into it.  Both sides are done in the same moment,
 * while the waiting task is still suspended: an item is never between two
 * owners, so a cancellation that comes later has nothing left to lose.
 *
 * Invariants:
 *   while a getter waits, the queue is empty;
 *   while a putter waits, the queue is full;
 *   once the queue is shut down, no putter waits, and no getter.
 */
#include <belay/queue.h>

#include <string.h>

#include "base/assert.h"
#include "base/hard.h"
#include "sync/object.h"

enum {
    SLOTS_FIRST = BL__HARD_OR(1, 16)
};

static bool queue_is_usable(const bl_queue *queue) {
    return queue != NULL && queue->_item_bytes != 0;
}

/* Most items are a pointer or an int, for which a call costs more than it
 * does. */
static inline void copy_item(void *to, const void *from, size_t bytes) {
    switch (bytes) {
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, bytes); break;
    }
}

/* The place of the item `offset` behind the oldest. */
static void *queue_slot(const bl_queue *queue, size_t offset) {
    size_t slot = queue->_first + offset;
    if (slot >= queue->_slot_count) slot -= queue->_slot_count;
    BL__ASSERT(slot < queue->_slot_count);
    return queue->_items + slot * queue->_item_bytes;
}

static void ring_push(bl_queue *queue, const void *item) {
    BL__ASSERT(queue->_count < queue->_slot_count);
    copy_item(queue_slot(queue, queue->_count), item, queue->_item_bytes);
    queue->_count++;
}

/* Takes the oldest item out; its bytes stay until the next push. */
static void *ring_pop(bl_queue *queue) {
    BL__ASSERT(queue->_count > 0);
    void *item = queue_slot(queue, 0);
    queue->_first++;
    if (queue->_first == queue->_slot_count) queue->_first = 0;
    queue->_count--;
    return item;
}

/* Doubles a full ring, and lays its items out from the first slot on. */
static int ring_grow(bl_queue *queue) {
    BL__ASSERT(queue->_count == queue->_slot_count);
    size_t slot_count;
    size_t bytes;
    if (__builtin_mul_overflow(queue->_slot_count, 2, &slot_count)) {
        return BL_ENOMEM;
    }
    if (__builtin_mul_overflow(slot_count, queue->_item_bytes, &bytes)) {
        return BL_ENOMEM;
    }
    unsigned char *items = bl_alloc(bytes);
    if (items == NULL) return BL_ENOMEM;

    size_t wrapped_bytes = queue->_first * queue->_item_bytes;
    size_t straight_bytes = queue->_count * queue->_item_bytes - wrapped_bytes;
    memcpy(items, queue->_items + wrapped_bytes, straight_bytes);
    memcpy(items + straight_bytes, queue->_items, wrapped_bytes);
    bl_free(queue->_items);
    queue->_items = items;
    queue->_slot_count = slot_count;
    queue->_first = 0;
    return 0;
}

/* Puts `item` without waiting, or says BL_EAGAIN. */
static BL__INLINE int queue_offer(bl_queue *queue, const void *item) {
    if (queue->_is_shut_down) return BL_ESHUTDOWN;

    bl_waiter *getter = bl_waitq_first(&queue->_getters);
    if (getter != NULL) {
        BL__ASSERT(queue->_count == 0);
        copy_item(getter->data, item, queue->_item_bytes);
        bl_waitq_serve(getter, 0);
        queue->_unfinished++;
        return 0;
    }
    if (queue->_count == queue->_capacity) return BL_EAGAIN;
    if (queue->_count == queue->_slot_count) {
        int rc = ring_grow(queue);
        if (rc < 0) return rc;
    }
    ring_push(queue, item);
    queue->_unfinished++;
    return 0;
}

/* Gets an item without waiting, or says BL_EAGAIN. */
static BL__INLINE int queue_take(bl_queue *queue, void *item) {
    if (queue->_count == 0) {
        return queue->_is_shut_down ? BL_ESHUTDOWN : BL_EAGAIN;
    }
    copy_item(item, ring_pop(queue), queue->_item_bytes);

    bl_waiter *putter = bl_waitq_first(&queue->_putters);
    if (putter != NULL) {
        BL__ASSERT(queue->_count + 1 == queue->_capacity);
        ring_push(queue, putter->data);
        bl_waitq_serve(putter, 0);
        queue->_unfinished++;
    }
    return 0;
}

int bl_queue_put(bl_queue *queue, const void *item) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    if (item == NULL) return BL_EINVAL;
    int rc = bl__object_enter(&queue->_loop);
    if (rc < 0) return rc;
    rc = queue_offer(queue, item);
    if (rc != BL_EAGAIN) return rc;

    bl_waiter waiter;
    waiter.data = (void *)item; /* is only read */
    return bl_waitq_wait(&queue->_putters, &waiter, "queue put", queue);
}

int bl_queue_get(bl_queue *queue, void *item) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    if (item == NULL) return BL_EINVAL;
    int rc = bl__object_enter(&queue->_loop);
    if (rc < 0) return rc;
    rc = queue_take(queue, item);
    if (rc != BL_EAGAIN) return rc;

    bl_waiter waiter;
    waiter.data = item;
    return bl_waitq_wait(&queue->_getters, &waiter, "queue get", queue);
}

int bl_queue_try_put(bl_queue *queue, const void *item) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    if (item == NULL) return BL_EINVAL;
    int rc = bl__object_visit(&queue->_loop);
    if (rc < 0) return rc;
    return queue_offer(queue, item);
}

int bl_queue_try_get(bl_queue *queue, void *item) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    if (item == NULL) return BL_EINVAL;
    int rc = bl__object_visit(&queue->_loop);
    if (rc < 0) return rc;
    return queue_take(queue, item);
}

/* ---- the count of unfinished work ---------------------------------------- */

/* BL_EOVERFLOW if all was finished before. */
static int queue_finish_one(bl_queue *queue) {
    if (queue->_unfinished == 0) return BL_EOVERFLOW;
    queue->_unfinished--;
    if (queue->_unfinished == 0) bl_waitq_serve_all(&queue->_joiners, 0);
    return 0;
}

int bl_queue_task_done(bl_queue *queue) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    int rc = bl__object_visit(&queue->_loop);
    if (rc < 0) return rc;
    return queue_finish_one(queue);
}

int bl_queue_join(bl_queue *queue) {
    if (!queue_is_usable(queue)) return BL_EINVAL;
    int rc = bl__object_enter(&queue->_loop);
    if (rc < 0) return rc;
    if (queue->_unfinished == 0) return 0;

    bl_waiter waiter;
    return bl_waitq_wait(&queue->_joiners, &waiter, "queue join", queue);
}

/* ---- the two ends of a queue --------------------------------------------- */

void bl_queue_shutdown(bl_queue *queue) {
    BL__ASSERT(queue_is_usable(queue));
    bl__object_check_thread(&queue->_putters, queue->_loop, "queue");
    bl__object_check_thread(&queue->_getters, queue->_loop, "queue");

    queue->_is_shut_down = true;
    bl_waitq_serve_all(&queue->_putters, BL_ESHUTDOWN);
    bl_waitq_serve_all(&queue->_getters, BL_ESHUTDOWN);
}

/*
 * An item leaves the queue before `drop` sees it, so that the queue is whole
 * while the user's function runs.  Its slot is not used again: nothing can be
 * put any more.
 */
void bl_queue_shutdown_now(bl_queue *queue, void (*drop)(void *item)) {
    bl_queue_shutdown(queue);
    bl__object_check_thread(&queue->_joiners, queue->_loop, "queue");

    while (queue->_count > 0) {
        void *item = ring_pop(queue);
        if (drop != NULL) drop(item);
        BL_IGNORE(queue_finish_one(queue)); /* said to be finished too early */
    }
}

int bl_queue_init(bl_queue *queue, size_t item_bytes, size_t capacity) {
    if (queue == NULL) return BL_EINVAL;
    if (item_bytes == 0) return BL_EINVAL;
    if (capacity == 0) return BL_EINVAL;

    size_t slot_count = capacity;
    if (capacity == BL_QUEUE_UNBOUNDED) slot_count = SLOTS_FIRST;
    size_t bytes;
    if (__builtin_mul_overflow(slot_count, item_bytes, &bytes)) {
        return BL_EINVAL;
    }
    unsigned char *items = bl_alloc(bytes);
    if (items == NULL) return BL_ENOMEM;

    *queue = (bl_queue){
        ._items = items,
        ._item_bytes = item_bytes,
        ._capacity = capacity,
        ._slot_count = slot_count,
    };
    return 0;
}

void bl_queue_done(bl_queue *queue) {
    if (queue == NULL) return;
    BL__ASSERT(bl__object_waiting(&queue->_getters) == 0);
    BL__ASSERT(bl__object_waiting(&queue->_putters) == 0);
    BL__ASSERT(bl__object_waiting(&queue->_joiners) == 0);
    bl_free(queue->_items);
    *queue = (bl_queue){ 0 };
}

size_t bl_queue_count(const bl_queue *queue) {
    BL__ASSERT(queue != NULL);
    return queue->_count;
}

size_t bl_queue_capacity(const bl_queue *queue) {
    BL__ASSERT(queue != NULL);
    return queue->_capacity;
}

bool bl_queue_is_shut_down(const bl_queue *queue) {
    BL__ASSERT(queue != NULL);
    return queue->_is_shut_down;
}
