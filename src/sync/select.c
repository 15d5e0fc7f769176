/* SPDX-License-Identifier: MIT */
/*
 * sync/select.c - waiting for several things, of which exactly one happens
 *
 * First every branch is asked, in order, whether it can commit at once.  If
 * none can, each begins to wait: most of them with a place in the line of their
 * object, where the select is served like anybody else, in turn.  The first
 * branch that is served takes the others back in the same moment, before
 * anything else can run, so no second one can be served; from then on the
 * select is complete, and a cancellation comes too late for it.
 *
 *     bl_select -- check -- try_commit ------------------------------> index
 *                               |                                       ^
 *                               +-- begin -- served, or bl_branch_commit |
 *                                     |        collect; end all; wake ---+
 *                                     +- cancelled
 *                                              end all; BL_ECANCELED
 *
 * Order is not left to chance, nor to a test's seam: that the first ready
 * branch wins is promised to the caller.
 *
 * Invariant: a branch has begun only while its select waits without a winner.
 */
#include <belay/select.h>

#include <poll.h>

#include "base/assert.h"
#include "base/list.h"
#include "sync/object.h"

struct bl__selection {
    bl_park park;
    bl_branch *branches;
    size_t count;
    bl_branch *winner;
};

/* ---- the wait ------------------------------------------------------------ */

static void branch_end(bl_branch *branch) {
    if (!branch->_has_begun) return;
    branch->_has_begun = false;
    bl_waitq_leave(&branch->_waiter);
    if (branch->ops->end != NULL) branch->ops->end(branch);
}

static void selection_end(struct bl__selection *selection) {
    for (size_t i = 0; i < selection->count; i++) {
        branch_end(&selection->branches[i]);
    }
}

static void selection_win(struct bl__selection *selection, bl_branch *winner) {
    BL__ASSERT(selection->winner == NULL);
    BL__ASSERT(winner->_has_begun);
    selection->winner = winner;
    if (winner->ops->collect != NULL) winner->ops->collect(winner);
    selection_end(selection);
}

static bl_abort selection_abort(bl_park *park) {
    struct bl__selection *selection =
        bl__container_of(park, struct bl__selection, park);
    BL__ASSERT(selection->winner == NULL);
    selection_end(selection);
    return BL_ABORTED;
}

/* Whoever serves the waiter goes on to wake the park with the code. */
static void branch_served(bl_waiter *waiter) {
    bl_branch *branch = bl__container_of(waiter, bl_branch, _waiter);
    selection_win(branch->_selection, branch);
}

void bl_branch_join(bl_branch *branch, bl_waitq *line, void *data) {
    branch->_waiter.data = data;
    bl_waitq_join(line, &branch->_waiter, &branch->_selection->park,
                  branch_served, NULL);
}

void bl_branch_commit(bl_branch *branch, int rc) {
    struct bl__selection *selection = branch->_selection;
    selection_win(selection, branch);
    bl_park_wake(&selection->park, rc);
}

/* Has the branches begin, from `first` on; all of them or none. */
static int selection_begin(struct bl__selection *selection, size_t first) {
    size_t index = first;
    for (size_t i = 0; i < selection->count; i++) {
        bl_branch *branch = &selection->branches[index];
        branch->_selection = selection;
        branch->_waiter._queue = NULL;
        int rc = branch->ops->begin(branch);
        if (rc < 0) {
            selection_end(selection);
            return rc;
        }
        branch->_has_begun = true;
        if (++index == selection->count) index = 0;
    }
    return 0;
}

static int selection_wait(bl_branch *branches, size_t count, size_t first) {
    struct bl__selection selection = { .branches = branches, .count = count };
    bl_park_init(&selection.park, "select", NULL, selection_abort);
    int rc = selection_begin(&selection, first);
    if (rc < 0) return rc;

    rc = bl_park_wait(&selection.park);
    bl_branch *winner = selection.winner;
    if (winner == NULL) return rc;
    winner->rc = rc;
    return (int)(winner - branches);
}

static int check_branches(bl_branch *branches, size_t count) {
    if (branches == NULL) return BL_EINVAL;
    if (count == 0) return BL_EINVAL;
    if (count > INT_MAX) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    if (bl_task_current() == NULL) return BL_ENOTASK;

    for (size_t i = 0; i < count; i++) {
        bl_branch *branch = &branches[i];
        if (branch->ops == NULL) return BL_EINVAL;
        branch->_has_begun = false;
        if (branch->ops->check == NULL) continue;
        int rc = branch->ops->check(branch);
        if (rc < 0) return rc;
    }
    return 0;
}

static int select_from(bl_branch *branches, size_t count, size_t first) {
    int rc = check_branches(branches, count);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;

    size_t index = first;
    for (size_t i = 0; i < count; i++) {
        bl_branch *branch = &branches[index];
        if (branch->ops->try_commit(branch)) return (int)index;
        if (++index == count) index = 0;
    }
    return selection_wait(branches, count, first);
}

int bl_select(bl_branch *branches, size_t count) {
    return select_from(branches, count, 0);
}

int bl_select_fair(bl_branch *branches, size_t count, size_t *turn) {
    if (turn == NULL) return BL_EINVAL;
    if (count == 0) return BL_EINVAL;
    int rc = select_from(branches, count, *turn % count);
    if (rc >= 0) *turn = ((size_t)rc + 1) % count;
    return rc;
}

/* ---- events, locks, semaphores ------------------------------------------- */

static int event_check(bl_branch *branch) {
    bl_event *event = branch->object;
    if (event == NULL) return BL_EINVAL;
    return bl__object_settle(&event->_loop);
}

static bool event_try(bl_branch *branch) {
    branch->rc = 0;
    return bl_event_is_set(branch->object);
}

static int event_begin(bl_branch *branch) {
    bl_event *event = branch->object;
    bl_branch_join(branch, &event->_waiters, NULL);
    return 0;
}

bl_branch bl_on_event(bl_event *event) {
    static const bl_branch_ops ops = { .check = event_check,
                                       .try_commit = event_try,
                                       .begin = event_begin };
    return (bl_branch){ .ops = &ops, .object = event };
}

static int lock_check(bl_branch *branch) {
    bl_lock *lock = branch->object;
    if (lock == NULL) return BL_EINVAL;
    int rc = bl__object_settle(&lock->_loop);
    if (rc < 0) return rc;
    return lock->_owner == bl_task_current() ? BL_EDEADLK : 0;
}

static bool lock_try(bl_branch *branch) {
    branch->rc = bl_lock_try_acquire(branch->object);
    return branch->rc != BL_EAGAIN;
}

static int lock_begin(bl_branch *branch) {
    bl_lock *lock = branch->object;
    bl_branch_join(branch, &lock->_waiters, NULL);
    return 0;
}

bl_branch bl_on_lock(bl_lock *lock) {
    static const bl_branch_ops ops = { .check = lock_check,
                                       .try_commit = lock_try,
                                       .begin = lock_begin };
    return (bl_branch){ .ops = &ops, .object = lock };
}

static int sem_check(bl_branch *branch) {
    bl_sem *sem = branch->object;
    if (sem == NULL) return BL_EINVAL;
    if (sem->_value_max == 0) return BL_EINVAL;
    return bl__object_settle(&sem->_loop);
}

static bool sem_try(bl_branch *branch) {
    branch->rc = bl_sem_try_acquire(branch->object);
    return branch->rc != BL_EAGAIN;
}

static int sem_begin(bl_branch *branch) {
    bl_sem *sem = branch->object;
    bl_branch_join(branch, &sem->_waiters, NULL);
    return 0;
}

bl_branch bl_on_sem(bl_sem *sem) {
    static const bl_branch_ops ops = { .check = sem_check,
                                       .try_commit = sem_try,
                                       .begin = sem_begin };
    return (bl_branch){ .ops = &ops, .object = sem };
}

/* ---- queues and futures -------------------------------------------------- */

static int queue_check(bl_branch *branch) {
    bl_queue *queue = branch->object;
    if (queue == NULL) return BL_EINVAL;
    if (branch->data == NULL) return BL_EINVAL;
    if (queue->_item_bytes == 0) return BL_EINVAL;
    return bl__object_settle(&queue->_loop);
}

static bool get_try(bl_branch *branch) {
    branch->rc = bl_queue_try_get(branch->object, branch->data);
    return branch->rc != BL_EAGAIN;
}

static int get_begin(bl_branch *branch) {
    bl_queue *queue = branch->object;
    bl_branch_join(branch, &queue->_getters, branch->data);
    return 0;
}

bl_branch bl_on_get(bl_queue *queue, void *item) {
    static const bl_branch_ops ops = { .check = queue_check,
                                       .try_commit = get_try,
                                       .begin = get_begin };
    return (bl_branch){ .ops = &ops, .object = queue, .data = item };
}

static bool put_try(bl_branch *branch) {
    branch->rc = bl_queue_try_put(branch->object, branch->data);
    return branch->rc != BL_EAGAIN;
}

static int put_begin(bl_branch *branch) {
    bl_queue *queue = branch->object;
    bl_branch_join(branch, &queue->_putters, branch->data);
    return 0;
}

bl_branch bl_on_put(bl_queue *queue, const void *item) {
    static const bl_branch_ops ops = { .check = queue_check,
                                       .try_commit = put_try,
                                       .begin = put_begin };
    return (bl_branch){ .ops = &ops,
                        .object = queue,
                        .data = (void *)item /* is only read */ };
}

static int future_check(bl_branch *branch) {
    bl_future *future = branch->object;
    if (future == NULL) return BL_EINVAL;
    if (future->_loop == NULL) return BL_EINVAL;
    return bl__object_settle(&future->_loop);
}

static bool future_try(bl_branch *branch) {
    if (!bl_future_is_set(branch->object)) return false;
    branch->rc = bl_future_try_get(branch->object, branch->data);
    return true;
}

static int future_begin(bl_branch *branch) {
    bl_future *future = branch->object;
    bl_branch_join(branch, &future->_waiters, branch->data);
    return 0;
}

bl_branch bl_on_future(bl_future *future, void **value) {
    static const bl_branch_ops ops = { .check = future_check,
                                       .try_commit = future_try,
                                       .begin = future_begin };
    return (bl_branch){ .ops = &ops, .object = future, .data = value };
}

/* ---- tasks, time, descriptors -------------------------------------------- */

static int task_check(bl_branch *branch) {
    if (branch->object == NULL) return BL_EINVAL;
    if (branch->object == bl_task_current()) return BL_EDEADLK;
    bl_loop *loop = bl_task_loop(branch->object);
    return loop == bl_loop_running() ? 0 : BL_ETHREAD;
}

static bool task_try(bl_branch *branch) {
    branch->rc = bl_task_try_join(branch->object, branch->data);
    return branch->rc != BL_EAGAIN;
}

static int task_begin(bl_branch *branch) {
    bl_waitq *joiners = bl_task_joiners(branch->object);
    BL__ASSERT(joiners != NULL); /* it has not ended: task_try has looked */
    bl_branch_join(branch, joiners, NULL);
    return 0;
}

/* At once: when this task runs again, the other's handle may be gone. */
static void task_collect(bl_branch *branch) {
    int rc = bl_task_try_join(branch->object, branch->data);
    BL__ASSERT(rc == 0);
}

bl_branch bl_on_task(bl_task *task, bl_outcome *outcome) {
    static const bl_branch_ops ops = { .check = task_check,
                                       .try_commit = task_try,
                                       .begin = task_begin,
                                       .collect = task_collect };
    return (bl_branch){ .ops = &ops, .object = task, .data = outcome };
}

static bool sleep_try(bl_branch *branch) {
    branch->rc = 0;
    return branch->_duration <= 0;
}

static void sleep_over(void *context) {
    bl_branch_commit(context, 0);
}

static int sleep_begin(bl_branch *branch) {
    bl_timer_init(&branch->_source.timer, sleep_over, branch);
    bl_timer_start(bl_loop_running(), &branch->_source.timer,
                   bl_ns_add(bl_now(), branch->_duration));
    return 0;
}

static void sleep_end(bl_branch *branch) {
    bl_timer_stop(&branch->_source.timer);
}

bl_branch bl_on_sleep(bl_ns duration) {
    static const bl_branch_ops ops = { .try_commit = sleep_try,
                                       .begin = sleep_begin,
                                       .end = sleep_end };
    return (bl_branch){ .ops = &ops, ._duration = duration };
}

static int fd_check(bl_branch *branch) {
    if (branch->_fd < 0) return BL_EBADF;
    if (branch->_events == 0) return BL_EINVAL;
    if ((branch->_events & ~(unsigned)(BL_READABLE | BL_WRITABLE)) != 0) {
        return BL_EINVAL;
    }
    return 0;
}

/* The loop would tell only after its next iteration, when a later branch has
 * had its turn: so the system is asked.  What it cannot tell, `begin` will. */
static bool fd_try(bl_branch *branch) {
    struct pollfd asked = { .fd = branch->_fd };
    if (branch->_events & BL_READABLE) asked.events |= POLLIN | POLLRDHUP;
    if (branch->_events & BL_WRITABLE) asked.events |= POLLOUT;
    if (poll(&asked, 1, 0) <= 0) return false;
    if (asked.revents & POLLNVAL) return false;

    unsigned ready = 0;
    if (asked.revents & (POLLIN | POLLRDHUP)) ready |= BL_READABLE;
    if (asked.revents & POLLOUT) ready |= BL_WRITABLE;
    if (asked.revents & (POLLHUP | POLLERR)) ready = branch->_events;
    branch->rc = (int)(ready & branch->_events);
    return branch->rc != 0;
}

/* Without an event: bl_fd_close sends everybody away. */
static void fd_ready(void *context, unsigned events) {
    bl_branch_commit(context, events != 0 ? (int)events : BL_ECLOSED);
}

static int fd_begin(bl_branch *branch) {
    bl_watch_init(&branch->_source.watch, branch->_fd, fd_ready, branch);
    return bl_watch_start(bl_loop_running(), &branch->_source.watch,
                          branch->_events);
}

static void fd_end(bl_branch *branch) {
    bl_watch_stop(&branch->_source.watch);
}

bl_branch bl_on_fd(int fd, unsigned events) {
    static const bl_branch_ops ops = { .check = fd_check,
                                       .try_commit = fd_try,
                                       .begin = fd_begin,
                                       .end = fd_end };
    return (bl_branch){ .ops = &ops, ._fd = fd, ._events = events };
}
