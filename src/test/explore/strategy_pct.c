/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy_pct.c - tasks by random priorities that change a few
 * times
 *
 * Probabilistic concurrency testing: each task has a random priority, and of
 * the ready tasks the one with the highest runs.  At depth - 1 moments of the
 * run, chosen beforehand, the task that would run falls below all others.  A
 * bug that needs `depth` steps in a certain order, of n tasks and k steps, is
 * found with a chance of at least 1 / (n * k^(depth - 1)) in each run, however
 * rare it is in a random walk.
 *
 * Priorities need no table: they are a function of seed and task.  Only those
 * that have fallen are written down; the one that fell last is the lowest.
 * What is not a task is chosen at random.
 */
#include "test/explore/strategy.h"
#include "test/random.h"

enum {
    DEPTH_MAX = 16,
    STEPS_DEFAULT = 32 /* until a run has shown how many there are */
};

static struct {
    uint64_t generator;
    uint64_t seed;
    uint64_t step;
    uint64_t falls_at[DEPTH_MAX];
    unsigned fall_count;
    uint64_t fallen[DEPTH_MAX]; /* ids of tasks, in order of falling */
    unsigned fallen_count;
} pct;

static void begin(const struct bl__schedule *schedule) {
    pct.generator = bl__random_seed(schedule->seed, "order");
    pct.seed = bl__random_next(&pct.generator);
    pct.step = 0;
    pct.fallen_count = 0;
    pct.fall_count = schedule->depth > 0 ? schedule->depth - 1 : 0;
    if (pct.fall_count > DEPTH_MAX) pct.fall_count = DEPTH_MAX;
    uint64_t steps = schedule->steps > 0 ? schedule->steps : STEPS_DEFAULT;
    for (unsigned i = 0; i < pct.fall_count; i++) {
        pct.falls_at[i] = 1 + bl__random_below(&pct.generator, steps);
    }
}

/* Greater runs first.  Below DEPTH_MAX are those that have fallen. */
static uint64_t priority_of(uint64_t id) {
    for (unsigned i = pct.fallen_count; i-- > 0;) {
        if (pct.fallen[i] == id) return pct.fall_count - 1 - i;
    }
    return bl__random_mix(pct.seed + id) | 1u << 8;
}

static uint32_t highest(uint32_t count, const uint64_t *ids) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (priority_of(ids[i]) > priority_of(ids[best])) best = i;
    }
    return best;
}

static uint32_t pick(bl_choice kind, uint32_t count, const uint64_t *ids) {
    if (kind != BL_CHOICE_READY || ids == NULL) {
        return (uint32_t)bl__random_below(&pct.generator, count);
    }
    pct.step++;
    for (unsigned i = 0; i < pct.fall_count; i++) {
        if (pct.falls_at[i] != pct.step) continue;
        pct.fallen[pct.fallen_count++] = ids[highest(count, ids)];
    }
    return highest(count, ids);
}

const struct bl__strategy bl__strategy_pct = { .begin = begin, .pick = pick };
