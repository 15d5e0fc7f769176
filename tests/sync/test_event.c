/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_event.c - events: who wakes, in which order, and who is left
 * alone
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

#include <signal.h>

static int wait_for(void *event) {
    return bl_event_wait(event);
}

static int set(void *event) {
    bl_event_set(event);
    return 0;
}

/* ---- the flag ------------------------------------------------------------ */

TEST(an_event_begins_unset_in_all_three_ways) {
    static bl_event of_zeroes;
    bl_event of_macro = BL_EVENT_INIT;
    bl_event of_call;
    bl_event_init(&of_call);
    CHECK(!bl_event_is_set(&of_zeroes));
    CHECK(!bl_event_is_set(&of_macro));
    CHECK(!bl_event_is_set(&of_call));
}

TEST(set_and_clear_may_be_repeated) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    bl_event_set(&event);
    CHECK(bl_event_is_set(&event));
    bl_event_clear(&event);
    bl_event_clear(&event);
    CHECK(!bl_event_is_set(&event));
}

TEST(a_set_event_is_waited_for_without_a_switch, .tags = "order") {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    uint64_t before = resumes();
    CHECK_EQ(bl_event_wait(&event), 0);
    CHECK_EQ(resumes(), before);
}

TEST(a_set_event_still_yields_now_and_then, .tags = "order") {
    struct kid kid = { 0 };
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, kid_run, &kid));
    for (int i = 0; i < 1000 && !kid.has_finished; i++) {
        CHECK_EQ(bl_event_wait(&event), 0);
    }
    CHECK(kid.has_finished);
}

/* ---- who wakes ----------------------------------------------------------- */

TEST(everybody_wakes_in_the_order_they_came, .tags = "order") {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[] = { calls_as("a", wait_for, &event),
                                calls_as("b", wait_for, &event),
                                calls_as("c", wait_for, &event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_STR(notes(), "");
    bl_event_set(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
}

TEST(everybody_wakes_even_if_it_is_cleared_at_once) {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[] = { calls(wait_for, &event),
                                calls(wait_for, &event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    bl_event_set(&event);
    bl_event_clear(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[1].rc, 0);
    CHECK(callers[0].is_done);
    CHECK(callers[1].is_done);
}

TEST(who_comes_after_the_clear_waits_for_the_next_set) {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[] = { calls(wait_for, &event),
                                calls(wait_for, &event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, &callers[0], 1);
    bl_event_set(&event);
    bl_event_clear(&event);
    callers_start(&group, &callers[1], 1);
    CHECK(callers[0].is_done);
    CHECK(!callers[1].is_done);
    bl_event_set(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[1].rc, 0);
}

TEST(a_loop_callback_may_set_it) {
    bl_event event = BL_EVENT_INIT;
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, (bl_callback *)bl_event_set, &event);
    CHECK_EQ(bl_event_wait(&event), 0);
}

TEST(an_event_may_be_gone_before_those_it_woke_run) {
    bl_event *event = bl_alloc(sizeof(*event));
    REQUIRE(event != NULL);
    bl_event_init(event);
    struct caller callers[] = { calls(wait_for, event),
                                calls(wait_for, event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    bl_event_set(event);
    bl_free(event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[1].rc, 0);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_waiter_that_is_cancelled_leaves_the_others_in_line) {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[] = { calls(wait_for, &event),
                                calls(wait_for, &event),
                                calls(wait_for, &event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    caller_cancel(&callers[1]);
    settle();
    CHECK(callers[1].is_done);
    CHECK_ERR(callers[1].rc, BL_ECANCELED);
    bl_event_set(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[2].rc, 0);
}

TEST(a_wait_that_was_served_survives_its_cancellation) {
    bl_event event = BL_EVENT_INIT;
    struct caller caller = calls(wait_for, &event);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_event_set(&event);
    bl_event_clear(&event);
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
}

TEST(a_wait_that_was_cancelled_is_not_served_any_more) {
    bl_event event = BL_EVENT_INIT;
    struct caller caller = calls(wait_for, &event);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    caller_cancel(&caller);
    bl_event_set(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ECANCELED);
}

TEST(in_a_cancelled_scope_even_a_set_event_is_not_waited_for) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    CHECK_ERR(in_cancelled_scope(wait_for, &event), BL_ECANCELED);
}

TEST(a_wait_can_be_given_a_limit) {
    bl_event event = BL_EVENT_INIT;
    TAKES(SEC(3)) {
        CHECK_ERR(bl_wait_for(bl_event_wait(&event), SEC(3)), BL_ETIMEDOUT);
    }
    bl_event_set(&event);
    CHECK_EQ(bl_wait_for(bl_event_wait(&event), SEC(3)), 0);
}

/* ---- the wrong place ----------------------------------------------------- */

TEST(no_event_is_an_invalid_argument) {
    CHECK_ERR(wait_for(NULL), BL_EINVAL);
}

TEST(a_wait_says_where_it_cannot_be_made) {
    bl_event event = BL_EVENT_INIT;
    CHECK_ERR(without_loop(wait_for, &event), BL_ENOLOOP);
    CHECK_ERR(in_callback(wait_for, &event), BL_ENOTASK);
    CHECK_ERR(in_other_loop(wait_for, &event), BL_ETHREAD);
}

TEST(another_loop_is_noticed_even_when_nothing_has_to_wait) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    CHECK_EQ(bl_event_wait(&event), 0);
    CHECK_ERR(in_other_loop(wait_for, &event), BL_ETHREAD);
}

TEST(an_event_that_is_made_anew_can_move_to_another_loop) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    CHECK_EQ(bl_event_wait(&event), 0);
    bl_event_init(&event);
    bl_event_set(&event);
    CHECK_EQ(in_other_loop(wait_for, &event), 0);
}

TEST(another_loop_may_set_it_while_nobody_waits) {
    bl_event event = BL_EVENT_INIT;
    CHECK_EQ(in_other_loop(set, &event), 0);
    CHECK(bl_event_is_set(&event));
}

TEST(another_loop_that_would_wake_a_waiter_ends_the_process, .signal = SIGABRT,
     .output = "this event belongs to another loop", .may_leak = true) {
    bl_event event = BL_EVENT_INIT;
    struct caller caller = calls(wait_for, &event);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_other_loop(set, &event), 0);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    CROWD = 5
};

static void check_crowd(void) {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[CROWD];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < CROWD; i++) {
        callers[i] = calls(wait_for, &event);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_yield()); /* may be cancelled */
    bl_event_set(&event);
    BL_IGNORE(bl_yield()); /* may be cancelled */
    bl_event_clear(&event);
    bl_event_set(&event);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    for (int i = 0; i < CROWD; i++) {
        int rc = callers[i].rc;
        CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED);
    }
    CHECK_ALWAYS(bl_event_is_set(&event));
}

TEST(a_crowd_at_an_event_survives_every_cancellation,
     .sweep = T_CANCEL | T_OOM) {
    check_crowd();
}

TEST(a_crowd_at_an_event_survives_every_order, .schedules = 300) {
    check_crowd();
}
