/* SPDX-License-Identifier: MIT */
/*
 * test/test_virtual.c - virtual time that runs away
 */
#include "support/kids.h"
#include "test/subrun.h"

#define TIMES SPECIMEN("times")

TEST(a_task_that_polls_for_ever_is_found_and_named, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "polls", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "--- TIMEOUT times.c::polls --");
    CHECK_CONTAINS(run.output, "--\n"
                               "  TIMEOUT: it polls, and would never end\n"
                               "      virtual time ran 19999.99 s in ");
    CHECK_CONTAINS(run.output, " ms: task 'poll_often' slept 2000000 times\n");
    subrun_done(&run);
}

TEST(a_limit_that_is_reached_by_polling_names_the_task, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "polls_with_a_limit", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "TIMEOUT: it has taken 3600 s by the clock of "
                               "its loop\n"
                               "      virtual time ran 3600 s in ");
    CHECK_CONTAINS(run.output, " ms: task 'test' slept 360000 times\n");
    subrun_done(&run);
}

TEST(virtual_time_ends_after_ten_years, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "lives_for_ever", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "TIMEOUT: it has taken 315360000 s by the clock "
                               "of its loop\n");
    CHECK_CONTAINS(run.output, " ms: task 'test' slept 3651 times\n");
    subrun_done(&run);
}

TEST(nine_years_are_allowed) {
    for (int i = 0; i < 9; i++)
        CHECK_OK(bl_sleep(365 * 24 * HOUR));
}

TEST(a_limit_without_polling_blames_nobody, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "has_a_limit", NULL);
    CHECK_EQ(subrun_count(&run, "virtual time ran"), 0);
    subrun_done(&run);
}
