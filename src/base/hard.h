/* SPDX-License-Identifier: MIT */
/*
 * base/hard.h - hard mode: what is rare happens all the time
 *
 * A library built with BELAY_HARD keeps every promise of its headers, in the
 * most inconvenient way there is, so that the tests meet what users meet once
 * a year:
 *
 *   - caches, batches and first capacities are tiny, so that all of them run
 *     full, grow and are given back;
 *   - every checkpoint lets others run;
 *   - whatever order is free is shuffled (the seam of bl_loop_options, unless
 *     somebody sits there already);
 *   - system calls are interrupted, and take a part of what they are given;
 *   - a stack begins as poison, and the one given back last is used last.
 *
 * All of it follows from one number, the seed: BELAY_HARD_SEED, or else 1.  A
 * crash report shows it.  Outside hard mode all of this is nothing at all.
 */
#ifndef BL__BASE_HARD_H
#define BL__BASE_HARD_H

#include <errno.h>
#include <stdint.h>

#include <belay/base.h>

#if defined(BELAY_HARD) && BELAY_HARD
#    define BL__HARD 1
#else
#    define BL__HARD 0
#endif

/* A constant that hard mode makes tiny. */
#define BL__HARD_OR(tiny, usual) (BL__HARD ? (tiny) : (usual))

enum {
    BL__HARD_POISON = 0xb5
};

#if BL__HARD

/* Begins the numbers of this thread anew, with the seed. */
void bl__hard_start(void);

/* Whether the seed is 0: nothing is shuffled, and switches and stacks are as
 * usual.  For tests that state what is usual. */
bool bl__hard_is_soft(void);

/* Returns one of 0 to count - 1. */
uint32_t bl__hard_random(uint32_t count);

/* Sometimes sets errno to EINTR: the call is to be taken as interrupted. */
static inline bool bl__hard_interrupts(void) {
    if (bl__hard_random(4) > 0) return false;
    errno = EINTR;
    return true;
}

/* Returns how many of `bytes` a transfer that goes on until all are done may
 * try at once. */
static inline size_t bl__hard_part(size_t bytes) {
    if (bytes < 2 || bl__hard_random(4) > 0) return bytes;
    return 1 + bl__hard_random(bytes < 4096 ? (uint32_t)bytes - 1 : 4095);
}

#else

static inline void bl__hard_start(void) {
}
static inline bool bl__hard_is_soft(void) {
    return true;
}
static inline bool bl__hard_interrupts(void) {
    return false;
}
static inline size_t bl__hard_part(size_t bytes) {
    return bytes;
}

#endif

#endif
