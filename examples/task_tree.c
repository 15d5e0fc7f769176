/* SPDX-License-Identifier: MIT */
/*
 * examples/task_tree.c - what is my program doing: bl_inspect_print
 *
 * The tree shows each task, what it waits for and where in the source.  A
 * program that runs under bl_run prints the same on SIGQUIT (Ctrl-\).
 */
#include <stdio.h>

#include <belay.h>

static int listener(void *arg) {
    return bl_event_wait(arg);
}

static int worker(void *arg) {
    bl_queue *jobs = arg;
    int job;
    return bl_queue_get(jobs, &job);
}

static int pool(void *arg) {
    int rc;
    BL_GROUP(tg, rc) {
        for (int i = 0; i < 2 && rc == 0; i++) {
            rc = bl_spawn(tg, worker, arg);
        }
    }
    return rc;
}

static bool count_one(const bl_task_view *view, void *context) {
    (void)view;
    ++*(int *)context;
    return true;
}

static int main_task(void *arg) {
    (void)arg;
    bl_event bell = BL_EVENT_INIT;
    bl_queue jobs;
    int rc = bl_queue_init(&jobs, sizeof(int), 4);
    if (rc < 0) return rc;

    int tasks = 0;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, listener, &bell);
        if (rc == 0) rc = bl_spawn(tg, pool, &jobs);
        if (rc == 0) rc = bl_settle(); /* until all others wait */

        bl_inspect_print(stdout);
        bl_inspect_tasks(bl_loop_running(), count_one, &tasks);
        bl_group_cancel(tg);
    }

    bl_queue_done(&jobs);
    return rc < 0 ? rc : tasks == 5 ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "task_tree: %s\n", bl_strerror(rc));
    return rc < 0;
}
