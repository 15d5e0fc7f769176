/* SPDX-License-Identifier: MIT */
/*
 * loop/test_loop_clock.c - the clocks of a loop, and real time beside them
 */
#include <belay/test.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

#ifndef CLONE_NEWTIME
#    define CLONE_NEWTIME 0x80
#endif

enum {
    LACKING = 77
};

static bl_ns clock_at(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return BL_SEC(now.tv_sec) + now.tv_nsec;
}

static bl_ns monotonic(void) {
    return clock_at(CLOCK_MONOTONIC);
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

/* CLOCK_BOOTTIME counts an hour of sleep, and CLOCK_MONOTONIC does not. */
static int after_a_sleep(void *arg) {
    bl_ns before = monotonic();
    (void)arg;
    if (clock_at(CLOCK_BOOTTIME) - before < HOUR) return LACKING;
    bl_ns real = bl_now_real();
    return before <= real && real <= monotonic() ? 0 : 1;
}

static int on_a_machine_that_slept(void *arg) {
    static const char offset[] = "boottime 3600 0";
    if (unshare(CLONE_NEWUSER | CLONE_NEWTIME) < 0) return LACKING;
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return LACKING;
    ssize_t written = write(fd, offset, sizeof offset - 1);
    close(fd);
    if (written < 0) return LACKING;
    int status = in_child(after_a_sleep, arg);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

TEST(the_time_of_a_suspended_machine_does_not_count, .no_loop = true) {
    int status = in_child(on_a_machine_that_slept, NULL);
    bool lacks_namespace = WIFEXITED(status) && WEXITSTATUS(status) == LACKING;
    if (lacks_namespace) t_skip("no time namespaces here");
    CHECK_EQ(status, 0);
}
