/* SPDX-License-Identifier: MIT */
/*
 * test/test_record.c - which of several failures a test is remembered by
 */
#include "test/subrun.h"

#define CHECKS SPECIMEN("checks")

TEST(a_deadlock_is_not_hidden_by_what_it_cancels, .no_loop = true) {
    struct subrun run = subrun_run(CHECKS, "deadlock_then_failure", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "--- TIMEOUT checks.c::deadlock_then_failure --");
    CHECK_CONTAINS(run.output, "TIMEOUT checks.c::deadlock_then_failure - "
                               "DEADLOCK: every task waits");
    CHECK_CONTAINS(run.output, "REQUIRE_OK(bl_event_wait(&never)): "
                               "BL_ECANCELED");
    subrun_done(&run);
}

TEST(a_failure_before_a_deadlock_stays_the_first, .no_loop = true) {
    struct subrun run = subrun_run(CHECKS, "failure_then_deadlock", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "--- FAILED checks.c::failure_then_deadlock --");
    CHECK_CONTAINS(run.output, ": CHECK_EQ(1, 2): 1 vs 2\n");
    CHECK_CONTAINS(run.output, "  DEADLOCK: every task waits");
    subrun_done(&run);
}
