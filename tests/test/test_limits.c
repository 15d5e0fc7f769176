/* SPDX-License-Identifier: MIT */
/*
 * test/test_limits.c - tests and fixtures that take too long
 */
#include <string.h>

#include "test/subrun.h"

#define LIMITS SPECIMEN("limits")

/* Runs one test, and the one behind it. */
#define RUN_ONE(name) subrun_run(LIMITS, "-j1", name, "comes_next", NULL)

TEST(a_soft_limit_cancels_the_body_alone, .no_loop = true) {
    struct subrun run = subrun_run(LIMITS, "sleeps_too_long", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "TIMEOUT: it has taken 10 s by the clock");
    CHECK_CONTAINS(run.output, "the sleep returned BL_ECANCELED");
    CHECK_CONTAINS(run.output, "slow_to_end has ended");
    CHECK_CONTAINS(run.output, "outer has ended, after outcome 2");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_wait_for_outside_is_cancelled_in_time, .no_loop = true) {
    struct subrun run = RUN_ONE("waits_for_outside");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "TIMEOUT: it waits for something outside");
    CHECK_CONTAINS(run.output, "bl_fd_wait(ends[0], BL_READABLE)");
    CHECK_CONTAINS(run.output, "the wait returned BL_ECANCELED");
    CHECK_CONTAINS(run.output, "outer has ended, after outcome 2");
    CHECK_EQ(subrun_count(&run, "HANG"), 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(the_stack_of_a_busy_task_is_shown, .no_loop = true) {
    struct subrun run = RUN_ONE("spins_in_a_task");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "HANG: still running after ");
    CHECK_CONTAINS(run.output, "stack of task 'spins'");
    CHECK_CONTAINS(run.output, "spin at ");
    CHECK_CONTAINS(run.output, "tasks when it was stopped");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* These leave no way to ask; they are stopped from outside. */
PARAM(const char *, deaf, "spins_with_signals_blocked",
      "spins_with_abort_ignored", "spins_with_abort_handled");

TEST(the_stack_of_a_deaf_process_is_shown, (deaf), .no_loop = true) {
    struct subrun run = RUN_ONE(deaf);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "HANG: still running after ");
    CHECK_CONTAINS(run.output, "spin at ");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* The watchdog's own signal is not the one that the test waits for. */
TEST(a_test_that_hangs_before_its_signal_fails, .no_loop = true) {
    struct subrun run = RUN_ONE("hangs_before_its_signal");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "TIMEOUT limits.c::hangs_before_its_signal");
    CHECK_CONTAINS(run.output, "HANG: still running after ");
    CHECK_CONTAINS(run.output, "SIGABRT was expected");
    CHECK_CONTAINS(run.output, "spin at ");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

struct stuck_case {
    const char *test;
    const char *place; /* in its stack */
};

PARAM(struct stuck_case, stuck,
      { "blocks_in_a_call", "blocks_in_a_call__body at " },
      { "spins_without_a_loop", "spin at " });

TEST(a_stuck_process_is_killed, (stuck), .no_loop = true) {
    struct subrun run = RUN_ONE(stuck.test);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "HANG");
    CHECK_CONTAINS(run.output, stuck.place);
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* ---- set-up and tear-down ------------------------------------------------ */

struct phase_case {
    const char *test;
    const char *message; /* of the failure */
    const char *trace;   /* printed by the fixture, which went on */
};

PARAM(struct phase_case, phase,
      { "ends_in_a_deadlock",
        "DEADLOCK in the tear-down of fixture 'deadlocks_at_end'",
        "the wait returned BL_ECANCELED" },
      { "begins_in_a_deadlock",
        "DEADLOCK in the set-up of fixture 'deadlocks_at_start'", "" },
      { "ends_too_slowly", "fixture 'too_slow_to_end' exceeded its time limit",
        "the sleep returned BL_ECANCELED at 2 s" },
      { "begins_too_slowly",
        "fixture 'too_slow_to_begin' exceeded its time limit", "" },
      { "helper_dies_in_setup", "fixture 'dies_in_setup': a task of it failed",
        "" },
      { "helper_dies_in_body", "fixture 'dies_in_body': a task of it failed",
        "the body got -125" },
      { "helper_dies_in_teardown",
        "fixture 'dies_in_teardown': a task of it failed",
        "the body got 0" }, );

TEST(a_failing_phase_is_blamed_on_its_fixture, (phase), .no_loop = true) {
    struct subrun run = subrun_run(LIMITS, phase.test, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, phase.message);
    CHECK_CONTAINS(run.output, phase.trace);
    CHECK_CONTAINS(run.output, "outer has ended");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(no_body_runs_after_a_failing_set_up, .no_loop = true) {
    struct subrun run =
        subrun_run(LIMITS, "-k", "begins or dies_in_setup", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "the body"), 0);
    CHECK_STR(subrun_last_line(&run), "0 passed, 3 failed");
    subrun_done(&run);
}

TEST(a_busy_tear_down_is_named, .no_loop = true) {
    struct subrun run = RUN_ONE("ends_in_a_loop");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "stack of task 'spins_at_end'");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(test_and_fixture_can_both_fail, .no_loop = true) {
    struct subrun run =
        subrun_run(LIMITS, "helper_dies_beside_a_failure", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "FAILED  limits.c::helper_dies_beside_a_failure");
    CHECK_CONTAINS(run.output, "CHECK_EQ(1, 2)");
    CHECK_CONTAINS(run.output, "fixture 'dies_in_body': a task of it failed");
    subrun_done(&run);
}
