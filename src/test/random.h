/* SPDX-License-Identifier: MIT */
/*
 * test/random.h - random numbers that can be had again
 *
 * SplitMix64: any state will do, and states that differ by little give streams
 * that have nothing in common.
 */
#ifndef BL__TEST_RANDOM_H
#define BL__TEST_RANDOM_H

#include <stdint.h>

static inline uint64_t bl__random_next(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
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
