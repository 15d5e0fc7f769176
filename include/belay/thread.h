/* SPDX-License-Identifier: MIT */
/*
 * belay/thread.h - what other threads may call, and work given to threads
 *
 * A loop and all that belongs to it is used by one thread.  The calls whose
 * names begin with bl_thread_ may be made from any thread;
 * everything else in Belay may not.  Whoever wants to reach a loop from outside
 * holds a handle, which the loop's side opens and gives away.  While a handle
 * is open the loop cannot be in a deadlock: somebody may still wake it.
 */
#ifndef BELAY_THREAD_H
#define BELAY_THREAD_H

#include <belay/base.h>
#include <belay/future.h>
#include <belay/loop.h>
#include <belay/workers.h>

BL_BEGIN_DECLS

typedef struct bl_handle bl_handle;

/*
 * Opens a handle to the running loop for other threads.
 *
 * Returns 0; somebody closes it with bl_thread_close.
 *
 * Errors:
 *   BL_EINVAL   handle is NULL
 *   BL_ENOLOOP  no loop runs on this thread; nothing was written
 *   BL_ENOMEM   there was no memory; nothing was written
 */
BL_MAY_FAIL
int bl_handle_open(bl_handle **handle);

/*
 * Has the loop call `fn(context)` in its next iteration.  From any thread.
 *
 * Calls of one thread are made in order.  What was posted before the handle
 * is closed is still called.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  handle or fn is NULL
 *   BL_ENOMEM  there was no memory; it will not be called
 *   BL_ECLOSED the loop is closed; it will not be called
 */
BL_MAY_FAIL
int bl_thread_post(bl_handle *handle, bl_callback *fn, void *context);

/*
 * Wakes the loop if it blocks.  From any thread.
 */
BL_API
void bl_thread_wake(bl_handle *handle);

/*
 * Closes the handle.  From any thread.  NULL is allowed.
 */
BL_API
void bl_thread_close(bl_handle *handle);

/* A node of the loop's line of posts, embedded by its owner. */
struct bl__post {
    struct bl__post *next;
    void (*fn)(struct bl__post *post);
};

/*
 * A call to be made by a loop, embedded by its owner, who keeps it in place
 * until the call has begun.
 */
typedef struct bl_post {
    struct bl__post _node;
    bl_callback *_fn;
    void *_context;
} bl_post;

/*
 * Says that something outside will wake `loop`: it is not in a deadlock, and
 * must not be closed, until bl_loop_unpin.  On the loop's own thread.
 */
BL_API
void bl_loop_pin(bl_loop *loop);

/*
 * Takes one bl_loop_pin back.  On the loop's own thread.
 */
BL_API
void bl_loop_unpin(bl_loop *loop);

/*
 * Says that something outside may wake `loop`: it is not in a deadlock, until
 * bl_loop_unexpect.  On the loop's own thread.
 *
 * What may come never need come, so a virtual clock gives it a moment of real
 * time and goes on, where it would wait for as long as a pin is held.
 */
BL_API
void bl_loop_expect(bl_loop *loop);

/*
 * Takes one bl_loop_expect back.  On the loop's own thread.
 */
BL_API
void bl_loop_unexpect(bl_loop *loop);

/*
 * Has a pinned loop call `fn(context)` in its next iteration.  From any
 * thread; allocates nothing, so it cannot fail.
 */
BL_API
void bl_thread_post_pinned(bl_loop *loop, bl_post *post, bl_callback *fn,
                           void *context);

/*
 * Announces that another thread will set `future`; counts as a source of
 * wake-ups until it is set.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   future is NULL
 *   BL_EALREADY it is shared or set already
 *   BL_ETHREAD  the future belongs to another loop
 */
BL_MAY_FAIL
int bl_future_share(bl_future *future);

/*
 * Sets a shared future, from any thread; allocates nothing.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EALREADY  it was set before; unchanged
 *   BL_EINVAL    future is NULL or rc is BL_ECANCELED
 *   BL_EMISUSE   the future is not shared
 */
BL_MAY_FAIL
int bl_thread_future_set(bl_future *future, int rc, void *value);

/*
 * Runs `fn(arg)` on a thread of the loop's bounded pool and waits for it.
 *
 * While it is queued it can be cancelled; once it runs, cancellation has to
 * wait for it, and it can ask bl_thread_is_cancelled.
 *
 * Returns what fn returned.
 *
 * Errors:
 *   BL_ECANCELED  cancelled while queued: fn never ran; or fn returned it
 *   BL_EINVAL     fn is NULL
 *   BL_EAGAIN     no thread could be started; fn never ran
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_to_thread(bl_task_fn *fn, void *arg);

/*
 * Like bl_to_thread, but a cancelled caller does not wait for a running `fn`:
 * it returns BL_ECANCELED at once and the job goes on.  The job owns `arg`:
 * `dtor(arg)` is called exactly once, when fn has returned or never will run.
 *
 * Returns what fn returned.
 *
 * Errors:
 *   BL_ECANCELED  the caller was cancelled; fn may still run
 *   BL_EINVAL     fn or dtor is NULL
 *   BL_ENOMEM     there was no memory; fn never ran
 *   BL_EAGAIN     no thread could be started; fn never ran
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_to_thread_owned(bl_task_fn *fn, void *arg, void (*dtor)(void *arg));

/*
 * Returns whether the task that waits for the calling thread job has been
 * cancelled.  Inside a job only; elsewhere false.
 */
BL_API
bool bl_thread_is_cancelled(void);

/*
 * Cancels all workers of a set, from any thread, for `reason` (a static string
 * for reports; may be NULL).
 *
 * A set that does not run yet is cancelled all the same: its workers begin
 * cancelled.  Idempotent; the first cause stays.  The set must not be closed
 * meanwhile.  NULL is allowed.
 *
 * Returns whether this call was the one that cancelled it.
 */
BL_API
bool bl_thread_workers_cancel(bl_workers *workers, const char *reason);

#ifndef BL_NO_SITES
#    define bl_to_thread(...) \
        BL__AT("bl_to_thread(" #__VA_ARGS__ ")", bl_to_thread(__VA_ARGS__))
#    define bl_to_thread_owned(...)                    \
        BL__AT("bl_to_thread_owned(" #__VA_ARGS__ ")", \
               bl_to_thread_owned(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
