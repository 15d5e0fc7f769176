/* SPDX-License-Identifier: MIT */
/*
 * loop/test_loop_clock.c - the clocks of a loop, and real time beside them
 */
#include <belay/test.h>

#include <time.h>

#include "support/kids.h"

static bl_ns monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return BL_SEC(now.tv_sec) + now.tv_nsec;
}

/* Real time is read between two readings of the system's clock. */
static void check_real(void) {
    bl_ns before = monotonic();
    bl_ns real = bl_now_real();
    CHECK_LE(before, real);
    CHECK_LE(real, monotonic());
}

TEST(outside_a_loop_both_are_the_system_clock, .no_loop = true) {
    bl_ns before = monotonic();
    CHECK_LE(before, bl_now());
    check_real();
}

TEST(a_virtual_clock_leaves_real_time_alone) {
    CHECK_EQ(bl_now(), 0);
    check_real();
    CHECK_OK(bl_sleep(1000 * HOUR));
    CHECK_EQ(bl_now(), 1000 * HOUR);
    check_real();
}

TEST(a_manual_clock_leaves_real_time_alone, .clock = T_CLOCK_MANUAL) {
    t_advance(HOUR);
    CHECK_EQ(bl_now(), HOUR);
    check_real();
}

TEST(a_real_clock_is_real_time, .clock = T_CLOCK_REAL) {
    bl_ns before = bl_now_real();
    CHECK_LE(before, bl_now());
    check_real();
}
