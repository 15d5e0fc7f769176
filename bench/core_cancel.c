/* SPDX-License-Identifier: MIT */
/*
 * bench/core_cancel.c - stopping many tasks that wait
 *
 * core.cancel_ns  per task, of 100,000 that wait for an event which never
 *                 comes: cancel their group, wait until all have returned
 */
#include "trial.h"

static int wait_in_vain(void *arg) {
    return bl_event_wait(arg);
}

static int cancel_main(void *arg) {
    struct trial *trial = arg;
    bl_event never = BL_EVENT_INIT;
    double start = 0;
    int rc;
    BL_GROUP(group, rc) {
        for (uint64_t i = 0; i < trial->count && rc >= 0; i++)
            rc = bl_spawn(group, wait_in_vain, &never);
        if (rc >= 0) rc = bl_yield();
        if (rc >= 0 && bl_group_alive_count(group) != trial->count)
            rc = BL_ERR(BL_EMISUSE, "not all of them wait");
        start = measure_now_ns();
        bl_group_cancel(group);
    }
    trial->cost = measure_now_ns() - start;
    return rc;
}

static double run_cancel(uint64_t count) {
    return trial_run(cancel_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.cancel_ns", "ns", MEASURE_FIXED, run_cancel, 100000, 5000 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
