/* SPDX-License-Identifier: MIT */
/*
 * test/test_runner.c - from a command line to an exit status
 */
#include <string.h>

#include "test/subrun.h"

#include "test/host.h"

#define OUTCOMES SPECIMEN("outcomes")

/* What a run must have in common, whatever its tests do. */
static void check_closing(const struct subrun *run, const char *closing) {
    CHECK_STR(subrun_last_line(run), closing);
    size_t length = strlen(run->output);
    REQUIRE_GT(length, 0);
    CHECK_EQ(run->output[length - 1], '\n');
}

TEST(passing_tests_exit_with_0, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "passes", "also_passes", NULL);
    CHECK_EQ(run.status, 0);
    check_closing(&run, "2 passed, 0 failed");
    CHECK_EQ(subrun_count(&run, " passed, "), 1);
    subrun_done(&run);
}

TEST(a_failing_test_is_shown_with_place_values_and_output, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "passes", "fails", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "--- FAILED outcomes.c::fails");
    CHECK_CONTAINS(run.output, "CHECK_EQ(1 + 1, 3)");
    CHECK_CONTAINS(run.output, "1 + 1 = 2");
    CHECK_CONTAINS(run.output, "CHECK_STR(");
    CHECK_CONTAINS(run.output, "    | printed before it failed\n");
    check_closing(&run, "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(skipped_tests_do_not_fail_a_run, .no_loop = true) {
    struct subrun run =
        subrun_run(OUTCOMES, "-v", "-k", "skips or is_skipped", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "it rains");
    CHECK_CONTAINS(run.output, "it snows");
    check_closing(&run, "0 passed, 0 failed, 2 skipped");
    subrun_done(&run);
}

TEST(a_known_failure_counts_as_passed, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "-v", "fails_as_known", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "xfail");
    check_closing(&run, "1 passed, 0 failed");
    subrun_done(&run);
}

TEST(an_unexpected_pass_fails, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "passes_unexpectedly", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "known to fail: #13");
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_crash_is_a_failure_with_a_stack, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "crashes", "passes", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "CRASHED outcomes.c::crashes");
    CHECK_CONTAINS(run.output, "crashes__body");
    check_closing(&run, "1 passed, 1 failed");
    subrun_done(&run);
}

static const char *unless_plain(void) {
    return bl__host_has_asan() ? "AddressSanitizer says it in its own words"
                               : NULL;
}

TEST(a_stack_overflow_is_told_with_its_task, .no_loop = true,
     .skip_if = unless_plain) {
    struct subrun run = subrun_run(OUTCOMES, "overflows", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "its stack has overflowed: give it more");
    CHECK_CONTAINS(run.output, "stack of task 'digs'");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(an_exit_in_the_middle_is_a_failure, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "exits", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "its process exited with status 3");
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_deadlock_fails_at_once, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "deadlocks", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "DEADLOCK");
    CHECK_CONTAINS(run.output, "outcomes.c:");
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(everything_at_once_adds_up, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "-j4", NULL);
    CHECK_EQ(run.status, 1);
    check_closing(&run, "3 passed, 6 failed, 2 skipped");
    subrun_done(&run);
}

TEST(a_closing_line_of_a_test_is_quoted, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "prints_a_closing_line", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "    | 17 passed, 0 failed\n");
    CHECK_EQ(subrun_count(&run, "\n17 passed"), 0);
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(no_selected_test_exits_with_5, .no_loop = true) {
    struct subrun run = subrun_run(OUTCOMES, "-k", "no_such_test", NULL);
    CHECK_EQ(run.status, 5);
    CHECK_CONTAINS(run.output, "no test fits what was asked for");
    check_closing(&run, "0 passed, 0 failed");
    subrun_done(&run);
}

TEST(a_program_without_tests_exits_with_5, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("nothing"), NULL);
    CHECK_EQ(run.status, 5);
    CHECK_CONTAINS(run.output, "link their object files");
    check_closing(&run, "0 passed, 0 failed");
    subrun_done(&run);
}

TEST(a_wrong_command_line_exits_with_4, .no_loop = true) {
    struct subrun run = subrun_run_apart(OUTCOMES, "--no-such-option", NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.errors, "no option is called --no-such-option");
    CHECK_STR(run.output, "");
    subrun_done(&run);
}

TEST(options_may_come_from_the_environment, .no_loop = true) {
    subrun_env("BELAY_TEST_ARGS=-k also_passes");
    struct subrun run = subrun_run(OUTCOMES, NULL);
    CHECK_EQ(run.status, 0);
    check_closing(&run, "1 passed, 0 failed");
    subrun_done(&run);
}

TEST(the_first_failure_can_end_the_run, .no_loop = true) {
    struct subrun run =
        subrun_run(OUTCOMES, "-x", "-j1", "fails", "crashes", NULL);
    CHECK_EQ(run.status, 1);
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}
