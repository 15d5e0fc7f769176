/* SPDX-License-Identifier: MIT */
/*
 * test/test_trace.c - whether two runs of a test are the same
 */
#include "test/subrun.h"

#define REPEATS SPECIMEN("repeats")

TEST(a_test_that_repeats_passes, .no_loop = true) {
    struct subrun run =
        subrun_run(REPEATS, "--check-determinism", "repeats.c::repeats", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
    subrun_done(&run);
}

TEST(without_being_asked_nobody_compares, .no_loop = true) {
    struct subrun run = subrun_run(REPEATS, "draws_true_random_numbers", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}

struct part {
    const char *name;
    const char *step;
};

PARAM(struct part, part,
      { "draws_true_random_numbers", "two runs of the test part at step 3" },
      { "asks_the_real_time", "two runs of the test part at step 2" },
      { "depends_on_addresses", "two runs of the test part at step 2" },
      { "ends_sooner_or_later", "two runs of the test part at step " });

TEST(the_first_step_that_differs_is_named, (part), .no_loop = true) {
    struct subrun run =
        subrun_run(REPEATS, "--check-determinism", part.name, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "NOT REPEATABLE");
    CHECK_CONTAINS(run.output, part.step);
    CHECK_CONTAINS(run.output, "both runs: step ");
    CHECK_CONTAINS(run.output, "first run: step ");
    CHECK_CONTAINS(run.output, "second run: step ");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
}
