/* SPDX-License-Identifier: MIT */
/*
 * bench/core_memory.c - a great many tasks that do nothing
 *
 * core.idle_task_bytes_100000   memory per waiting task, of that many: what
 * core.idle_task_bytes_1000000  RSS and page tables grew by, shared out
 * core.tasks_alive              how many of 1,000,000 tasks were in bl_sleep
 *                               at the same time; then all are cancelled and
 *                               joined, or the benchmark has failed
 */
#include "trial.h"

static int wait_in_vain(void *arg) {
    return bl_event_wait(arg);
}

static int memory_main(void *arg) {
    struct trial *trial = arg;
    bl_event never = BL_EVENT_INIT;
    int rc;
    BL_GROUP(group, rc) {
        double before = measure_memory_bytes();
        for (uint64_t i = 0; i < trial->count && rc >= 0; i++)
            rc = bl_spawn(group, wait_in_vain, &never);
        if (rc >= 0) rc = bl_yield();
        trial->cost = measure_memory_bytes() - before;
        bl_group_cancel(group);
    }
    return rc;
}

static double run_memory(uint64_t count) {
    return trial_run(memory_main, count);
}

static int sleep_long(void *arg) {
    uint64_t *asleep_count = arg;
    ++*asleep_count;
    int rc = bl_sleep(BL_SEC(3600));
    --*asleep_count;
    return rc;
}

static int alive_main(void *arg) {
    struct trial *trial = arg;
    uint64_t asleep_count = 0;
    int rc;
    BL_GROUP(group, rc) {
        int spawned = 0;
        for (uint64_t i = 0; i < trial->count && spawned >= 0; i++)
            spawned = bl_spawn(group, sleep_long, &asleep_count);
        rc = bl_yield();
        trial->cost = (double)asleep_count;
        bl_group_cancel(group);
    }
    if (rc >= 0 && asleep_count != 0)
        rc = BL_ERR(BL_EMISUSE, "joined, but not all have returned");
    return rc;
}

static double run_alive(uint64_t count) {
    return trial_run(alive_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.idle_task_bytes_100000", "B", MEASURE_EACH, run_memory, 100000,
          10000 },
        { "core.idle_task_bytes_1000000", "B", MEASURE_EACH, run_memory,
          1000000, 20000 },
        { "core.tasks_alive", "tasks", MEASURE_TOTAL, run_alive, 1000000,
          20000 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
