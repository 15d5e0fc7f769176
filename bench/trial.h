/* SPDX-License-Identifier: MIT */
/*
 * bench/trial.h - one batch of a benchmark, inside a loop of its own
 *
 * The function under test is the root of a new loop, made as any program's is:
 * default options, everything compiled in.  It prepares and warms what it
 * needs, and puts into the trial what `count` of its operations cost.
 */
#ifndef BENCH_TRIAL_H
#define BENCH_TRIAL_H

#include <belay.h>

#include "peers/measure.h"

#define TRIAL_CONTENDER "belay"

struct trial {
    uint64_t count;
    double cost; /* what measure.h calls the result of a metric */
};

/* Runs `fn(&trial)` with bl_run.  Returns the cost, or a BL_E* code. */
static inline double trial_run(bl_task_fn *fn, uint64_t count) {
    struct trial trial = { .count = count, .cost = BL_EMISUSE };
    int rc = bl_run(fn, &trial);
    return rc < 0 ? rc : trial.cost;
}

#endif
