/* SPDX-License-Identifier: MIT */
/*
 * belay/future.h - one value or error, set once, awaited by any number
 *
 * A future belongs to the loop on which it was made.  It is set by a task, by
 * a loop callback, or, once shared, by another thread (thread.h).  Who waits is
 * given the result in the moment it is set, so the future may be gone before
 * the waiters run.
 */
#ifndef BELAY_FUTURE_H
#define BELAY_FUTURE_H

#include <belay/base.h>
#include <belay/park.h>

BL_BEGIN_DECLS

/*
 * A future.  Not moved after bl_future_init; fields belong to the library.
 */
typedef struct bl_future {
    bl_waitq _waiters;
    bl_loop *_loop;
    void *_value;
    int _rc;
    int _state; /* pending, being set by a thread, done; atomic access */
    bool _is_shared;
    void *_post[6]; /* the bl_post that carries a foreign set to the loop */
} bl_future;

/*
 * Makes a future of the running loop that is not set.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   future is NULL
 *   BL_ENOLOOP  no loop runs on this thread
 */
BL_MAY_FAIL
int bl_future_init(bl_future *future);

/*
 * Ends the use of a future.  Nobody may wait for it, and a shared one must
 * have been set; no other thread may still try to.  NULL is allowed.
 */
BL_API
void bl_future_done(bl_future *future);

/*
 * Sets the result: `rc` >= 0 with a value, or an error code.  Everybody who
 * waits is woken.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EALREADY  it was set before; unchanged
 *   BL_EINVAL    future is NULL or not initialised, or rc is BL_ECANCELED
 *   BL_ETHREAD   called outside its loop; see bl_thread_future_set
 */
BL_MAY_FAIL
int bl_future_set(bl_future *future, int rc, void *value);

/*
 * Waits until the future is set.
 *
 * `*value` (may be NULL) gets the value if the result is >= 0.  Cancelling
 * the waiter does not touch the future.
 *
 * Returns the result that was set.
 *
 * Errors:
 *   BL_ECANCELED  the waiter's scope was cancelled
 *   BL_EINVAL     future is NULL or not initialised
 *   BL_ETHREAD    the future belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_future_wait(bl_future *future, void **value);

/*
 * Gets the result without waiting.
 *
 * `*value` (may be NULL) gets the value if the result is >= 0.
 *
 * Returns the result that was set.
 *
 * Errors:
 *   BL_EAGAIN  it is not set; nothing was written
 *   BL_EINVAL  future is NULL or not initialised
 */
BL_MAY_FAIL
int bl_future_try_get(bl_future *future, void **value);

/*
 * Returns whether the future is set.
 */
BL_API
bool bl_future_is_set(const bl_future *future);

#ifndef BL_NO_SITES
#    define bl_future_wait(...) \
        BL__AT("bl_future_wait(" #__VA_ARGS__ ")", bl_future_wait(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
