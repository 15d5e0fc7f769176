/* SPDX-License-Identifier: MIT */
/*
 * test/test_checkpoint.c - blocks that pass checkpoints, and that do not
 */
#include "support/kids.h"
#include "test/subrun.h"

TEST(a_wait_that_need_not_wait_is_a_checkpoint) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    CHECK_CHECKPOINTS CHECK_OK(bl_event_wait(&event));
    CHECK_CHECKPOINTS CHECK_OK(bl_checkpoint());
    CHECK_NO_CHECKPOINTS {
        bl_event_clear(&event);
        bl_event_set(&event);
    }
}

static int yield_often(void *arg) {
    return kid_yields(arg);
}

TEST(only_the_task_of_the_block_counts) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, yield_often, ARG(10)));
    CHECK_CHECKPOINTS {
        CHECK_NO_CHECKPOINTS {
        }
        t_settle();
    }
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(blocks_that_break_their_word_are_shown, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("times"), "checkpoints", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "CHECK_CHECKPOINTS: the block passed no checkpoint\n");
    CHECK_CONTAINS(run.output, "CHECK_NO_CHECKPOINTS: the block passed 2\n");
    subrun_done(&run);
}
