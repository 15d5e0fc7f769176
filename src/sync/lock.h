/* SPDX-License-Identifier: MIT */
/*
 * sync/lock.h - the two moves of a lock that a condition makes as well
 */
#ifndef BL__SYNC_LOCK_H
#define BL__SYNC_LOCK_H

#include <belay/sync.h>

/* What became of a claim to a lock. */
enum bl__lock_claim {
    BL__LOCK_OWNED,  /* the task owns it from now on */
    BL__LOCK_QUEUED, /* it is in line; served with 0 when it owns the lock */
    BL__LOCK_BROKEN  /* it will never own it */
};

/*
 * Claims `lock` for `task`, which is suspended in `park`: the lock becomes the
 * task's, or `waiter` joins the end of the line.
 */
enum bl__lock_claim bl__lock_claim(bl_lock *lock, bl_task *task,
                                   bl_waiter *waiter, bl_park *park);

/* Takes the lock from its owner: it goes to the first in line, or is free. */
void bl__lock_pass_on(bl_lock *lock);

#endif
