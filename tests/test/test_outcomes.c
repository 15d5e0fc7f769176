/* SPDX-License-Identifier: MIT */
/*
 * test/test_outcomes.c - tests that end in unusual places and ways
 */
#include <string.h>

#include "test/subrun.h"

#define MISUSE SPECIMEN("misuse")

struct outcome_case {
    const char *test;
    const char *line;  /* of the summary */
    const char *trace; /* somewhere in the output */
};

/* Each of them fails, in its own way. */
PARAM(struct outcome_case, bad,
      { "requires_in_a_thread", "FAILED  misuse.c::requires_in_a_thread - ",
        "ended here: it is in another thread" },
      { "checks_in_a_thread", "FAILED  misuse.c::checks_in_a_thread - ",
        "    | the test went on" },
      { "requires_in_a_handler", "FAILED  misuse.c::requires_in_a_handler - ",
        "ended here: it is in a signal handler" },
      { "requires_in_a_callback", "FAILED  misuse.c::requires_in_a_callback - ",
        "ended here: it is in a callback of the loop" },
      { "requires_in_a_child", "FAILED  misuse.c::requires_in_a_child - ",
        "outer has ended, after outcome 1" },
      { "fails_and_skips", "FAILED  misuse.c::fails_and_skips - ",
        "CHECK_EQ(1, 2)" },
      { "does_not_die",
        "FAILED  misuse.c::does_not_die - the expected signal did not come",
        "" },
      { "dies_in_another_way",
        "CRASHED misuse.c::dies_in_another_way - killed by SIGKILL",
        "SIGABRT was expected" },
      { "fails_and_dies", "CRASHED misuse.c::fails_and_dies - ",
        "CHECK_EQ(1, 2)" },
      { "has_no_yield",
        "ERROR   misuse.c::has_no_yield - fixture 'without_yield' at ",
        "ended without a YIELD" },
      { "has_two_yields",
        "ERROR   misuse.c::has_two_yields - fixture 'with_two_yields': YIELD a "
        "second time",
        "outer has ended" },
      { "has_a_yield_elsewhere",
        "ERROR   misuse.c::has_a_yield_elsewhere - fixture 'yields_elsewhere': "
        "YIELD in another task",
        "outer has ended" },
      { "has_no_values",
        "ERROR   misuse.c::has_no_values - PARAM 'no_values' at ",
        "has no values" }, );

TEST(it_fails_and_says_why, (bad), .no_loop = true) {
    char id[80];
    snprintf(id, sizeof id, "misuse.c::%s", bad.test);
    struct subrun run = subrun_run(MISUSE, id, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, bad.line);
    CHECK_CONTAINS(run.output, bad.trace);
    CHECK_EQ(subrun_count(&run, "not reached"), 0);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}

TEST(every_kind_of_failure_can_be_known, .no_loop = true) {
    struct subrun run = subrun_run(MISUSE, "-v", "-k", "known_to", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "\n  xfail"), 4);
    CHECK_CONTAINS(run.output, "killed by SIGABRT");
    CHECK_CONTAINS(run.output, "DEADLOCK");
    CHECK_CONTAINS(run.output, "TIMEOUT");
    CHECK_CONTAINS(run.output, "LEAK");
    CHECK_STR(subrun_last_line(&run), "4 passed, 0 failed, 1 skipped");
    subrun_done(&run);
}

TEST(whoever_belongs_to_a_test_can_skip_it, .no_loop = true) {
    struct subrun run =
        subrun_run(MISUSE, "-v", "-s", "-j1", "has_a_fixture_that_skips",
                   "skips_inside_a_child", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "the fixture does not want to");
    CHECK_CONTAINS(run.output, "the child does not want to");
    CHECK_CONTAINS(run.output, "the sleep is over at 0");
    CHECK_EQ(subrun_count(&run, "outer has ended, after outcome 3"), 2);
    CHECK_EQ(subrun_count(&run, "not reached"), 0);
    CHECK_STR(subrun_last_line(&run), "0 passed, 0 failed, 2 skipped");
    subrun_done(&run);
}

TEST(good_endings_pass, .no_loop = true) {
    struct subrun run =
        subrun_run(MISUSE, "dies_as_expected", "has_sixteen_fixtures", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed");
    subrun_done(&run);
}
