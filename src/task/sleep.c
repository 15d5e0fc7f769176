/* SPDX-License-Identifier: MIT */
/*
 * task/sleep.c - waiting for time to pass
 */
#include "base/list.h"
#include "task/switch.h"
#include "task/task.h"

struct sleeper {
    bl_park park;
    bl_timer timer;
};

static void on_due(void *context) {
    struct sleeper *sleeper = context;
    bl__park_wake(&sleeper->park, 0);
}

static bl_abort sleep_abort(bl_park *park) {
    struct sleeper *sleeper = bl__container_of(park, struct sleeper, park);
    bl_timer_stop(&sleeper->timer);
    return BL_ABORTED;
}

static int sleep_until(bl_task *task, bl_ns due) {
    struct sleeper sleeper;
    bl__park_init(&sleeper.park, task, "sleep", NULL, sleep_abort);
    bl_timer_init(&sleeper.timer, on_due, &sleeper);
    bl_timer_start(&task->sched->loop, &sleeper.timer, due);
    return bl__park_wait(task, &sleeper.park);
}

int bl_sleep(bl_ns duration) {
    if (duration <= 0) return bl_yield();
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    bl_task *task = bl__task_current();
    bl_ns now = bl__loop_now(&task->sched->loop);
    return sleep_until(task, bl_ns_add(now, duration));
}

int bl_sleep_until(bl_ns when) {
    bl_task *task = bl__task_current();
    if (task == NULL) return bl__no_task();
    if (when <= bl__loop_now(&task->sched->loop)) return bl_yield();
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    return sleep_until(task, when);
}
