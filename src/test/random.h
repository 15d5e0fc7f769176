/* SPDX-License-Identifier: MIT */
/*
 * test/random.h - random numbers that can be had again
 *
 * SplitMix64: any state will do, and states that differ by little give streams
 * that have nothing in common.  One seed gives streams by name, so that a test
 * that draws a number more does not shift the order of its tasks.
 */
#ifndef BL__TEST_RANDOM_H
#define BL__TEST_RANDOM_H

#include <stdint.h>

/* Spreads consecutive numbers over all numbers. */
static inline uint64_t bl__random_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t bl__random_next(uint64_t *state) {
    return bl__random_mix(*state += 0x9e3779b97f4a7c15u);
}

/* A number below `limit`, which is not 0. */
static inline uint64_t bl__random_below(uint64_t *state, uint64_t limit) {
    return bl__random_next(state) % limit;
}

/* The beginning of a stream that `name` has for itself (FNV-1a). */
static inline uint64_t bl__random_seed(uint64_t seed, const char *name) {
    uint64_t hash = 0xcbf29ce484222325u ^ seed;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return bl__random_next(&hash);
}

#endif
