/* SPDX-License-Identifier: MIT */
/*
 * sync/cond.c - a condition that tasks wait for while they hold a lock
 *
 * A wait has one node and two lines to stand in, one after the other:
 *
 *     wait          notify, or cancel              the lock is handed over
 *       |                 |                                   |
 *       +-- in the condition's line --+-- in the lock's line --+-- runs
 *             can be cancelled             cannot be cancelled
 *
 * The task is not woken to take the lock: the node is moved, so the task runs
 * once, when the lock is its own.  To be notified completes the wait, whatever
 * happens afterwards; to be cancelled before that moves the node as well, for
 * the lock is held on return in both cases.
 *
 * Invariant: is_settled is false exactly while the node is in the condition's
 * line.
 */
#include <belay/sync.h>
#include <belay/task.h>

#include "base/assert.h"
#include "base/list.h"
#include "sync/lock.h"
#include "sync/object.h"

struct cond_wait {
    bl_park park;
    bl_waiter waiter;
    bl_lock *lock;
    bl_task *task;
    int rc; /* what the wait returns, once it is settled */
    bool is_settled;
};

/* Moves the wait from the condition's line to the lock. */
static enum bl__lock_claim cond_settle(struct cond_wait *wait, int rc) {
    BL__ASSERT(!wait->is_settled);
    bl_waitq_leave(&wait->waiter);
    enum bl__lock_claim claim =
        bl__lock_claim(wait->lock, wait->task, &wait->waiter, &wait->park);
    wait->rc = claim == BL__LOCK_BROKEN ? BL_EOWNERDEAD : rc;
    wait->is_settled = true;
    return claim;
}

static bl_abort cond_abort(bl_park *park) {
    struct cond_wait *wait = bl__container_of(park, struct cond_wait, park);
    if (wait->is_settled) return BL_PENDING;
    enum bl__lock_claim claim = cond_settle(wait, BL_ECANCELED);
    return claim == BL__LOCK_QUEUED ? BL_PENDING : BL_ABORTED;
}

int bl_cond_wait(bl_cond *cond, bl_lock *lock) {
    if (cond == NULL) return BL_EINVAL;
    if (lock == NULL) return BL_EINVAL;
    int rc = bl__object_settle(&cond->_loop);
    if (rc < 0) return rc;
    bl_task *task = bl_task_current();
    if (task == NULL) return BL_ENOTASK;
    if (lock->_owner != task) return BL_EPERM;
    rc = bl_checkpoint();
    if (rc < 0) return rc;

    struct cond_wait wait = { .lock = lock, .task = task };
    bl_park_init(&wait.park, "condition", cond, cond_abort);
    bl_waitq_join(&cond->_waiters, &wait.waiter, &wait.park, NULL, NULL);
    bl__lock_pass_on(lock);
    rc = bl_park_wait(&wait.park);

    BL__ASSERT(wait.is_settled);
    if (rc == BL_EOWNERDEAD) return rc; /* it broke while this task queued */
    BL__ASSERT(wait.rc == BL_EOWNERDEAD || lock->_owner == task);
    return wait.rc;
}

size_t bl_cond_notify(bl_cond *cond, size_t count) {
    BL__ASSERT(cond != NULL);
    bl__object_check_thread(&cond->_waiters, cond->_loop, "condition");

    size_t notified = 0;
    for (; notified < count; notified++) {
        bl_waiter *first = bl_waitq_first(&cond->_waiters);
        if (first == NULL) break;
        struct cond_wait *wait =
            bl__container_of(first, struct cond_wait, waiter);
        enum bl__lock_claim claim = cond_settle(wait, 0);
        if (claim != BL__LOCK_QUEUED) bl_park_wake(&wait->park, wait->rc);
    }
    return notified;
}

size_t bl_cond_notify_all(bl_cond *cond) {
    return bl_cond_notify(cond, SIZE_MAX);
}

void bl_cond_init(bl_cond *cond) {
    BL__ASSERT(cond != NULL);
    *cond = (bl_cond)BL_COND_INIT;
}
