/* SPDX-License-Identifier: MIT */
/*
 * bench/process.c - programs: what it costs to start one and to see its end
 *
 * process.spawn_us        /bin/true started, waited for, closed; no shim
 * process.spawn_tree_us   the same, below a shim
 * process.spawn_large_us  no shim, from a process with 512 MiB of memory in use
 * process.run_us          /bin/echo run, with its output collected
 * process.thousand_s      1,000 of that, 16 at a time
 */
#include "peers/process_load.h"
#include "trial.h"

enum {
    AT_ONCE = 16
};

static int spawn_one(bl_process_reach reach) {
    const char *argv[] = { "/bin/true", NULL };
    bl_process_options options = { .size = sizeof options, .reach = reach };
    bl_process *process;
    BL_TRY(bl_process_spawn(argv, &options, &process));
    int rc = bl_process_wait(process, NULL);
    int closed = bl_process_close(process);
    return rc < 0 ? rc : closed;
}

static int spawn_many(struct trial *trial, bl_process_reach reach) {
    BL_TRY(spawn_one(reach));
    double start = measure_now_ns();
    for (uint64_t i = 0; i < trial->count; i++)
        BL_TRY(spawn_one(reach));
    trial->cost = measure_now_ns() - start;
    return 0;
}

static int spawn_main(void *arg) {
    return spawn_many(arg, BL_PROCESS_ALONE);
}

static int spawn_tree_main(void *arg) {
    return spawn_many(arg, BL_PROCESS_TREE);
}

static double run_spawn(uint64_t count) {
    return trial_run(spawn_main, count);
}

static double run_spawn_tree(uint64_t count) {
    return trial_run(spawn_tree_main, count);
}

static double run_spawn_large(uint64_t count) {
    return process_run_large(run_spawn, count);
}

static int run_one(void) {
    const char *argv[] = { "/bin/echo", "hello", NULL };
    bl_process_result result;
    BL_TRY(bl_process_run(argv, NULL, &result));
    int rc = result.out_bytes == 6 ? 0 : BL_EIO;
    bl_process_result_done(&result);
    return rc;
}

static int run_main(void *arg) {
    struct trial *trial = arg;
    BL_TRY(run_one());
    double start = measure_now_ns();
    for (uint64_t i = 0; i < trial->count; i++)
        BL_TRY(run_one());
    trial->cost = measure_now_ns() - start;
    return 0;
}

static double run_run(uint64_t count) {
    return trial_run(run_main, count);
}

static int run_in_turn(void *arg) {
    bl_sem *places = arg;
    BL_TRY(bl_sem_acquire(places));
    int rc = run_one();
    bl_sem_release(places);
    return rc;
}

static int thousand_main(void *arg) {
    struct trial *trial = arg;
    bl_sem places;
    BL_TRY(bl_sem_init(&places, AT_ONCE, AT_ONCE));
    double start = measure_now_ns();
    int rc = 0;
    BL_GROUP(group, rc) {
        for (uint64_t i = 0; i < trial->count && rc == 0; i++)
            rc = bl_spawn(group, run_in_turn, &places);
    }
    trial->cost = (measure_now_ns() - start) / 1e9;
    return rc;
}

static double run_thousand(uint64_t count) {
    return trial_run(thousand_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "process.spawn_us", "us", MEASURE_GROWN, run_spawn, 0, 0 },
        { "process.spawn_tree_us", "us", MEASURE_GROWN, run_spawn_tree, 0, 0 },
        { "process.spawn_large_us", "us", MEASURE_GROWN, run_spawn_large, 0,
          0 },
        { "process.run_us", "us", MEASURE_GROWN, run_run, 0, 0 },
        { "process.thousand_s", "s", MEASURE_TOTAL, run_thousand, 1000, 20 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
