/* SPDX-License-Identifier: MIT */
/*
 * task/test_slow.c - who keeps the loop to itself is named, in builds that look
 */
#include <belay/test.h>

#include <poll.h>
#include <time.h>

#include "support/host.h"
#include "task/task.h"

static const char *looks_at_steps(void) {
    return BL__WATCHES_STEPS ? NULL : "this build does not look at the clock";
}

static bl_ns cpu_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (bl_ns)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int computes(void *arg) {
    bl_ns ends = cpu_now() + *(const bl_ns *)arg;
    bl_task_set_name("thinker");
    while (cpu_now() < ends) {}
    return bl_yield();
}

static int blocks(void *arg) {
    bl_task_set_name("blocker");
    poll(NULL, 0, *(const int *)arg); /* what nobody should do in a task */
    return bl_yield();
}

static const char *report_of(bl_task_fn *fn, void *arg) {
    const bl_loop_options options = { .size = sizeof options };
    capture_stderr();
    CHECK_OK(run_elsewhere(fn, arg, &options));
    return captured_stderr();
}

TEST(a_task_that_computes_for_long_is_named, .no_loop = true,
     .skip_if = looks_at_steps) {
    bl_ns duration = MS(110);
    const char *text = report_of(computes, &duration);
    CHECK_CONTAINS(text, "task \"thinker\" #1 kept the loop to itself for ");
    CHECK_CONTAINS(text, " ms, computing, up to bl_yield() at ");
    CHECK_CONTAINS(text, "test_slow.c:");
}

TEST(a_task_that_blocks_is_named, .no_loop = true, .skip_if = looks_at_steps) {
    int duration_ms = 110;
    const char *text = report_of(blocks, &duration_ms);
    CHECK_CONTAINS(text, "task \"blocker\" #1 kept the loop to itself for ");
    CHECK_CONTAINS(text, "blocked in a call of the system");
}

TEST(a_task_that_gives_way_in_time_is_not, .no_loop = true) {
    bl_ns duration = MS(5);
    CHECK_STR(report_of(computes, &duration), "");
}
