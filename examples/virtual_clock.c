/* SPDX-License-Identifier: MIT */
/*
 * examples/virtual_clock.c - testing code that waits, without waiting
 *
 * On a virtual clock time stands still while any task can run, and jumps to
 * the next timer when none can.  An hour takes no time, and takes exactly an
 * hour.
 */
#include <stdio.h>

#include <belay.h>

/* The code under test: tries five times, waiting twice as long each time. */
static int retry(int (*attempt)(void *context), void *context) {
    bl_ns pause = BL_SEC(60);
    int rc = attempt(context);

    for (int tries = 1; rc == BL_EAGAIN && tries < 5; tries++) {
        rc = bl_sleep(pause);
        if (rc < 0) return rc;
        pause *= 2;
        rc = attempt(context);
    }
    return rc;
}

static int fail_three_times(void *context) {
    int *calls = context;
    return ++*calls <= 3 ? BL_EAGAIN : 0;
}

static int test_retry(void *arg) {
    (void)arg;
    int calls = 0;
    bl_ns started = bl_now();

    int rc = retry(fail_three_times, &calls);
    bl_ns took = bl_now() - started;

    printf("%d calls in %d seconds\n", calls, (int)(took / BL_SEC(1)));
    if (rc < 0) return rc;
    return calls == 4 && took == BL_SEC(60 + 120 + 240) ? 0 : BL_EMISUSE;
}

int main(void) {
    bl_loop_options options = {
        .size = sizeof(options),
        .clock = BL_CLOCK_VIRTUAL,
    };
    int rc = bl_run_with(test_retry, NULL, &options);
    if (rc < 0) fprintf(stderr, "virtual_clock: %s\n", bl_strerror(rc));
    return rc < 0;
}
