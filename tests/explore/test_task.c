/* SPDX-License-Identifier: MIT */
/*
 * tests/explore/test_task.c - groups, starts, shields and deadlines in
 * any order
 *
 * Each test has a task that fails, or a limit that runs out, at the moment at
 * which another one gets what it waits for.
 */
#include <belay/test.h>

enum {
    SCHEDULES = 100
};

struct house {
    int entered;
    int left;
    int shielded;
    bl_event lit;
};

static int live(void *arg) {
    struct house *house = arg;
    house->entered++;
    int rc = bl_sleep(MS(2));
    house->left++;
    return rc;
}

static int fail_soon(void *arg) {
    int rc = bl_sleep(MS(1));
    (void)arg;
    return rc < 0 ? rc : BL_EIO;
}

TEST(a_failing_child_ends_its_group_and_nobody_stays, .schedules = SCHEDULES) {
    struct house house = { .entered = 0 };
    bl_group group;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, live, &house));
    CHECK_OK(bl_spawn(&group, fail_soon, NULL));
    CHECK_OK(bl_spawn(&group, live, &house));
    CHECK_OK(bl_spawn(&group, fail_soon, NULL));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(house.left, house.entered);
    bl_error_handled();
}

/* ---- start --------------------------------------------------------------- */

static int serve(void *arg) {
    struct house *house = arg;
    house->entered++;
    int rc = bl_sleep(MS(1));
    if (rc == 0) rc = bl_started(house);
    if (rc == 0) rc = bl_sleep(MS(5));
    house->left++;
    return rc;
}

static int start_in_time(void *arg) {
    struct house *house = arg;
    BL_GROUP_SCOPED(group);
    void *value = NULL;
    int rc = bl_wait_for(bl_start(&group, serve, house, &value), MS(1));
    if (rc == 0) CHECK_EQ(value, (void *)house);
    if (rc == BL_ETIMEDOUT) rc = 0;
    bl_error_handled();
    bl_group_cancel(&group);
    return bl_group_exit(&group, rc);
}

TEST(a_start_that_runs_out_of_time_leaves_nobody, .schedules = SCHEDULES) {
    struct house house = { .entered = 0 };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, start_in_time, &house));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(house.left, house.entered);
}

/* ---- shield -------------------------------------------------------------- */

static int tidy_up(void *arg) {
    struct house *house = arg;
    bl_scope shield;
    house->entered++;
    int rc = bl_sleep(MS(1));
    bl_scope_enter_shield(&shield, MS(10));
    int inner = bl_sleep(MS(2));
    CHECK_OK(inner);
    house->shielded++;
    inner = bl_scope_exit(&shield, inner);
    return rc < 0 ? rc : inner;
}

static int cancel_group(void *arg) {
    bl_group *group = arg;
    int rc = bl_sleep(MS(1));
    bl_group_cancel(group);
    return rc;
}

TEST(what_is_shielded_is_done_to_its_end, .schedules = SCHEDULES) {
    struct house house = { .entered = 0 };
    bl_group group;
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bl_spawn(&group, tidy_up, &house));
    }
    CHECK_OK(bl_spawn(&group, cancel_group, &group));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(house.shielded, house.entered);
}

/* ---- deadlines ----------------------------------------------------------- */

static int wait_for_light(void *arg) {
    struct house *house = arg;
    bl_scope outer;
    bl_scope inner;
    bl_scope_enter_move_on(&outer, MS(2));
    bl_scope_enter_timeout(&inner, MS(1));
    int rc = bl_event_wait(&house->lit);
    rc = bl_scope_exit(&inner, rc);
    if (rc == BL_ETIMEDOUT) {
        bl_error_handled();
        rc = bl_event_wait(&house->lit);
    }
    rc = bl_scope_exit(&outer, rc);
    CHECK(rc == 0);
    CHECK(!bl_is_cancelled());
    house->left++;
    return rc;
}

static int light(void *arg) {
    struct house *house = arg;
    int rc = bl_sleep(MS(1));
    bl_event_set(&house->lit);
    bl_event_clear(&house->lit);
    if (rc == 0) rc = bl_sleep(MS(1));
    bl_event_set(&house->lit);
    return rc;
}

TEST(limits_that_run_out_together_stay_apart, .schedules = SCHEDULES) {
    struct house house = { .lit = BL_EVENT_INIT };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, wait_for_light, &house));
    }
    REQUIRE_OK(bl_spawn(&group, light, &house));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(house.left, 3);
}

/* ---- joining ------------------------------------------------------------- */

static int join(void *arg) {
    bl_outcome outcome;
    int rc = bl_task_join(arg, &outcome);
    bl_error_handled();
    return rc;
}

static int cancel(void *arg) {
    int rc = bl_sleep(MS(1));
    bl_task_cancel(arg);
    return rc;
}

TEST(a_task_that_is_joined_and_cancelled_ends_once, .schedules = SCHEDULES) {
    struct house house = { .entered = 0 };
    bl_task *task;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, live, &house, &task));
    REQUIRE_OK(bl_spawn(&group, join, task));
    REQUIRE_OK(bl_spawn(&group, cancel, task));
    REQUIRE_OK(bl_spawn(&group, join, task));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK(bl_task_is_done(task));
    CHECK_EQ(house.left, house.entered);
    bl_task_unref(task);
}
