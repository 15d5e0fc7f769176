/* SPDX-License-Identifier: MIT */
/*
 * bench/core_workers.c - many cores: between loops, and all at once
 *
 * core.channel_roundtrip_us  an item to a task of another loop and one back,
 *                            through two channels of capacity 1
 * core.workers_speedup       how much faster two workers finish a computation
 *                            than one: tasks that yield every few microseconds
 */
#include "trial.h"

enum {
    WORKERS = 2,
    ROUNDS = 200 /* of arithmetic, between two yields */
};

/* ---- a round trip -------------------------------------------------------- */

struct pair {
    struct trial trial;
    bl_channel *there;
    bl_channel *back;
};

static int answer_all(struct pair *pair) {
    for (;;) {
        int item;
        int rc = bl_channel_get(pair->there, &item);
        if (rc == BL_ESHUTDOWN) return 0;
        BL_TRY(rc);
        BL_TRY(bl_channel_put(pair->back, &item));
    }
}

static int ask(struct pair *pair, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        int item = (int)i;
        BL_TRY(bl_channel_put(pair->there, &item));
        BL_TRY(bl_channel_get(pair->back, &item));
    }
    return 0;
}

static int pair_worker(void *arg) {
    struct pair *pair = arg;
    if (bl_worker_index() > 0) return answer_all(pair);
    int rc = ask(pair, 1); /* warm: the other one runs */
    double start = measure_now_ns();
    if (rc == 0) rc = ask(pair, pair->trial.count);
    pair->trial.cost = measure_now_ns() - start;
    bl_channel_shutdown(pair->there);
    return rc;
}

static double run_roundtrip(uint64_t count) {
    struct pair pair = { .trial = { .count = count } };
    int rc = bl_channel_new(sizeof(int), 1, &pair.there);
    if (rc == 0) rc = bl_channel_new(sizeof(int), 1, &pair.back);
    if (rc == 0) rc = bl_run_workers(WORKERS, pair_worker, &pair);
    bl_channel_unref(pair.there);
    bl_channel_unref(pair.back);
    return rc < 0 ? rc : pair.trial.cost;
}

/* ---- all at once --------------------------------------------------------- */

static int compute(void *arg) {
    const uint64_t *count = arg;
    volatile uint64_t sum = 1;
    for (uint64_t i = 0; i < *count; i++) {
        for (int k = 0; k < ROUNDS; k++)
            sum = sum * 6364136223846793005u + i;
        BL_TRY(bl_yield());
    }
    return 0;
}

/* How long `workers` take, each for its share of `count`. */
static double compute_with(uint32_t workers, uint64_t count) {
    uint64_t share = count / workers;
    double start = measure_now_ns();
    int rc = bl_run_workers(workers, compute, &share);
    return rc < 0 ? rc : measure_now_ns() - start;
}

/* Both in turn, so that a machine that slows down slows both. */
static double run_speedup(uint64_t count) {
    double alone = compute_with(1, count);
    if (alone < 0) return alone;
    double together = compute_with(WORKERS, count);
    return together < 0 ? together : alone / together;
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.channel_roundtrip_us", "us", MEASURE_GROWN, run_roundtrip, 0,
          0 },
        { "core.workers_speedup", "x", MEASURE_TOTAL, run_speedup, 1000000,
          1000 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
