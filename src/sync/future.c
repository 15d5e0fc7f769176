/* SPDX-License-Identifier: MIT */
/*
 * sync/future.c - one value or error, set once, awaited by any number
 *
 * Whoever sets the future first moves its state from PENDING to SETTING, in one
 * atomic step, since two threads may try to set a shared future at once.  On
 * the loop's own thread it is DONE right away, and everybody who waits is
 * handed the result.  Another thread leaves the result in the future and posts
 * that part to the loop, which a shared future keeps from closing.
 *
 * A waiter's `data` is where it wants the value; it gets both value and code
 * while it is still in line, so that it need not look at the future again.
 *
 * Invariant: once the future is done, nobody waits.
 */
#include <belay/future.h>
#include <belay/thread.h>

#include "base/assert.h"
#include "sync/object.h"

_Static_assert(sizeof(bl_post) <= sizeof((bl_future){ 0 }._post),
               "a future has room for the post that carries it home");

enum {
    PENDING = 0,
    SETTING = 1,
    DONE = 2
};

static bool future_is_usable(const bl_future *future) {
    return future != NULL && future->_loop != NULL;
}

static int future_state(const bl_future *future) {
    return __atomic_load_n(&future->_state, __ATOMIC_ACQUIRE);
}

/* Returns whether the caller is the first, who alone may set the result. */
static bool future_claim(bl_future *future) {
    int expected = PENDING;
    return __atomic_compare_exchange_n(&future->_state, &expected, SETTING,
                                       false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* Hands the result, which is in place, to everybody who waits. */
static void future_finish(bl_future *future) {
    BL__ASSERT(future->_rc != BL_ECANCELED);
    __atomic_store_n(&future->_state, DONE, __ATOMIC_RELEASE);

    bl_waiter *first;
    while ((first = bl_waitq_first(&future->_waiters)) != NULL) {
        void **value = first->data;
        if (value != NULL && future->_rc >= 0) *value = future->_value;
        bl_waitq_serve(first, future->_rc);
    }
}

int bl_future_set(bl_future *future, int rc, void *value) {
    if (!future_is_usable(future)) return BL_EINVAL;
    if (rc == BL_ECANCELED) return BL_EINVAL;
    if (future->_loop != bl_loop_running()) return BL_ETHREAD;
    if (!future_claim(future)) return BL_EALREADY;

    if (future->_is_shared) bl_loop_unpin(future->_loop);
    future->_rc = rc;
    future->_value = value;
    future_finish(future);
    return 0;
}

int bl_future_wait(bl_future *future, void **value) {
    if (!future_is_usable(future)) return BL_EINVAL;
    int rc = bl__object_enter(&future->_loop);
    if (rc < 0) return rc;
    if (future_state(future) == DONE) return bl_future_try_get(future, value);

    bl_waiter waiter;
    waiter.data = value;
    return bl_waitq_wait(&future->_waiters, &waiter, "future", future);
}

int bl_future_try_get(bl_future *future, void **value) {
    if (!future_is_usable(future)) return BL_EINVAL;
    if (future_state(future) != DONE) return BL_EAGAIN;
    if (value != NULL && future->_rc >= 0) *value = future->_value;
    return future->_rc;
}

/* ---- set by another thread ----------------------------------------------- */

int bl_future_share(bl_future *future) {
    if (!future_is_usable(future)) return BL_EINVAL;
    if (future->_loop != bl_loop_running()) return BL_ETHREAD;
    if (future->_is_shared) return BL_EALREADY;
    if (future_state(future) != PENDING) return BL_EALREADY;

    future->_is_shared = true;
    bl_loop_pin(future->_loop);
    return 0;
}

static void future_arrive(void *context) {
    bl_future *future = context;
    BL__ASSERT(future->_is_shared);
    bl_loop_unpin(future->_loop);
    future_finish(future);
}

int bl_thread_future_set(bl_future *future, int rc, void *value) {
    if (!future_is_usable(future)) return BL_EINVAL;
    if (rc == BL_ECANCELED) return BL_EINVAL;
    if (!future->_is_shared) return BL_EMISUSE;
    if (!future_claim(future)) return BL_EALREADY;

    future->_rc = rc;
    future->_value = value;
    bl_thread_post_pinned(future->_loop, (bl_post *)(void *)future->_post,
                          future_arrive, future);
    return 0;
}

bool bl_future_is_set(const bl_future *future) {
    BL__ASSERT(future != NULL);
    return future_state(future) == DONE;
}

int bl_future_init(bl_future *future) {
    if (future == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;

    *future = (bl_future){ ._loop = loop };
    return 0;
}

void bl_future_done(bl_future *future) {
    if (future == NULL) return;
    BL__ASSERT(bl__object_waiting(&future->_waiters) == 0);
    BL__ASSERT(!future->_is_shared || future_state(future) == DONE);
    *future = (bl_future){ 0 };
}
