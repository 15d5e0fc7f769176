/* SPDX-License-Identifier: MIT */
/*
 * task/test_stuck.c - cancelled tasks whose wait goes on are named, in time
 *
 * The loop is stepped by hand and lives by a clock that is moved by hand.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"

static bl_ns hand;

static bl_ns read_hand(void *context) {
    (void)context;
    return hand;
}

/* A loop of one's own, and a line in which a task cannot be cancelled. */
struct rig {
    bl_loop *loop;
    bl_waitq line;
    bl_group *group;
};

static int stays(void *arg) {
    struct rig *rig = arg;
    bl_waiter waiter;
    bl_task_set_name("stayer");
    return bl_waitq_wait_shielded(&rig->line, &waiter, "a sign", rig);
}

static int cleans_up(void *arg) {
    (void)arg;
    int rc = bl_sleep(BL_FOREVER);
    BL_SHIELD(BL_SEC(3600)) {
        BL_IGNORE(bl_sleep(BL_SEC(600))); /* a shield may take its time */
    }
    return rc;
}

static int main_task(void *arg) {
    struct rig *rig = arg;
    int rc;
    BL_GROUP(group, rc) {
        rig->group = group;
        rc = bl_spawn(group, stays, rig);
        if (rc == 0) rc = bl_spawn(group, cleans_up, NULL);
    }
    return rc;
}

static void rig_steps(struct rig *rig) {
    for (int i = 0; i < 10; i++)
        CHECK_GE(bl_loop_step(rig->loop, 0), 0);
}

static void rig_open(struct rig *rig) {
    const bl_loop_options options = { .size = sizeof options,
                                      .now = read_hand };
    memset(rig, 0, sizeof *rig);
    hand = BL_SEC(1000);
    REQUIRE_OK(bl_loop_open(&options, &rig->loop));
    REQUIRE_OK(bl_loop_start(rig->loop, main_task, rig));
    rig_steps(rig);
    capture_stderr();
}

static void rig_moves_to(struct rig *rig, bl_ns seconds) {
    hand = BL_SEC(1000) + seconds;
    rig_steps(rig);
}

static void wake_line(void *context) {
    struct rig *rig = context;
    bl_waitq_serve_all(&rig->line, 0);
}

static const char *rig_close(struct rig *rig) {
    bl_call call = { 0 };
    bl_call_soon(rig->loop, &call, wake_line, rig);
    rig_steps(rig);
    hand += BL_SEC(700); /* the clean-up ends */
    rig_steps(rig);
    CHECK_EQ(bl_loop_step(rig->loop, 0), 0);
    CHECK_EQ(bl_loop_finish(rig->loop), 0);
    bl_loop_close(rig->loop);
    return captured_stderr();
}

static int count(const char *text, const char *part) {
    int found = 0;
    while ((text = strstr(text, part)) != NULL) {
        found++;
        text += strlen(part);
    }
    return found;
}

TEST(a_cancelled_task_that_still_waits_is_named_after_ten_seconds,
     .no_loop = true) {
    struct rig rig;
    rig_open(&rig);
    bl_group_cancel(rig.group);
    rig_moves_to(&rig, BL_SEC(10));
    const char *text = rig_close(&rig);
    CHECK_CONTAINS(text, "task \"stayer\" #");
    CHECK_CONTAINS(text, "10 s later still there:");
    CHECK_CONTAINS(text, "waits for a sign");
    CHECK_CONTAINS(text, "test_stuck.c:");
    CHECK_EQ(count(text, "still there:"), 1);
}

TEST(it_is_not_named_before, .no_loop = true) {
    struct rig rig;
    rig_open(&rig);
    bl_group_cancel(rig.group);
    rig_moves_to(&rig, BL_SEC(10) - 1);
    CHECK_EQ(count(rig_close(&rig), "still there:"), 0);
}

TEST(it_is_named_again_after_twice_as_long, .no_loop = true) {
    struct rig rig;
    rig_open(&rig);
    bl_group_cancel(rig.group);
    rig_moves_to(&rig, BL_SEC(10));
    rig_moves_to(&rig, BL_SEC(29));
    rig_moves_to(&rig, BL_SEC(30));
    rig_moves_to(&rig, BL_SEC(89));
    const char *text = rig_close(&rig);
    CHECK_CONTAINS(text, "30 s later still there:");
    CHECK_EQ(count(text, "still there:"), 2);
}

TEST(who_was_not_cancelled_may_wait_for_ever, .no_loop = true) {
    struct rig rig;
    rig_open(&rig);
    rig_moves_to(&rig, BL_SEC(2000));
    bl_group_cancel(rig.group);
    CHECK_EQ(count(rig_close(&rig), "still there:"), 0);
}
