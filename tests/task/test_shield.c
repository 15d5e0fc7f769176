/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_shield.c - clean-up that cancellation from outside does not
 * reach
 *
 * What a shield keeps out (cancellation and deadlines of enclosing scopes) and
 * what it does not (its own bound, scopes inside it, a forced cancellation);
 * what happens when it is left; who inherits it.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <signal.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- what it keeps out --------------------------------------------------- */

TEST(a_shield_lets_a_cancelled_task_wait) {
    bl_scope scope, shield;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK(!bl_is_cancelled());
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK(!bl_scope_is_cancelled(&shield));
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_cancel_during_the_shield_shows_at_the_first_wait_after_it) {
    bl_scope scope, shield;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_OK(bl_spawn(&group, kid_cancels, &scope));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    int rc = bl_sleep(1);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(an_outer_deadline_during_the_shield_shows_after_it) {
    bl_scope scope, shield;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_MS(5));
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_EQ(bl_sleep(BL_MS(20)), 0);
    CHECK(bl_scope_is_expired(&scope));
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    int rc = bl_sleep(BL_SEC(1));
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_now() - start, BL_MS(20));
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

TEST(a_result_made_under_a_shield_is_kept) {
    bl_scope scope, shield;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_EQ(bl_scope_exit(&shield, 21), 21);
    CHECK_EQ(bl_scope_exit(&scope, 21), 21);
}

TEST(an_error_made_under_a_shield_is_kept) {
    bl_scope scope, shield;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_ERR(bl_scope_exit(&shield, BL_EIO), BL_EIO);
    CHECK_ERR(bl_scope_exit(&scope, BL_EIO), BL_EIO);
}

TEST(task_cancel_does_not_reach_into_a_shield) {
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(30) };
    bl_task *task = NULL;
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    settle();
    CHECK(bl_task_cancel(task));
    settle();
    CHECK(bl_task_cancel(task)); /* once more, into the clean-up */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(30));
    bl_task_unref(task);
}

TEST(group_cancel_does_not_reach_into_a_shield) {
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(30) };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    settle();
    CHECK(bl_group_cancel(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(30));
}

/* ---- what it does not keep out ------------------------------------------- */

TEST(the_bound_of_a_shield_ends_it) {
    bl_scope shield;
    bl_ns start = bl_now();
    bl_scope_enter_shield(&shield, BL_MS(5));
    int rc = bl_event_wait(&never);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK(bl_scope_is_expired(&shield));
    CHECK_EQ(bl_scope_exit(&shield, rc), 0);
    CHECK(bl_scope_is_caught(&shield));
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(the_bound_of_a_shield_ends_it_in_a_cancelled_scope_too) {
    bl_scope scope, shield;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_MS(5));
    int rc = bl_event_wait(&never);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&shield, rc), 0); /* it was the shield's own */
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_shield_of_no_time_is_over_at_entry) {
    static const bl_ns bounds[] = { 0, -1, INT64_MIN };
    for (size_t i = 0; i < 3; i++) {
        bl_scope shield;
        bl_scope_enter_shield(&shield, bounds[i]);
        CHECK(bl_is_cancelled());
        CHECK_EQ(bl_scope_exit(&shield, bl_sleep(1)), 0);
        CHECK(bl_scope_is_expired(&shield));
    }
}

TEST(an_unbounded_shield_has_no_deadline) {
    bl_scope scope, shield;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
    CHECK_EQ(bl_sleep(HOUR), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_ERR(bl_scope_exit(&scope, bl_sleep(1)), BL_ETIMEDOUT);
}

TEST(a_shield_can_be_cancelled_itself) {
    bl_scope scope, shield;
    bl_scope_enter(&scope);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK(bl_scope_cancel(&shield, NULL));
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&shield, BL_ECANCELED), 0);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

TEST(a_deadline_inside_a_shield_works) {
    bl_scope scope, shield, limit;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    bl_scope_enter_timeout(&limit, BL_MS(5));
    int rc = bl_event_wait(&never);
    CHECK_ERR(bl_scope_exit(&limit, rc), BL_ETIMEDOUT);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(a_scope_inside_a_shield_can_be_cancelled) {
    bl_scope shield, inner;
    bl_scope_enter_shield(&shield, BL_SEC(1));
    bl_scope_enter(&inner);
    bl_scope_cancel(&inner, NULL);
    CHECK_EQ(bl_scope_exit(&inner, bl_sleep(1)), 0);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
}

TEST(a_shield_inside_a_shield_has_a_bound_of_its_own) {
    bl_scope outer, inner;
    bl_scope_enter_shield(&outer, BL_MS(5));
    bl_scope_enter_shield(&inner, BL_MS(20));
    CHECK_EQ(bl_sleep(BL_MS(10)), 0); /* the outer bound has passed */
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&inner, BL_ECANCELED), 0);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
}

TEST(three_layers_the_shield_keeps_the_outer_out_of_both_inner_ones) {
    bl_scope outer, middle, shield, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&middle);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    bl_scope_enter(&inner);
    bl_scope_cancel(&outer, NULL);
    bl_scope_cancel(&middle, NULL);
    CHECK_EQ(bl_sleep(1), 0);
    bl_scope_cancel(&inner, NULL);
    CHECK_EQ(bl_scope_exit(&inner, bl_sleep(1)), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    int rc = bl_sleep(1);
    CHECK_ERR(bl_scope_exit(&middle, rc), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK(bl_scope_is_caught(&outer));
}

/* ---- forced: through every shield ---------------------------------------- */

struct forced {
    int in_shield; /* what the wait returned */
    int at_shield; /* and what the shield's exit made of it */
    int at_root;   /* and the wait after it */
    bool is_forced;
};

static int waits_in_a_shield(void *arg) {
    struct forced *forced = arg;
    bl_scope outer, inner;
    bl_scope_enter_shield(&outer, BL_SHIELD_FOREVER);
    bl_scope_enter_shield(&inner, BL_SHIELD_FOREVER);
    bl_loop_cancel(bl_loop_running(), forced->is_forced);
    forced->in_shield = bl_sleep(BL_MS(1));
    forced->at_shield = bl_scope_exit(&inner, forced->in_shield);
    forced->at_shield = bl_scope_exit(&outer, forced->at_shield);
    forced->at_root = bl_sleep(BL_MS(1));
    return forced->at_root;
}

TEST(a_cancelled_loop_spares_shields) {
    struct forced forced = { .is_forced = false };
    CHECK_ERR(run_elsewhere(waits_in_a_shield, &forced, NULL), BL_ECANCELED);
    CHECK_EQ(forced.in_shield, 0);
    CHECK_EQ(forced.at_shield, 0);
    CHECK_ERR(forced.at_root, BL_ECANCELED);
}

TEST(a_forced_cancellation_goes_through_shields) {
    struct forced forced = { .is_forced = true };
    CHECK_ERR(run_elsewhere(waits_in_a_shield, &forced, NULL), BL_ECANCELED);
    CHECK_ERR(forced.in_shield, BL_ECANCELED);
    CHECK_ERR(forced.at_shield, BL_ECANCELED);
    CHECK_ERR(forced.at_root, BL_ECANCELED);
}

static int is_cancelled_then_forced(void *arg) {
    int *in_shield = arg;
    bl_scope shield;
    bl_loop_cancel(bl_loop_running(), false);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
    CHECK_EQ(bl_sleep(1), 0);
    bl_loop_cancel(bl_loop_running(), true);
    *in_shield = bl_sleep(1);
    return bl_scope_exit(&shield, *in_shield);
}

TEST(a_second_forced_cancellation_reaches_what_the_first_spared) {
    int in_shield = 0;
    CHECK_ERR(run_elsewhere(is_cancelled_then_forced, &in_shield, NULL),
              BL_ECANCELED);
    CHECK_ERR(in_shield, BL_ECANCELED);
}

/* ---- options, rescheduling ----------------------------------------------- */

TEST(a_shield_without_a_bound_is_refused) {
    bl_scope shield;
    bl_scope_options options = { .size = sizeof(options),
                                 .kind = BL_SCOPE_SHIELD };
    CHECK_ERR(bl_scope_enter_with(&shield, &options), BL_EINVAL);
    options.has_deadline = true;
    options.deadline = bl_now() + BL_MS(5);
    REQUIRE_OK(bl_scope_enter_with(&shield, &options));
    CHECK_EQ(bl_scope_exit(&shield, bl_sleep(HOUR)), 0);
    CHECK(bl_scope_is_expired(&shield));
}

TEST(the_bound_of_a_shield_can_be_moved_but_not_removed) {
    bl_scope scope, shield;
    bl_ns start = bl_now();
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_MS(5));
    CHECK_ERR(bl_scope_reschedule(&shield, BL_FOREVER), BL_EINVAL);
    CHECK_EQ(bl_scope_deadline(&shield), start + BL_MS(5));
    CHECK_EQ(bl_scope_reschedule(&shield, start + BL_MS(20)), 0);
    CHECK_EQ(bl_scope_exit(&shield, bl_sleep(HOUR)), 0);
    CHECK_EQ(bl_now() - start, BL_MS(20));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

/* ---- children ------------------------------------------------------------ */

TEST(a_group_inside_a_shield_is_shielded_with_its_children) {
    struct kid kid = { .delay = BL_MS(5) };
    bl_scope scope, shield;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_EQ(bl_group_exit(&group, bl_sleep(1)), 0);
    CHECK(kid.has_finished);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(a_group_inside_a_shield_ends_with_its_bound) {
    struct kid kid = { .delay = HOUR };
    bl_scope shield;
    bl_group group = { 0 };
    bl_ns start = bl_now();
    bl_scope_enter_shield(&shield, BL_MS(5));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&shield, BL_ECANCELED), 0);
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_now() - start, BL_MS(5));
}

TEST(a_group_inside_a_shield_is_cancelled_by_a_failing_child) {
    struct kid kid = { .delay = HOUR }, bad = { .rc = BL_EIO };
    bl_scope shield;
    bl_group group = { 0 };
    bl_scope_enter_shield(&shield, BL_SEC(1));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_OK(bl_spawn(&group, kid_run, &bad));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(kid.was_cancelled);
    CHECK_ERR(bl_scope_exit(&shield, BL_EGROUP), BL_EGROUP);
}

TEST(a_child_of_a_group_outside_the_shield_is_not_shielded) {
    struct kid kid = { .delay = HOUR };
    bl_scope scope, shield;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_OK(bl_spawn(&group, kid_run, &kid)); /* spawned in the shield */
    settle();
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(spawning_in_a_shield_into_a_cancelled_group_is_refused_as_closing) {
    bl_scope scope, shield;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_spawn(&group, kid_returns, NULL), BL_ECANCELED);
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_ERR(bl_spawn(&group, kid_returns, NULL), BL_ECLOSING);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

/* ---- the block form ------------------------------------------------------ */

TEST(the_shield_block_waits_in_a_cancelled_scope) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bool done = false;
    BL_SHIELD(BL_MS(500)) {
        CHECK_EQ(bl_sleep(BL_MS(5)), 0);
        done = true;
    }
    CHECK(done);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(the_shield_block_ends_at_its_bound) {
    bl_ns start = bl_now();
    BL_SHIELD(BL_MS(5)) {
        CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    }
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(the_shield_block_can_be_left_by_break) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    BL_SHIELD(BL_MS(500)) {
        if (bl_sleep(1) == 0) break;
        CHECK(!"reached");
    }
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

static int leaves_a_shield_by_return(void) {
    BL_SHIELD(BL_MS(500)) {
        if (bl_sleep(1) == 0) return 6;
    }
    return 0;
}

TEST(the_shield_block_can_be_left_by_return) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(leaves_a_shield_by_return(), 6);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(shield_blocks_nest) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    BL_SHIELD(BL_MS(5)) {
        BL_SHIELD(BL_MS(20)) {
            CHECK_EQ(bl_sleep(BL_MS(10)), 0);
        }
        CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    }
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
}

TEST(composite_of_work_with_shielded_clean_up, .sweep = T_CANCEL | T_OOM) {
    struct kid kid = { .delay = BL_MS(5), .cleanup = BL_MS(1) };
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(3)) {
        BL_GROUP(group, rc) {
            rc = bl_spawn(group, kid_run, &kid);
            if (rc == 0) rc = bl_sleep(BL_MS(10));
        }
        BL_SHIELD(BL_MS(50)) {
            if (bl_sleep(BL_MS(1)) == 0) kid.name = NULL;
        }
    }
    CHECK_ALWAYS(rc == BL_ETIMEDOUT || rc == BL_ECANCELED || rc == BL_EGROUP);
}
