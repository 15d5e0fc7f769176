/* SPDX-License-Identifier: MIT */
/*
 * bench/core_loop.c - around the tasks: a whole loop, another thread
 *
 * core.loop_us       opens a loop, runs a task that returns at once, closes
 * core.to_thread_us  bl_to_thread of a function that returns at once
 */
#include "trial.h"

static int return_at_once(void *arg) {
    (void)arg;
    return 0;
}

static double run_loop(uint64_t count) {
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        bl_loop *loop;
        int rc = bl_loop_open(NULL, &loop);
        if (rc < 0) return rc;
        rc = bl_loop_run(loop, return_at_once, NULL);
        bl_loop_close(loop);
        if (rc < 0) return rc;
    }
    return measure_now_ns() - start;
}

static int to_thread_main(void *arg) {
    struct trial *trial = arg;
    BL_TRY(bl_to_thread(return_at_once, NULL)); /* warm: there is a thread */
    double start = measure_now_ns();
    for (uint64_t i = 0; i < trial->count; i++)
        BL_TRY(bl_to_thread(return_at_once, NULL));
    trial->cost = measure_now_ns() - start;
    return 0;
}

static double run_to_thread(uint64_t count) {
    return trial_run(to_thread_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.loop_us", "us", MEASURE_GROWN, run_loop, 0, 0 },
        { "core.to_thread_us", "us", MEASURE_GROWN, run_to_thread, 0, 0 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
