/* SPDX-License-Identifier: MIT */
/*
 * task/sched.c - the scheduler: running batches, ending tasks, settling
 */
#include "base/assert.h"
#include "base/list.h"
#include "task/switch.h"
#include "task/task.h"

int bl__no_task(void) {
    return bl__loop_current == NULL ? BL_ENOLOOP : BL_ENOTASK;
}

bl_task *bl_task_current(void) {
    return bl__task_current();
}

/* ---- the parts that are not inlined ------------------------------------- */

enum {
    CHOICES_MAX = 128,   /* later ones have to wait to be chosen from */
    OVERTAKINGS_MAX = 64 /* of one batch */
};

/* Adds the ids from `task` on to `ids`; returns how many there are now. */
static uint32_t list_from(const bl_task *task, uint64_t *ids, uint32_t count) {
    for (; task != NULL && count < CHOICES_MAX; task = task->next_ready)
        ids[count++] = task->id;
    return count;
}

/*
 * A task that yields stands for any that waits for a short time, so those that
 * became ready later may overtake it; but only so often, since others may spin
 * until it, or the world outside, has got on.
 */
bl_task *bl__batch_pop_chosen(struct bl__sched *sched) {
    const bl_loop_options *options = &sched->loop.options;
    uint64_t ids[CHOICES_MAX];
    uint32_t in_batch = list_from(sched->batch, ids, 0);
    uint32_t count = in_batch;
    BL__ASSERT(in_batch > 0);
    if (sched->overtakings < OVERTAKINGS_MAX) {
        count = list_from(sched->ready_first, ids, in_batch);
    }
    uint32_t chosen = 0;
    if (count > 1) {
        chosen = options->choose(options->seam_context, BL_CHOICE_READY, count,
                                 ids) %
                 count;
    }
    bool overtakes = chosen >= in_batch;
    uint32_t steps = overtakes ? chosen - in_batch : chosen;
    bl_task **link = overtakes ? &sched->ready_first : &sched->batch;
    while (steps-- > 0)
        link = &(*link)->next_ready;

    bl_task *task = *link;
    *link = task->next_ready;
    if (sched->ready_end == &task->next_ready) sched->ready_end = link;
    if (overtakes) sched->overtakings++;
    if (sched->batch == NULL) sched->overtakings = 0;
    return task;
}

/* A report needs more stack than this one has left: the loop makes it. */
void bl__check_stack(bl_task *task) {
    if (bl__stack_is_whole(&task->stack)) return;
    task->sched->overflowed = task;
    bl__ctx_leave(&task->ctx, &task->sched->loop_ctx);
}

BL__NORETURN
static void report_overflow(const bl_task *task) {
    BL__MISUSE("stack overflow in task \"%s\" #%llu: its stack has %zu bytes; "
               "it was spawned at %s",
               bl_task_name(task), (unsigned long long)task->id,
               bl__stack_bytes(&task->stack), bl_task_site(task));
}

void bl__yield_now(struct bl__sched *sched, bl_task *task) {
    task->budget = sched->budget;
    bl__ready_push(sched, task);
    bl__suspend(sched, task);
}

/* ---- what the loop asks ------------------------------------------------ */

bool bl__sched_has_ready(const bl_loop *loop) {
    const struct bl__sched *sched = bl__sched_of(loop);
    return sched->batch != NULL || sched->ready_first != NULL;
}

void bl__sched_run_ready(bl_loop *loop) {
    struct bl__sched *sched = bl__sched_of(loop);
    BL__ASSERT(sched->current == NULL);

    if (BL__WATCHES_STEPS) bl__steps_begin(sched);
    bl__batch_begin(sched);
    while (sched->batch != NULL) {
        bl__ctx_switch(&sched->loop_ctx, bl__next_context(sched));
        if (BL__UNLIKELY(sched->overflowed != NULL)) {
            report_overflow(sched->overflowed);
        }
        if (sched->corpse != NULL) {
            bl_task *corpse = sched->corpse;
            sched->corpse = NULL;
            bl__task_release(sched, corpse);
        }
    }
    BL__ASSERT(sched->current == NULL);
    bl__stack_trim(&sched->stacks);
}

/* Tasks in bl_settle, which are served once nobody else is ready. */
struct settler {
    bl_park park;
    bl_link link;
};

static bl_abort settle_abort(bl_park *park) {
    struct settler *settler = bl__container_of(park, struct settler, park);
    bl__list_remove(&settler->link);
    return BL_ABORTED;
}

int bl_settle(void) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    struct settler settler;
    bl_park_init(&settler.park, "settle", NULL, settle_abort);
    bl__list_init(&settler.link);
    bl__list_append(&bl__sched_current()->settlers, &settler.link);
    return bl_park_wait(&settler.park);
}

bool bl__sched_has_settlers(const bl_loop *loop) {
    const struct bl__sched *sched = bl__sched_of(loop);
    return !bl__list_is_empty(&sched->settlers);
}

bool bl__sched_settle(bl_loop *loop) {
    struct bl__sched *sched = bl__sched_of(loop);
    bool served = false;
    while (!bl__list_is_empty(&sched->settlers)) {
        struct settler *settler = bl__container_of(
            bl__list_first(&sched->settlers), struct settler, link);
        bl__list_remove(&settler->link);
        bl_park_wake(&settler->park, 0);
        served = true;
    }
    return served;
}
