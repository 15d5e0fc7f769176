/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_leap.c - an hour passes in one step
 *
 * That is what a service sees of a process that was stopped: SIGSTOP, a
 * debugger, a frozen container.  CLOCK_MONOTONIC has gone on, so everything
 * that was due in between is due at once.
 */
#include <belay/test.h>

#include "support/actor.h"
#include "support/kids.h"

static void leap(bl_ns duration) {
    CHECK_OK(bl_loop_advance(bl_loop_running(), duration));
    t_settle();
}

static bl_service_info info_of(const struct actor *actor) {
    bl_service_info info;
    bl_service_get_info(&actor->service, &info);
    return info;
}

/* ---- starting ------------------------------------------------------------ */

static int start_late(void *arg) {
    struct actor *actor = arg;
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor->service, &group, NULL), BL_ETIMEDOUT);
    CHECK_OK(bl_group_exit(&group, 0));
    return 0;
}

PARAM(bl_ns, start_time, SEC(1), 2 * HOUR);

TEST(a_start_that_slept_through_its_deadline_is_late_once, (start_time),
     .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .start_time = start_time, .cleanup_time = SEC(1) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, start_late, &actor));
    t_settle();
    leap(HOUR);
    t_advance(SEC(1)); /* it may clean up: its grace begins now */
    CHECK_STR(actor_path(&actor), "starting>failed");
    CHECK_EQ(actor.runs, 1);
    CHECK_EQ(actor.inside, 0);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- running ------------------------------------------------------------- */

TEST(a_service_that_runs_only_misses_its_heartbeat, .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .life = 0 };
    bl_service_options options = { .size = sizeof options,
                                   .heartbeat = SEC(1) };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK(info_of(&actor).is_alive);
    leap(HOUR);
    CHECK(!info_of(&actor).is_alive);
    CHECK(bl_service_is_ready(&actor.service));
    bl_service_beat(&actor.service);
    CHECK(info_of(&actor).is_alive);
    CHECK_EQ(info_of(&actor).incarnation, 1);
    CHECK_OK(bl_service_stop(&actor.service));
}

/* ---- waiting to begin again ---------------------------------------------- */

TEST(a_delay_that_has_passed_is_one_restart, .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .end = BL_EIO };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_event_set(&actor.crash);
    t_settle();
    REQUIRE_EQ(bl_service_state_of(&actor.service), BL_SERVICE_BACKOFF);
    bl_event_clear(&actor.crash);
    leap(HOUR);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    leap(HOUR);
    CHECK_EQ(actor.runs, 2);
    CHECK_OK(bl_service_stop(&actor.service));
}

/* ---- stopping ------------------------------------------------------------ */

TEST(a_drain_delay_that_has_passed_leaves_time_to_drain,
     .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .cleanup_time = US(500) };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(5) };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    leap(HOUR);
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_DRAINING);
    t_advance(US(500));
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_EQ(actor.cancels_seen, 0);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
}

TEST(a_drain_that_has_passed_leaves_time_to_clean_up, .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .ignores_stop = true, .cleanup_time = US(500) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    leap(HOUR);
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_CANCELLING);
    t_advance(US(500));
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
}

TEST(who_ignores_everything_is_given_up_a_tick_later, .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    bl_service_options options = { .size = sizeof options,
                                   .is_contained = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    leap(HOUR);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPING);
    t_advance(MS(1));
    CHECK_STR(actor_path(&actor), "starting>running>stopping>failed");
    CHECK_EQ(actor.inside, 1);
    bl_event_set(&actor.release);
    t_settle();
    CHECK_EQ(actor.inside, 0);
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
}

/* The timer that has come due has not been called yet. */
TEST(a_late_start_that_is_stopped_after_its_time_is_given_up,
     .clock = T_CLOCK_MANUAL) {
    ACTOR actor = { .start_time = 3 * HOUR, .cleanup_time = 3 * HOUR };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, start_late, &actor));
    t_settle();
    leap(HOUR); /* it is late, and cancelled */
    REQUIRE_EQ(info_of(&actor).phase, BL_PHASE_CANCELLING);
    CHECK_OK(bl_loop_advance(bl_loop_running(), HOUR));
    bl_service_begin_stop(&actor.service, BL_FOREVER);
    t_settle();
    CHECK_STR(actor_path(&actor), "starting>stopping>failed");
    t_advance(3 * HOUR);
    CHECK_OK(bl_group_exit(&group, 0));
}
