/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_owner.c - who owns a service, and who owns a start
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include "support/actor.h"
#include "support/famine.h"

static bl_service_state state_of(const struct actor *actor) {
    return bl_service_state_of(&actor->service);
}

/* ---- the group ----------------------------------------------------------- */

TEST(a_group_is_open_until_its_service_has_ended) {
    ACTOR actor = { .life = SEC(5) };
    bl_service_options options = { .size = sizeof options, .is_oneshot = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_EQ(bl_group_alive_count(&group), 1u);
    TAKES(SEC(5)) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(actor.inside, 0);
}

TEST(a_cancelled_group_stops_its_service_without_a_failure) {
    ACTOR actor = { .cleanup_time = SEC(1) };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ALWAYS };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    bl_service_change change;
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_group_cancel(&group);
    TAKES(SEC(1)) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(actor.runs, 1);
    CHECK_STR(actor_path(&actor), "starting>running>stopped");
    CHECK_EQ(bl_service_history(&actor.service, &change, 1), 1u);
    CHECK_EQ(change.cause, BL_WHY_CANCELLED);
    CHECK_EQ(bl_service_result(&actor.service, NULL), 0);
}

TEST(an_error_under_a_cancellation_is_not_lost) {
    ACTOR actor = { .stop_result = BL_EIO };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_group_cancel(&group);
    REQUIRE_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EIO));
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
}

TEST(a_cancelled_group_ends_a_delay) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .delay_min = SEC(20) };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(2)));
    CHECK_EQ(state_of(&actor), BL_SERVICE_BACKOFF);
    bl_group_cancel(&group);
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
    CHECK_EQ(actor.runs, 1);
}

TEST(a_daemon_does_not_keep_its_group_open) {
    ACTOR actor = { .life = 0 };
    bl_service_options options = { .size = sizeof options, .is_daemon = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
}

TEST(a_contained_service_fails_alone) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    bl_service_options options = { .size = sizeof options,
                                   .is_contained = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(2)));
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_EQ(bl_group_error_count(&group), 0u);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(bl_service_result(&actor.service, NULL), BL_EIO);
}

TEST(a_group_that_refuses_leaves_the_service_as_it_was) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    bl_group_cancel(&group);
    bl_scope shield; /* the body of a cancelled group is cancelled too */
    bl_scope_enter_shield(&shield, SEC(1));
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ECLOSING);
    BL_IGNORE(bl_scope_exit(&shield, 0)); /* 0, as it is given */
    CHECK_EQ(state_of(&actor), BL_SERVICE_NEW);
    CHECK_EQ(actor.runs, 0);
}

static int start_another(void *arg) {
    struct actor *other = arg;
    bl_group *group = other->context;
    int rc = 0;
    BL_SHIELD(SEC(1)) {
        rc = bl_service_start(&other->service, group, NULL);
    }
    other->end = rc;
    return 0;
}

static int run_starts_another_at_the_end(bl_service *self, void *arg) {
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    rc = bl_event_wait(bl_service_stopping(self));
    BL_IGNORE(start_another(arg)); /* it keeps the result */
    return rc;
}

/* Clean-up that starts something while its owner winds down is refused. */
TEST(a_service_started_by_clean_up_is_refused) {
    ACTOR other = { .life = 0 };
    SERVICE service = { 0 };
    REQUIRE_OK(actor_init(&other, NULL));
    REQUIRE_OK(
        bl_service_init(&service, run_starts_another_at_the_end, &other, NULL));
    BL_GROUP_SCOPED(group);
    other.context = &group;
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(other.end, BL_ECLOSING);
    CHECK_EQ(other.runs, 0);
    CHECK_EQ(state_of(&other), BL_SERVICE_NEW);
}

/* ---- the owner of a start ------------------------------------------------ */

TEST(a_cancelled_owner_cancels_the_start_and_waits_for_its_end) {
    ACTOR actor = { .start_time = SEC(20), .cleanup_time = SEC(1) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(6)) {
        CHECK_ERR(
            bl_wait_for(bl_service_start(&actor.service, &group, NULL), SEC(5)),
            BL_ETIMEDOUT);
    }
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_EQ(actor.inside, 0);
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
    CHECK_OK(bl_group_exit(&group, 0));
}

struct joiner {
    struct actor *actor;
    bl_group *group;
    bl_ns limit;
    int rc;
};

static int join_start(void *arg) {
    struct joiner *joiner = arg;
    joiner->rc = bl_wait_for(
        bl_service_start(&joiner->actor->service, joiner->group, NULL),
        joiner->limit);
    bl_error_handled();
    return joiner->rc == BL_ECANCELED && bl_is_cancelled() ? BL_ECANCELED : 0;
}

TEST(a_cancelled_joiner_only_ceases_to_wait) {
    ACTOR actor = { .start_time = SEC(20) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    struct joiner owner = { &actor, &group, SEC(60), 1 };
    struct joiner joiner = { &actor, &group, SEC(5), 1 };
    BL_GROUP_SCOPED(callers);
    REQUIRE_OK(bl_spawn(&callers, join_start, &owner));
    t_settle(); /* the start is its own now */
    REQUIRE_OK(bl_spawn(&callers, join_start, &joiner));
    TAKES(SEC(20)) REQUIRE_OK(bl_group_exit(&callers, 0));
    CHECK_ERR(joiner.rc, BL_ETIMEDOUT);
    CHECK_EQ(owner.rc, 0);
    CHECK_EQ(actor.runs, 1);
    CHECK_OK(bl_service_stop(&actor.service));
}

TEST(joiners_of_a_start_whose_owner_was_cancelled_hear_it) {
    ACTOR actor = { .start_time = SEC(20) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    struct joiner owner = { &actor, &group, SEC(5), 1 };
    struct joiner joiner = { &actor, &group, SEC(60), 1 };
    BL_GROUP_SCOPED(callers);
    REQUIRE_OK(bl_spawn(&callers, join_start, &owner));
    t_settle(); /* the start is its own now */
    REQUIRE_OK(bl_spawn(&callers, join_start, &joiner));
    TAKES(SEC(5)) REQUIRE_OK(bl_group_exit(&callers, 0));
    CHECK_ERR(owner.rc, BL_ETIMEDOUT);
    CHECK_ERR(joiner.rc, BL_ECANCELED);
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
}

TEST(a_cancelled_owner_ends_the_delay_between_two_tries) {
    ACTOR actor = { .never_ready = true, .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .delay_min = SEC(20) };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(5)) {
        CHECK_ERR(
            bl_wait_for(bl_service_start(&actor.service, &group, NULL), SEC(5)),
            BL_ETIMEDOUT);
    }
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
    CHECK_EQ(actor.runs, 1);
}

TEST(an_error_of_a_start_that_was_called_off_is_not_lost) {
    ACTOR actor = { .start_time = SEC(20), .stop_result = BL_EIO };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(
        bl_wait_for(bl_service_start(&actor.service, &group, NULL), SEC(5)),
        BL_EIO);
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_cancelled_stopper_abandons_only_the_wait) {
    ACTOR actor = { .cleanup_time = SEC(5) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_ERR(bl_wait_for(bl_service_stop(&actor.service), SEC(1)),
              BL_ETIMEDOUT);
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPING);
    TAKES(SEC(4)) CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
}

TEST(an_error_of_a_stop_that_nobody_waits_for_is_the_groups) {
    ACTOR actor = { .stop_result = BL_EIO };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_service_begin_stop(&actor.service, BL_FOREVER);
    REQUIRE_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EIO));
}

/* ---- without memory ------------------------------------------------------ */

TEST(without_memory_a_start_changes_nothing) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_sleep(MS(1)));
    famine_begin(0);
    int rc = bl_service_start(&actor.service, &group, NULL);
    famine_end();
    if (rc == BL_ENOMEM) { /* a stack may have been left from before */
        CHECK_EQ(state_of(&actor), BL_SERVICE_NEW);
    }
    CHECK_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_stop(&actor.service));
}

PARAM(bool, is_obedient, true, false);

TEST(a_shutdown_needs_no_memory, (is_obedient)) {
    ACTOR actor = { .ignores_stop = !is_obedient,
                    .ignores_cancel = !is_obedient };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(1) };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    famine_begin(0);
    int rc = bl_service_stop(&actor.service);
    famine_end();
    CHECK_EQ(rc, is_obedient ? 0 : BL_ETIMEDOUT);
    CHECK_EQ(bl_service_result(&actor.service, NULL), rc);
    bl_event_set(&actor.release);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_crash_without_memory_keeps_its_code) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE };
    bl_service_options options = { .size = sizeof options,
                                   .is_contained = true,
                                   .restart = &policy };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    famine_begin(0);
    int rc = bl_sleep(SEC(100));
    famine_end();
    CHECK_OK(rc);
    CHECK_EQ(actor.runs, 11);
    CHECK_ERR(bl_service_result(&actor.service, NULL), BL_EIO);
}
