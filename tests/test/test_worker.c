/* SPDX-License-Identifier: MIT */
/*
 * test/test_worker.c - processes of tests: what reaches beyond them, what they
 * print, what the system refuses them
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "test/subrun.h"

#define ISOLATION SPECIMEN("isolation")

/* The number behind the first `text`. */
static int number_after(const char *output, const char *text) {
    const char *at = strstr(output, text);
    REQUIRE_NE(at, NULL);
    return atoi(at + strlen(text));
}

static bool is_gone(pid_t pid) {
    return kill(pid, 0) < 0;
}

/* ---- descendants -------------------------------------------------------- */

TEST(a_child_that_is_left_is_a_leak, .no_loop = true) {
    struct subrun run = subrun_run(ISOLATION, "leaves_a_child", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "LEAK: 1 processes still ran");
    CHECK_CONTAINS(run.output, "(isolation)");
    CHECK(is_gone(number_after(run.output, "still ran\n      ")));
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_grandchild_cannot_escape_by_a_session, .no_loop = true) {
    struct subrun run =
        subrun_run(ISOLATION, "leaves_a_grandchild_apart", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "LEAK: 1 processes still ran");
    CHECK(is_gone(number_after(run.output, "still ran\n      ")));
    subrun_done(&run);
}

PARAM(const char *, orphaned, "crashes_with_a_child_apart",
      "crashes_with_a_child");

TEST(a_crash_leaves_no_child_behind, (orphaned), .no_loop = true) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "isolation.c::%s", orphaned);
    struct subrun run =
        subrun_run(ISOLATION, "-j1", pattern, "passes_after_that", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "killed by SIGKILL");
    CHECK(is_gone(number_after(run.output, "    | child ")));
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* ---- output -------------------------------------------------------------- */

TEST(much_output_is_cut_in_the_middle, .no_loop = true) {
    struct subrun run = subrun_run(ISOLATION, "prints_a_lot", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "    | this is the head\n");
    CHECK_CONTAINS(run.output, "    | this is the tail\n");
    CHECK_CONTAINS(run.output, "bytes ...]");
    CHECK_LT(strlen(run.output), 50 * 1000);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

PARAM(const char *, hidden, "closes_its_output", "redirects_its_output");

TEST(a_test_may_do_as_it_likes_with_its_output, (hidden), .no_loop = true) {
    struct subrun run = subrun_run(ISOLATION, hidden, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "CHECK_EQ(3, 4)");
    CHECK_CONTAINS(run.output, "    | before\n");
    CHECK_EQ(subrun_count(&run, "swallowed"), 0);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(both_streams_stand_in_order, .no_loop = true) {
    struct subrun run = subrun_run(ISOLATION, "prints_to_both", NULL);
    CHECK_CONTAINS(run.output, "    | out 1\n    | err 2\n    | out 3\n"
                               "    | err 4\n");
    subrun_done(&run);
}

TEST(output_may_end_without_a_newline, .no_loop = true) {
    struct subrun run = subrun_run(ISOLATION, "prints_without_a_newline",
                                   "prints_half_a_letter", NULL);
    CHECK_CONTAINS(run.output, "    | no newline\n");
    CHECK_CONTAINS(run.output, "    | half \\xc3\n");
    CHECK_STR(subrun_last_line(&run), "0 passed, 2 failed");
    subrun_done(&run);
}

/* ---- what the system refuses --------------------------------------------- */

PARAM(const char *, refused, "fork", "memfd_create");

TEST(a_refused_call_is_an_error_of_the_test, (refused), .no_loop = true) {
    char setting[64];
    char message[80];
    snprintf(setting, sizeof setting, "STARVED=%s", refused);
    snprintf(message, sizeof message,
             "ERROR   starved.c::comes_first - %s failed (ENOMEM)", refused);
    subrun_env(setting);
    struct subrun run = subrun_run(SPECIMEN("starved"), "-j1", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, message);
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

/* One descriptor is free: enough for the output, not for the process. */
TEST(missing_descriptors_are_an_error_of_the_test, .no_loop = true) {
    struct subrun run =
        subrun_run("/bin/sh", "-c", "ulimit -n 4; exec \"$0\" -j1",
                   SPECIMEN("starved"), NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "pidfd_open failed (EMFILE)");
    CHECK_STR(subrun_last_line(&run), "0 passed, 2 failed");
    subrun_done(&run);
}

/* ---- interrupts ---------------------------------------------------------- */

PARAM(int, interrupt, SIGINT, SIGTERM);

TEST(an_interrupted_run_counts_the_rest_as_failed, (interrupt),
     .no_loop = true) {
    struct subrun run =
        subrun_start(ISOLATION, "-s", "-j1", "-k", ".interrupt", NULL);
    subrun_wait_for(&run, "waiting in ");
    subrun_signal(&run, interrupt);
    subrun_wait(&run);
    CHECK_EQ(run.status, 2);
    CHECK(is_gone(number_after(run.output, "waiting in ")));
    CHECK_EQ(subrun_count(&run, "the run is over"), 1);
    CHECK_CONTAINS(run.output, "2 tests were not run to their end");
    CHECK_STR(subrun_last_line(&run), "0 passed, 2 failed");
    CHECK_EQ(subrun_count(&run, " passed, "), 1);
    subrun_done(&run);
}

/* They become children of this process, which waits for them all. */
TEST(processes_die_with_the_runner, .no_loop = true) {
    struct subrun run =
        subrun_start(ISOLATION, "-s", "-j1", "-k", ".interrupt", NULL);
    subrun_wait_for(&run, "waiting in ");
    subrun_signal(&run, SIGKILL);
    subrun_wait(&run);
    CHECK_EQ(run.status, -SIGKILL);
    int count = 0;
    while (waitpid(-1, NULL, 0) > 0)
        count++;
    CHECK_EQ(count, 2); /* that of the test, that of the T_RUN fixture */
    subrun_done(&run);
}
