/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_leap.c - an hour passes in one step while an app lives
 *
 * As in tests/svc/test_leap.c: the process was stopped, and its clock was not.
 */
#include <belay/test.h>

#include "support/cast.h"
#include "support/kids.h"

struct stage {
    bl_app *app;
    struct part db;
    struct part web;
};

/* web requires db; both are begun again. */
static void stage_set(struct stage *stage) {
    stage->app = bl_app_new(NULL);
    cast_add_restarted(stage->app, &stage->web, "web");
    cast_add_restarted(stage->app, &stage->db, "db");
    bl_app_requires(stage->app, "web", "db", BL_DEP_RESTART_WITH);
}

static void stage_strike(struct stage *stage, bl_group *group) {
    CHECK_OK(bl_app_stop(stage->app));
    CHECK_OK(bl_group_exit(group, 0));
    bl_app_free(stage->app);
}

static void leap(bl_ns duration) {
    CHECK_OK(bl_loop_advance(bl_loop_running(), duration));
    t_settle();
}

static int start_app(void *arg) {
    struct stage *stage = arg;
    BL_GROUP_SCOPED(group);
    CHECK_OK(bl_app_start(stage->app, &group));
    CHECK_OK(bl_app_wait(stage->app));
    return bl_group_exit(&group, 0);
}

/* db has slept through its deadline, is late, and begins again: once. */
TEST(a_start_goes_on_in_order, .clock = T_CLOCK_MANUAL) {
    struct stage s = { .db = { .start_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_spawn(&group, start_app, &s));
    t_settle();
    CHECK_EQ(s.db.runs, 1);
    leap(HOUR);
    t_advance(SEC(5));
    CHECK(bl_app_is_ready(s.app));
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 1);
    stage_strike(&s, &group);
}

TEST(an_app_that_is_up_stays_up, .clock = T_CLOCK_MANUAL) {
    struct stage s = { .db = { .runs = 0 } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    leap(HOUR);
    CHECK(bl_app_is_ready(s.app));
    CHECK_STR(notes(), "+db +web");
    stage_strike(&s, &group);
}

TEST(a_crash_is_one_cycle, .clock = T_CLOCK_MANUAL) {
    struct stage s = { .db = { .runs = 0 } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    cast_crash(&s.db, BL_EIO);
    t_settle();
    REQUIRE_EQ(cast_state(&s.db), BL_SERVICE_BACKOFF);
    leap(HOUR);
    leap(HOUR);
    CHECK(bl_app_is_ready(s.app));
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 2);
    stage_strike(&s, &group);
}

/* Both take their time to clean up, and the deadline of all has passed. */
TEST(a_stop_goes_on_in_order_and_gives_nobody_up, .clock = T_CLOCK_MANUAL) {
    struct stage s = { .db = { .stop_time = US(500) },
                       .web = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK(bl_app_begin_stop(s.app));
    t_settle();
    REQUIRE_EQ(cast_state(&s.web), BL_SERVICE_STOPPING);
    leap(HOUR);
    t_advance(MS(5));
    CHECK_STR(notes(), "+db +web -web -db");
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_STOPPED);
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    stage_strike(&s, &group);
}
