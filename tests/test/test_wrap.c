/* SPDX-License-Identifier: MIT */
/*
 * test/test_wrap.c - the system's clocks and sleeps, beside a virtual clock
 *
 * CMake links this program with belay::test_wrap_time.
 *
 *     Legs: threads
 */
#include <pthread.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "support/kids.h"
#include "test/subrun.h"

enum {
    YEAR_2000 = 946684800
};

static bl_ns read_clock(clockid_t id) {
    struct timespec now = { 0 };
    CHECK_EQ(clock_gettime(id, &now), 0);
    return BL_SEC(now.tv_sec) + now.tv_nsec;
}

/* What all clocks say when that much virtual time has passed. */
static void check_clocks(bl_ns passed) {
    struct timeval now;
    time_t seconds;
    bl_ns day = BL_SEC(YEAR_2000) + passed;
    CHECK_EQ(read_clock(CLOCK_MONOTONIC), passed);
    CHECK_EQ(read_clock(CLOCK_BOOTTIME), passed);
    CHECK_EQ(read_clock(CLOCK_REALTIME), day);
    CHECK_EQ(gettimeofday(&now, NULL), 0);
    CHECK_EQ(BL_SEC(now.tv_sec) + BL_US(now.tv_usec), day / 1000 * 1000);
    CHECK_EQ(time(&seconds), day / BL_SEC(1));
    CHECK_EQ(seconds, time(NULL));
}

TEST(the_clocks_tell_virtual_time) {
    check_clocks(0);
    CHECK_OK(bl_sleep(HOUR + 1234567));
    check_clocks(HOUR + 1234567);
    CHECK_GT(read_clock(CLOCK_PROCESS_CPUTIME_ID), 0);
    CHECK_LT(read_clock(CLOCK_PROCESS_CPUTIME_ID), HOUR);
}

TEST(the_clocks_tell_manual_time, .clock = T_CLOCK_MANUAL) {
    t_advance(SEC(5));
    check_clocks(SEC(5));
}

TEST(real_time_can_still_be_read) {
    bl_ns before = bl_now_real();
    CHECK_OK(bl_sleep(HOUR));
    CHECK_GT(before, 0);
    CHECK_LT(bl_now_real() - before, HOUR);
}

static void check_real(void) {
    bl_ns before = bl_now_real();
    bl_ns now = read_clock(CLOCK_MONOTONIC);
    CHECK_LE(before, now);
    CHECK_LE(now, bl_now_real());
    CHECK_GT(time(NULL), YEAR_2000 + 20 * 365 * 24 * 3600);
}

TEST(a_real_clock_leaves_them_alone, .clock = T_CLOCK_REAL) {
    check_real();
}

TEST(outside_a_loop_they_are_real, .no_loop = true) {
    const struct timespec moment = { .tv_nsec = 1 };
    check_real();
    CHECK_EQ(nanosleep(&moment, NULL), 0);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL), 0);
    CHECK_EQ(usleep(1), 0);
    CHECK_EQ(sleep(0), 0);
}

static int sleep_a_moment(void *arg) {
    check_real();
    *(int *)arg = usleep(1);
    return 0;
}

TEST(a_thread_may_sleep) {
    int slept = -1;
    CHECK_OK(bl_to_thread(sleep_a_moment, &slept));
    CHECK_EQ(slept, 0);
}

TEST(a_task_that_sleeps_fails_the_test_at_once, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("wrap"), "sleeps", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "BLOCKING: task 'doze' calls sleep, which blocks its loop; "
                   "bl_sleep does not\n"
                   "      called by doze");
    CHECK_EQ(subrun_count(&run, "CHECK_EQ"), 0);
    subrun_done(&run);
}

TEST(every_way_of_sleeping_is_known, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("wrap"), "sleeps_otherwise", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "calls usleep,");
    CHECK_CONTAINS(run.output, "calls nanosleep,");
    CHECK_CONTAINS(run.output, "calls clock_nanosleep,");
    subrun_done(&run);
}
