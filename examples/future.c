/* SPDX-License-Identifier: MIT */
/*
 * examples/future.c - one value, set once, awaited by many: create_future()
 *
 * A future carries a result from whoever has it, here a timer's callback, to
 * any number of tasks.  It holds either a value or an error, and keeps what it
 * was set to first.
 */
#include <stdio.h>

#include <belay.h>

static int waiter(void *arg) {
    bl_future *answer = arg;
    void *value;

    int rc = bl_future_wait(answer, &value);
    if (rc < 0) return rc;
    printf("%s: the answer is %d\n", bl_task_name(bl_task_current()),
           *(int *)value);
    return 0;
}

/* Called by the loop, not by a task: it may set the future, but not wait. */
static void on_timer(void *context) {
    static int answer = 42;
    BL_IGNORE(bl_future_set(context, 0, &answer)); /* nobody else sets it */
}

static int spawn_named(bl_group *tg, const char *name, bl_future *answer) {
    bl_spawn_options options = { .size = sizeof(options), .name = name };
    return bl_spawn_with(tg, waiter, answer, &options, NULL);
}

static int main_task(void *arg) {
    (void)arg;
    bl_future answer;
    int rc = bl_future_init(&answer);
    if (rc < 0) return rc;

    bl_timer timer;
    bl_timer_init(&timer, on_timer, &answer);

    BL_GROUP(tg, rc) {
        rc = spawn_named(tg, "ada", &answer);
        if (rc == 0) rc = spawn_named(tg, "grace", &answer);
        if (rc == 0) rc = spawn_named(tg, "edsger", &answer);
        printf("before: %s\n", bl_error_name(bl_future_try_get(&answer, NULL)));
        bl_timer_start(bl_loop_running(), &timer, bl_now() + BL_MS(10));
    }

    if (rc == 0) {
        int again = bl_future_set(&answer, BL_EIO, NULL);
        printf("set again: %s\n", bl_error_name(again));
        if (again != BL_EALREADY) rc = BL_EMISUSE;
    }
    bl_timer_stop(&timer);
    bl_future_done(&answer);
    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "future: %s\n", bl_strerror(rc));
    return rc < 0;
}
