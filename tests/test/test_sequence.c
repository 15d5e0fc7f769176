/* SPDX-License-Identifier: MIT */
/*
 * test/test_sequence.c - blocks of several tasks in a fixed order
 */
#include "support/kids.h"
#include "test/subrun.h"

static int odd(void *arg) {
    (void)arg;
    SEQ(1) note("1");
    SEQ(3) note("3");
    SEQ(5) note("5");
    return 0;
}

static int even(void *arg) {
    (void)arg;
    SEQ(0) note("0");
    SEQ(2) {
        note("2");
        CHECK_OK(bl_sleep(SEC(1)));
    }
    SEQ(4) note("4");
    return 0;
}

TEST(blocks_run_in_their_order, .schedules = 20) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, odd, NULL));
    REQUIRE_OK(bl_spawn(&group, even, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "0 1 2 3 4 5");
}

TEST(a_block_that_is_left_early_lets_the_next_one_run) {
    for (int i = 0; i < 3; i++) {
        SEQ(i) {
            if (i == 1) continue;
            note("%d", i);
        }
    }
    CHECK_STR(notes(), "0 2");
}

/* Who is cancelled on the way to its block does not hold the others up. */
TEST(a_cancelled_task_gives_its_turn_away) {
    bl_task *task;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, odd, NULL, &task));
    t_settle();
    bl_task_cancel(task);
    t_settle();
    bl_task_unref(task);
    SEQ(6) note("6");
    CHECK_STR(notes(), "6");
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_turn_that_is_over_is_a_failure, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("times"), "seq", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "SEQ(0): its turn is over: it is 1\n");
    subrun_done(&run);
}

TEST(a_turn_that_never_comes_is_a_deadlock, .no_loop = true) {
    struct subrun run =
        subrun_run(SPECIMEN("times"), "seq_without_its_first", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "DEADLOCK");
    CHECK_EQ(subrun_count(&run, "| second"), 0);
    subrun_done(&run);
}
