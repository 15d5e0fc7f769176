/* SPDX-License-Identifier: MIT */
/*
 * belay/sync.h - event, lock, condition, semaphore, barrier
 *
 * For tasks of one loop.  All are first come, first served: what is released
 * goes straight to the longest waiting task, and nobody overtakes it.  For
 * event, lock and condition all zeroes is the initial state; a semaphore or a
 * barrier of zero bytes is not initialised, and its calls say so.
 *
 * An object belongs to the loop that first used it, and stays there: to use it
 * with another loop, even after the first one is closed, initialise it again.
 * From elsewhere, a call that returns a code returns BL_ETHREAD, and one that
 * does not ends the process if a task waits, because waking it would break its
 * loop.  An object must not be discarded while somebody waits on it, nor a lock
 * while it is owned.
 */
#ifndef BELAY_SYNC_H
#define BELAY_SYNC_H

#include <belay/base.h>
#include <belay/park.h>

BL_BEGIN_DECLS

/* A flag that tasks wait for. */
typedef struct bl_event {
    bl_waitq _waiters;
    bl_loop *_loop;
    bool _is_set;
} bl_event;

#define BL_EVENT_INIT \
    { { { 0, 0 }, 0 }, 0, false }

/*
 * Makes an event that is not set.
 */
BL_API
void bl_event_init(bl_event *event);

/*
 * Waits until the event is set.  Set already, it returns without suspending.
 *
 * Returns 0; every task that waits when the event is set returns 0, even if
 * it is cleared again at once.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EINVAL     event is NULL
 *   BL_ETHREAD    the event belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_event_wait(bl_event *event);

/*
 * Sets the event and wakes everybody who waits for it.
 */
BL_API
void bl_event_set(bl_event *event);

/*
 * Clears the event: from now on tasks wait again.
 */
BL_API
void bl_event_clear(bl_event *event);

/*
 * Returns whether the event is set.
 */
BL_API
bool bl_event_is_set(const bl_event *event);

/*
 * A mutual exclusion that one task owns at a time.
 *
 * If the owner ends without releasing it, the lock breaks: what it protects
 * may be half-changed.  Everybody gets BL_EOWNERDEAD until bl_lock_init.
 */
typedef struct bl_lock {
    bl_waitq _waiters;
    bl_holding _held; /* among what the owner holds */
    bl_task *_owner;
    bl_loop *_loop;
    bool _is_broken;
} bl_lock;

#define BL_LOCK_INIT \
    { { { 0, 0 }, 0 }, { { 0, 0 }, 0 }, 0, 0, false }

/*
 * Makes a free lock.
 */
BL_API
void bl_lock_init(bl_lock *lock);

/*
 * Waits until the calling task owns the lock.
 *
 * Returns 0; the task owns it and must release it before it ends.
 *
 * Errors:
 *   BL_ECANCELED   an enclosing scope was cancelled; not owned
 *   BL_EDEADLK     the task owns it already
 *   BL_EOWNERDEAD  a task ended while it owned the lock; not owned
 *   BL_EINVAL      lock is NULL
 *   BL_ETHREAD     the lock belongs to another loop
 *   BL_ENOLOOP     no loop runs on this thread
 *   BL_ENOTASK     called from a loop callback
 */
BL_MAY_WAIT
int bl_lock_acquire(bl_lock *lock);

/*
 * Takes the lock if it is free, without waiting.
 *
 * Returns 0; the task owns it.
 *
 * Errors:
 *   BL_EAGAIN      another task owns it
 *   BL_EDEADLK     the task owns it already
 *   BL_EOWNERDEAD  a task ended while it owned the lock
 *   BL_EINVAL      lock is NULL
 *   BL_ENOTASK     called outside a task
 *   BL_ETHREAD     the lock belongs to another loop
 */
BL_MAY_FAIL
int bl_lock_try_acquire(bl_lock *lock);

/*
 * Gives the lock to the longest waiting task, or frees it.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EPERM   the calling task does not own it; unchanged
 *   BL_EINVAL  lock is NULL
 */
BL_API
int bl_lock_release(bl_lock *lock);

/*
 * Returns whether some task owns the lock.
 */
BL_API
bool bl_lock_is_held(const bl_lock *lock);

/* A condition that tasks wait for while they hold a lock. */
typedef struct bl_cond {
    bl_waitq _waiters;
    bl_loop *_loop;
} bl_cond;

#define BL_COND_INIT \
    { { { 0, 0 }, 0 }, 0 }

/*
 * Makes a condition nobody waits for.
 */
BL_API
void bl_cond_init(bl_cond *cond);

/*
 * Releases `lock`, waits to be notified, and takes the lock again.
 *
 * The predicate has to be tested in a loop: between the notification and the
 * return other owners may have changed it.  Once notified, the wait is
 * complete: a later cancellation shows at the next wait.  While the lock is
 * taken again, cancellation has to wait.  In a scope that is cancelled already
 * the lock is not released at all.
 *
 * Returns 0, with the lock held.
 *
 * Errors:
 *   BL_ECANCELED   cancelled before a notification; the lock is held
 *   BL_EPERM       the task does not own the lock
 *   BL_EOWNERDEAD  the lock broke meanwhile; it is not held
 *   BL_EINVAL      cond or lock is NULL
 *   BL_ETHREAD     the condition belongs to another loop
 *   BL_ENOLOOP     no loop runs on this thread
 *   BL_ENOTASK     called from a loop callback
 */
BL_MAY_WAIT
int bl_cond_wait(bl_cond *cond, bl_lock *lock);

/*
 * Notifies the `count` longest waiting tasks, or all if there are fewer.
 *
 * Each takes its place in front of its lock at once, so they get it in the
 * order in which they waited.  The caller need not own the lock.
 *
 * Returns how many it notified.
 */
BL_API
size_t bl_cond_notify(bl_cond *cond, size_t count);

/*
 * Notifies everybody who waits, as bl_cond_notify does.
 *
 * Returns how many it notified.
 */
BL_API
size_t bl_cond_notify_all(bl_cond *cond);

/* A number of permits. */
typedef struct bl_sem {
    bl_waitq _waiters;
    bl_loop *_loop;
    size_t _value;     /* > 0 only while nobody waits */
    size_t _value_max; /* 0: not initialised */
} bl_sem;

/*
 * Makes a semaphore with `value` permits, which can never be more than
 * `value_max` (0: no bound).
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  sem is NULL, or value is above value_max
 */
BL_MAY_FAIL
int bl_sem_init(bl_sem *sem, size_t value, size_t value_max);

/*
 * Waits until the task has a permit.
 *
 * Returns 0; the permit is the task's, or its heirs', to release.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; no permit was taken
 *   BL_EINVAL     sem is NULL or not initialised
 *   BL_ETHREAD    the semaphore belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_sem_acquire(bl_sem *sem);

/*
 * Takes a permit if there is one, without waiting.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EAGAIN   there is none
 *   BL_EINVAL   sem is NULL or not initialised
 *   BL_ETHREAD  the semaphore belongs to another loop
 */
BL_MAY_FAIL
int bl_sem_try_acquire(bl_sem *sem);

/*
 * Gives one permit to the longest waiting task, or puts it back.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EOVERFLOW  there would be more than value_max; unchanged
 *   BL_EINVAL     sem is NULL or not initialised
 *   BL_ETHREAD    the semaphore belongs to another loop; unchanged
 */
BL_API
int bl_sem_release(bl_sem *sem);

/*
 * Returns how many permits are free.
 */
BL_API
size_t bl_sem_value(const bl_sem *sem);

/* A place where a fixed number of tasks wait for one another. */
typedef struct bl_barrier {
    bl_waitq _waiters;
    bl_loop *_loop;
    size_t _parties; /* 0: not initialised */
    bool _is_broken;
} bl_barrier;

/*
 * Makes a barrier for `parties` tasks.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  barrier is NULL, or parties is 0 or above INT_MAX
 */
BL_MAY_FAIL
int bl_barrier_init(bl_barrier *barrier, size_t parties);

/*
 * Waits until `parties` tasks have arrived; then all go on and the barrier is
 * ready for the next round.
 *
 * A cancelled task leaves; the barrier does not break.  Tasks that were let
 * through stay let through, whatever happens afterwards.
 *
 * Returns the task's place in the round, from 0, each exactly once, in order
 * of arrival.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; the task has left
 *   BL_EBROKEN    the barrier was aborted, or reset while the task waited
 *   BL_EINVAL     barrier is NULL or not initialised
 *   BL_ETHREAD    the barrier belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_barrier_wait(bl_barrier *barrier);

/*
 * Sends those who wait away with BL_EBROKEN and makes the barrier whole.
 */
BL_API
void bl_barrier_reset(bl_barrier *barrier);

/*
 * Breaks the barrier: those who wait, and all who come, get BL_EBROKEN.
 */
BL_API
void bl_barrier_abort(bl_barrier *barrier);

/*
 * Returns how many tasks wait at the barrier.
 */
BL_API
size_t bl_barrier_waiting(const bl_barrier *barrier);

/*
 * Returns whether the barrier is broken.
 */
BL_API
bool bl_barrier_is_broken(const bl_barrier *barrier);

#ifndef BL_NO_SITES
#    define bl_event_wait(...) \
        BL__AT("bl_event_wait(" #__VA_ARGS__ ")", bl_event_wait(__VA_ARGS__))
#    define bl_lock_acquire(...)                    \
        BL__AT("bl_lock_acquire(" #__VA_ARGS__ ")", \
               bl_lock_acquire(__VA_ARGS__))
#    define bl_cond_wait(...) \
        BL__AT("bl_cond_wait(" #__VA_ARGS__ ")", bl_cond_wait(__VA_ARGS__))
#    define bl_sem_acquire(...) \
        BL__AT("bl_sem_acquire(" #__VA_ARGS__ ")", bl_sem_acquire(__VA_ARGS__))
#    define bl_barrier_wait(...)                    \
        BL__AT("bl_barrier_wait(" #__VA_ARGS__ ")", \
               bl_barrier_wait(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
