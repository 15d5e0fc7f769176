/* SPDX-License-Identifier: MIT */
/*
 * sync/object.h - what the objects of this layer have in common
 *
 * Each belongs to one loop, its *home*: the loop of whoever used it first.  A
 * home is never changed behind the user's back, even while the object is idle,
 * because a check that holds only under contention is a check that fails in
 * production alone; initialising the object again is what moves it.
 */
#ifndef BL__SYNC_OBJECT_H
#define BL__SYNC_OBJECT_H

#include <belay/base.h>
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>

#include "base/assert.h"

/*
 * Settles where an object is at home, for calls that need a running loop.
 * BL_ENOLOOP without one, BL_ETHREAD if the home is another.
 */
static inline int bl__object_settle(bl_loop **home) {
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (BL__LIKELY(loop == *home)) return 0;
    if (*home != NULL) return BL_ETHREAD;
    *home = loop;
    return 0;
}

/*
 * The same for calls that never wait.  They may come before there is a loop:
 * a queue can be filled in front of bl_run.
 */
static inline int bl__object_visit(bl_loop **home) {
    bl_loop *loop = bl_loop_running();
    if (BL__LIKELY(loop == *home)) return 0;
    if (*home != NULL) return BL_ETHREAD;
    *home = loop;
    return 0;
}

/* The first steps of a wait: is it the right loop, is the task cancelled? */
static inline int bl__object_enter(bl_loop **home) {
    int rc = bl__object_settle(home);
    if (rc < 0) return rc;
    return bl_checkpoint();
}

/* Returns how many wait in `line`. */
static inline size_t bl__object_waiting(const bl_waitq *line) {
    return line->_count;
}

/*
 * For calls that wake tasks and have no code to return: a task of another loop
 * that runs on another thread cannot be woken from here.  Outside any loop it
 * is the host of a loop that is being stepped.
 */
static inline void bl__object_check_thread(const bl_waitq *line,
                                           const bl_loop *home,
                                           const char *what) {
    if (BL__LIKELY(bl__object_waiting(line) == 0)) return;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return;
    if (loop == home) return;
    BL__MISUSE("this %s belongs to another loop, where tasks wait for it",
               what);
}

#endif
