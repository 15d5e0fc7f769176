/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy_fifo.c - the order of production: first come, first
 * served
 */
#include "test/explore/strategy.h"

static void begin(const struct bl__schedule *schedule) {
    (void)schedule;
}

static uint32_t pick(bl_choice kind, uint32_t count, const uint64_t *ids) {
    (void)kind;
    (void)count;
    (void)ids;
    return 0;
}

const struct bl__strategy bl__strategy_fifo = { .begin = begin, .pick = pick };
