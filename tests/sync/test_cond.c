/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_cond.c - conditions: notified or cancelled, the lock is held
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

#include <signal.h>

/* A condition with its lock, and what the tests count in it. */
struct gate {
    bl_cond cond;
    bl_lock lock;
    int was_held; /* calls that came back owning the lock */
    int tokens;
    int taken;
};

/* Waits once; whatever comes back, the lock has to be held. */
static int wait_once(void *arg) {
    struct gate *gate = arg;
    int rc = bl_lock_acquire(&gate->lock);
    if (rc < 0) return rc;
    rc = bl_cond_wait(&gate->cond, &gate->lock);
    if (bl_lock_release(&gate->lock) == 0) gate->was_held++;
    return rc;
}

/* Waits while it holds the lock already. */
static int wait_holding(void *arg) {
    struct gate *gate = arg;
    return bl_cond_wait(&gate->cond, &gate->lock);
}

static int wait_without_lock(void *arg) {
    struct gate *gate = arg;
    return bl_cond_wait(&gate->cond, &gate->lock);
}

static int hold_for_a_second(void *arg) {
    struct gate *gate = arg;
    int rc = bl_lock_acquire(&gate->lock);
    if (rc < 0) return rc;
    rc = bl_sleep(SEC(1));
    CHECK_EQ(bl_lock_release(&gate->lock), 0);
    return rc;
}

static int hold_and_die(void *arg) {
    struct gate *gate = arg;
    int rc = bl_lock_acquire(&gate->lock);
    return rc < 0 ? rc : bl_sleep(SEC(1));
}

static int notify_all(void *arg) {
    struct gate *gate = arg;
    return (int)bl_cond_notify_all(&gate->cond);
}

/* ---- notification -------------------------------------------------------- */

TEST(a_condition_begins_empty_in_all_three_ways) {
    static bl_cond of_zeroes;
    bl_cond of_macro = BL_COND_INIT;
    bl_cond of_call;
    bl_cond_init(&of_call);
    CHECK_EQ(bl_cond_notify(&of_zeroes, 1), 0);
    CHECK_EQ(bl_cond_notify(&of_macro, 1), 0);
    CHECK_EQ(bl_cond_notify_all(&of_call), 0);
}

TEST(the_longest_waiting_are_notified_first) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls_as("a", wait_once, &gate),
                                calls_as("b", wait_once, &gate),
                                calls_as("c", wait_once, &gate),
                                calls_as("d", wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 4);
    CHECK_EQ(bl_cond_notify(&gate.cond, 0), 0);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    settle();
    CHECK_STR(notes(), "a");
    CHECK_EQ(bl_cond_notify(&gate.cond, 2), 2);
    settle();
    CHECK_STR(notes(), "a b c");
    CHECK_EQ(bl_cond_notify(&gate.cond, 5), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c d");
    CHECK_EQ(gate.was_held, 4);
}

TEST(all_can_be_notified) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls_as("a", wait_once, &gate),
                                calls_as("b", wait_once, &gate),
                                calls_as("c", wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_EQ(bl_cond_notify_all(&gate.cond), 3);
    CHECK_EQ(bl_cond_notify_all(&gate.cond), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
}

TEST(a_wait_lets_go_of_the_lock) {
    struct gate gate = { 0 };
    struct caller caller = calls(wait_once, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK(!bl_lock_is_held(&gate.lock));
    CHECK_EQ(bl_lock_acquire(&gate.lock), 0);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    settle();
    CHECK(!caller.is_done);
    CHECK_EQ(bl_lock_release(&gate.lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

TEST(the_notified_are_not_woken_before_the_lock_is_theirs) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls(wait_once, &gate),
                                calls(wait_once, &gate),
                                calls(wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_EQ(bl_lock_acquire(&gate.lock), 0);
    CHECK_EQ(bl_cond_notify_all(&gate.cond), 3);
    uint64_t before = resumes();
    CHECK_OK(bl_yield());
    CHECK_LE(resumes() - before, 1); /* this task, if it was switched at all */
    CHECK_EQ(bl_lock_release(&gate.lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(gate.was_held, 3);
}

/* Rigid: without its waiter it owns the lock itself, and ends with it. */
TEST(a_free_lock_belongs_to_the_notified_at_once, .tags = "rigid") {
    struct gate gate = { 0 };
    struct caller caller = calls(wait_once, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    CHECK(!caller.is_done);
    CHECK(bl_lock_is_held(&gate.lock));
    CHECK_ERR(bl_lock_try_acquire(&gate.lock), BL_EAGAIN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

TEST(the_notified_queue_behind_who_waits_for_the_lock) {
    struct gate gate = { 0 };
    struct caller waiter = calls_as("notified", wait_once, &gate);
    struct caller locker = calls_as("locker", hold_for_a_second, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    CHECK_EQ(bl_lock_acquire(&gate.lock), 0);
    callers_start(&group, &locker, 1);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    CHECK_EQ(bl_lock_release(&gate.lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "locker notified");
}

TEST(a_loop_callback_may_notify) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls(wait_once, &gate),
                                calls(wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(in_callback(notify_all, &gate), 2);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(gate.was_held, 2);
}

TEST(waiters_of_one_condition_may_use_different_locks) {
    struct gate gate = { 0 };
    bl_lock other = BL_LOCK_INIT;
    struct caller caller = calls(wait_once, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_lock_acquire(&other), 0);
    bl_scope scope;
    bl_scope_enter_move_on(&scope, SEC(1));
    int rc = bl_cond_wait(&gate.cond, &other);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_lock_release(&other), 0);
    CHECK_EQ(bl_cond_notify_all(&gate.cond), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_cancelled_wait_returns_with_the_lock) {
    struct gate gate = { 0 };
    struct caller caller = calls(wait_once, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    caller_cancel(&caller);
    CHECK_EQ(bl_cond_notify_all(&gate.cond), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ECANCELED);
    CHECK_EQ(gate.was_held, 1);
    CHECK(!bl_lock_is_held(&gate.lock));
}

TEST(a_cancelled_wait_waits_for_the_lock_all_the_same) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_for_a_second, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    caller_cancel(&waiter);
    settle();
    CHECK(!waiter.is_done);
    TAKES(SEC(1)) REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_ECANCELED);
    CHECK_EQ(gate.was_held, 1);
}

TEST(a_notified_wait_survives_its_cancellation) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls(wait_once, &gate),
                                calls(wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    caller_cancel(&callers[0]);
    settle();
    CHECK_EQ(callers[0].rc, 0);
    CHECK_ERR(callers[0].after_rc, BL_ECANCELED);
    CHECK(!callers[1].is_done);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(gate.was_held, 2);
}

TEST(a_notified_wait_cannot_be_cancelled_while_it_queues_for_the_lock) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_for_a_second, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    settle();
    caller_cancel(&waiter);
    settle();
    CHECK(!waiter.is_done);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(waiter.rc, 0);
    CHECK_ERR(waiter.after_rc, BL_ECANCELED);
}

TEST(a_notification_goes_to_who_is_still_waiting) {
    struct gate gate = { 0 };
    struct caller callers[] = { calls(wait_once, &gate),
                                calls(wait_once, &gate) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(gate.was_held, 2);
}

TEST(in_a_cancelled_scope_the_lock_is_not_even_released) {
    struct gate gate = { 0 };
    struct caller locker = calls_as("locker", hold_for_a_second, &gate);
    CHECK_EQ(bl_lock_acquire(&gate.lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &locker, 1);
    CHECK_ERR(in_cancelled_scope(wait_holding, &gate), BL_ECANCELED);
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_lock_release(&gate.lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_deadline_is_a_cancellation_like_any_other) {
    struct gate gate = { 0 };
    CHECK_EQ(bl_lock_acquire(&gate.lock), 0);
    TAKES(SEC(2)) {
        int rc = bl_wait_for(bl_cond_wait(&gate.cond, &gate.lock), SEC(2));
        CHECK_ERR(rc, BL_ETIMEDOUT);
    }
    CHECK_EQ(bl_lock_release(&gate.lock), 0);
}

/* ---- locks that break ---------------------------------------------------- */

TEST(a_lock_that_breaks_under_the_notified_is_not_held) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_and_die, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_EOWNERDEAD);
    CHECK_EQ(gate.was_held, 0);
}

TEST(a_lock_that_broke_before_the_notification_is_not_held) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_and_die, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    CHECK_OK(bl_sleep(SEC(2)));
    CHECK(holder.is_done);
    CHECK(!waiter.is_done);
    CHECK_EQ(bl_cond_notify(&gate.cond, 1), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_EOWNERDEAD);
    CHECK_EQ(gate.was_held, 0);
}

TEST(a_lock_that_broke_before_the_cancellation_is_not_held) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_and_die, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    CHECK_OK(bl_sleep(SEC(2)));
    caller_cancel(&waiter);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_EOWNERDEAD);
    CHECK_EQ(gate.was_held, 0);
}

TEST(a_lock_that_breaks_under_the_cancelled_is_not_held) {
    struct gate gate = { 0 };
    struct caller waiter = calls(wait_once, &gate);
    struct caller holder = calls(hold_and_die, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &waiter, 1);
    callers_start(&group, &holder, 1);
    caller_cancel(&waiter);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_EOWNERDEAD);
    CHECK_EQ(gate.was_held, 0);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(both_objects_are_needed) {
    struct gate gate = { 0 };
    CHECK_ERR(bl_cond_wait(NULL, &gate.lock), BL_EINVAL);
    CHECK_ERR(bl_cond_wait(&gate.cond, NULL), BL_EINVAL);
}

TEST(a_wait_needs_the_lock) {
    struct gate gate = { 0 };
    struct caller holder = calls(hold_for_a_second, &gate);
    CHECK_ERR(wait_without_lock(&gate), BL_EPERM);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &holder, 1);
    CHECK_ERR(wait_without_lock(&gate), BL_EPERM);
    CHECK_ERR(in_cancelled_scope(wait_without_lock, &gate), BL_EPERM);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_wait_says_where_it_cannot_be_made) {
    struct gate gate = { 0 };
    CHECK_ERR(without_loop(wait_without_lock, &gate), BL_ENOLOOP);
    CHECK_ERR(in_callback(wait_without_lock, &gate), BL_ENOTASK);
    CHECK_ERR(in_other_loop(wait_without_lock, &gate), BL_ETHREAD);
}

TEST(another_loop_that_would_notify_a_waiter_ends_the_process,
     .signal = SIGABRT, .output = "this condition belongs to another loop",
     .may_leak = true) {
    struct gate gate = { 0 };
    struct caller caller = calls(wait_once, &gate);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_other_loop(notify_all, &gate), 0);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    TAKERS = 4
};

/* Takes one token, waiting for it under the lock. */
static int take(void *arg) {
    struct gate *gate = arg;
    int rc = bl_lock_acquire(&gate->lock);
    if (rc < 0) return rc;
    while (rc == 0 && gate->tokens == 0) {
        rc = bl_cond_wait(&gate->cond, &gate->lock);
    }
    if (rc == 0) {
        gate->tokens--;
        gate->taken++;
    } else if (gate->tokens > 0) {
        bl_cond_notify(&gate->cond, 1); /* somebody else can have it */
    }
    CHECK_ALWAYS(bl_lock_release(&gate->lock) == 0);
    return rc;
}

/* Gives as many as there are takers, one by one. */
static int give(void *arg) {
    struct gate *gate = arg;
    for (int i = 0; i < TAKERS; i++) {
        int rc = bl_lock_acquire(&gate->lock);
        if (rc < 0) return rc;
        gate->tokens++;
        bl_cond_notify(&gate->cond, 1);
        rc = bl_yield();
        CHECK_ALWAYS(bl_lock_release(&gate->lock) == 0);
        if (rc < 0) return rc;
    }
    return 0;
}

static void check_crowd(void) {
    struct gate gate = { 0 };
    struct caller callers[TAKERS + 1];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i <= TAKERS; i++) {
        callers[i] = calls(i < TAKERS ? take : give, &gate);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    bool has_settled = bl_sleep(SEC(1)) == 0;
    for (int i = 0; i < TAKERS; i++) {
        if (!has_settled || !callers[i].has_begun) continue;
        CHECK_ALWAYS(callers[i].is_done || gate.tokens == 0);
    }
    if (!t_injected()) CHECK_EQ(gate.taken, TAKERS);
    bl_group_cancel(&group);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */
    CHECK_ALWAYS(!bl_lock_is_held(&gate.lock));
}

TEST(no_notification_is_lost_under_every_cancellation,
     .sweep = T_CANCEL | T_OOM) {
    check_crowd();
}

TEST(no_notification_is_lost_in_every_order, .schedules = 300) {
    check_crowd();
}
