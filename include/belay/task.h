/* SPDX-License-Identifier: MIT */
/*
 * belay/task.h - tasks: sleeping, joining, cancelling, results, locals
 *
 * A task is a C function on a stack of its own, owned by a group (group.h).
 * It runs until it returns; it is never destroyed from outside.  A task may
 * suspend only in calls marked BL_MAY_WAIT.
 */
#ifndef BELAY_TASK_H
#define BELAY_TASK_H

#include <belay/base.h>

BL_BEGIN_DECLS

/* How a task ended. */
typedef struct bl_outcome {
    int rc;            /* what its function returned, or BL_ESTRAYCANCEL */
    bool is_cancelled; /* it returned BL_ECANCELED inside a cancelled scope */
    void *value;       /* what it left with bl_task_set_value */
    const bl_error *error; /* borrowed from the task; NULL if rc >= 0 */
} bl_outcome;

/*
 * Returns the calling task, borrowed, or NULL outside one.
 */
BL_API
bl_task *bl_task_current(void);

/*
 * Suspends the task for `duration` and never less.
 *
 * 0 or less lets every other ready task run once, like bl_yield.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_sleep(bl_ns duration);

/*
 * Suspends the task until the loop's clock shows `when` or later.
 *
 * Returns and fails as bl_sleep does.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 */
BL_MAY_WAIT
int bl_sleep_until(bl_ns when);

/*
 * Lets every other ready task run once, then goes on.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled, before or meanwhile
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_yield(void);

/*
 * Waits until every other task of the loop is blocked, or for a virtual or
 * manual clock until time would have to move.  For tests.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_settle(void);

/*
 * Waits until `task` has ended; cancelling the waiter never cancels `task`.
 *
 * `*outcome` (may be NULL) tells how it ended; its error is borrowed from the
 * task, so it is valid while the caller's handle is.
 *
 * Returns 0 once the task has ended, whatever its outcome.
 *
 * Errors:
 *   BL_ECANCELED  the waiter's scope was cancelled; the task is untouched
 *   BL_EINVAL     task is NULL
 *   BL_EDEADLK    the task would wait for itself
 *   BL_ETHREAD    the task belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_task_join(bl_task *task, bl_outcome *outcome);

/*
 * Tells how `task` ended, without waiting.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   task is NULL
 *   BL_ENOTDONE the task has not ended; nothing was written
 */
BL_MAY_FAIL
int bl_task_result(const bl_task *task, bl_outcome *outcome);

/*
 * Joins without waiting.
 *
 * Returns 0 if the task has ended.
 *
 * Errors:
 *   BL_EAGAIN   the task has not ended; nothing was written
 *   BL_EINVAL   task is NULL
 */
BL_MAY_FAIL
int bl_task_try_join(bl_task *task, bl_outcome *outcome);

/* How many tasks bl_task_wait waits for. */
typedef enum bl_wait_mode {
    BL_WAIT_FIRST, /* until one has ended */
    BL_WAIT_ALL,   /* until all have ended */
    BL_WAIT_ERROR  /* until one has failed, or all have ended */
} bl_wait_mode;

/*
 * Waits for several tasks; cancels none.
 *
 * Returns how many have ended.
 *
 * Errors:
 *   BL_ECANCELED  the waiter's scope was cancelled
 *   BL_EINVAL     a task is NULL, or count is 0, or mode is unknown
 *   BL_EDEADLK    the calling task is among them
 *   BL_ETHREAD    a task belongs to another loop
 *   BL_ENOMEM     count is above 16 and there was no memory for the waits
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_task_wait(bl_task *const *tasks, size_t count, bl_wait_mode mode);

/*
 * Cancels `task`: the same as cancelling a scope around its whole body.
 *
 * A task that has not run yet still runs to its first wait.  To wait until it
 * has wound down, join it.
 *
 * Returns true unless the task has ended already.
 */
BL_API
bool bl_task_cancel(bl_task *task);

/*
 * Cancels `task` with a reason for reports, a static string.
 *
 * Returns true unless the task has ended already.
 */
BL_API
bool bl_task_cancel_because(bl_task *task, const char *reason);

/*
 * Returns whether the task has ended.
 */
BL_API
bool bl_task_is_done(const bl_task *task);

/*
 * Returns whether the task ended by returning BL_ECANCELED inside a cancelled
 * scope; false while it lives.
 */
BL_API
bool bl_task_is_cancelled(const bl_task *task);

/*
 * Adds a reference and returns `task`.  The handle keeps the result, and the
 * task's stack, until the last reference is gone.
 */
BL_API
bl_task *bl_task_ref(bl_task *task);

/*
 * Gives one reference back.  NULL is allowed.
 */
BL_API
void bl_task_unref(bl_task *task);

/*
 * Leaves a pointer beside the return code of the calling task; joiners find
 * it in the outcome.  Outside a task: no effect.
 */
BL_API
void bl_task_set_value(void *value);

/*
 * Returns the number of the task, unique in its loop, in order of creation.
 */
BL_API
uint64_t bl_task_id(const bl_task *task);

/*
 * Returns the task's name, borrowed: the name of its function unless set.
 */
BL_API
const char *bl_task_name(const bl_task *task);

/*
 * Names the calling task.  The text is copied, up to 23 bytes.
 */
BL_API
void bl_task_set_name(const char *name);

/*
 * Returns where the task was spawned, "file:line", or "" if not recorded.
 */
BL_API
const char *bl_task_site(const bl_task *task);

/*
 * Returns how many bytes of its stack the calling task can still use.
 */
BL_API
size_t bl_stack_left(void);

/*
 * The name of a task-local value.  Static, never moved; `ref` and `unref`, both
 * NULL or both set, count the values, which live as long as a task has them.
 */
typedef struct bl_local {
    void (*ref)(void *value);
    void (*unref)(void *value);
} bl_local;

/*
 * Sets the value of `local` for the calling task and what it spawns from now
 * on.  Tasks spawned earlier, and the parent, keep theirs.
 *
 * Takes over one reference on success.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   local is NULL
 *   BL_ENOMEM   there was no memory; the old value stands
 *   BL_ENOTASK  called outside a task
 */
BL_MAY_FAIL
int bl_local_set(const bl_local *local, void *value);

/*
 * Returns the calling task's value of `local`, borrowed, or NULL.
 *
 * Also inside bl_to_thread, where the task's values are visible.
 */
BL_API
void *bl_local_get(const bl_local *local);

#ifndef BL_NO_SITES
#    define bl_sleep(...) \
        BL__AT("bl_sleep(" #__VA_ARGS__ ")", bl_sleep(__VA_ARGS__))
#    define bl_sleep_until(...) \
        BL__AT("bl_sleep_until(" #__VA_ARGS__ ")", bl_sleep_until(__VA_ARGS__))
#    define bl_task_join(...) \
        BL__AT("bl_task_join(" #__VA_ARGS__ ")", bl_task_join(__VA_ARGS__))
#    define bl_task_wait(...) \
        BL__AT("bl_task_wait(" #__VA_ARGS__ ")", bl_task_wait(__VA_ARGS__))
#    define bl_task_cancel(...) \
        BL__AT("bl_task_cancel(" #__VA_ARGS__ ")", bl_task_cancel(__VA_ARGS__))
#    define bl_yield()  BL__AT("bl_yield()", bl_yield())
#    define bl_settle() BL__AT("bl_settle()", bl_settle())
#endif

BL_END_DECLS

#endif
