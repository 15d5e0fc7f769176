/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy_bytes.c - an order that a fuzzer writes
 *
 * Each choice takes a byte from the end of the input, so that what the test
 * reads from the front stays in its place.  Without bytes it is the first
 * choice.
 */
#include "test/explore/strategy.h"

static const uint8_t *bytes;
static size_t byte_count;

static void begin(const struct bl__schedule *schedule) {
    bytes = schedule->bytes;
    byte_count = schedule->byte_count;
}

static uint32_t pick(bl_choice kind, uint32_t count, const uint64_t *ids) {
    (void)kind;
    (void)ids;
    return byte_count > 0 ? bytes[--byte_count] % count : 0;
}

const struct bl__strategy bl__strategy_bytes = { .begin = begin, .pick = pick };
