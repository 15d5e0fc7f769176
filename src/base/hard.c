/* SPDX-License-Identifier: MIT */
/*
 * base/hard.c - the numbers that hard mode is made of
 *
 * Each thread has its own line of numbers, which begins anew with each loop
 * that is opened: what a loop does depends on the seed, not on loops before
 * it.  Outside hard mode this file is empty.
 */
#include "base/hard.h"

#if BL__HARD

#    include <pthread.h>
#    include <stdio.h>
#    include <stdlib.h>

#    include "base/assert.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread uint64_t state;

static uint64_t read_seed(void) {
    const char *text = getenv("BELAY_HARD_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

static void print_hard_seed(void) {
    fprintf(stderr, "  hard mode, BELAY_HARD_SEED=%llu\n",
            (unsigned long long)read_seed());
}

static void add_seed_hook(void) {
    bl__panic_add_hook(print_hard_seed);
}

bool bl__hard_is_soft(void) {
    return read_seed() == 0;
}

void bl__hard_start(void) {
    pthread_once(&once, add_seed_hook);
    state = read_seed();
}

/* Spreads consecutive seeds over all numbers. */
uint32_t bl__hard_random(uint32_t count) {
    BL__ASSERT(count > 0);
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % count);
}

#endif
