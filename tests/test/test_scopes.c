/* SPDX-License-Identifier: MIT */
/*
 * test/test_scopes.c - fixtures that outlive a test, and the process that the
 * tests share for their sake
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "test/subrun.h"

#define SCOPES SPECIMEN("scopes")

/* Runs the tests with a tag, their output mixed into the runner's. */
#define RUN_TAG(tag, ...) \
    subrun_run(SCOPES, "-s", "-j1", "-k", tag, ##__VA_ARGS__, NULL)

/* Whether the texts up to NULL are in the output, in this order. */
static bool has_in_order(const struct subrun *run, const char *const *texts) {
    const char *at = run->output;
    for (; *texts != NULL; texts++) {
        at = strstr(at, *texts);
        if (at == NULL) {
            printf("missing or too early: %s\n", *texts);
            return false;
        }
        at += strlen(*texts);
    }
    return true;
}

#define CHECK_ORDER(run, ...) \
    CHECK(has_in_order(run, (const char *const[]){ __VA_ARGS__, NULL }))

/* The number behind the first `text`. */
static int number_after(const struct subrun *run, const char *text) {
    const char *at = strstr(run->output, text);
    REQUIRE_NE(at, NULL);
    return atoi(at + strlen(text));
}

TEST(a_module_fixture_is_set_up_once, .no_loop = true) {
    struct subrun run = RUN_TAG("module");
    CHECK_EQ(run.status, 0);
    CHECK_ORDER(&run, "a: base up", "a: derived up on 10", "a: narrow up on 11",
                "a: first 12", "a: narrow down", "a: second 11", "a: fourth 10",
                "a: derived down", "a: base down");
    CHECK_EQ(subrun_count(&run, "base up"), 1);
    CHECK_EQ(number_after(&run, "a: first 12 in "),
             number_after(&run, "a: fourth 10 in "));
    CHECK_STR(subrun_last_line(&run), "3 passed, 0 failed");
    subrun_done(&run);
}

TEST(virtual_time_goes_on_in_a_shared_process, .no_loop = true) {
    struct subrun run = RUN_TAG("module");
    CHECK_EQ(number_after(&run, " at "), 5);
    subrun_done(&run);
}

TEST(each_test_can_have_its_own_process_all_the_same, .no_loop = true) {
    struct subrun run = RUN_TAG("module", "--isolate", "test");
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "base up"), 3);
    CHECK_EQ(subrun_count(&run, "base down"), 3);
    CHECK_NE(number_after(&run, "a: first 12 in "),
             number_after(&run, "a: fourth 10 in "));
    subrun_done(&run);
}

TEST(a_file_can_have_one_process, .no_loop = true) {
    struct subrun run = RUN_TAG("module or alone", "--isolate", "module");
    CHECK_EQ(run.status, 0);
    CHECK_ORDER(&run, "a: first", "a: second", "a: third", "a: fourth");
    CHECK_EQ(number_after(&run, "a: first 12 in "),
             number_after(&run, "a: third in "));
    subrun_done(&run);
}

TEST(without_processes_fixtures_are_shared_too, .no_loop = true) {
    struct subrun run = RUN_TAG("module", "--isolate", "none");
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "base up"), 1);
    CHECK_STR(subrun_last_line(&run), "3 passed, 0 failed");
    subrun_done(&run);
}

TEST(a_session_fixture_spans_files, .no_loop = true) {
    struct subrun run = RUN_TAG("session");
    CHECK_EQ(run.status, 0);
    CHECK_ORDER(&run, "session up", "a: base up", "a: session 30, base 10",
                "a: base down", "b: beside up", "b: session 30, beside 7",
                "b: beside down", "session down");
    CHECK_EQ(number_after(&run, "base 10 in "),
             number_after(&run, "beside 7 in "));
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed");
    subrun_done(&run);
}

TEST(another_value_of_a_param_replaces_what_needs_it, .no_loop = true) {
    struct subrun run = RUN_TAG("param");
    CHECK_EQ(run.status, 0);
    CHECK_ORDER(&run, "b: beside up", "b: sized up with 1", "b: grows 100",
                "b: sized down with 1", "b: sized up with 2", "b: grows 200",
                "b: sized down with 2", "b: beside down");
    CHECK_EQ(subrun_count(&run, "beside up"), 1);
    subrun_done(&run);
}

TEST(a_failing_tear_down_is_the_last_tests, .no_loop = true) {
    struct subrun run = RUN_TAG("teardown");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR   test_b.c::at_the_end - ");
    CHECK_CONTAINS(run.output, "tear-down of fixture 'fails_at_end'");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_failing_set_up_breaks_each_test, .no_loop = true) {
    struct subrun run = RUN_TAG("setup");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "set-up of fixture 'fails_at_start'");
    CHECK_STR(subrun_last_line(&run), "0 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_process_that_is_not_fit_is_replaced, .no_loop = true) {
    struct subrun run = RUN_TAG("poison");
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "fresh up"), 5);
    CHECK_EQ(subrun_count(&run, "fresh down"), 3);
    CHECK_CONTAINS(run.output, "CRASHED test_b.c::crashes - killed by SIGABRT");
    CHECK_CONTAINS(run.output, "ERROR   test_b.c::leaks - LEAK: 1 open desc");
    CHECK_CONTAINS(run.output, "TIMEOUT test_b.c::deadlocks - DEADLOCK");
    CHECK_CONTAINS(run.output, "TIMEOUT test_b.c::hangs - HANG");
    CHECK_EQ(subrun_count(&run, "  LEAK: "), 1);
    CHECK_STR(subrun_last_line(&run), "2 passed, 4 failed");
    subrun_done(&run);
}

TEST(a_plain_failure_keeps_the_process, .no_loop = true) {
    struct subrun run = RUN_TAG("keep");
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "kept up"), 1);
    CHECK_STR(subrun_last_line(&run), "1 passed, 2 failed, 1 skipped");
    subrun_done(&run);
}

TEST(the_run_can_end_early_with_fixtures_up, .no_loop = true) {
    struct subrun run = RUN_TAG("keep", "-x");
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "kept down"), 1);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_fixture_is_blamed_for_its_task, .no_loop = true) {
    struct subrun run = RUN_TAG("fragile");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR   test_b.c::waits_too_long - fixture "
                               "'fragile': a task of it failed");
    CHECK_CONTAINS(run.output, "BL_EIO");
    CHECK_EQ(subrun_count(&run, "fragile up"), 2);
    CHECK_EQ(subrun_count(&run, "fragile down"), 2);
    CHECK_STR(subrun_last_line(&run), "2 passed, 1 failed");
    subrun_done(&run);
}

/* The portable switch gives each task a mask of its own, which ends with it. */
#if defined(BELAY_CTX_GENERIC)
#    define TASKS_SHARE_A_MASK 0
#else
#    define TASKS_SHARE_A_MASK 1
#endif

TEST(what_a_process_has_one_of_is_put_back, .no_loop = true) {
    struct subrun run = RUN_TAG("ambient");
    CHECK_EQ(run.status, 1);
    CHECK_ORDER(&run, "test_b.c::changes_everything",
                " things of the whole process", "the handler of SIGUSR1",
                "the current directory: /", "the umask: 000",
                "the environment: SPECIMEN");
    CHECK_EQ(subrun_count(&run, "the mask of blocked signals"),
             TASKS_SHARE_A_MASK);
    CHECK_EQ(subrun_count(&run, "the locale: C.UTF-8"),
             subrun_count(&run, "another locale"));
    CHECK_EQ(subrun_count(&run, "kept up"), 1);
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}

TEST(what_lives_long_cannot_need_what_does_not, .no_loop = true) {
    struct subrun run = RUN_TAG("refused");
    CHECK_EQ(run.status, 1);
    CHECK_ORDER(&run, "fixture 'long_lived' (T_MODULE, at ",
                "test_b.c:", "needs 'short_lived' (T_TEST, at ", "test_b.c:");
    CHECK_CONTAINS(run.output, "needs PARAM 'size': there is one T_RUN");
    CHECK_STR(subrun_last_line(&run), "0 passed, 2 failed");
    subrun_done(&run);
}

TEST(sweeps_and_schedules_have_fixtures_of_their_own, .no_loop = true) {
    struct subrun run = RUN_TAG("sweep");
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "kept up"), subrun_count(&run, "kept down"));
    CHECK_GT(subrun_count(&run, "kept up"), 3);
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed");
    subrun_done(&run);
}

TEST(files_run_side_by_side, .no_loop = true) {
    struct subrun run = subrun_run(SCOPES, "-s", "-j4", "-k",
                                   "module or session or param or keep", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "a: derived up"), 1);
    CHECK_EQ(subrun_count(&run, "b: kept up"), 1);
    CHECK_EQ(subrun_count(&run, "up on"), 2);
    CHECK_EQ(subrun_count(&run, "session up"),
             subrun_count(&run, "session down"));
    CHECK_STR(subrun_last_line(&run), "8 passed, 2 failed, 1 skipped");
    subrun_done(&run);
}

TEST(an_unknown_isolation_is_refused, .no_loop = true) {
    struct subrun run = subrun_run(SCOPES, "--isolate", "planet", NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.output, "--isolate cannot be 'planet'");
    subrun_done(&run);
}

/* ---- T_RUN --------------------------------------------------------------- */

TEST(a_run_fixture_is_set_up_once_elsewhere, .no_loop = true) {
    struct subrun run =
        subrun_run(SCOPES, "-s", "with_run", "with_run_again", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "run up"), 1);
    CHECK_EQ(subrun_count(&run, "run down"), 1);
    CHECK_EQ(subrun_count(&run, "a: run "), 2);
    CHECK_ORDER(&run, "run up", "a: run ", "run down");
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed");
    subrun_done(&run);
}

TEST(a_run_fixture_survives_a_crash, .no_loop = true) {
    struct subrun run = RUN_TAG("runcrash");
    CHECK_EQ(run.status, 1);
    CHECK_EQ(subrun_count(&run, "run down"), 1);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(a_run_fixture_that_is_lost_is_reported, .no_loop = true) {
    struct subrun run = RUN_TAG("runkill");
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "ERROR   test_a.c::with_run_after_kill - its T_RUN fixtures "
                   "do not stand: killed by SIGKILL");
    CHECK_CONTAINS(run.output, "CRASHED T_RUN fixtures - killed by SIGKILL");
    CHECK_EQ(subrun_count(&run, "not reached"), 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 2 failed");
    subrun_done(&run);
}

TEST(a_run_fixture_can_fail_at_the_end, .no_loop = true) {
    subrun_env("RUN_DOWN_FAILS=1");
    struct subrun run = subrun_run(SCOPES, "with_run", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "ERROR   T_RUN fixtures - ");
    CHECK_CONTAINS(run.output, "tear-down of fixture 'whole_run'");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}
