/* SPDX-License-Identifier: MIT */
/*
 * test/test_leaks.c - what a test has left behind
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test/subrun.h"

#include "test/host.h"

#define LEAKS SPECIMEN("leaks")

struct leak_case {
    const char *test;
    const char *message;
    const char *owner;
};

PARAM(struct leak_case, leak,
      { "leaks_memory", "LEAK: 1 blocks of the library's memory",
        "allocate_and_forget at " },
      { "leaks_memory_without_a_loop", "LEAK: 1 blocks of the library's memory",
        "allocate_and_forget at " },
      { "leaks_a_descriptor", "LEAK: 1 open descriptors", " -> /dev/zero" },
      { "leaks_an_eventfd", "LEAK: 1 open descriptors", "[eventfd]" },
      { "leaks_an_epoll", "LEAK: 1 open descriptors", "[eventpoll]" },
      { "leaks_a_timerfd", "LEAK: 1 open descriptors", "[timerfd]" },
      { "leaks_a_copy", "LEAK: 1 open descriptors", "memfd:output" },
      { "leaks_a_timer", "LEAK: 1 armed timers left in the loop",
        "timer due in 1 s, calls do_nothing at " },
      { "leaks_a_watch", "LEAK: 1 watches left in the loop",
        ", calls see_nothing at " },
      { "leaks_a_handle", "LEAK: 1 open handles left in the loop",
        "handle, opened by leaks_a_handle__body at " },
      { "leaks_a_promise", "LEAK: 1 open handles left in the loop",
        "1 by bl_future_share or bl_loop_pin" },
      { "leaks_a_job", "LEAK: 1 thread jobs left in the loop",
        "thread job, runs block at " });

TEST(a_leak_is_an_error_that_names_its_owner, (leak), .no_loop = true) {
    char error[64];
    struct subrun run = subrun_run(LEAKS, leak.test, NULL);
    snprintf(error, sizeof error, "ERROR   leaks.c::%s - ", leak.test);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, error);
    CHECK_CONTAINS(run.output, leak.message);
    CHECK_CONTAINS(run.output, leak.owner);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(leaks_can_be_allowed, .no_loop = true) {
    struct subrun run =
        subrun_run(LEAKS, "may_leak_memory", "may_leak_a_timer", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed");
    subrun_done(&run);
}

TEST(a_failure_hides_what_it_could_not_give_back, .no_loop = true) {
    struct subrun run = subrun_run(LEAKS, "fails_with_a_timer", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "FAILED  leaks.c::fails_with_a_timer");
    CHECK_EQ(subrun_count(&run, "LEAK"), 0);
    CHECK_EQ(subrun_count(&run, "CRASHED"), 0);
    subrun_done(&run);
}

static const char *unless_asan(void) {
    return bl__host_has_asan() ? NULL : "LeakSanitizer is not there";
}

TEST(a_leak_sanitizer_is_heard, .no_loop = true, .skip_if = unless_asan) {
    struct subrun run = subrun_run(LEAKS, "loses_memory_of_malloc", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR: LeakSanitizer: detected memory leaks");
    CHECK_CONTAINS(run.output, "loses_memory_of_malloc__body");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

/* ---- in a shared process ------------------------------------------------- */

TEST(memory_is_judged_at_the_end_and_named, .no_loop = true) {
    struct subrun run = subrun_run(LEAKS, "-v", "-k", "shared", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, " leaks.c::is_the_last - LEAK: 1 blocks");
    CHECK_CONTAINS(run.output, ", in leaks.c::leaks_memory_beside_others");
    CHECK_STR(subrun_last_line(&run), "1 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_task_that_is_left_is_named, .no_loop = true) {
    struct subrun run = subrun_run(LEAKS, "-k", "shared_task", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR   leaks.c::leaks_a_task - LEAK: 1 tasks");
    CHECK_CONTAINS(run.output, "stay #");
    CHECK_CONTAINS(run.output, "  spawned at ");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_leak_in_the_loop_ends_the_process, .no_loop = true) {
    struct subrun run = subrun_run(LEAKS, "-k", "shared_timer", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR   leaks.c::leaks_a_timer_beside_others");
    CHECK_EQ(subrun_count(&run, "CRASHED"), 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* ---- what is not ours ---------------------------------------------------- */

enum {
    LIMIT = 4096
};

static const char *without_high_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > LIMIT + 1) {
        return NULL;
    }
    return "so many descriptors are not allowed here";
}

/* Valgrind keeps its descriptors there, where its client cannot open any. */
TEST(descriptors_above_the_limit_are_of_a_tool, .no_loop = true,
     .skip_if = without_high_descriptors) {
    struct rlimit limit;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE_GE(fd, 0);
    REQUIRE_EQ(dup2(fd, LIMIT), LIMIT);
    REQUIRE_OK(close(fd));
    REQUIRE_OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = LIMIT;
    REQUIRE_OK(setrlimit(RLIMIT_NOFILE, &limit));
}
