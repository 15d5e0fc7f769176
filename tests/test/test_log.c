/* SPDX-License-Identifier: MIT */
/*
 * test/test_log.c - waiting for what the code under test prints
 */
#include <string.h>

#include "test/subrun.h"

static int start_up(void *arg) {
    (void)arg;
    int rc = bl_sleep(SEC(1));
    if (rc < 0) return rc;
    printf("opening the doors\n"); /* stdout may be buffered */
    fprintf(stderr, "listening on port %d\n", 7777);
    return bl_sleep(SEC(1));
}

TEST(printed_text_is_waited_for) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, start_up, NULL));
    TAKES(SEC(1)) t_wait_log("listening on", SEC(5));
    TAKES(0) t_wait_log("doors\n", SEC(5));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(half_a_line_is_seen) {
    printf("half a line");
    t_wait_log("half", 0);
}

TEST(text_that_was_not_printed_is_shown_with_the_tail, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("times"), "log", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "t_wait_log(\"listening\", SEC(1)): it did not come\n"
                   "      the log ends with:\n"
                   "        | this is line ");
    CHECK_CONTAINS(run.output, "        | this is line 99 of the log\n");
    CHECK_EQ(subrun_count(&run, "        | this is line 9 of"), 0);
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    subrun_done(&run);
}

TEST(a_log_of_nothing_is_said_so, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("times"), "log_of_nothing", NULL);
    CHECK_CONTAINS(run.output, "      nothing was printed\n");
    subrun_done(&run);
}
