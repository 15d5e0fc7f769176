/* SPDX-License-Identifier: MIT */
/*
 * bench/core_spawn.c - the life of a task, from spawn to join
 *
 * core.spawn_join_ns             a group with one child that returns at once:
 *                                enter, spawn, exit, which waits for it
 * core.spawn_handle_join_ns      the same with a handle in a group that stays
 *                                open: spawn, join, give the handle back
 * core.spawn_block_join_1000_ns  per child, of 1,000 alive at once: each is
 *                                spawned, waits once, is woken, is joined
 *
 * All are warm: the stacks have been used before and come from the cache.
 */
#include "trial.h"

#define WARM_UP_ROUNDS   1000
#define BLOCKED_CHILDREN 1000

static int return_at_once(void *arg) {
    (void)arg;
    return 0;
}

static int spawn_and_join(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        bl_group group;
        BL_TRY(bl_group_enter(&group));
        int rc = bl_spawn(&group, return_at_once, NULL);
        BL_TRY(bl_group_exit(&group, rc));
    }
    return 0;
}

static int spawn_main(void *arg) {
    struct trial *trial = arg;
    BL_TRY(spawn_and_join(WARM_UP_ROUNDS));
    double start = measure_now_ns();
    BL_TRY(spawn_and_join(trial->count));
    trial->cost = measure_now_ns() - start;
    return 0;
}

static double run_spawn(uint64_t count) {
    return trial_run(spawn_main, count);
}

static int spawn_and_join_handles(bl_group *group, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        bl_task *child;
        BL_TRY(bl_spawn_task(group, return_at_once, NULL, &child));
        int rc = bl_task_join(child, NULL);
        bl_task_unref(child);
        if (rc < 0) return rc;
    }
    return 0;
}

static int handle_main(void *arg) {
    struct trial *trial = arg;
    int rc;
    BL_GROUP(group, rc) {
        rc = spawn_and_join_handles(group, WARM_UP_ROUNDS);
        if (rc < 0) continue;
        double start = measure_now_ns();
        rc = spawn_and_join_handles(group, trial->count);
        trial->cost = measure_now_ns() - start;
    }
    return rc;
}

static double run_handle(uint64_t count) {
    return trial_run(handle_main, count);
}

static int wait_once(void *arg) {
    return bl_event_wait(arg);
}

/* `children` tasks alive at once, each of which waits for the same event. */
static int spawn_block_join(uint64_t children) {
    bl_event gate = BL_EVENT_INIT;
    int rc;
    BL_GROUP(group, rc) {
        for (uint64_t i = 0; i < children && rc >= 0; i++)
            rc = bl_spawn(group, wait_once, &gate);
        if (rc >= 0) rc = bl_yield();
        bl_event_set(&gate);
    }
    return rc;
}

static int block_main(void *arg) {
    struct trial *trial = arg;
    BL_TRY(spawn_block_join(BLOCKED_CHILDREN));
    double start = measure_now_ns();
    for (uint64_t done = 0; done < trial->count; done += BLOCKED_CHILDREN)
        BL_TRY(spawn_block_join(BLOCKED_CHILDREN));
    trial->cost = measure_now_ns() - start;
    return 0;
}

static double run_block(uint64_t count) {
    return trial_run(block_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.spawn_join_ns", "ns", MEASURE_GROWN, run_spawn, 0, 0 },
        { "core.spawn_handle_join_ns", "ns", MEASURE_GROWN, run_handle, 0, 0 },
        { "core.spawn_block_join_1000_ns", "ns", MEASURE_FIXED, run_block,
          400 * BLOCKED_CHILDREN, 10 * BLOCKED_CHILDREN },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
