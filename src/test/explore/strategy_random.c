/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy_random.c - a random walk through the orders of a test
 */
#include "test/explore/strategy.h"
#include "test/random.h"

static uint64_t generator;

static void begin(const struct bl__schedule *schedule) {
    generator = bl__random_seed(schedule->seed, "order");
}

static uint32_t pick(bl_choice kind, uint32_t count, const uint64_t *ids) {
    (void)kind;
    (void)ids;
    return (uint32_t)bl__random_below(&generator, count);
}

const struct bl__strategy bl__strategy_random = { .begin = begin,
                                                  .pick = pick };
