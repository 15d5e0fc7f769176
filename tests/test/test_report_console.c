/* SPDX-License-Identifier: MIT */
/*
 * test/test_report_console.c - the report for people
 */
#include <signal.h>
#include <string.h>

#include "test/subrun.h"

#define CATALOG  SPECIMEN("catalog")
#define PRINTING SPECIMEN("printing")

/* The end of a program's output that must be there, byte for byte. */
static void check_end(const struct subrun *run, const char *expected) {
    size_t length = strlen(run->output);
    size_t wanted = strlen(expected);
    REQUIRE_GE(length, wanted);
    CHECK_STR(run->output + length - wanted, expected);
}

/* Whether a line of the output begins like a closing line, but the last. */
static void check_closing(const struct subrun *run, const char *closing) {
    CHECK_STR(subrun_last_line(run), closing);
    int count = 0;
    const char *line = run->output;
    while (*line != '\0') {
        unsigned passed, failed;
        if (sscanf(line, "%u passed, %u failed", &passed, &failed) == 2) {
            count++;
        }
        line += strcspn(line, "\n");
        if (*line == '\n') line++;
    }
    CHECK_EQ(count, 1);
}

/* ---- lines --------------------------------------------------------------- */

TEST(a_line_for_each_file, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "--seed=5", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "belay-test: 9 test functions in 3 files, isolate=auto, "
                   "clock=virtual, schedule=fifo, seed=5\n"
                   "test_echo.c ...\n"
                   "test_pool.c .F.\n"
                   "test_timers.c .xs\n"
                   "\n--- FAILED test_pool.c::loses ----");
    check_closing(&run, "7 passed, 1 failed, 1 skipped");
    subrun_done(&run);
}

TEST(a_line_for_each_test, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "-v", NULL);
    CHECK_CONTAINS(run.output, "  ok      test_echo.c::echoes[7] ");
    CHECK_CONTAINS(run.output, " ms  7 s virtual\n");
    CHECK_CONTAINS(run.output, " ms  3 schedules  1 cancel point\n");
    CHECK_CONTAINS(run.output, "  FAILED  test_pool.c::loses ");
    CHECK_CONTAINS(run.output, "  xfail   test_timers.c::is_late ");
    CHECK_CONTAINS(run.output, " ms  #12 \"late\": catalog/test_timers.c");
    CHECK_CONTAINS(run.output, "  skip    test_timers.c::is_left_out ");
    CHECK_CONTAINS(run.output, " ms  no clock # here\n");
    CHECK_EQ(subrun_count(&run, "fixtures:"), 0);
    subrun_done(&run);
}

TEST(two_v_tell_the_fixtures, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "-vv", "echoes[1]", NULL);
    CHECK_CONTAINS(run.output, "\n          fixtures: chunk, guard, port, "
                               "server\n");
    subrun_done(&run);
}

TEST(q_leaves_failures_and_totals, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "-q", NULL);
    CHECK_EQ(strncmp(run.output, "\n--- FAILED test_pool.c::loses", 30), 0);
    check_closing(&run, "7 passed, 1 failed, 1 skipped");
    subrun_done(&run);
}

TEST(cases_that_end_early_wait_for_their_turn, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("crowd"), "-j8", NULL);
    CHECK_CONTAINS(run.output, "\ntest_first.c ..........\n"
                               "test_second.c ....F.....\n");
    check_closing(&run, "19 passed, 1 failed");
    subrun_done(&run);
    run = subrun_run(SPECIMEN("crowd"), "-j8", "-v", "first", NULL);
    const char *last = run.output;
    for (int turn = 0; turn < 10; turn++) {
        char name[32];
        snprintf(name, sizeof name, "::first[%d]", turn);
        const char *at = strstr(run.output, name);
        REQUIRE_NE(at, NULL);
        CHECK_GT(at, last);
        last = at;
    }
    subrun_done(&run);
}

/* ---- the end ------------------------------------------------------------- */

TEST(the_end_has_summary_time_split_and_totals, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("outcomes"), "-j1", NULL);
    const char *summary = strstr(run.output, "\n\nFAILED  outcomes.c::fails -");
    REQUIRE_NE(summary, NULL);
    CHECK_CONTAINS(summary, "\nXPASS   outcomes.c::passes_unexpectedly - ");
    CHECK_CONTAINS(summary, "\nCRASHED outcomes.c::crashes - ");
    CHECK_CONTAINS(summary, "\nTIMEOUT outcomes.c::deadlocks - ");
    CHECK_CONTAINS(summary, "\n\ntime: ");
    check_end(&run, " s\n"
                    "(1 xfailed, 2 crashed, 1 timed out, 1 passed "
                    "unexpectedly)\n"
                    "3 passed, 6 failed, 2 skipped\n");
    subrun_done(&run);
}

TEST(without_anything_to_split_there_is_no_split, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "fires", NULL);
    check_end(&run, " s\n1 passed, 0 failed\n");
    CHECK_EQ(subrun_count(&run, "\n("), 0);
    subrun_done(&run);
}

TEST(all_skipped_is_no_failure, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("skipped"), NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "skipped.c ss\n");
    check_closing(&run, "0 passed, 0 failed, 2 skipped");
    subrun_done(&run);
}

TEST(no_test_is_told, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "no_such_*", NULL);
    CHECK_EQ(run.status, 5);
    CHECK_CONTAINS(run.output, "no test fits what was asked for\n");
    check_closing(&run, "0 passed, 0 failed");
    subrun_done(&run);
}

TEST(what_maxfail_leaves_out_is_told, .no_loop = true) {
    struct subrun run = subrun_run(CATALOG, "-x", "-j1", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "stopped after 1 failure: 4 tests were not run\n");
    check_closing(&run, "4 passed, 1 failed");
    subrun_done(&run);
}

TEST(the_slowest_come_first, .no_loop = true) {
    struct subrun run =
        subrun_run(SPECIMEN("crowd"), "-j1", "--durations=2", "-q", NULL);
    static const char title[] = "\nslowest 2 of 20:\n";
    const char *list = strstr(run.output, title);
    double first = 0;
    double second = 0;
    REQUIRE_NE(list, NULL);
    CHECK_EQ(
        sscanf(list + strlen(title), "%lf ms %*s %lf ms %*s", &first, &second),
        2);
    CHECK_GT(second, 0.0);
    CHECK_GE(first, second);
    CHECK_EQ(subrun_count(&run, " ms  "), 2);
    subrun_done(&run);
    run = subrun_run(CATALOG, "fires", "--durations=100", NULL);
    CHECK_CONTAINS(run.output, "\nslowest 1 of 1:\n");
    subrun_done(&run);
}

/* ---- what tests print ---------------------------------------------------- */

TEST(nothing_printed_is_taken_for_a_closing_line, .no_loop = true) {
    struct subrun run = subrun_run(PRINTING, "a_closing_line*", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "\n    | 17 passed, 0 failed\n");
    CHECK_CONTAINS(run.output,
                   "\n    | a\\x0d17 passed, 0 failed\\x0b18 passed, 0 failed"
                   "\\xc2\\x8519 passed, 0 failed\\xe2\\x80\\xa820 passed, "
                   "0 failed\n");
    check_closing(&run, "0 passed, 2 failed");
    subrun_done(&run);
}

TEST(half_lines_and_half_characters_are_completed, .no_loop = true) {
    struct subrun run = subrun_run(PRINTING, "no_newline", "half_*", NULL);
    CHECK_CONTAINS(run.output, "    | half a line\n");
    CHECK_CONTAINS(run.output, "    | caf\\xc3and an err\\xe2\\x82\n");
    subrun_done(&run);
}

TEST(what_passing_tests_print_is_shown_on_demand, .no_loop = true) {
    struct subrun run = subrun_run(PRINTING, "and_passes", NULL);
    CHECK_EQ(subrun_count(&run, "all is well"), 0);
    subrun_done(&run);
    run = subrun_run(PRINTING, "and_passes", "--show-passed-output", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "--- ok printing.c::and_passes ---");
    CHECK_CONTAINS(run.output, "  captured output:\n    | all is well\n");
    subrun_done(&run);
}

TEST(s_lets_tests_write_where_they_like, .no_loop = true) {
    struct subrun run = subrun_run(PRINTING, "-s", "no_newline", NULL);
    CHECK_EQ(subrun_count(&run, "captured output"), 0);
    CHECK_CONTAINS(run.output, "half a line");
    check_closing(&run, "0 passed, 1 failed");
    subrun_done(&run);
}

/* ---- colour -------------------------------------------------------------- */

TEST(colour_is_for_terminals, .no_loop = true) {
    subrun_env("TERM=xterm");
    struct subrun run = subrun_run(CATALOG, "-v", NULL);
    CHECK_EQ(subrun_count(&run, "\033"), 0);
    subrun_done(&run);
    run = subrun_run(CATALOG, "-v", "--color=always", NULL);
    CHECK_CONTAINS(run.output, "  \033[31mFAILED \033[0m test_pool.c::loses");
    CHECK_CONTAINS(run.output, "  \033[32mok     \033[0m test_echo.c");
    CHECK_STR(subrun_last_line(&run), "7 passed, 1 failed, 1 skipped");
    subrun_done(&run);
    run = subrun_run(CATALOG, "-v", "--color=never", NULL);
    CHECK_EQ(subrun_count(&run, "\033"), 0);
    subrun_done(&run);
}

/* ---- runs that do not end well ------------------------------------------- */

PARAM(int, ending, SIGINT, SIGTERM);
TEST(a_run_that_is_ended_counts_what_is_left, (ending), .no_loop = true) {
    struct subrun run =
        subrun_start(SPECIMEN("stuck"), "-v", "-j1", "--watchdog=off", NULL);
    subrun_wait_for(&run, "FAILED  stuck.c::fails");
    subrun_signal(&run, ending);
    subrun_wait(&run);
    CHECK_EQ(run.status, 2);
    CHECK_CONTAINS(run.output, "  STOPPED stuck.c::is_stuck ");
    CHECK_CONTAINS(run.output, "\nSTOPPED 2 tests were not run to their end\n");
    CHECK_CONTAINS(run.output, "\n(2 stopped)\n");
    check_closing(&run, "1 passed, 3 failed");
    subrun_done(&run);
}

TEST(a_runner_that_breaks_down_says_so_and_closes, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("internal"), "--isolate=none",
                                   "passes", "breaks_*", "comes_*", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.output, "internal error: the specimen breaks down");
    check_closing(&run, "1 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_runner_that_is_made_to_exit_closes, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("internal"), "--isolate=none",
                                   "passes", "ends_*", "comes_*", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.output, "exit was called in the middle of the run");
    check_closing(&run, "1 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_skip_if_that_exits_or_crashes_cannot_take_the_last_line,
     .no_loop = true) {
    struct subrun run =
        subrun_run(SPECIMEN("internal"), "passes", "asks_who_exits", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.output, "exit was called in the middle of the run");
    check_closing(&run, "0 passed, 2 failed");
    subrun_done(&run);

    run = subrun_run(SPECIMEN("internal"), "passes", "asks_who_crashes", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.output, "Aborted in the runner");
    check_closing(&run, "0 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_nul_does_not_hide_what_comes_after_it, .no_loop = true) {
    struct subrun run = subrun_run(PRINTING, "bytes_of_nothing", NULL);
    CHECK_CONTAINS(run.output, "    | before\\x00\\x00after\n");
    subrun_done(&run);
}
