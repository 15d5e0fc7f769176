/* SPDX-License-Identifier: MIT */
/*
 * belay/park.h - how to write a call that waits
 *
 * The library's own locks, queues and streams are written with this header;
 * so can yours be.  A call that may wait has four steps:
 *
 *   1. check its arguments;
 *   2. bl_checkpoint(): notices cancellation before anything has happened;
 *   3. if the result is there, take it and return;
 *   4. join a line (bl_waitq_wait) or park (bl_park_wait), and return what the
 *      wake-up carried.
 *
 * Who wakes a task has served it: lock, item or permit are handed over in the
 * same moment, so a waiter never has to look again, and a later cancellation
 * does not undo it.  A waiter leaves its line when it is served, or when it is
 * cancelled before that, never both.  All nodes are on the waiter's stack:
 * waiting allocates nothing.
 */
#ifndef BELAY_PARK_H
#define BELAY_PARK_H

#include <belay/base.h>
#include <belay/loop.h>

BL_BEGIN_DECLS

/*
 * The first step of every wait, and a point of cancellation by itself.
 *
 * In a cancelled scope every other ready task runs once before it returns, so
 * a loop that ignores BL_ECANCELED cannot starve the rest.  After 128 passes
 * in which the task never had to wait, it yields (bl_loop_options).
 *
 * Returns 0 if the caller may go on to wait.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_checkpoint(void);

typedef struct bl_park bl_park;

/* What an abort hook answers. */
typedef enum bl_abort {
    BL_ABORTED, /* it did not happen: the wait ends with BL_ECANCELED */
    BL_PENDING  /* it will complete by itself, through bl_park_wake */
} bl_abort;

/*
 * Takes the wait back because its task was cancelled.  Called at most once per
 * wait, by the loop's thread, never for a wait that was already woken.
 */
typedef bl_abort bl_abort_fn(bl_park *park);

/*
 * One task that waits for one wake-up; on its stack.
 */
struct bl_park {
    bl_task *_task;
    int _rc;
    bool _is_woken;
    bool _was_asked; /* the abort hook has been called */
    bool _is_stuck;  /* and the wait goes on, as its scheduler was told */
    bl_abort_fn *_abort;
    const char *_what;   /* for reports: "event", "queue get" */
    const void *_object; /* for reports: what it waits for; may be NULL */
};

/*
 * Prepares a park of the calling task.
 *
 * `what` is a static noun for reports.  Without an abort hook (NULL) the wait
 * cannot be cancelled.  bl_park_wake may be called from now on.
 */
BL_API
void bl_park_init(bl_park *park, const char *what, const void *object,
                  bl_abort_fn *abort);

/*
 * Suspends the calling task until bl_park_wake, or until its scope is
 * cancelled and the abort hook answers BL_ABORTED.  Woken already, it returns
 * at once.  Cancelled already, the hook is asked at once.
 *
 * Call bl_checkpoint first.
 *
 * Returns what the wake-up carried.
 *
 * Errors:
 *   BL_ECANCELED  the wait was taken back
 */
BL_MAY_WAIT
int bl_park_wait(bl_park *park);

/*
 * Readies the parked task with the result `rc`.  At most once per wait.
 * By the loop's own thread; other threads post.
 */
BL_API
void bl_park_wake(bl_park *park, int rc);

/*
 * Returns whether the park has been woken.
 */
BL_API
bool bl_park_is_woken(const bl_park *park);

typedef struct bl_waitq bl_waitq;
typedef struct bl_waiter bl_waiter;

/*
 * A line of tasks in front of something, first come first served.
 */
struct bl_waitq {
    bl_link _waiters;
    size_t _count;
};

/*
 * One task's place in a line; on its stack.
 *
 * `data` is for the two sides to hand something over: the queue's putter
 * copies the item to where the getter's `data` points.
 */
struct bl_waiter {
    bl_link _link;
    bl_waitq *_queue; /* NULL exactly while not in a line */
    bl_park *_park;
    void (*_on_served)(bl_waiter *waiter); /* select: leave the other lines */
    void *_owner;
    bl_task *_task;
    void *data;
};

/*
 * Makes an empty line.
 */
BL_API
void bl_waitq_init(bl_waitq *queue);

/*
 * Joins the end of the line and suspends the task until it is served.
 *
 * Call bl_checkpoint first.  `what` and `object` are for reports.
 *
 * Returns what bl_waitq_serve carried.
 *
 * Errors:
 *   BL_ECANCELED  cancelled while still in line; it has left the line
 */
BL_MAY_WAIT
int bl_waitq_wait(bl_waitq *queue, bl_waiter *waiter, const char *what,
                  const void *object);

/*
 * Joins like bl_waitq_wait, but cannot be cancelled.
 *
 * Returns what bl_waitq_serve carried.
 */
BL_MAY_WAIT
int bl_waitq_wait_shielded(bl_waitq *queue, bl_waiter *waiter, const char *what,
                           const void *object);

/*
 * Puts `waiter` at the end of the line for an existing park: for waits on
 * several things at once.  When served, `on_served(waiter)` runs first.
 */
BL_API
void bl_waitq_join(bl_waitq *queue, bl_waiter *waiter, bl_park *park,
                   void (*on_served)(bl_waiter *waiter), void *owner);

/*
 * Takes `waiter` out of its line, if it is in one.
 */
BL_API
void bl_waitq_leave(bl_waiter *waiter);

/*
 * Returns the first in line, or NULL.
 */
BL_API
bl_waiter *bl_waitq_first(const bl_waitq *queue);

/*
 * Returns the task that `waiter` stands for.
 */
BL_API
bl_task *bl_waiter_task(const bl_waiter *waiter);

/*
 * Takes `waiter` out of its line and wakes its task with `rc`.
 */
BL_API
void bl_waitq_serve(bl_waiter *waiter, int rc);

/*
 * Serves everybody who is in line at this moment.
 *
 * Returns how many there were.
 */
BL_API
size_t bl_waitq_serve_all(bl_waitq *queue, int rc);

/*
 * Returns the loop that `task` belongs to.
 */
BL_API
bl_loop *bl_task_loop(const bl_task *task);

/*
 * Returns the line of those who join `task`, for waits on several things; they
 * are served with 0 when it ends.  NULL once it has ended.
 */
BL_API
bl_waitq *bl_task_joiners(bl_task *task);

/*
 * Something a task holds, which must be told if the task ends without having
 * given it back.  Embedded in a lock.
 */
typedef struct bl_holding {
    bl_link _link;
    void (*_on_owner_end)(struct bl_holding *holding);
} bl_holding;

/*
 * Notes that `owner` holds `holding`; `on_owner_end(holding)` is called if it
 * ends before bl_holding_detach.
 */
BL_API
void bl_holding_attach(bl_holding *holding, bl_task *owner,
                       void (*on_owner_end)(bl_holding *holding));

/*
 * Notes that `holding` was given back.  Idempotent.
 */
BL_API
void bl_holding_detach(bl_holding *holding);

/*
 * Asks the seam of the running loop to choose among `count` things that are
 * free to come in any order.  In production: 0, the first.
 */
BL_API
uint32_t bl_choose(bl_choice kind, uint32_t count);

/*
 * Reports something odd that is not an error of the caller: one line to
 * stderr, unless the loop is quiet (bl_loop_options).
 */
BL_API
BL__PRINTF(1, 2) void bl_report(const char *format, ...);

#ifndef BL_NO_SITES
#    define bl_checkpoint() BL__AT("bl_checkpoint()", bl_checkpoint())
#endif

BL_END_DECLS

#endif
