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
#include "base/list.h"
#include "task/task.h"

/* With a seam, any ready task may be next. */
bl_task *bl__batch_pop_chosen(struct bl__sched *sched);

static BL__INLINE void bl__ready_push(struct bl__sched *sched, bl_task *task) {
    task->next_ready = NULL;
    *sched->ready_end = task;
    sched->ready_end = &task->next_ready;
}

/* Whoever is ready now runs next, in order.  The last batch has ended. */
static BL__INLINE void bl__batch_begin(struct bl__sched *sched) {
    sched->batch = sched->ready_first;
    sched->ready_first = NULL;
    sched->ready_end = &sched->ready_first;
}

/*
 * While two tasks run, the one after them is fetched: of many that were asleep,
 * each is a page that is in no cache.  Its head was asked for one switch
 * earlier, so its stack pointer is at hand; above the 128 bytes of a red zone
 * lie the frames that it returns through.  The first two of a batch are left
 * alone: a few that hand things to and fro are in the caches anyway.
 */
static BL__INLINE void bl__batch_prefetch(const bl_task *first) {
    const bl_task *second = first != NULL ? first->next_ready : NULL;
    if (second == NULL) return;
    const char *sp = bl__ctx_stack(&second->ctx);
    __builtin_prefetch(sp);
    __builtin_prefetch(sp + 128);
    __builtin_prefetch(sp + 192);
    __builtin_prefetch(sp + 256);
    __builtin_prefetch(sp + 320);
    __builtin_prefetch(sp + 384);
    __builtin_prefetch(sp + 448);
    __builtin_prefetch(second->next_ready);
}

/* Takes the first of the batch, which must not be empty. */
static BL__INLINE bl_task *bl__batch_pop(struct bl__sched *sched) {
    if (BL__UNLIKELY(sched->loop.options.choose != NULL)) {
        return bl__batch_pop_chosen(sched);
    }
    bl_task *task = sched->batch;
    sched->batch = task->next_ready;
    bl__batch_prefetch(sched->batch);
    return task;
}

/* Who runs next: a task, or the loop. */
static BL__INLINE struct bl__ctx *bl__next_context(struct bl__sched *sched) {
    if (BL__WATCHES_STEPS) bl__step_end(sched);
    if (sched->batch == NULL) {
        if (sched->ready_first == NULL || !bl__loop_is_quiet(&sched->loop)) {
            sched->current = NULL;
            return &sched->loop_ctx;
        }
        bl__batch_begin(sched);
    }
    bl_task *task = bl__batch_pop(sched);
    sched->current = task;
    sched->loop.resumes++;
    return &task->ctx;
}

/*
 * Suspends the current task, which is in the ready line or has a park.  Returns
 * it, for a caller that would otherwise have to keep it on its stack.
 */
static BL__INLINE bl_task *bl__suspend(struct bl__sched *sched, bl_task *task) {
    if (BL__UNLIKELY(task->has_canary)) {
        bl__check_stack(task);
    }
    struct bl__ctx *next = bl__next_context(sched);
    if (next == &task->ctx) return task; /* nobody else was ready */
    int saved_errno = *sched->errno_at;
    struct bl__ctx *self = bl__ctx_switch(&task->ctx, next);
    task = bl__container_of(self, bl_task, ctx);
    sched = task->sched;
    *sched->errno_at = saved_errno;
    BL__ASSERT(sched->current == task);
    return task;
}

/* Gives the stack of an ended task back. */
static BL__INLINE void bl__task_release(struct bl__sched *sched,
                                        bl_task *task) {
    bl__ctx_tools_close(&task->ctx);
    bl__stack_put(&sched->stacks, &task->stack);
}

/*
 * Ends the current task for good, and gives up its own reference.
 *
 * Without tools a stack can be given back while its last frames are still in
 * use: nobody takes it before the switch.  Tools must see the switch first, so
 * the loop gives it back.
 */
BL__NORETURN
static BL__INLINE void bl__leave(struct bl__sched *sched, bl_task *task) {
    if (BL__UNLIKELY(task->has_canary)) {
        bl__check_stack(task);
    }
    BL__ASSERT(task->refcount > 0);
    bool is_last = --task->refcount == 0;
    if (BL__CTX_HAS_TOOLS) {
        sched->current = NULL;
        if (is_last) sched->corpse = task;
        bl__ctx_leave(&task->ctx, &sched->loop_ctx);
    }
    if (is_last) bl__task_release(sched, task);
    bl__ctx_leave(&task->ctx, bl__next_context(sched));
}

/* The inside of bl_park_wait, for those who know that `task` runs. */
static BL__INLINE int bl__park_wait(bl_task *task, bl_park *park) {
    struct bl__sched *sched = task->sched;
    BL__ASSERT(task->park == NULL);
    if (BL__UNLIKELY(park->_is_woken)) return park->_rc;

    task->park = park;
    task->budget = sched->budget;
    if (BL__UNLIKELY(task->scope->_effective > 0)) bl__park_refuse(task);
    task = bl__suspend(sched, task);
    BL__ASSERT(park->_is_woken);
    BL__ASSERT(task->park == NULL);
    return park->_rc;
}

/* The inside of bl_park_wake. */
static BL__INLINE void bl__park_wake(bl_park *park, int rc) {
    BL__ASSERT(!park->_is_woken);
    bl_task *task = park->_task;
    park->_is_woken = true;
    park->_rc = rc;
    if (BL__UNLIKELY(park->_is_stuck)) task->sched->stuck_count--;
    if (BL__UNLIKELY(task->park != park)) return; /* not asleep yet */
    task->park = NULL;
    bl__ready_push(task->sched, task);
}

static BL__INLINE void bl__park_init(bl_park *park, bl_task *task,
                                     const char *what, const void *object,
                                     bl_abort_fn *abort) {
    *park = (bl_park){
        ._task = task,
        ._abort = abort,
        ._what = what,
        ._object = object,
    };
}

#endif
