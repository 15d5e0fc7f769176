/* SPDX-License-Identifier: MIT */
/*
 * belay/thread.h - what other threads may call, and work given to threads
 *
 * A loop and all that belongs to it is used by one thread.  The calls whose
 * names begin with bl_thread_ or bl_channel_ may be made from any thread;
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

struct bl_service;

/*
 * Asks a service (service.h) to stop, from any thread, and from a signal
 * handler.
 *
 * Never blocks, and allocates nothing; asking again has no effect.  The stop
 * begins in the next iteration of the service's loop.  A service that was never
 * started remembers it: its first start returns BL_ECANCELED without running
 * the body.  One that has ended already ignores it.
 *
 * The service must not be done meanwhile.  Unless it is told so with
 * `stops_from_outside`, its loop does not count on this to happen.
 */
BL_API
void bl_thread_service_request_stop(struct bl_service *service);

struct bl_app;

/*
 * Asks an app (app.h) to stop, from any thread, and from a signal handler: as
 * bl_app_begin_stop does, in the next iteration of the app's loop.
 *
 * Never blocks, and allocates nothing; asking again has no effect.  Before
 * bl_app_run or bl_app_start it is remembered: nothing will run.  An app that
 * has ended already ignores it.
 *
 * The app must not be freed meanwhile.  The loop of bl_app_run counts on this
 * to happen; another one that does says so with bl_loop_expect.  NULL is
 * allowed.
 */
BL_API
void bl_thread_app_request_stop(struct bl_app *app);

/*
 * A bounded line of items between tasks of any loops, and plain threads.
 *
 * Items have a fixed size and are copied.  An item is in exactly one place at
 * any time: 0 from a put or get means it changed hands, every other code means
 * it did not.  Putters and getters are served in the order they came, wherever
 * they came from.  For tasks of one loop alone, bl_queue does the same without
 * a mutex.
 */
typedef struct bl_channel bl_channel;

/*
 * Makes a channel for `capacity` items of `item_bytes` each.  With or without
 * a loop; all memory is taken here.
 *
 * Returns 0, and the caller owns one reference of `*channel`.
 *
 * Errors:
 *   BL_EINVAL  channel is NULL, item_bytes or capacity is 0, or the product is
 *              too large; nothing was written
 *   BL_ENOMEM  there was no memory; nothing was written
 */
BL_MAY_FAIL
int bl_channel_new(size_t item_bytes, size_t capacity, bl_channel **channel);

/*
 * Adds a reference, for a thread that goes its own way, and returns `channel`.
 */
BL_API
bl_channel *bl_channel_ref(bl_channel *channel);

/*
 * Gives one reference back; the last frees the channel, with the items inside.
 * NULL is allowed.
 */
BL_API
void bl_channel_unref(bl_channel *channel);

/*
 * Puts one item, copied from `item`, waiting while the channel is full.
 *
 * While a task waits here its loop is not in a deadlock, since others may reach
 * the channel.
 *
 * Returns 0 once the item is in the channel or in a getter's hands.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was put
 *   BL_ESHUTDOWN  the channel was shut down; nothing was put
 *   BL_EINVAL     channel or item is NULL
 *   BL_ENOLOOP    no loop runs on this thread; see bl_thread_channel_put
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_channel_put(bl_channel *channel, const void *item);

/*
 * Gets the oldest item, copied to `item`, waiting while the channel is empty.
 *
 * Returns 0 with the item, which is then the caller's alone.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; no item was taken
 *   BL_ESHUTDOWN  the channel was shut down and is empty
 *   BL_EINVAL     channel or item is NULL
 *   BL_ENOLOOP    no loop runs on this thread; see bl_thread_channel_get
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_channel_get(bl_channel *channel, void *item);

/*
 * Puts one item if that is possible at once.
 *
 * Returns 0 if it was put.
 *
 * Errors:
 *   BL_EAGAIN     the channel is full; nothing was put
 *   BL_ESHUTDOWN  the channel was shut down; nothing was put
 *   BL_EINVAL     channel or item is NULL
 */
BL_MAY_FAIL
int bl_channel_try_put(bl_channel *channel, const void *item);

/*
 * Gets the oldest item if there is one.
 *
 * Returns 0 with the item.
 *
 * Errors:
 *   BL_EAGAIN     the channel is empty
 *   BL_ESHUTDOWN  the channel was shut down and is empty
 *   BL_EINVAL     channel or item is NULL
 */
BL_MAY_FAIL
int bl_channel_try_get(bl_channel *channel, void *item);

/*
 * Puts one item from a thread without a loop, which blocks while the channel
 * is full.  Shutting the channel down ends the wait.
 *
 * Returns 0 once the item is in the channel or in a getter's hands.
 *
 * Errors:
 *   BL_ESHUTDOWN  the channel was shut down; nothing was put
 *   BL_EINVAL     channel or item is NULL
 *   BL_EMISUSE    a loop runs on this thread and would block with it
 */
BL_MAY_FAIL
int bl_thread_channel_put(bl_channel *channel, const void *item);

/*
 * Gets the oldest item on a thread without a loop, which blocks while the
 * channel is empty.  Shutting the channel down ends the wait.
 *
 * Returns 0 with the item.
 *
 * Errors:
 *   BL_ESHUTDOWN  the channel was shut down and is empty
 *   BL_EINVAL     channel or item is NULL
 *   BL_EMISUSE    a loop runs on this thread and would block with it
 */
BL_MAY_FAIL
int bl_thread_channel_get(bl_channel *channel, void *item);

/*
 * Ends the putting: whoever puts, now or later, gets BL_ESHUTDOWN and keeps
 * the item; what is inside can still be got, and then getters get BL_ESHUTDOWN
 * too.  Idempotent.
 */
BL_API
void bl_channel_shutdown(bl_channel *channel);

/*
 * Shuts the channel down and empties it: `drop(item)` is called for each item
 * that was inside, oldest first, if it is not NULL.
 */
BL_API
void bl_channel_shutdown_now(bl_channel *channel, void (*drop)(void *item));

/*
 * Returns how many items are inside; another thread may change it at once.
 */
BL_API
size_t bl_channel_count(bl_channel *channel);

/*
 * Returns how many items fit.
 */
BL_API
size_t bl_channel_capacity(const bl_channel *channel);

/*
 * Returns whether the channel was shut down.
 */
BL_API
bool bl_channel_is_shut_down(bl_channel *channel);

#ifndef BL_NO_SITES
#    define bl_channel_put(...) \
        BL__AT("bl_channel_put(" #__VA_ARGS__ ")", bl_channel_put(__VA_ARGS__))
#    define bl_channel_get(...) \
        BL__AT("bl_channel_get(" #__VA_ARGS__ ")", bl_channel_get(__VA_ARGS__))
#    define bl_to_thread(...) \
        BL__AT("bl_to_thread(" #__VA_ARGS__ ")", bl_to_thread(__VA_ARGS__))
#    define bl_to_thread_owned(...)                    \
        BL__AT("bl_to_thread_owned(" #__VA_ARGS__ ")", \
               bl_to_thread_owned(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
