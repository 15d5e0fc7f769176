/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_escalate.c - from the first word to giving up
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/actor.h"
#include "support/host.h"

static bl_service_info info_of(const struct actor *actor) {
    bl_service_info info;
    bl_service_get_info(&actor->service, &info);
    return info;
}

static void start(struct actor *actor, bl_group *group,
                  const bl_service_options *options) {
    REQUIRE_OK(actor_init(actor, options));
    REQUIRE_OK(bl_service_start(&actor->service, group, NULL));
}

/* Lets an actor that ignores everything go, and ends it. */
static void let_go(struct actor *actor) {
    bl_event_set(&actor->release);
    CHECK_OK(bl_sleep(MS(1)));
    CHECK(!info_of(actor).is_abandoned);
    CHECK_EQ(actor->inside, 0);
    bl_service_done(&actor->service);
}

TEST(a_service_that_follows_the_event_is_never_cancelled) {
    ACTOR actor = { .cleanup_time = SEC(9) };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    TAKES(SEC(9)) CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_EQ(actor.cancels_seen, 0);
}

TEST(a_service_that_ignores_the_event_is_cancelled_after_ten_seconds) {
    ACTOR actor = { .ignores_stop = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    TAKES(SEC(10)) CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_STR(actor_path(&actor), "starting>running>stopping>stopped");
}

TEST(a_service_that_ignores_both_is_given_up_after_the_grace, (t_log)) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    const bl_error *error;
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    TAKES(SEC(12)) CHECK_ERR(bl_service_stop(&actor.service), BL_ETIMEDOUT);
    CHECK(info_of(&actor).is_abandoned);
    CHECK_EQ(info_of(&actor).state, BL_SERVICE_FAILED);
    CHECK_ERR(bl_service_result(&actor.service, &error), BL_ETIMEDOUT);
    CHECK_CONTAINS(bl_error_message(error), "ignored its cancellation");
    CHECK_CONTAINS(t_log_text(t_log), "service \"actor\" was cancelled");
    CHECK_CONTAINS(t_log_text(t_log), "task \"actor\"");
    CHECK_CONTAINS(t_log_text(t_log), "bl_event_wait(&actor->release)");
    CHECK_CONTAINS(t_log_text(t_log), "support/actor.c:");
    TAKES(0) CHECK_ERR(bl_service_stop(&actor.service), BL_ETIMEDOUT);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EBUSY);
    let_go(&actor);
    CHECK_OK(bl_group_exit(&group, 0)); /* it was told to who stopped it */
}

static void watch_returned(bl_service *service, const bl_service_change *change,
                           void *context) {
    (void)service;
    if (change->subject == BL_CHANGE_RETURNED) ++*(int *)context;
}

TEST(a_body_that_comes_back_late_adds_its_error, (t_log)) {
    ACTOR actor = { .ignores_stop = true,
                    .ignores_cancel = true,
                    .stop_result = BL_EIO };
    bl_service_observer observer;
    const bl_error *error;
    int returned = 0;
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    bl_service_observe(&actor.service, &observer, watch_returned, &returned);
    CHECK_ERR(bl_service_stop(&actor.service), BL_ETIMEDOUT);
    bl_event_set(&actor.release);
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_EQ(returned, 1);
    CHECK_ERR(bl_service_result(&actor.service, &error), BL_ETIMEDOUT);
    bl_error_print(error, stderr);
    CHECK_CONTAINS(t_log_text(t_log), "suppressed");
    CHECK_CONTAINS(t_log_text(t_log), "BL_EIO");
}

static int run_with_children(bl_service *self, void *arg);

static int wait_without_end(void *arg) {
    BL_SHIELD(BL_SEC(1000)) {
        BL_IGNORE(bl_event_wait(arg)); /* that is the point */
    }
    return 0;
}

static int run_with_children(bl_service *self, void *arg) {
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    BL_GROUP(children, rc) {
        for (int i = 0; i < 15 && rc == 0; i++) {
            rc = bl_spawn(children, wait_without_end, arg);
        }
    }
    return rc;
}

TEST(of_many_who_are_stuck_ten_are_shown_and_the_rest_counted, (t_log)) {
    bl_event release = BL_EVENT_INIT;
    SERVICE service = { 0 };
    REQUIRE_OK(bl_service_init(&service, run_with_children, &release, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    CHECK_ERR(bl_service_stop(&service), BL_ETIMEDOUT);
    CHECK_EQ(t_log_count(t_log, "  task \""), 10u);
    CHECK_CONTAINS(t_log_text(t_log), "and 6 more tasks"); /* with its own */
    if (shows_stacks()) {
        CHECK_CONTAINS(t_log_text(t_log), "[same stack x9]");
    }
    bl_event_set(&release);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(where_who_is_stuck_waits_is_shown_by_names, (t_log), .tags = "bulky") {
    bl_event release = BL_EVENT_INIT;
    SERVICE service = { 0 };
    if (!shows_stacks() || !shows_names()) t_skip("this build shows no names");
    REQUIRE_OK(bl_service_init(&service, run_with_children, &release, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    CHECK_ERR(bl_service_stop(&service), BL_ETIMEDOUT);
    CHECK_CONTAINS(t_log_text(t_log),
                   "<- wait_without_end svc/test_escalate.c:");
    CHECK_CONTAINS(t_log_text(t_log),
                   "<- run_with_children svc/test_escalate.c:");
    bl_event_set(&release);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- the phases ---------------------------------------------------------- */

TEST(during_the_drain_delay_it_is_not_ready_but_serves_on) {
    ACTOR actor = { .cleanup_time = SEC(1) };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(5) };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, &options);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_DRAIN_DELAY);
    CHECK_EQ(info_of(&actor).deadline, began + SEC(5));
    CHECK(!bl_service_is_ready(&actor.service));
    REQUIRE_OK(bl_sleep(SEC(4)));
    CHECK_EQ(actor.stops_seen, 0);
    CHECK(!bl_event_is_set(bl_service_stopping(&actor.service)));
    REQUIRE_OK(bl_sleep(MS(1500)));
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_DRAINING);
    CHECK_EQ(info_of(&actor).deadline, began + SEC(15));
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(bl_now() - began, SEC(6));
}

TEST(all_phases_have_their_time) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(3),
                                   .stop_timeout = SEC(4),
                                   .cancel_grace = SEC(5) };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, &options);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    REQUIRE_OK(bl_sleep(SEC(8)));
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_CANCELLING);
    CHECK_EQ(info_of(&actor).deadline, began + SEC(12));
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(12));
    let_go(&actor);
}

/* ---- a budget from outside ----------------------------------------------- */

TEST(a_deadline_bounds_the_sum) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, began + SEC(6)));
    REQUIRE_OK(bl_sleep(MS(3999)));
    CHECK_EQ(actor.cancels_seen, 0);
    REQUIRE_OK(bl_sleep(MS(2)));
    CHECK_EQ(actor.cancels_seen, 1); /* 2 s are kept for the cancellation */
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(6));
    let_go(&actor);
}

TEST(a_deadline_later_than_its_own_changes_nothing) {
    ACTOR actor = { .ignores_stop = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    CHECK(bl_service_begin_stop(&actor.service, bl_now() + SEC(60)));
    TAKES(SEC(10)) CHECK_OK(bl_service_wait(&actor.service));
}

TEST(of_a_short_deadline_a_third_is_kept_for_the_cancellation) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, began + SEC(3)));
    REQUIRE_OK(bl_sleep(MS(2001)));
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(3));
    let_go(&actor);
}

TEST(a_deadline_that_has_passed_still_leaves_a_tick) {
    ACTOR actor = { .ignores_stop = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    REQUIRE_OK(bl_sleep(SEC(5)));
    CHECK(bl_service_begin_stop(&actor.service, SEC(1)));
    TAKES(0) CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(actor.cancels_seen, 1);
}

TEST(a_stop_in_progress_can_be_shortened) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    REQUIRE_OK(bl_sleep(SEC(1)));
    CHECK(!bl_service_begin_stop(&actor.service, began + SEC(4)));
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(4));
    let_go(&actor);
}

TEST(a_stop_in_progress_cannot_be_extended) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, began + SEC(3)));
    CHECK(!bl_service_begin_stop(&actor.service, began + SEC(9)));
    CHECK(!bl_service_begin_stop(&actor.service, BL_FOREVER));
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(3));
    let_go(&actor);
}

TEST(a_stop_that_is_hurried_again_and_again_is_not_put_off) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, NULL);
    REQUIRE_OK(bl_sleep(SEC(1)));
    bl_ns began = bl_now();
    for (int i = 0; i < 10; i++) {
        bl_service_begin_stop(&actor.service, began);
        REQUIRE_OK(bl_sleep(US(500)));
    }
    CHECK(info_of(&actor).is_abandoned);
    CHECK_EQ(info_of(&actor).since - began, MS(1));
    let_go(&actor);
}

TEST(the_time_after_the_cancellation_can_be_shortened) {
    ACTOR actor = { .ignores_stop = true, .ignores_cancel = true };
    bl_service_options options = { .size = sizeof options,
                                   .cancel_grace = SEC(60) };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, &options);
    bl_ns began = bl_now();
    CHECK(bl_service_begin_stop(&actor.service, BL_FOREVER));
    REQUIRE_OK(bl_sleep(SEC(20)));
    CHECK_EQ(info_of(&actor).phase, BL_PHASE_CANCELLING);
    CHECK(!bl_service_begin_stop(&actor.service, began + SEC(25)));
    CHECK_ERR(bl_service_wait(&actor.service), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(25));
    let_go(&actor);
}

TEST(a_drain_delay_is_cut_too) {
    ACTOR actor = { .life = 0 };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(60) };
    BL_GROUP_SCOPED(group);
    start(&actor, &group, &options);
    CHECK(bl_service_begin_stop(&actor.service, bl_now() + SEC(3)));
    TAKES(SEC(2)) CHECK_OK(bl_service_wait(&actor.service));
}

/* A stop of a start that has been cancelled for being late goes on from there.
 */
TEST(a_stop_does_not_extend_the_grace_of_a_late_start) {
    ACTOR actor = { .start_time = SEC(3600), .ignores_cancel = true };
    bl_service_options options = { .size = sizeof options,
                                   .is_contained = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    bl_ns began = bl_now();
    int rc =
        bl_wait_for(bl_service_start(&actor.service, &group, NULL), SEC(31));
    CHECK_ERR(rc, BL_ETIMEDOUT); /* at 32 s: it owns the start, and waits */
    CHECK_EQ(bl_now() - began, SEC(32));
    let_go(&actor);
}
