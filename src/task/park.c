/* SPDX-License-Identifier: MIT */
/*
 * task/park.c - checkpoints, parking, and waiting in line
 *
 * Every wait of a task is one park on its stack.  A wake-up marks the park and
 * readies the task; from then on the wait is complete, and a cancellation
 * leaves it alone.  A cancellation asks the abort hook, once; if the hook
 * answers BL_ABORTED, that was the wake-up.
 *
 * Invariant: a park is woken at most once, and its task is readied by exactly
 * that wake-up.
 */
#include "base/assert.h"
#include "base/list.h"
#include "base/site.h"
#include "task/switch.h"
#include "task/task.h"

enum {
    SPINS_MAX = 100
};

/* ---- the checkpoint ---------------------------------------------------- */

/*
 * One cancelled delivery after another, without leaving a scope, is a loop
 * that ignores the code.
 */
static void count_spin(bl_task *task) {
    if (task->spin_count < SPINS_MAX) {
        task->spin_count++;
        return;
    }
    if (task->has_reported_spin) return;
    task->has_reported_spin = true;
    bl_report("task \"%s\" #%llu ignores BL_ECANCELED: %d times in a row, last "
              "from %s at %s",
              bl_task_name(task), (unsigned long long)task->id, SPINS_MAX,
              bl__site_call(task->wait_site), bl__site_place(task->wait_site));
}

int bl__deliver_cancelled(bl_task *task) {
    count_spin(task);
    bl__yield_now(task->sched, task);
    return BL_ECANCELED;
}

/* Asks the seam of a test whether to cancel the task here. */
static void ask_seam(bl_task *task) {
    const bl_loop_options *options = &task->sched->loop.options;
    if (options->on_checkpoint(options->seam_context, task->id,
                               task->wait_site)) {
        bl__cancel(&task->base, 1, BL_CAUSE_EXPLICIT, "injected", 0);
    }
}

static BL__INLINE void note_site(bl_task *task) {
    const char *site = bl__site;
    if (site == NULL) return;
    task->wait_site = site;
    bl__site = NULL;
}

BL__INLINED int bl_checkpoint(void) {
    bl_task *task = bl__task_current();
    if (BL__UNLIKELY(task == NULL)) return bl__no_task();

    note_site(task);
    if (BL__UNLIKELY(task->sched->loop.options.on_checkpoint != NULL)) {
        ask_seam(task);
    }
    if (BL__UNLIKELY(task->scope->_effective > 0)) {
        return bl__deliver_cancelled(task);
    }
    if (BL__LIKELY(--task->budget > 0)) return 0;
    bl__yield_now(task->sched, task);
    return task->scope->_effective > 0 ? BL_ECANCELED : 0;
}

int bl_yield(void) {
    bl_task *task = bl__task_current();
    if (BL__UNLIKELY(task == NULL)) return bl__no_task();

    struct bl__sched *sched = task->sched;
    note_site(task);
    if (BL__UNLIKELY(sched->loop.options.on_checkpoint != NULL)) {
        ask_seam(task);
    }
    if (BL__UNLIKELY(task->scope->_effective > 0)) {
        return bl__deliver_cancelled(task);
    }
    task->budget = sched->budget;
    bl__ready_push(sched, task);
    task = bl__suspend(sched, task);
    return BL__UNLIKELY(task->scope->_effective > 0) ? BL_ECANCELED : 0;
}

/* ---- parking ----------------------------------------------------------- */

void bl_park_init(bl_park *park, const char *what, const void *object,
                  bl_abort_fn *abort) {
    bl_task *task = bl__task_current();
    BL__ASSERT(task != NULL);
    bl__park_init(park, task, what, object, abort);
}

int bl_park_wait(bl_park *park) {
    bl_task *task = park->_task;
    BL__ASSERT(task->sched->current == task);
    return bl__park_wait(task, park);
}

void bl__park_refuse(bl_task *task) {
    count_spin(task);
    bl__park_abort(task);
}

void bl_park_wake(bl_park *park, int rc) {
    bl__park_wake(park, rc);
}

bool bl_park_is_woken(const bl_park *park) {
    return park->_is_woken;
}

void bl__park_abort(bl_task *task) {
    bl_park *park = task->park;
    BL__ASSERT(park != NULL);
    if (park->_was_asked) return;
    park->_was_asked = true;
    bl_abort answer = BL_PENDING;
    if (park->_abort != NULL) answer = park->_abort(park);
    if (answer == BL_ABORTED) {
        bl_park_wake(park, BL_ECANCELED);
    } else if (!park->_is_woken) {
        bl__stuck_note(task);
    }
}

/* ---- lines ------------------------------------------------------------- */

/* A park together with the place in line that it stands for. */
struct line_park {
    bl_park park;
    bl_waiter *waiter;
};

void bl_waitq_init(bl_waitq *queue) {
    bl__list_init(&queue->_waiters);
    queue->_count = 0;
}

static BL__INLINE void line_join(bl_waitq *queue, bl_waiter *waiter,
                                 bl_task *task, bl_park *park) {
    if (BL__UNLIKELY(queue->_waiters._next == NULL)) bl_waitq_init(queue);
    waiter->_queue = queue;
    waiter->_park = park;
    waiter->_on_served = NULL;
    waiter->_owner = NULL;
    waiter->_task = task;
    bl__list_append(&queue->_waiters, &waiter->_link);
    queue->_count++;
}

static BL__INLINE void line_leave(bl_waitq *queue, bl_waiter *waiter) {
    BL__ASSERT(queue->_count > 0);
    bl__list_unlink(&waiter->_link);
    waiter->_queue = NULL;
    queue->_count--;
    BL__AUDIT((queue->_count == 0) ==
              (queue->_waiters._next == &queue->_waiters));
}

void bl_waitq_join(bl_waitq *queue, bl_waiter *waiter, bl_park *park,
                   void (*on_served)(bl_waiter *waiter), void *owner) {
    bl_task *task = park != NULL ? park->_task : bl__task_current();
    line_join(queue, waiter, task, park);
    waiter->_on_served = on_served;
    waiter->_owner = owner;
}

void bl_waitq_leave(bl_waiter *waiter) {
    bl_waitq *queue = waiter->_queue;
    if (queue != NULL) line_leave(queue, waiter);
}

BL__INLINED bl_waiter *bl_waitq_first(const bl_waitq *queue) {
    if (queue->_count == 0) return NULL;
    return bl__container_of(queue->_waiters._next, bl_waiter, _link);
}

bl_task *bl_waiter_task(const bl_waiter *waiter) {
    return waiter->_task;
}

BL__INLINED void bl_waitq_serve(bl_waiter *waiter, int rc) {
    BL__ASSERT(waiter->_queue != NULL);
    bl_park *park = waiter->_park;
    line_leave(waiter->_queue, waiter);
    if (waiter->_on_served != NULL) waiter->_on_served(waiter);
    if (park != NULL) bl__park_wake(park, rc);
}

size_t bl_waitq_serve_all(bl_waitq *queue, int rc) {
    size_t count = queue->_count;
    for (size_t i = 0; i < count; i++) {
        /* A served select may have left the line with other branches. */
        bl_waiter *first = bl_waitq_first(queue);
        if (first == NULL) return i;
        bl_waitq_serve(first, rc);
    }
    return count;
}

static bl_abort line_abort(bl_park *park) {
    struct line_park *line = bl__container_of(park, struct line_park, park);
    bl_waitq_leave(line->waiter);
    return BL_ABORTED;
}

static BL__INLINE int line_wait(bl_waitq *queue, bl_waiter *waiter,
                                const char *what, const void *object,
                                bl_abort_fn *abort) {
    bl_task *task = bl__task_current();
    BL__ASSERT(task != NULL);
    struct line_park line;
    line.waiter = waiter;
    bl__park_init(&line.park, task, what, object, abort);
    line_join(queue, waiter, task, &line.park);
    int rc = bl__park_wait(task, &line.park);
    BL__ASSERT(waiter->_queue == NULL);
    return rc;
}

BL__INLINED int bl_waitq_wait(bl_waitq *queue, bl_waiter *waiter,
                              const char *what, const void *object) {
    return line_wait(queue, waiter, what, object, line_abort);
}

int bl_waitq_wait_shielded(bl_waitq *queue, bl_waiter *waiter, const char *what,
                           const void *object) {
    return line_wait(queue, waiter, what, object, NULL);
}

/* ---- holdings ---------------------------------------------------------- */

void bl_holding_attach(bl_holding *holding, bl_task *owner,
                       void (*on_owner_end)(bl_holding *holding)) {
    BL__ASSERT(!bl__list_is_linked(&holding->_link));
    holding->_on_owner_end = on_owner_end;
    if (owner->holdings._next == NULL) bl__list_init(&owner->holdings);
    bl__list_append(&owner->holdings, &holding->_link);
}

void bl_holding_detach(bl_holding *holding) {
    bl__list_remove(&holding->_link);
}

uint32_t bl_choose(bl_choice kind, uint32_t count) {
    bl_loop *loop = bl__loop_current;
    return loop != NULL ? bl__loop_choose(loop, kind, count) : 0;
}
