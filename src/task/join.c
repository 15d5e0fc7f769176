/* SPDX-License-Identifier: MIT */
/*
 * task/join.c - handles: joining, asking, cancelling, counting
 *
 * Joining has two channels: the code says what became of the wait, the outcome
 * what became of the task.  A handle keeps the task's memory, which is its
 * stack, so a result can be read after the group is gone.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "task/switch.h"
#include "task/task.h"

enum {
    WAITERS_ON_STACK = 16
};

static void outcome_fill(const bl_task *task, bl_outcome *outcome) {
    BL__ASSERT(task->is_done);
    if (outcome == NULL) return;
    *outcome = (bl_outcome){
        .rc = task->rc,
        .is_cancelled = task->is_cancelled,
        .value = task->value,
        .error = task->error,
    };
}

bool bl_task_is_done(const bl_task *task) {
    return task->is_done;
}

bool bl_task_is_cancelled(const bl_task *task) {
    return task->is_done && task->is_cancelled;
}

bl_loop *bl_task_loop(const bl_task *task) {
    return &task->sched->loop;
}

bl_waitq *bl_task_joiners(bl_task *task) {
    return task->is_done ? NULL : &task->joiners;
}

static int check_target(const bl_task *task) {
    bl_task *self = bl__task_current();
    if (task == NULL) return BL_EINVAL;
    if (self == NULL) return bl__no_task();
    if (task == self) return BL_EDEADLK;
    if (task->sched != self->sched) return BL_ETHREAD;
    return 0;
}

int bl_task_join(bl_task *task, bl_outcome *outcome) {
    int rc = check_target(task);
    if (rc < 0) return rc;
    /* Others may drop their handles before this task gets to run again. */
    bl_task_ref(task);
    rc = bl_checkpoint();
    if (rc == 0 && !task->is_done) {
        bl_waiter waiter;
        rc = bl_waitq_wait(&task->joiners, &waiter, "join", task);
    }
    if (rc == 0) outcome_fill(task, outcome);
    bl_task_unref(task);
    return rc;
}

int bl_task_result(const bl_task *task, bl_outcome *outcome) {
    if (task == NULL) return BL_EINVAL;
    if (!task->is_done) return BL_ENOTDONE;
    outcome_fill(task, outcome);
    return 0;
}

int bl_task_try_join(bl_task *task, bl_outcome *outcome) {
    if (task == NULL) return BL_EINVAL;
    if (!task->is_done) return BL_EAGAIN;
    outcome_fill(task, outcome);
    return 0;
}

/* ---- several at once --------------------------------------------------- */

struct many {
    bl_park park;
    bl_waiter *waiters;
    bl_task *const *tasks;
    size_t count;
    size_t left; /* tasks that have not ended */
    bl_wait_mode mode;
};

static bool has_failed(const bl_task *task) {
    return task->rc < 0 && !task->is_cancelled;
}

/* Whether the end of `task` is what the mode waits for. */
static bool is_enough(const struct many *many, const bl_task *task) {
    if (many->left == 0) return true;
    if (many->mode == BL_WAIT_FIRST) return true;
    return many->mode == BL_WAIT_ERROR && has_failed(task);
}

static void leave_all(struct many *many) {
    for (size_t i = 0; i < many->count; i++) {
        bl_waitq_leave(&many->waiters[i]);
    }
}

/* The places in line carry no park, so that this decides. */
static void on_task_end(bl_waiter *waiter) {
    struct many *many = waiter->_owner;
    many->left--;
    if (bl_park_is_woken(&many->park)) return;
    if (is_enough(many, waiter->data)) bl_park_wake(&many->park, 0);
}

static bl_abort many_abort(bl_park *park) {
    leave_all(bl__container_of(park, struct many, park));
    return BL_ABORTED;
}

static int wait_many(struct many *many) {
    bool is_satisfied = false;
    for (size_t i = 0; i < many->count; i++) {
        many->waiters[i] = (bl_waiter){ .data = many->tasks[i] };
        if (many->tasks[i]->is_done) many->left--;
    }
    for (size_t i = 0; i < many->count; i++) {
        if (!many->tasks[i]->is_done) continue;
        if (is_enough(many, many->tasks[i])) is_satisfied = true;
    }
    if (is_satisfied) return (int)(many->count - many->left);

    bl_park_init(&many->park, "tasks", many->tasks, many_abort);
    for (size_t i = 0; i < many->count; i++) {
        if (many->tasks[i]->is_done) continue;
        bl_waitq_join(&many->tasks[i]->joiners, &many->waiters[i], NULL,
                      on_task_end, many);
    }
    int rc = bl_park_wait(&many->park);
    leave_all(many);
    return rc < 0 ? rc : (int)(many->count - many->left);
}

int bl_task_wait(bl_task *const *tasks, size_t count, bl_wait_mode mode) {
    if (tasks == NULL || count == 0) return BL_EINVAL;
    if ((unsigned)mode > BL_WAIT_ERROR) return BL_EINVAL;
    for (size_t i = 0; i < count; i++) {
        int rc = check_target(tasks[i]);
        if (rc < 0) return rc;
    }
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    bl_waiter some[WAITERS_ON_STACK];
    struct many many = { .tasks = tasks, .count = count, .left = count };
    many.mode = mode;
    many.waiters = some;
    if (count > WAITERS_ON_STACK) {
        many.waiters = bl__alloc_zeroed(count, sizeof *many.waiters);
        if (many.waiters == NULL) return BL_ENOMEM;
    }
    rc = wait_many(&many);
    if (many.waiters != some) bl__free(many.waiters);
    return rc;
}

/* ---- cancelling and counting ------------------------------------------- */

bool bl_task_cancel_because(bl_task *task, const char *reason) {
    if (task == NULL) return false;
    if (task->is_done) return false;
    bl__cancel(&task->base, 1, BL_CAUSE_EXPLICIT, reason, 0);
    return true;
}

bool bl_task_cancel(bl_task *task) {
    return bl_task_cancel_because(task, NULL);
}

bl_task *bl_task_ref(bl_task *task) {
    BL__ASSERT(task->refcount > 0);
    task->refcount++;
    return task;
}

void bl_task_unref(bl_task *task) {
    if (task == NULL) return;
    BL__ASSERT(task->refcount > 0);
    if (--task->refcount > 0) return;
    BL__ASSERT(task->is_done);
    if (task->error != NULL) {
        bl_error_unref(task->error);
        task->error = NULL;
    }
    bl__task_release(task->sched, task);
}
