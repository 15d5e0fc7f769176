/* SPDX-License-Identifier: MIT */
/*
 * belay/queue.h - a bounded line of items between tasks of one loop
 *
 * Items have a fixed size and are copied.  An item is in exactly one place at
 * any time: 0 from a put or get means it changed hands, every other code means
 * it did not.  Putters and getters are served in the order they came.
 *
 * A queue belongs to the loop that first used it; from elsewhere its calls
 * return BL_ETHREAD.  What bl_queue_join counts may be ignored by programs
 * that do not need it.
 */
#ifndef BELAY_QUEUE_H
#define BELAY_QUEUE_H

#include <belay/base.h>
#include <belay/park.h>

BL_BEGIN_DECLS

/*
 * A queue.  Every field belongs to the library.
 */
typedef struct bl_queue {
    bl_waitq _getters;
    bl_waitq _putters;
    bl_waitq _joiners;
    bl_loop *_loop;
    unsigned char *_items;
    size_t _item_bytes; /* 0: not initialised */
    size_t _capacity;   /* BL_QUEUE_UNBOUNDED: grows */
    size_t _slot_count; /* of `_items`, a ring */
    size_t _first;      /* slot of the oldest item */
    size_t _count;      /* items inside */
    size_t _unfinished; /* items put, not yet bl_queue_task_done */
    bool _is_shut_down;
} bl_queue;

#define BL_QUEUE_UNBOUNDED SIZE_MAX

/*
 * Makes a queue for `capacity` items of `item_bytes` each.
 *
 * The memory is taken here; only BL_QUEUE_UNBOUNDED, which has to be spelled
 * out, grows later.
 *
 * Returns 0; give the memory back with bl_queue_done.
 *
 * Errors:
 *   BL_EINVAL  queue is NULL, item_bytes is 0, capacity is 0 or the product
 *              is too large; nothing was made
 *   BL_ENOMEM  there was no memory; nothing was made
 */
BL_MAY_FAIL
int bl_queue_init(bl_queue *queue, size_t item_bytes, size_t capacity);

/*
 * Frees the queue.  Nobody may wait on it.  Items still inside are dropped.
 * NULL and an all-zero queue are allowed.
 */
BL_API
void bl_queue_done(bl_queue *queue);

/*
 * Puts one item, copied from `item`, waiting while the queue is full.
 *
 * Returns 0 once the item is in the queue or in a getter's hands.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was put
 *   BL_ESHUTDOWN  the queue was shut down; nothing was put
 *   BL_ENOMEM     an unbounded queue could not grow; nothing was put
 *   BL_EINVAL     queue or item is NULL, or the queue not initialised
 *   BL_ETHREAD    the queue belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_queue_put(bl_queue *queue, const void *item);

/*
 * Gets the oldest item, copied to `item`, waiting while the queue is empty.
 *
 * Returns 0 once the item is in `item`.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was taken
 *   BL_ESHUTDOWN  the queue was shut down and is empty
 *   BL_EINVAL     queue or item is NULL, or the queue not initialised
 *   BL_ETHREAD    the queue belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_queue_get(bl_queue *queue, void *item);

/*
 * Puts one item without waiting.  Also from a loop callback.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EAGAIN     the queue is full; nothing was put
 *   BL_ESHUTDOWN  the queue was shut down; nothing was put
 *   BL_ENOMEM     an unbounded queue could not grow; nothing was put
 *   BL_EINVAL     queue or item is NULL, or the queue not initialised
 *   BL_ETHREAD    the queue belongs to another loop; nothing was moved
 */
BL_MAY_FAIL
int bl_queue_try_put(bl_queue *queue, const void *item);

/*
 * Gets one item without waiting.  Also from a loop callback.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EAGAIN     the queue is empty; nothing was taken
 *   BL_ESHUTDOWN  the queue was shut down and is empty
 *   BL_EINVAL     queue or item is NULL, or the queue not initialised
 *   BL_ETHREAD    the queue belongs to another loop; nothing was moved
 */
BL_MAY_FAIL
int bl_queue_try_get(bl_queue *queue, void *item);

/*
 * Says that the work for one item that was got is finished.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EOVERFLOW  called more often than items were put; unchanged
 *   BL_EINVAL     queue is NULL or not initialised
 *   BL_ETHREAD    the queue belongs to another loop; unchanged
 */
BL_API
int bl_queue_task_done(bl_queue *queue);

/*
 * Waits until the work for every item that was ever put is finished.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EINVAL     queue is NULL or not initialised
 *   BL_ETHREAD    the queue belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_queue_join(bl_queue *queue);

/*
 * Shuts the queue down: puts fail from now on, blocked putters get
 * BL_ESHUTDOWN and keep their item, gets go on until the queue is empty.
 * Idempotent.
 */
BL_API
void bl_queue_shutdown(bl_queue *queue);

/*
 * Shuts the queue down and throws away what is inside: `drop(item)`, unless
 * NULL, is called for each item, which also counts as finished for
 * bl_queue_join.
 */
BL_API
void bl_queue_shutdown_now(bl_queue *queue, void (*drop)(void *item));

/*
 * Returns how many items are in the queue.
 */
BL_API
size_t bl_queue_count(const bl_queue *queue);

/*
 * Returns the capacity.
 */
BL_API
size_t bl_queue_capacity(const bl_queue *queue);

/*
 * Returns whether the queue was shut down.
 */
BL_API
bool bl_queue_is_shut_down(const bl_queue *queue);

#ifndef BL_NO_SITES
#    define bl_queue_put(...) \
        BL__AT("bl_queue_put(" #__VA_ARGS__ ")", bl_queue_put(__VA_ARGS__))
#    define bl_queue_get(...) \
        BL__AT("bl_queue_get(" #__VA_ARGS__ ")", bl_queue_get(__VA_ARGS__))
#    define bl_queue_join(...) \
        BL__AT("bl_queue_join(" #__VA_ARGS__ ")", bl_queue_join(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
