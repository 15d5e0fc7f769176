/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_deadline.c - time limits: when they fire, and whose timeout
 * it was
 *
 * Failing and moving-on scopes, nested limits, limits that have passed at
 * entry, the two ends of the range of time, things that happen in the same
 * instant, rescheduling, the effective deadline, and the function forms
 * bl_timeout_run and bl_wait_for.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- the two kinds of limit ---------------------------------------------- */

TEST(a_failing_scope_returns_timed_out_at_its_deadline) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_MS(20));
    int rc = bl_event_wait(&never);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(20));
    CHECK(bl_scope_is_expired(&scope));
    CHECK(bl_scope_is_caught(&scope));
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_DEADLINE);
}

TEST(a_moving_on_scope_returns_zero_at_its_deadline) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter_move_on(&scope, BL_MS(20));
    int rc = bl_event_wait(&never);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_now() - start, BL_MS(20));
    CHECK(bl_scope_is_expired(&scope));
    CHECK(bl_scope_is_caught(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_DEADLINE);
}

TEST(a_body_that_is_done_in_time_keeps_its_result) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(20));
    CHECK_EQ(bl_sleep(BL_MS(19)), 0);
    CHECK_EQ(bl_scope_exit(&scope, 7), 7);
    CHECK(!bl_scope_is_expired(&scope));
    CHECK(!bl_scope_is_cancelled(&scope));
}

TEST(a_deadline_left_in_time_does_not_fire_later) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK_EQ(bl_sleep(BL_MS(50)), 0);
    CHECK(!bl_scope_is_expired(&scope));
}

TEST(a_deadline_leaves_no_timer_behind) {
    bl_loop_info before, after;
    bl_scope scope;
    bl_loop_get_info(bl_loop_running(), &before);
    bl_scope_enter_timeout(&scope, BL_SEC(5));
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    bl_loop_get_info(bl_loop_running(), &after);
    CHECK_EQ(after.timers_armed, before.timers_armed);
}

TEST(a_late_result_stands_and_the_scope_says_it_was_late) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, 9), 9);
    CHECK(bl_scope_is_expired(&scope));
    CHECK(!bl_scope_is_caught(&scope));
}

TEST(a_late_error_stands) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, BL_EIO), BL_EIO);
    CHECK(bl_scope_is_expired(&scope));
    CHECK(!bl_scope_is_caught(&scope));
}

TEST(a_late_error_carries_a_note_about_the_deadline) {
    char text[1024];
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
    int rc = bl_scope_exit(&scope, BL_ERR(BL_EIO, "the disk is gone"));
    CHECK_ERR(rc, BL_EIO);
    const bl_error *error = bl_error_current(BL_EIO);
    REQUIRE(error != NULL);
    bl_error_format(error, text, sizeof(text));
    CHECK(strstr(text, "the disk is gone") != NULL);
    CHECK(strstr(text, "deadline") != NULL);
    CHECK(strstr(text, "test_deadline.c:") != NULL);
}

TEST(a_child_error_beats_the_deadline) {
    bl_scope scope;
    struct kid kid = { .delay = HOUR, .cleanup_rc = BL_EIO };
    bl_group group = { 0 };
    bl_scope_enter_timeout(&scope, BL_MS(1));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    int rc = bl_group_exit(&group, 0);
    CHECK_ERR(rc, BL_EGROUP);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK(bl_scope_is_expired(&scope));
}

/* ---- limits that have passed at entry ------------------------------------ */

static const bl_ns PASSED[] = { 0, -1, -BL_SEC(1), INT64_MIN + 1, INT64_MIN };
enum {
    PASSED_COUNT = sizeof(PASSED) / sizeof(PASSED[0])
};

TEST(a_limit_of_zero_or_less_has_passed_at_entry) {
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        bl_scope scope;
        bl_ns start = bl_now();
        bl_scope_enter_timeout(&scope, PASSED[i]);
        CHECK(bl_is_cancelled());
        CHECK(bl_scope_is_expired(&scope));
        int rc = bl_sleep(BL_SEC(1));
        CHECK_ERR(rc, BL_ECANCELED);
        CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
        CHECK_EQ(bl_now(), start);
    }
}

TEST(a_move_on_limit_of_zero_or_less_has_passed_at_entry) {
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        bl_scope scope;
        bl_scope_enter_move_on(&scope, PASSED[i]);
        CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
        CHECK(bl_scope_is_expired(&scope));
        CHECK(bl_scope_is_caught(&scope));
    }
}

TEST(a_body_that_never_waits_succeeds_with_any_limit) {
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        bl_scope scope;
        bl_scope_enter_timeout(&scope, PASSED[i]);
        CHECK_EQ(bl_scope_exit(&scope, 3), 3);
        CHECK(!bl_scope_is_caught(&scope));
    }
}

TEST(an_absolute_deadline_in_the_past_has_passed_at_entry) {
    static const bl_ns past[] = { 0, -1, INT64_MIN };
    CHECK_OK(bl_sleep(BL_MS(1)));
    for (size_t i = 0; i < 3; i++) {
        bl_scope scope;
        bl_scope_options options = { .size = sizeof(options),
                                     .kind = BL_SCOPE_FAIL,
                                     .has_deadline = true,
                                     .deadline = past[i] };
        REQUIRE_OK(bl_scope_enter_with(&scope, &options));
        CHECK_ERR(bl_scope_exit(&scope, bl_sleep(1)), BL_ETIMEDOUT);
    }
}

TEST(a_zero_limit_does_not_swallow_an_outer_cancellation) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_cancel(&outer, NULL);
    bl_scope_enter_timeout(&inner, 0);
    int rc = bl_sleep(1);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK(bl_scope_is_caught(&outer));
}

TEST(a_zero_move_on_does_not_swallow_an_outer_cancellation) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_cancel(&outer, NULL);
    bl_scope_enter_move_on(&inner, 0);
    CHECK_ERR(bl_scope_exit(&inner, bl_sleep(1)), BL_ECANCELED);
    CHECK(!bl_scope_is_caught(&inner));
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
}

/* ---- the ends of time ---------------------------------------------------- */

TEST(for_ever_is_no_limit) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_FOREVER);
    CHECK_EQ(bl_scope_deadline(&scope), BL_FOREVER);
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
    CHECK_EQ(bl_sleep(HOUR), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

TEST(a_limit_beyond_the_end_of_time_is_none) {
    static const bl_ns limits[] = { BL_FOREVER - 1, BL_FOREVER - BL_MS(1) };
    CHECK_OK(bl_sleep(BL_SEC(1))); /* so that adding would overflow */
    for (size_t i = 0; i < 2; i++) {
        bl_scope scope;
        bl_scope_enter_timeout(&scope, limits[i]);
        CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
        CHECK_EQ(bl_sleep(1), 0);
        CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    }
}

TEST(times_are_added_within_their_range) {
    CHECK_EQ(bl_ns_add(1, 2), 3);
    CHECK_EQ(bl_ns_add(BL_FOREVER, 1), BL_FOREVER);
    CHECK_EQ(bl_ns_add(1, BL_FOREVER), BL_FOREVER);
    CHECK_EQ(bl_ns_add(BL_FOREVER, BL_FOREVER), BL_FOREVER);
    CHECK_EQ(bl_ns_add(INT64_MIN, -1), INT64_MIN);
    CHECK_EQ(bl_ns_add(INT64_MIN, INT64_MIN), INT64_MIN);
    CHECK_EQ(bl_ns_add(BL_FOREVER - 1, 1), BL_FOREVER);
    CHECK_EQ(bl_ns_add(5, -7), -2);
}

TEST(a_sleep_for_ever_ends_only_by_cancellation) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, HOUR);
    int rc = bl_sleep(BL_FOREVER);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    bl_scope_enter_timeout(&scope, HOUR);
    rc = bl_sleep(BL_FOREVER - 1);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    bl_scope_enter_timeout(&scope, HOUR);
    rc = bl_sleep_until(BL_FOREVER);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

TEST(a_sleep_of_less_than_nothing_is_a_yield) {
    static const bl_ns durations[] = { 0, -1, -HOUR, INT64_MIN };
    for (size_t i = 0; i < 4; i++) {
        bl_ns start = bl_now();
        uint64_t before = resumes();
        CHECK_EQ(bl_sleep(durations[i]), 0);
        CHECK_EQ(bl_now(), start);
        CHECK_GT(resumes(), before);
    }
}

TEST(sleeping_until_a_past_time_is_a_yield) {
    CHECK_OK(bl_sleep(BL_MS(2)));
    bl_ns start = bl_now();
    CHECK_EQ(bl_sleep_until(0), 0);
    CHECK_EQ(bl_sleep_until(start), 0);
    CHECK_EQ(bl_sleep_until(INT64_MIN), 0);
    CHECK_EQ(bl_now(), start);
}

TEST(sleeping_until_a_time_ends_at_that_time) {
    bl_ns when = bl_now() + BL_US(1234567);
    CHECK_EQ(bl_sleep_until(when), 0);
    CHECK_EQ(bl_now(), when);
}

/* ---- nested limits ------------------------------------------------------- */

TEST(the_inner_deadline_is_earlier_and_fires_alone) {
    bl_scope outer, inner;
    bl_scope_enter_timeout(&outer, BL_MS(20));
    bl_scope_enter_timeout(&inner, BL_MS(5));
    CHECK_ERR(bl_scope_exit(&inner, bl_sleep(HOUR)), BL_ETIMEDOUT);
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    CHECK_EQ(bl_scope_exit(&outer, 0), 0);
    CHECK(!bl_scope_is_expired(&outer));
}

TEST(the_outer_deadline_is_earlier_and_binds_the_inner_scope) {
    bl_scope outer, inner;
    bl_scope_enter_timeout(&outer, BL_MS(5));
    bl_scope_enter_timeout(&inner, BL_MS(20));
    int rc = bl_sleep(HOUR);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK(!bl_scope_is_caught(&inner));
    CHECK(!bl_scope_is_expired(&inner));
    CHECK_ERR(bl_scope_exit(&outer, BL_ECANCELED), BL_ETIMEDOUT);
}

TEST(both_deadlines_at_one_instant_belong_to_the_outer_scope) {
    bl_scope outer, inner;
    bl_ns when = bl_now() + BL_MS(5);
    bl_scope_enter_timeout(&outer, BL_MS(5));
    bl_scope_enter_timeout(&inner, BL_MS(5));
    int rc = bl_sleep(HOUR);
    CHECK_EQ(bl_now(), when);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&outer, BL_ECANCELED), BL_ETIMEDOUT);
}

TEST(the_outer_deadline_passes_before_the_inner_scope_is_left) {
    bl_scope outer, inner, shield;
    bl_scope_enter_timeout(&outer, BL_MS(10));
    bl_scope_enter_timeout(&inner, BL_MS(5));
    int rc = bl_sleep(HOUR);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_EQ(bl_sleep(BL_MS(10)), 0); /* clean-up runs past both */
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&outer, BL_ECANCELED), BL_ETIMEDOUT);
}

/* Every mix of two kinds, of who is cancelled, and by what. */
struct mix {
    bool outer_fails, inner_fails;
    bool outer_expires, inner_expires;
    int inner_rc, outer_rc;
};

static void try_mix(const struct mix *mix) {
    bl_scope outer, inner;
    bl_ns long_time = HOUR;
    bl_ns outer_limit = mix->outer_expires ? BL_MS(5) : long_time;
    bl_ns inner_limit = mix->inner_expires ? BL_MS(5) : long_time;
    if (mix->outer_fails) bl_scope_enter_timeout(&outer, outer_limit);
    if (!mix->outer_fails) bl_scope_enter_move_on(&outer, outer_limit);
    if (mix->inner_fails) bl_scope_enter_timeout(&inner, inner_limit);
    if (!mix->inner_fails) bl_scope_enter_move_on(&inner, inner_limit);
    int rc = bl_sleep(BL_SEC(1));
    rc = bl_scope_exit(&inner, rc);
    CHECK_EQ(rc, mix->inner_rc);
    rc = bl_scope_exit(&outer, rc);
    CHECK_EQ(rc, mix->outer_rc);
}

TEST(every_mix_of_failing_and_moving_on_scopes) {
    static const struct mix mixes[] = {
        { 0, 0, 0, 0, 0, 0 },
        { 0, 0, 0, 1, 0, 0 },
        { 0, 0, 1, 0, BL_ECANCELED, 0 },
        { 0, 0, 1, 1, BL_ECANCELED, 0 },
        { 0, 1, 0, 1, BL_ETIMEDOUT, BL_ETIMEDOUT },
        { 0, 1, 1, 0, BL_ECANCELED, 0 },
        { 0, 1, 1, 1, BL_ECANCELED, 0 },
        { 1, 0, 0, 1, 0, 0 },
        { 1, 0, 1, 0, BL_ECANCELED, BL_ETIMEDOUT },
        { 1, 0, 1, 1, BL_ECANCELED, BL_ETIMEDOUT },
        { 1, 1, 0, 1, BL_ETIMEDOUT, BL_ETIMEDOUT },
        { 1, 1, 1, 0, BL_ECANCELED, BL_ETIMEDOUT },
        { 1, 1, 1, 1, BL_ECANCELED, BL_ETIMEDOUT },
    };
    for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
        try_mix(&mixes[i]);
    }
}

TEST(timed_out_of_an_inner_scope_is_an_ordinary_error_outside) {
    bl_scope outer, inner;
    bl_scope_enter_timeout(&outer, HOUR);
    bl_scope_enter_timeout(&inner, BL_MS(1));
    int rc = bl_scope_exit(&inner, bl_sleep(HOUR));
    CHECK_ERR(bl_scope_exit(&outer, rc), BL_ETIMEDOUT);
    CHECK(!bl_scope_is_caught(&outer));
    CHECK(!bl_scope_is_cancelled(&outer));
}

/* ---- whose timeout ------------------------------------------------------- */

TEST(an_explicit_cancel_of_a_failing_scope_is_not_a_timeout) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_SEC(1));
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    CHECK(!bl_scope_is_expired(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_EXPLICIT);
}

TEST(an_explicit_cancel_before_the_deadline_stays_the_cause) {
    bl_scope scope, shield;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_EQ(bl_sleep(BL_MS(50)), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(a_made_up_canceled_before_the_deadline_is_not_a_timeout) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_SEC(1));
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ECANCELED);
}

TEST(the_error_object_of_a_timeout_names_the_scope) {
    char text[1024];
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(HOUR)), BL_ETIMEDOUT);
    const bl_error *error = bl_error_current(BL_ETIMEDOUT);
    REQUIRE(error != NULL);
    bl_error_format(error, text, sizeof(text));
    CHECK(strstr(text, "BL_ETIMEDOUT") != NULL);
    CHECK(strstr(text, "test_deadline.c:") != NULL);
}

/* ---- the same instant ---------------------------------------------------- */

TEST(a_deadline_armed_before_the_sleep_it_binds_wins_the_tie, .tags = "order") {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_sleep(BL_MS(5));
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

static int reschedules(void *arg) {
    return bl_scope_reschedule(arg, bl_now() + BL_MS(5));
}

TEST(a_sleep_armed_before_the_deadline_wins_the_tie, .tags = "order") {
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_OK(bl_spawn(&group, reschedules, &scope));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0); /* armed first, then the deadline */
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

struct rival {
    bl_scope *scope;
    bl_event *event;
    bl_ns delay;
};

static int sets_an_event_after(void *arg) {
    struct rival *rival = arg;
    int rc = bl_sleep(rival->delay);
    bl_event_set(rival->event);
    return rc;
}

TEST(an_event_set_in_the_iteration_after_the_deadline_is_too_late,
     .tags = "order") {
    bl_scope scope;
    bl_event event = BL_EVENT_INIT;
    struct rival rival = { &scope, &event, BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, sets_an_event_after, &rival));
    settle(); /* its sleep is armed first */
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_event_wait(&event);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(bl_event_is_set(&event)); /* by now, but nobody waited any more */
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(an_event_set_an_instant_before_the_deadline_is_in_time) {
    bl_scope scope;
    bl_event event = BL_EVENT_INIT;
    struct rival rival = { &scope, &event, BL_MS(5) - 1 };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, sets_an_event_after, &rival));
    settle();
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_EQ(bl_scope_exit(&scope, bl_event_wait(&event)), 0);
    CHECK(!bl_scope_is_expired(&scope));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static void set_event(void *event) {
    bl_event_set(event);
}

TEST(a_timer_that_serves_the_wait_before_the_deadline_fires_wins,
     .tags = "order") {
    bl_scope scope;
    bl_event event = BL_EVENT_INIT;
    bl_timer timer;
    bl_ns when = bl_now() + BL_MS(5);
    bl_timer_init(&timer, set_event, &event);
    bl_timer_start(bl_loop_running(), &timer, when);
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_EQ(bl_event_wait(&event), 0); /* served first, so it is kept */
    CHECK(bl_is_cancelled());           /* and the deadline has passed too */
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK(bl_scope_is_expired(&scope));
    bl_timer_stop(&timer);
}

TEST(a_timer_that_serves_the_wait_after_the_deadline_fired_loses,
     .tags = "order") {
    bl_scope scope;
    bl_event event = BL_EVENT_INIT;
    bl_timer timer;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    bl_timer_init(&timer, set_event, &event);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + BL_MS(5));
    int rc = bl_event_wait(&event);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(bl_event_is_set(&event)); /* by the same turn of the loop */
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    bl_timer_stop(&timer);
}

TEST(deadlines_of_one_instant_fire_in_the_order_they_were_armed,
     .tags = "order") {
    bl_group group = { 0 };
    struct kid kids[5];
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_move_on(&scope, BL_SEC(1));
    for (size_t i = 0; i < 5; i++) {
        kids[i] = (struct kid){ .name = names[i], .delay = BL_MS(7) };
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    }
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a b c d e");
}

/* ---- time that passes while a task runs ---------------------------------- */

static bl_ns hand; /* of a clock that the test turns */

static bl_ns read_hand(void *context) {
    (void)context;
    return hand;
}

static bl_loop_options handmade_clock(void) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_REAL;
    options.now = read_hand;
    hand = BL_SEC(1);
    return options;
}

static int computes_past_its_deadline(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    hand += BL_MS(10); /* a long computation */
    int rc = bl_yield();
    CHECK_ERR(rc, BL_ECANCELED);
    return bl_scope_exit(&scope, rc);
}

TEST(a_deadline_that_passes_while_yielding_is_reported_by_the_yield) {
    bl_loop_options options = handmade_clock();
    CHECK_ERR(run_elsewhere(computes_past_its_deadline, NULL, &options),
              BL_ETIMEDOUT);
}

static int sleeps_nothing_past_its_deadline(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    hand += BL_MS(10);
    int rc = bl_sleep(0);
    CHECK_ERR(rc, BL_ECANCELED);
    return bl_scope_exit(&scope, rc);
}

TEST(a_deadline_that_passes_in_a_sleep_of_zero_is_reported_by_it) {
    bl_loop_options options = handmade_clock();
    CHECK_ERR(run_elsewhere(sleeps_nothing_past_its_deadline, NULL, &options),
              BL_ETIMEDOUT);
}

static int finishes_late_without_waiting(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    hand += BL_MS(10);
    return bl_scope_exit(&scope, 4);
}

TEST(a_late_body_that_does_not_wait_keeps_its_result) {
    bl_loop_options options = handmade_clock();
    CHECK_EQ(run_elsewhere(finishes_late_without_waiting, NULL, &options), 4);
}

/* ---- rescheduling -------------------------------------------------------- */

TEST(a_deadline_can_be_moved_later) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_EQ(bl_scope_reschedule(&scope, start + BL_MS(50)), 0);
    CHECK_EQ(bl_scope_deadline(&scope), start + BL_MS(50));
    CHECK_EQ(bl_sleep(BL_MS(20)), 0);
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(HOUR)), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(50));
}

TEST(a_deadline_can_be_moved_earlier) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_EQ(bl_scope_reschedule(&scope, start + BL_MS(5)), 0);
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(HOUR)), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(5));
}

TEST(a_deadline_can_be_removed) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_EQ(bl_scope_reschedule(&scope, BL_FOREVER), 0);
    CHECK_EQ(bl_scope_deadline(&scope), BL_FOREVER);
    CHECK_EQ(bl_sleep(HOUR), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

TEST(a_removed_deadline_can_be_set_again) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_FOREVER);
    CHECK_EQ(bl_scope_reschedule(&scope, bl_now() + BL_MS(5)), 0);
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(HOUR)), BL_ETIMEDOUT);
}

TEST(moving_the_deadline_to_the_past_cancels_at_once) {
    bl_scope scope;
    CHECK_OK(bl_sleep(BL_MS(1)));
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_EQ(bl_scope_reschedule(&scope, bl_now() - 1), 0);
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK(bl_is_cancelled());
    CHECK(bl_scope_is_expired(&scope));
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(1)), BL_ETIMEDOUT);
}

TEST(moving_the_deadline_to_this_instant_cancels_at_once) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_EQ(bl_scope_reschedule(&scope, bl_now()), 0);
    CHECK(bl_is_cancelled());
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(1)), BL_ETIMEDOUT);
}

TEST(rescheduling_a_scope_that_is_not_entered_is_misuse) {
    bl_scope scope = { 0 };
    CHECK_ERR(bl_scope_reschedule(&scope, 1), BL_EMISUSE);
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK_ERR(bl_scope_reschedule(&scope, 1), BL_EMISUSE);
    CHECK_ERR(bl_scope_reschedule(NULL, 1), BL_EINVAL);
}

TEST(rescheduling_a_cancelled_scope_is_too_late) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, HOUR);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_scope_reschedule(&scope, BL_FOREVER), BL_EALREADY);
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(rescheduling_an_expired_scope_is_too_late) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    int rc = bl_sleep(HOUR);
    CHECK_ERR(bl_scope_reschedule(&scope, BL_FOREVER), BL_EALREADY);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

static int moves_earlier(void *arg) {
    return bl_scope_reschedule(arg, bl_now() + BL_MS(1));
}

TEST(another_task_can_move_the_deadline_of_a_waiting_one) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_timeout(&scope, HOUR);
    CHECK_OK(bl_spawn(&group, moves_earlier, &scope));
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(HOUR)), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(1));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- the effective deadline ---------------------------------------------- */

TEST(the_effective_deadline_is_the_earliest) {
    bl_scope outer, inner, innermost;
    bl_ns start = bl_now();
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
    bl_scope_enter_timeout(&outer, BL_MS(20));
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(20));
    bl_scope_enter_timeout(&inner, BL_MS(50));
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(20));
    bl_scope_enter_move_on(&innermost, BL_MS(10));
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(10));
    CHECK_EQ(bl_scope_exit(&innermost, 0), 0);
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(20));
    CHECK_EQ(bl_scope_exit(&inner, 0), 0);
    CHECK_EQ(bl_scope_exit(&outer, 0), 0);
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
}

TEST(the_effective_deadline_of_a_cancelled_task_is_long_ago) {
    bl_scope outer, inner;
    bl_scope_enter_timeout(&outer, BL_MS(20));
    bl_scope_enter_timeout(&inner, BL_MS(10));
    bl_scope_cancel(&outer, NULL);
    CHECK_EQ(bl_effective_deadline(), INT64_MIN);
    CHECK_ERR(bl_scope_exit(&inner, BL_ECANCELED), BL_ECANCELED);
    CHECK_EQ(bl_effective_deadline(), INT64_MIN);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
}

TEST(the_effective_deadline_does_not_look_past_a_shield) {
    bl_scope outer, shield, inner;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&outer, BL_MS(1));
    bl_scope_enter_shield(&shield, BL_MS(50));
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(50));
    bl_scope_enter_timeout(&inner, BL_MS(20));
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(20));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    CHECK_EQ(bl_effective_deadline(), start + BL_MS(20));
    CHECK_EQ(bl_scope_exit(&inner, 0), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_effective_deadline(), INT64_MIN);
    CHECK_ERR(bl_scope_exit(&outer, BL_ECANCELED), BL_ETIMEDOUT);
}

static int asks_deadline(void *arg) {
    *(bl_ns *)arg = bl_effective_deadline();
    return 0;
}

TEST(a_child_is_bound_by_the_scopes_around_its_group) {
    bl_ns seen = 0, start = bl_now();
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter_timeout(&scope, BL_MS(20));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, asks_deadline, &seen));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK_EQ(seen, start + BL_MS(20));
}

TEST(a_child_is_not_bound_by_the_scopes_of_its_spawner) {
    bl_ns seen = 0;
    struct kid kid = { .delay = BL_MS(50) };
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_move_on(&scope, BL_MS(5));
    CHECK_OK(bl_spawn(&group, asks_deadline, &seen));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(HOUR)), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(seen, BL_FOREVER);
    CHECK(kid.has_finished);
}

/* ---- the function forms -------------------------------------------------- */

TEST(timeout_run_returns_what_the_function_returned) {
    CHECK_EQ(bl_timeout_run(BL_MS(5), kid_returns, ARG(11)), 11);
    CHECK_ERR(bl_timeout_run(BL_MS(5), kid_returns, ARG(BL_EIO)), BL_EIO);
    CHECK_EQ(bl_timeout_run(BL_MS(5), kid_sleeps, ARG(BL_MS(4))), 0);
}

TEST(timeout_run_times_out) {
    bl_ns start = bl_now();
    CHECK_ERR(bl_timeout_run(BL_MS(5), kid_sleeps, ARG(HOUR)), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(5));
}

TEST(timeout_run_does_not_call_the_function_without_time) {
    struct kid kid = { .rc = 1 };
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        CHECK_ERR(bl_timeout_run(PASSED[i], kid_run, &kid), BL_ETIMEDOUT);
    }
    CHECK(!kid.has_started);
}

TEST(timeout_run_without_a_function_is_refused) {
    CHECK_ERR(bl_timeout_run(BL_MS(5), NULL, NULL), BL_EINVAL);
}

static int is_current(void *arg) {
    return bl_task_current() == arg;
}

TEST(timeout_run_calls_the_function_in_the_calling_task) {
    CHECK_EQ(bl_timeout_run(BL_MS(5), is_current, bl_task_current()), 1);
}

TEST(timeout_run_waits_for_the_clean_up_of_the_function) {
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(30) };
    bl_ns start = bl_now();
    CHECK_ERR(bl_timeout_run(BL_MS(5), kid_run, &kid), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(35));
}

TEST(timeout_run_passes_an_outer_cancellation_on) {
    struct kid kid = { .delay = HOUR };
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_timeout_run(BL_MS(5), kid_run, &kid), BL_ECANCELED);
    CHECK_ERR(bl_timeout_run(0, kid_run, &kid), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(wait_for_has_the_value_of_its_expression) {
    CHECK_EQ(bl_wait_for(bl_sleep(BL_MS(1)), BL_MS(5)), 0);
    CHECK_EQ(bl_wait_for(kid_returns(ARG(8)), BL_MS(5)), 8);
    CHECK_ERR(bl_wait_for(kid_returns(ARG(BL_EIO)), BL_MS(5)), BL_EIO);
}

TEST(wait_for_times_out) {
    bl_ns start = bl_now();
    CHECK_ERR(bl_wait_for(bl_event_wait(&never), BL_MS(5)), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(wait_for_does_not_evaluate_without_time) {
    int calls = 0;
    for (size_t i = 0; i < PASSED_COUNT; i++) {
        CHECK_ERR(bl_wait_for((calls++, bl_sleep(1)), PASSED[i]), BL_ETIMEDOUT);
    }
    CHECK_EQ(calls, 0);
}

TEST(wait_for_passes_an_outer_cancellation_on) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_wait_for(bl_sleep(1), BL_MS(5)), BL_ECANCELED);
    CHECK_ERR(bl_wait_for(bl_sleep(1), 0), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(wait_for_keeps_the_type_of_its_expression) {
    bl_ssize big = bl_wait_for((bl_ssize)1 << 40, BL_MS(5));
    CHECK_EQ(big, (bl_ssize)1 << 40);
}

TEST(wait_for_nests) {
    bl_ns start = bl_now();
    CHECK_ERR(bl_wait_for(kid_sleeps(ARG(HOUR)), BL_MS(5)), BL_ETIMEDOUT);
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(5));
    CHECK_ERR(bl_wait_for(bl_sleep(HOUR), BL_MS(50)), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(10));
}

TEST(wait_for_a_task_never_cancels_the_task) {
    bl_task *task = NULL;
    bl_group group = { 0 };
    bl_outcome outcome = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(20)), &task));
    CHECK_ERR(bl_wait_for(bl_task_join(task, &outcome), BL_MS(5)),
              BL_ETIMEDOUT);
    CHECK_ERR(bl_wait_for(bl_task_join(task, &outcome), 0), BL_ETIMEDOUT);
    CHECK_ERR(bl_task_try_join(task, &outcome), BL_EAGAIN);
    CHECK_EQ(bl_wait_for(bl_task_join(task, &outcome), BL_MS(50)), 0);
    CHECK_EQ(outcome.rc, 0);
    CHECK(!outcome.is_cancelled);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}
