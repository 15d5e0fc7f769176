/* SPDX-License-Identifier: MIT */
/*
 * examples/cancel_join.c - stop a task and wait for it: cancel(), await
 *
 * Cancelling is a request that stays: from then on every wait of the task
 * returns BL_ECANCELED.  The task cleans up and returns that code unchanged.
 * Joining has a channel of its own for the outcome, so the end of the other
 * task is never taken for the cancellation of the one that waits.
 */
#include <stdio.h>

#include <belay.h>

static int ticker(void *arg) {
    int *ticks = arg;

    for (;;) {
        int rc = bl_sleep(BL_MS(5));
        if (rc < 0) {
            printf("ticker: %s, putting things away\n", bl_error_name(rc));
            return rc;
        }
        ++*ticks;
    }
}

static int stop(bl_task *task) {
    bl_task_cancel(task);

    bl_outcome outcome;
    int rc = bl_task_join(task, &outcome);
    if (rc < 0) return rc; /* it was us who got cancelled */
    printf("joined: %s\n", outcome.is_cancelled ? "cancelled" : "finished");
    return outcome.is_cancelled ? 0 : BL_EMISUSE;
}

static int main_task(void *arg) {
    (void)arg;
    bl_task *task = NULL;
    int ticks = 0;
    int rc;

    BL_GROUP(tg, rc) {
        rc = bl_spawn_task(tg, ticker, &ticks, &task);
        if (rc == 0) rc = bl_sleep(BL_MS(50));
        if (rc == 0) rc = stop(task);
    } /* a child that was cancelled by hand is no failure of the group */

    bl_task_unref(task);
    printf("ticks: %s\n", ticks > 0 ? "some" : "none");
    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "cancel_join: %s\n", bl_strerror(rc));
    return rc < 0;
}
