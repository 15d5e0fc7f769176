/* SPDX-License-Identifier: MIT */
/*
 * sync/lock.c - a mutual exclusion that one task owns at a time
 *
 * A release hands the lock over: the first in line is the owner from that
 * moment, before it runs.  So nobody overtakes, nobody is woken to find the
 * lock taken again, and a waiter that is cancelled either was the owner
 * already or never had anything to do with it.
 *
 * The lock is noted at its owner (bl_holding).  If that task ends without
 * having released it, the lock breaks: what it protects may be half-changed,
 * and everybody is told so.
 *
 * Invariants:
 *   a lock without an owner has nobody in line;
 *   a broken lock has neither.
 */
#include "sync/lock.h"

#include <inttypes.h>

#include <belay/task.h>

#include "base/assert.h"
#include "base/list.h"
#include "sync/object.h"

static void lock_break(bl_holding *held) {
    bl_lock *lock = bl__container_of(held, bl_lock, _held);
    BL__ASSERT(lock->_owner != NULL);
    BL__ASSERT(!lock->_is_broken);

    bl_report("task %" PRIu64 " (%s), spawned at %s, ended while it owned "
              "the lock %p",
              bl_task_id(lock->_owner), bl_task_name(lock->_owner),
              bl_task_site(lock->_owner), (void *)lock);
    lock->_owner = NULL;
    lock->_is_broken = true;
    bl_waitq_serve_all(&lock->_waiters, BL_EOWNERDEAD);
}

static void lock_grant(bl_lock *lock, bl_task *task) {
    BL__ASSERT(lock->_owner == NULL);
    BL__ASSERT(!lock->_is_broken);
    lock->_owner = task;
    bl_holding_attach(&lock->_held, task, lock_break);
}

/* BL_EAGAIN if another task owns it. */
static int lock_take(bl_lock *lock, bl_task *task) {
    if (lock->_is_broken) return BL_EOWNERDEAD;
    if (lock->_owner != NULL) return BL_EAGAIN;
    BL__ASSERT(bl__object_waiting(&lock->_waiters) == 0);
    lock_grant(lock, task);
    return 0;
}

int bl_lock_acquire(bl_lock *lock) {
    if (lock == NULL) return BL_EINVAL;
    int rc = bl__object_settle(&lock->_loop);
    if (rc < 0) return rc;
    bl_task *task = bl_task_current();
    if (task == NULL) return BL_ENOTASK;
    if (lock->_owner == task) return BL_EDEADLK;

    rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = lock_take(lock, task);
    if (rc != BL_EAGAIN) return rc;

    bl_waiter waiter;
    rc = bl_waitq_wait(&lock->_waiters, &waiter, "lock", lock);
    BL__ASSERT(rc < 0 || lock->_owner == task);
    return rc;
}

int bl_lock_try_acquire(bl_lock *lock) {
    if (lock == NULL) return BL_EINVAL;
    bl_task *task = bl_task_current();
    if (task == NULL) return BL_ENOTASK;
    int rc = bl__object_settle(&lock->_loop);
    if (rc < 0) return rc;
    if (lock->_owner == task) return BL_EDEADLK;
    return lock_take(lock, task);
}

void bl__lock_pass_on(bl_lock *lock) {
    BL__ASSERT(lock->_owner != NULL);
    bl_holding_detach(&lock->_held);
    lock->_owner = NULL;

    bl_waiter *next = bl_waitq_first(&lock->_waiters);
    if (next == NULL) return;
    lock_grant(lock, bl_waiter_task(next));
    bl_waitq_serve(next, 0);
}

int bl_lock_release(bl_lock *lock) {
    if (lock == NULL) return BL_EINVAL;
    if (lock->_owner == NULL) return BL_EPERM;
    if (lock->_owner != bl_task_current()) return BL_EPERM;
    bl__lock_pass_on(lock);
    return 0;
}

enum bl__lock_claim bl__lock_claim(bl_lock *lock, bl_task *task,
                                   bl_waiter *waiter, bl_park *park) {
    int rc = lock_take(lock, task);
    if (rc == BL_EOWNERDEAD) return BL__LOCK_BROKEN;
    if (rc == 0) return BL__LOCK_OWNED;
    bl_waitq_join(&lock->_waiters, waiter, park, NULL, NULL);
    return BL__LOCK_QUEUED;
}

bool bl_lock_is_held(const bl_lock *lock) {
    BL__ASSERT(lock != NULL);
    return lock->_owner != NULL;
}

void bl_lock_init(bl_lock *lock) {
    BL__ASSERT(lock != NULL);
    *lock = (bl_lock)BL_LOCK_INIT;
}
