/* SPDX-License-Identifier: MIT */
/*
 * task/stuck.c - telling of tasks that a cancellation has not moved
 *
 * A cancelled task stays where it is if its wait cannot be taken back: a
 * thread job that runs is one.  Its group waits for it, the host of that
 * group's group waits too, and nothing would say for whom.  So each such wait
 * has the loop look again after ten seconds, after twenty more, and so on; who
 * still waits then is named.
 *
 * Only by the real clock: by a virtual one no such wait ends by itself.
 *
 * Hosts that wait for their children are not counted; the children are.
 *
 * Invariant: stuck_count is the number of parks marked _is_stuck.
 */
#include <belay/inspect.h>

#include "base/list.h"
#include "task/task.h"

#define FIRST_LOOK_NS BL_SEC(10)

static bool is_joining(const bl_task *task) {
    if (task->scope->_role != BL__ROLE_GROUP) return false;
    const bl_group *group =
        bl__container_of(task->scope, const bl_group, _scope);
    return task->park == group->_joiner;
}

void bl__stuck_note(bl_task *task) {
    struct bl__sched *sched = task->sched;
    bl_loop *loop = &sched->loop;
    if (is_joining(task)) return;
    task->park->_is_stuck = true;
    sched->stuck_count++;
    if (loop->review_due != BL_FOREVER) return;
    if (loop->clock != BL_CLOCK_REAL) return;
    sched->stuck_since = bl__loop_now(loop);
    loop->review_due = bl_ns_add(sched->stuck_since, FIRST_LOOK_NS);
}

static bool is_stuck(const bl_task_view *view, void *context) {
    const bl_park *park = view->task->park;
    (void)context;
    return park != NULL && park->_is_stuck;
}

void bl__stuck_review(bl_loop *loop) {
    struct bl__sched *sched = bl__sched_of(loop);
    if (sched->stuck_count == 0) {
        loop->review_due = BL_FOREVER;
        return;
    }
    bl_ns elapsed = bl__loop_now(loop) - sched->stuck_since;
    bl_report("cancelled, and %lld s later still there:",
              (long long)(elapsed / 1000000000));
    bl_inspect_report(loop, is_stuck, NULL);
    bl_ns waited = loop->review_due - sched->stuck_since;
    loop->review_due = bl_ns_add(loop->review_due, 2 * waited);
}
