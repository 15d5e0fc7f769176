/* SPDX-License-Identifier: MIT */
/*
 * belay/select.h - waiting for several things, of which exactly one happens
 *
 * Each branch is a wait that is either served or not: nothing of a branch
 * that lost has happened.  Branches that are ready at once are tried in the
 * order given, so the first one wins ties; bl_select_fair rotates.
 *
 *     int got;
 *     bl_branch branches[] = {
 *         bl_on_event(&stopping),
 *         bl_on_get(&jobs, &got),
 *         bl_on_sleep(BL_SEC(5)),
 *     };
 *     int which = bl_select(branches, 3);
 *
 * Branches may be selected over again; each select begins them anew.
 */
#ifndef BELAY_SELECT_H
#define BELAY_SELECT_H

#include <belay/base.h>
#include <belay/future.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/queue.h>
#include <belay/sync.h>
#include <belay/task.h>

BL_BEGIN_DECLS

typedef struct bl_branch bl_branch;
struct bl__selection;

/*
 * What a kind of branch can do.  Whoever writes a wait of his own can make it
 * selectable with such a table and a bl_branch that names it; `object` and
 * `data` are his.  NULL stands for nothing to be done.
 */
typedef struct bl_branch_ops {
    /* Validates before anything has happened; < 0 fails the whole select. */
    int (*check)(bl_branch *branch);
    /* Commits, sets branch->rc and returns true, if it need not wait. */
    bool (*try_commit)(bl_branch *branch);
    /* Begins to wait, by bl_branch_join or by means of its own that will call
     * bl_branch_commit; < 0 fails the whole select. */
    int (*begin)(bl_branch *branch);
    /* Ends means of its own that `begin` has set up, whichever branch won. */
    void (*end)(bl_branch *branch);
    /* Collects a result in the moment in which this branch wins by waiting. */
    void (*collect)(bl_branch *branch);
} bl_branch_ops;

/*
 * One branch of a select.
 *
 * After it has won, `rc` tells what the wait itself returned: for a queue 0,
 * BL_ESHUTDOWN or BL_ENOMEM, for a lock 0 or BL_EOWNERDEAD, for a future its
 * result, for a descriptor the events that are ready or BL_ECLOSED, for the
 * others 0.
 */
struct bl_branch {
    const bl_branch_ops *ops;
    void *object;
    void *data;
    int rc;
    int _fd;
    unsigned _events;
    bool _has_begun;
    bl_ns _duration;
    struct bl__selection *_selection; /* while its select waits */
    bl_waiter _waiter;
    union {
        bl_timer timer;
        bl_watch watch;
    } _source;
};

/*
 * Makes a branch that waits for an event to be set.
 */
BL_API
bl_branch bl_on_event(bl_event *event);

/*
 * Makes a branch that acquires a lock.
 */
BL_API
bl_branch bl_on_lock(bl_lock *lock);

/*
 * Makes a branch that takes a permit.
 */
BL_API
bl_branch bl_on_sem(bl_sem *sem);

/*
 * Makes a branch that gets an item into `item`.
 */
BL_API
bl_branch bl_on_get(bl_queue *queue, void *item);

/*
 * Makes a branch that puts the item at `item`.
 */
BL_API
bl_branch bl_on_put(bl_queue *queue, const void *item);

/*
 * Makes a branch that waits for a future; `*value` (may be NULL) gets the
 * value if the result is >= 0.
 */
BL_API
bl_branch bl_on_future(bl_future *future, void **value);

/*
 * Makes a branch that waits for a task to end; `*outcome` (may be NULL) tells
 * how it did.
 */
BL_API
bl_branch bl_on_task(bl_task *task, bl_outcome *outcome);

/*
 * Makes a branch that waits for `duration`, counted from bl_select.
 *
 * 0 or less is over when its turn comes.
 */
BL_API
bl_branch bl_on_sleep(bl_ns duration);

/*
 * Makes a branch that waits until `fd` is ready for `events`, BL_READABLE,
 * BL_WRITABLE or both.  A hang-up or an error counts as ready.
 */
BL_API
bl_branch bl_on_fd(int fd, unsigned events);

/*
 * Waits until one branch commits.
 *
 * Returns the index of the branch; nothing of the others has happened.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; no branch committed
 *   BL_EINVAL     branches is NULL, count is 0 or above INT_MAX, or a branch
 *                 has no object, or one that is not initialised
 *   BL_EDEADLK    a branch waits for the calling task, or a lock it owns
 *   BL_ETHREAD    an object belongs to another loop; no branch committed
 *   BL_ENOMEM     a descriptor could not be watched; no branch committed
 *   BL_EBADF      a descriptor is not open; no branch committed
 *   BL_EBUSY      somebody else waits for a descriptor in the same direction;
 *                 no branch committed
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is one of bl_watch_start's; no branch committed.
 */
BL_MAY_WAIT
int bl_select(bl_branch *branches, size_t count);

/*
 * Waits like bl_select, but tries the branches from `*turn` on, and then moves
 * it behind the one that won: over many calls no ready branch is left out.
 *
 * Returns and fails as bl_select does; `*turn` is moved on success only.
 *
 * Errors:
 *   BL_EINVAL  turn is NULL
 */
BL_MAY_WAIT
int bl_select_fair(bl_branch *branches, size_t count, size_t *turn);

/*
 * Puts the branch at the end of `line`, for a kind whose `begin` is that.  When
 * it is served, the branch has won, and `rc` is what it was served with; when
 * another wins, it leaves the line by itself.
 *
 * `data` is where the server finds the waiter's data.
 */
BL_API
void bl_branch_join(bl_branch *branch, bl_waitq *line, void *data);

/*
 * Commits the branch with `rc`, from a callback of the loop or another task:
 * the other branches are taken back at once, and the selecting task is readied.
 *
 * Only between `begin` and `end`, so at most once.
 */
BL_API
void bl_branch_commit(bl_branch *branch, int rc);

#ifndef BL_NO_SITES
#    define bl_select(...) \
        BL__AT("bl_select(" #__VA_ARGS__ ")", bl_select(__VA_ARGS__))
#    define bl_select_fair(...) \
        BL__AT("bl_select_fair(" #__VA_ARGS__ ")", bl_select_fair(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
