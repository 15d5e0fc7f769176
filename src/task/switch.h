/* SPDX-License-Identifier: MIT */
/*
 * task/switch.h - the ready line, and switching from one task to the next
 *
 * A task that suspends goes straight to the next one of the batch; only when
 * the batch is empty, and the loop wants to look at the world, is the loop's
 * own context switched to.  So two tasks that hand a value to and fro pay two
 * switches, not four.
 *
 * This is the hottest code there is, and inlined where it is used.
 *
 * errno belongs to the task: it is kept across a switch.  Its address is the
 * thread's, and is read from the scheduler each time, because a loop may go on
 * in another thread.
 */
#ifndef BL__TASK_SWITCH_H
#define BL__TASK_SWITCH_H

#include "base/assert.h"
#include "task/task.h"

/* With a seam, any ready task may be next. */
bl_task *bl__ready_pop_chosen(struct bl__sched *sched);

static inline void bl__ready_push(struct bl__sched *sched, bl_task *task) {
    task->next_ready = NULL;
    *sched->ready_end = task;
    sched->ready_end = &task->next_ready;
}

/* Takes the first of the batch, which must not be empty. */
static inline bl_task *bl__ready_pop(struct bl__sched *sched) {
    if (BL__UNLIKELY(sched->loop.options.choose != NULL)) {
        return bl__ready_pop_chosen(sched);
    }
    bl_task *task = sched->ready_first;
    bl_task *next = task->next_ready;
    if (&task->next_ready == sched->batch_end) sched->batch_end = NULL;
    if (next == NULL) sched->ready_end = &sched->ready_first;
    sched->ready_first = next;
    return task;
}

/* Who runs next: a task, or the loop. */
static inline __attribute__((always_inline)) struct bl__ctx *bl__next_context(
    struct bl__sched *sched) {
    if (sched->batch_end == NULL) {
        if (sched->ready_first == NULL || !bl__loop_is_quiet(&sched->loop)) {
            sched->current = NULL;
            return &sched->loop_ctx;
        }
        sched->batch_end = sched->ready_end;
    }
    bl_task *task = bl__ready_pop(sched);
    sched->current = task;
    sched->loop.resumes++;
    return &task->ctx;
}

/* Suspends the current task, which is in the ready line or has a park. */
static inline __attribute__((always_inline)) void bl__suspend(
    struct bl__sched *sched, bl_task *task) {
    if (BL__UNLIKELY(task->stack.guard == BL__GUARD_CANARY)) {
        bl__check_stack(task);
    }
    struct bl__ctx *next = bl__next_context(sched);
    if (next == &task->ctx) return; /* nobody else was ready */
    int saved_errno = *sched->errno_at;
    bl__ctx_switch(&task->ctx, next);
    *sched->errno_at = saved_errno;
    BL__ASSERT(sched->current == task);
}

#endif
