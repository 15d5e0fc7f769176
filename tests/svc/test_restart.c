/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_restart.c - which failures of a service are answered by
 * another start, when, and how often
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/actor.h"

static bl_service_options restarting(const bl_restart_policy *policy) {
    return (bl_service_options){ .size = sizeof(bl_service_options),
                                 .restart = policy };
}

static bl_restart_policy policy_of(bl_restart when) {
    return (bl_restart_policy){ .size = sizeof(bl_restart_policy),
                                .when = when,
                                .has_no_jitter = true };
}

/* The time from one beginning of the actor to the next. */
static bl_ns gap(const struct actor *actor, int index) {
    return actor->began[index + 1] - actor->began[index];
}

/* ---- policies ------------------------------------------------------------ */

TEST(a_policy_out_of_range_is_refused, .no_loop = true) {
    const char *warning = "untouched";
    const size_t size = sizeof(bl_restart_policy);
    const bl_restart_policy bad[] = {
        { .size = 1 },
        { .size = size, .when = (bl_restart)7 },
        { .size = size, .delay_min = -1 },
        { .size = size, .delay_max = -1 },
        { .size = size, .reset_after = -1 },
        { .size = size, .window = -1 },
        { .size = size, .restarts_max = BL_RESTARTS_MAX + 1 },
    };
    CHECK_ERR(bl_restart_check(NULL, &warning), BL_EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        T_INFO("number %zu", i);
        CHECK_ERR(bl_restart_check(&bad[i], &warning), BL_EINVAL);
    }
    CHECK_STR(warning, "untouched");
}

TEST(the_defaults_give_nothing_to_warn_of, .no_loop = true) {
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    const char *warning = "untouched";
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK(warning == NULL);
    CHECK_OK(bl_restart_check(&policy, NULL));
    policy.restarts_max = BL_RESTARTS_NO_LIMIT;
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK(warning == NULL);
}

TEST(a_limit_that_trips_before_the_longest_delay_is_warned_of,
     .no_loop = true) {
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    const char *warning = NULL;
    policy.restarts_max = 9; /* the ninth delay is 25.6 s */
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK_CONTAINS(warning, "delay_max");
    policy.delay_max = SEC(25);
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK(warning == NULL);
}

TEST(a_limit_that_can_never_trip_is_warned_of, .no_loop = true) {
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    const char *warning = NULL;
    policy.window = SEC(10);
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK_CONTAINS(warning, "never");
    policy.window = 0;
    policy.delay_min = SEC(31);
    CHECK_OK(bl_restart_check(&policy, &warning));
    CHECK_CONTAINS(warning, "delay_min");
}

/* ---- what is begun again ------------------------------------------------- */

TEST(a_service_that_is_never_restarted_fails_for_good) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_ERR(bl_service_wait(&actor.service), BL_EIO);
    CHECK_EQ(actor.runs, 1);
    CHECK_STR(actor_path(&actor), "starting>running>failed");
}

TEST(a_body_that_ends_unasked_has_exited) {
    ACTOR actor = { .life = SEC(1) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_ERR(bl_service_wait(&actor.service), BL_EEXITED);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_FAILED);
}

TEST(a_oneshot_that_ends_has_done_its_work) {
    ACTOR actor = { .life = SEC(1) };
    bl_service_options options = { .size = sizeof options, .is_oneshot = true };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_STR(actor_path(&actor), "starting>running>stopped");
    actor.never_ready = true; /* then its end is what a start waits for */
    TAKES(SEC(1)) {
        CHECK_EQ(bl_service_start(&actor.service, &group, NULL), 0);
    }
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
}

TEST(a_crash_is_answered_by_another_start_after_a_delay) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    bl_service_info info;
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(MS(1050)));
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.state, BL_SERVICE_BACKOFF);
    CHECK_EQ(info.deadline, actor.began[0] + MS(1100));
    CHECK_EQ(info.failures, 1u);
    CHECK(!info.is_ready);
    /* No call of the body waits any more, and none is shown as if it did. */
    CHECK_CONTAINS(t_task_tree(), "actor: waits for event\n");
    REQUIRE_OK(bl_sleep(MS(100)));
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    CHECK_EQ(gap(&actor, 0), MS(1100));
    CHECK_ERR(bl_service_result(&actor.service, NULL), BL_EIO);
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(bl_service_result(&actor.service, NULL), 0);
    CHECK_STR(actor_path(&actor), "starting>running>backoff>starting>running>"
                                  "stopping>stopped");
}

TEST(a_clean_end_is_begun_again_only_by_always) {
    ACTOR actor = { .life = SEC(1) };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    options.is_oneshot = true;
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(actor.runs, 1);

    policy.when = BL_RESTART_ALWAYS;
    REQUIRE_OK(actor_init(&actor, &options));
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(60)));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.runs, 1 + 55); /* each 1.1 s: it is not counted */
}

TEST(a_stop_is_not_answered_by_a_start) {
    ACTOR actor = { .stop_result = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ALWAYS);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_ERR(bl_service_stop(&actor.service), BL_EIO);
    REQUIRE_OK(bl_sleep(SEC(100)));
    CHECK_EQ(actor.runs, 1);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_FAILED);
}

TEST(a_crash_while_it_stops_is_not_answered_by_a_start) {
    ACTOR actor = { .cleanup_time = SEC(1), .stop_result = BL_EPIPE };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    TAKES(SEC(1)) CHECK_ERR(bl_service_stop(&actor.service), BL_EPIPE);
    CHECK_EQ(actor.runs, 1);
}

/* ---- delays -------------------------------------------------------------- */

TEST(delays_double_up_to_the_longest) {
    ACTOR actor = { .never_ready = true, .life = MS(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EIO);
    CHECK_EQ(actor.runs, 11);
    bl_ns expected = MS(100);
    for (int i = 0; i < 10; i++) {
        T_INFO("delay %d", i);
        bl_ns delay = expected < SEC(30) ? expected : SEC(30);
        CHECK_EQ(gap(&actor, i), MS(1) + delay);
        expected *= 2;
    }
}

TEST(jitter_takes_up_to_the_half_of_a_delay_and_differs) {
    ACTOR actor = { .never_ready = true, .life = MS(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.has_no_jitter = false;
    policy.delay_min = policy.delay_max = SEC(10);
    policy.restarts_max = BL_RESTARTS_MAX;
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EIO);
    bl_ns sum = 0;
    bl_ns least = SEC(10);
    for (int i = 0; i < BL_RESTARTS_MAX; i++) {
        bl_ns delay = gap(&actor, i) - MS(1);
        CHECK_GE(delay, SEC(5));
        CHECK_LT(delay, SEC(10));
        if (i > 0) CHECK_NE(gap(&actor, i), gap(&actor, i - 1));
        if (delay < least) least = delay;
        sum += delay;
    }
    CHECK_NEAR((double)sum / BL_RESTARTS_MAX, (double)MS(7500), (double)SEC(1));
    CHECK_LT(least, MS(5800));
}

/* Two services that fail together draw their delays apart. */
TEST(services_that_failed_together_do_not_come_back_together) {
    ACTOR one = { .life = SEC(1), .end = BL_EIO };
    ACTOR two = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.has_no_jitter = false;
    bl_service_options options = restarting(&policy);
    options.name = "one";
    REQUIRE_OK(actor_init(&one, &options));
    options.name = "two";
    REQUIRE_OK(actor_init(&two, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&one.service, &group, NULL));
    REQUIRE_OK(bl_service_start(&two.service, &group, NULL));
    CHECK_EQ(one.began[0], two.began[0]);
    REQUIRE_OK(bl_sleep(MS(1500)));
    CHECK_NE(one.began[1], two.began[1]);
    CHECK_OK(bl_service_stop(&one.service));
    CHECK_OK(bl_service_stop(&two.service));
}

PARAM(bl_ns, good_time, BL_MS(9900), BL_MS(10100));

TEST(ten_good_seconds_begin_the_delays_anew, (good_time)) {
    ACTOR actor = { .life = MS(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(MS(303))); /* 100 ms and 200 ms have been */
    actor.life = good_time;        /* for the fourth; the third has begun */
    REQUIRE_OK(bl_sleep(SEC(30)));
    bl_ns expected = good_time < SEC(10) ? MS(800) : MS(100);
    CHECK_EQ(gap(&actor, 3), good_time + expected);
    CHECK_OK(bl_service_stop(&actor.service));
}

static void unready_for_a_moment(struct actor *actor) {
    bl_service_set_ready(&actor->service, false);
    bl_service_set_ready(&actor->service, true);
}

TEST(seconds_count_as_good_only_while_it_is_ready) {
    ACTOR actor = { .life = SEC(12), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(13))); /* once more, 100 ms later */
    bl_service_info info;
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.failures, 1u);
    REQUIRE_OK(bl_sleep(SEC(5)));
    unready_for_a_moment(&actor); /* neither part is ten seconds long */
    REQUIRE_OK(bl_sleep(SEC(7)));
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.failures, 2u);
    CHECK_OK(bl_service_stop(&actor.service));
}

/* ---- the limit ----------------------------------------------------------- */

TEST(too_many_restarts_fail_for_good_and_tell_the_group) {
    ACTOR actor = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.restarts_max = 3;
    bl_service_options options = restarting(&policy);
    bl_service_change change;
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EIO));
    CHECK_EQ(actor.runs, 4);
    CHECK_EQ(bl_service_history(&actor.service, &change, 1), 1u);
    CHECK_EQ(change.cause, BL_WHY_LIMIT);
    CHECK_EQ(change.to, BL_SERVICE_FAILED);
    CHECK_ERR(bl_service_result(&actor.service, NULL), BL_EIO);
}

/* With the jitter as small as it gets the tenth is later than 40 s. */
TEST(a_permanent_fault_is_given_up_in_about_a_minute) {
    ACTOR actor = { .never_ready = true, .life = 1, .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.has_no_jitter = false;
    bl_service_options options = restarting(&policy);
    bl_ns begin = bl_now();
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EIO);
    CHECK_GE(bl_now() - begin, SEC(40));
    CHECK_LT(bl_now() - begin, SEC(82));
}

TEST(restarts_that_are_old_do_not_count) {
    ACTOR actor = { .life = SEC(40), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(3600)));
    CHECK_GT(actor.runs, 80);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    CHECK_OK(bl_service_stop(&actor.service));
}

TEST(a_start_out_of_time_counts_as_a_failure) {
    ACTOR actor = { .start_time = SEC(3600) };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.restarts_max = 2;
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(90) + MS(300)) {
        CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ETIMEDOUT);
    }
    CHECK_EQ(actor.runs, 3);
}

TEST(starts_and_stops_by_somebody_are_not_counted) {
    ACTOR actor = { .life = 0 };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    bl_service_options options = restarting(&policy);
    bl_service_info info;
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 30; i++) {
        REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
        CHECK_OK(bl_service_stop(&actor.service));
    }
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.failures, 0u);
    CHECK_EQ(info.incarnation, 30u);
}

TEST(who_starts_it_after_it_was_given_up_gives_it_another_chance) {
    ACTOR actor = { .never_ready = true, .life = MS(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.restarts_max = 2;
    bl_service_options options = restarting(&policy);
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EIO);
    CHECK_EQ(actor.runs, 3);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EIO);
    CHECK_EQ(actor.runs, 6);
}

/* ---- the delay, cut short ------------------------------------------------ */

/* An actor that has crashed, and waits for its restart in 20 s. */
FIXTURE(struct actor *, crashed) {
    ACTOR made = { .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.delay_min = SEC(20);
    bl_service_options options = restarting(&policy);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(actor_init(&made, &options));
    REQUIRE_OK(bl_service_start(&made.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(2)));
    REQUIRE_EQ(bl_service_state_of(&made.service), BL_SERVICE_BACKOFF);
    made.life = 0;
    made.context = &group;
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
}

TEST(a_stop_ends_the_delay_at_once, (crashed)) {
    TAKES(0) CHECK_OK(bl_service_stop(&crashed->service));
    CHECK_EQ(crashed->runs, 1);
    CHECK_STR(actor_path(crashed), "starting>running>backoff>stopped");
}

TEST(a_start_skips_the_rest_of_the_delay, (crashed)) {
    TAKES(0) {
        CHECK_EQ(bl_service_start(&crashed->service, crashed->context, NULL),
                 0);
    }
    CHECK_EQ(crashed->runs, 2);
}

TEST(who_skipped_the_delay_does_not_own_the_start, (crashed)) {
    crashed->start_time = SEC(5);
    int rc = bl_wait_for(
        bl_service_start(&crashed->service, crashed->context, NULL), SEC(1));
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_service_state_of(&crashed->service), BL_SERVICE_STARTING);
    REQUIRE_OK(bl_sleep(SEC(5)));
    CHECK_EQ(bl_service_state_of(&crashed->service), BL_SERVICE_RUNNING);
}

TEST(a_start_behind_a_stop_in_the_delay_is_refused, (crashed),
     .tags = "order") {
    CHECK(bl_service_begin_stop(&crashed->service, BL_FOREVER));
    CHECK(!bl_service_begin_stop(&crashed->service, BL_FOREVER));
    CHECK_ERR(bl_service_start(&crashed->service, crashed->context, NULL),
              BL_ESTATE);
    CHECK_OK(bl_service_wait(&crashed->service));
    CHECK_EQ(crashed->runs, 1);
}

static void stop_in_this_tick(void *context) {
    struct actor *actor = context;
    bl_service_begin_stop(&actor->service, BL_FOREVER);
}

PARAM(bl_ns, stop_offset, -1, 0, 1);

/* The timer of the restart and the stop fire together, in either order. */
TEST(a_stop_in_the_tick_of_the_restart_wins_or_stops_the_start,
     (crashed, stop_offset)) {
    bl_service_info info;
    bl_service_get_info(&crashed->service, &info);
    bl_timer BL__CLEANUP(bl_timer_stop) timer;
    bl_timer_init(&timer, stop_in_this_tick, crashed);
    bl_timer_start(bl_loop_running(), &timer, info.deadline + stop_offset);
    CHECK_OK(bl_service_wait(&crashed->service));
    CHECK_EQ(bl_service_state_of(&crashed->service), BL_SERVICE_STOPPED);
    CHECK_EQ(crashed->inside, 0);
    CHECK_LE(crashed->runs, 2);
}
