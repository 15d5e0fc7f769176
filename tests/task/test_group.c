/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_group.c - what a group makes of its children, its body and
 * the outside
 *
 * The result of bl_group_exit in every mix of errors, cancellations and
 * results; the order of errors; nested groups; daemons; the states in which a
 * group refuses.  Spawning has a file of its own, and so has the block form.
 *
 *     Legs: valgrind
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- without failure ----------------------------------------------------- */

TEST(an_empty_group_is_left_at_once) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    uint64_t before = resumes();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(resumes(), before); /* nothing alive: no switch */
}

TEST(leaving_waits_for_every_child) {
    struct kid kids[3] = { { .delay = BL_MS(3) },
                           { .delay = BL_MS(9) },
                           { .delay = BL_MS(6) } };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++)
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    CHECK_EQ(bl_group_alive_count(&group), 3);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_group_alive_count(&group), 0);
    CHECK_EQ(bl_now() - start, BL_MS(9));
    for (int i = 0; i < 3; i++)
        CHECK(kids[i].has_finished);
}

TEST(a_child_that_never_waits_has_run_after_the_exit) {
    struct kid kid = { .rc = 0 };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK(!kid.has_started); /* the spawner went on */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
}

TEST(values_of_children_and_body_are_not_results_of_the_group) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(17)));
    CHECK_EQ(bl_group_exit(&group, 4), 0);
}

TEST(a_group_can_be_entered_again_after_it_was_left) {
    bl_group group = { 0 };
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_group_enter(&group));
        CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
        CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
        CHECK_EQ(group_count(), 1);
        REQUIRE_OK(bl_group_enter(&group));
        CHECK(!bl_group_is_cancelled(&group));
        CHECK_EQ(bl_group_error_count(&group), 0);
        CHECK_EQ(bl_group_exit(&group, 0), 0);
    }
}

TEST(a_thousand_children_are_waited_for) {
    enum {
        COUNT = 1000
    };
    struct kid kid = { .delay = BL_MS(1) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < COUNT; i++) {
        REQUIRE_OK(bl_spawn_copy(&group, kid_run, &kid, sizeof(kid)));
    }
    CHECK_EQ(bl_group_alive_count(&group), COUNT);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(tasks_alive(), ALONE);
}

TEST(children_without_a_handle_leave_no_memory_behind, .tags = "order") {
    bl_group group = { 0 };
    bl_loop_info early, late;
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 5000; i++) { /* like a server that accepts */
        REQUIRE_OK(bl_spawn(&group, kid_returns, NULL));
        CHECK_EQ(bl_yield(), 0);
        if (i == 10) bl_loop_get_info(bl_loop_running(), &early);
    }
    bl_loop_get_info(bl_loop_running(), &late);
    CHECK_EQ(late.stacks_mapped, early.stacks_mapped);
    CHECK_EQ(late.tasks_alive, early.tasks_alive);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- one failure --------------------------------------------------------- */

TEST(one_failed_child_gives_a_tree_with_one_leaf) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_EIO);
}

TEST(a_failed_body_alone_gives_a_tree_too) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_group_exit(&group, BL_ERR(BL_EIO, "body")), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_EIO);
    const bl_error *leaf = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_STR(bl_error_message(leaf), "body");
}

TEST(a_failed_child_cancels_its_siblings) {
    struct kid slow = { .delay = HOUR },
               bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    CHECK_OK(bl_spawn(&group, kid_run, &bad));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(slow.was_cancelled);
    CHECK_EQ(group_count(), 1); /* being cancelled is not an error */
    CHECK(bl_group_is_cancelled(&group));
}

TEST(a_failed_child_wakes_the_body_at_its_wait) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &bad));
    int rc = bl_sleep(HOUR);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_now() - start, BL_MS(1));
    CHECK_ERR(bl_group_exit(&group, rc), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
}

TEST(a_failed_body_cancels_the_children) {
    struct kid slow = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    CHECK_ERR(bl_group_exit(&group, BL_EIO), BL_EGROUP);
    CHECK(slow.has_started); /* what was accepted runs to its first wait */
    CHECK(slow.was_cancelled);
}

TEST(a_failed_body_waits_for_the_clean_up_of_children) {
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(30) };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    settle();
    CHECK_ERR(bl_group_exit(&group, BL_EIO), BL_EGROUP);
    CHECK_EQ(bl_now() - start, BL_MS(30));
}

TEST(the_body_sees_the_errors_so_far) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_group_error_count(&group), 0);
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
    settle();
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_group_error_count(&group), 1);
    CHECK(bl_group_is_cancelled(&group));
    CHECK_ERR(bl_group_exit(&group, BL_ECANCELED), BL_EGROUP);
}

static bl_cause cause_of_group(bl_group *group) {
    return bl_scope_cause(&group->_scope);
}

TEST(a_failure_is_the_cause_of_the_cancellation) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
    settle();
    CHECK(!bl_group_cancel(&group)); /* too late: the first cause stays */
    CHECK_EQ(cause_of_group(&group), BL_CAUSE_CHILD);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
}

/* ---- several failures: in the order in which they happened --------------- */

TEST(errors_stand_in_the_order_in_which_they_happened) {
    struct kid kids[3] = {
        { .delay = HOUR, .cleanup = BL_MS(20), .cleanup_rc = BL_EPIPE },
        { .delay = BL_MS(1), .rc = BL_EIO },
        { .delay = HOUR, .cleanup = BL_MS(10), .cleanup_rc = BL_EBADF },
    };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++)
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    REQUIRE_EQ(group_count(), 3);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK_EQ(group_code(1), BL_EBADF);
    CHECK_EQ(group_code(2), BL_EPIPE);
}

TEST(an_error_of_the_body_has_its_place_in_time) {
    struct kid early = { .delay = BL_MS(1), .rc = BL_EIO };
    struct kid late = { .delay = HOUR,
                        .cleanup = BL_MS(5),
                        .cleanup_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &late));
    CHECK_OK(bl_spawn(&group, kid_run, &early));
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    CHECK_ERR(bl_group_exit(&group, BL_EBADF), BL_EGROUP);
    REQUIRE_EQ(group_count(), 3);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK_EQ(group_code(1), BL_EBADF); /* the body, in between */
    CHECK_EQ(group_code(2), BL_EPIPE);
}

TEST(a_body_that_failed_first_stands_first) {
    struct kid late = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &late));
    settle();
    CHECK_ERR(bl_group_exit(&group, BL_EBADF), BL_EGROUP);
    REQUIRE_EQ(group_count(), 2);
    CHECK_EQ(group_code(0), BL_EBADF);
    CHECK_EQ(group_code(1), BL_EPIPE);
}

TEST(two_children_that_fail_in_one_turn_stand_in_the_order_they_ran,
     .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EPIPE)));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    REQUIRE_EQ(group_count(), 2);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK_EQ(group_code(1), BL_EPIPE);
}

TEST(the_first_error_is_what_triggered_the_cancellation) {
    struct kid spoiled = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &spoiled));
    CHECK_OK(bl_spawn(&group, kid_run, &bad));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    const bl_error *first = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_EQ(bl_error_code(first), BL_EIO);
}

TEST(three_hundred_errors_are_all_kept, .tags = "order") {
    enum {
        COUNT = 300
    };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < COUNT; i++) {
        REQUIRE_OK(bl_spawn(&group, kid_returns, ARG(-20000 - i)));
    }
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    REQUIRE_EQ(group_count(), COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(group_code((size_t)i), -20000 - i);
    }
    const bl_error *tree = bl_error_current(BL_EGROUP);
    CHECK_EQ(bl_error_leaf_count(tree), COUNT);
}

static int raises(void *arg) {
    return BL_ERR(BL_EIO, "%s is broken", (const char *)arg);
}

TEST(a_leaf_tells_message_place_and_task) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, raises, "the disk"));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    const bl_error *leaf = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_STR(bl_error_message(leaf), "the disk is broken");
    CHECK_CONTAINS(bl_error_origin(leaf), "test_group.c:");
    CHECK_CONTAINS(bl_error_task(leaf), "raises");
}

static int raises_and_returns_another(void *arg) {
    (void)arg;
    (void)BL_ERR(BL_EIO, "stale");
    return BL_EPIPE;
}

TEST(a_stale_error_is_not_blamed) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, raises_and_returns_another, NULL));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    const bl_error *leaf = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_EQ(bl_error_code(leaf), BL_EPIPE);
    CHECK_STR(bl_error_message(leaf), "");
}

TEST(the_tree_outlives_the_group_when_taken) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, raises, "this"));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    bl_error *tree = bl_error_take(BL_EGROUP);
    CHECK(bl_error_current(BL_EGROUP) == NULL);
    memset(&group, 0x55, sizeof(group));
    CHECK(bl_error_match(tree, BL_EIO));
    bl_error_unref(tree);
}

/* ---- cancelled by itself ------------------------------------------------- */

TEST(a_group_that_cancels_itself_ends_with_success) {
    struct kid slow = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    CHECK(bl_group_cancel(&group));
    CHECK_ERR(bl_sleep(1), BL_ECANCELED); /* the body is cancelled too */
    CHECK_EQ(bl_group_exit(&group, BL_ECANCELED), 0);
    CHECK(bl_group_is_caught(&group));
    CHECK(slow.was_cancelled);
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(a_child_can_cancel_its_group) {
    bl_group group = { 0 };
    struct kid slow = { .delay = HOUR };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    CHECK_OK(bl_spawn(&group, kid_cancels, &group._scope));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(bl_group_is_caught(&group));
}

TEST(a_cancelled_group_whose_children_all_finish_caught_nothing) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(1)));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(bl_group_is_cancelled(&group));
    CHECK(!bl_group_is_caught(&group));
}

TEST(errors_beat_the_group_s_own_cancellation) {
    struct kid spoiled = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &spoiled));
    bl_group_cancel(&group);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EPIPE);
    CHECK(!bl_group_is_caught(&group));
}

TEST(a_child_cancelled_by_hand_is_neither_error_nor_result) {
    struct kid victim = { .delay = HOUR };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &victim, &task));
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(!bl_group_is_caught(&group));
    CHECK(!bl_group_is_cancelled(&group));
    bl_task_unref(task);
}

/* ---- cancelled from outside ---------------------------------------------- */

TEST(an_outer_cancellation_passes_through_the_group) {
    struct kid slow = { .delay = HOUR };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK(slow.was_cancelled);
    CHECK(!bl_group_is_caught(&group));
    CHECK(!bl_group_is_cancelled(&group));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(an_outer_cancellation_of_the_body_alone_passes_through) {
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_group_exit(&group, bl_sleep(1)), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(cancelled_outside_and_a_failed_child_the_error_wins) {
    struct kid spoiled = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &spoiled));
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EPIPE);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED); /* and the scope is still so */
    CHECK_ERR(bl_scope_exit(&scope, BL_EGROUP), BL_EGROUP);
}

TEST(a_child_failed_and_then_cancelled_outside_the_error_wins) {
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(10) };
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter_timeout(&scope, BL_MS(5)); /* passes during clean-up */
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    CHECK_OK(bl_spawn(&group, kid_run, &bad));
    int rc = bl_group_exit(&group, 0);
    CHECK_ERR(rc, BL_EGROUP);
    CHECK(bl_scope_is_expired(&scope));
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_EGROUP);
}

TEST(cancelled_outside_but_every_child_finished_is_success) {
    struct kid kid = { .rc = 0 };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_group_exit(&group, 0), 0); /* everything was done */
    CHECK(kid.has_finished);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED); /* the next wait says so */
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(cancelled_by_itself_and_outside_while_winding_down_is_canceled) {
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(10) };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter_move_on(&scope, BL_MS(5));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    settle();
    bl_group_cancel(&group);
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK(!bl_group_is_caught(&group));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(the_group_waits_for_children_also_when_cancelled_outside) {
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(10) };
    bl_scope scope;
    bl_group group = { 0 };
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_MS(5));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    int rc = bl_group_exit(&group, 0);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_now() - start, BL_MS(15));
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

TEST(a_cancelled_child_before_an_outer_cancellation_is_not_counted) {
    struct kid victim = { .delay = HOUR }, kid = { .rc = 0 };
    bl_task *task = NULL;
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &victim, &task));
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0); /* it has ended, by hand */
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    bl_task_unref(task);
}

/* ---- groups in groups ---------------------------------------------------- */

struct inner {
    int child_rc, body_rc, exit_rc;
};

static int has_a_group(void *arg) {
    struct inner *inner = arg;
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_spawn(&group, kid_returns, ARG(inner->child_rc));
    if (rc == 0) rc = inner->body_rc;
    inner->exit_rc = bl_group_exit(&group, rc);
    return inner->exit_rc;
}

TEST(an_inner_tree_becomes_one_subtree_of_the_outer) {
    struct inner inner = { .child_rc = BL_EIO, .body_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, has_a_group, &inner));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    REQUIRE_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_EGROUP);
    const bl_error *subtree = bl_error_child(bl_error_current(BL_EGROUP), 0);
    REQUIRE_EQ(bl_error_count(subtree), 2);
    CHECK_EQ(bl_error_code(bl_error_child(subtree, 0)), BL_EPIPE);
    CHECK_EQ(bl_error_code(bl_error_child(subtree, 1)), BL_EIO);
}

TEST(a_tree_returned_by_the_body_becomes_one_subtree) {
    struct inner inner = { .child_rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_group_exit(&group, has_a_group(&inner)), BL_EGROUP);
    REQUIRE_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_EGROUP);
    CHECK_EQ(bl_error_leaf_count(bl_error_current(BL_EGROUP)), 1);
}

TEST(a_failure_in_an_inner_group_cancels_the_outer_only_by_its_result) {
    struct inner inner = { .child_rc = BL_EIO };
    struct kid other = { .delay = BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &other));
    CHECK_ERR(has_a_group(&inner), BL_EGROUP); /* dealt with right here */
    bl_error_handled();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(other.has_finished);
}

TEST(an_outer_cancellation_is_not_swallowed_by_nested_groups) {
    struct kid slow = { .delay = HOUR };
    bl_scope scope;
    bl_group outer = { 0 }, inner = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_group_enter(&inner));
    CHECK_OK(bl_spawn(&inner, kid_run, &slow));
    bl_scope_cancel(&scope, NULL);
    int rc = bl_group_exit(&inner, 0);
    CHECK_ERR(rc, BL_ECANCELED);
    rc = bl_group_exit(&outer, rc);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
}

TEST(an_inner_group_that_cancels_itself_leaves_the_outer_alone) {
    struct kid slow = { .delay = HOUR }, other = { .delay = BL_MS(5) };
    bl_group outer = { 0 }, inner = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    CHECK_OK(bl_spawn(&outer, kid_run, &other));
    REQUIRE_OK(bl_group_enter(&inner));
    CHECK_OK(bl_spawn(&inner, kid_run, &slow));
    bl_group_cancel(&inner);
    CHECK_EQ(bl_group_exit(&inner, bl_sleep(1)), 0);
    CHECK_EQ(bl_group_exit(&outer, 0), 0);
    CHECK(other.has_finished);
}

TEST(outer_and_inner_group_cancelled_the_outer_catches) {
    bl_group outer = { 0 }, inner = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_group_enter(&inner));
    bl_group_cancel(&inner);
    bl_group_cancel(&outer);
    int rc = bl_group_exit(&inner, bl_sleep(1));
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_group_exit(&outer, rc), 0);
    CHECK(!bl_group_is_caught(&inner));
    CHECK(bl_group_is_caught(&outer));
}

static int nests(void *arg) {
    intptr_t depth = NUMBER(arg);
    if (depth == 0) return BL_ERR(BL_EIO, "bottom");
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_spawn(&group, nests, ARG(depth - 1));
    return bl_group_exit(&group, rc);
}

TEST(a_deep_tree_of_groups_keeps_every_level) {
    CHECK_ERR(nests(ARG(40)), BL_EGROUP);
    const bl_error *tree = bl_error_current(BL_EGROUP);
    int depth = 0;
    while (tree != NULL && bl_error_count(tree) == 1) {
        tree = bl_error_child(tree, 0);
        depth++;
    }
    CHECK_EQ(depth, 40);
    CHECK_STR(bl_error_message(tree), "bottom");
}

/* ---- misuse -------------------------------------------------------------- */

TEST(a_group_refuses_what_it_is_not_ready_for) {
    bl_group group = { 0 };
    CHECK_ERR(bl_group_exit(&group, 0), BL_EMISUSE);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_group_enter(&group), BL_EMISUSE);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EMISUSE);
    CHECK_ERR(bl_group_enter(NULL), BL_EINVAL);
    CHECK_ERR(bl_group_exit(NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_group_run(NULL, NULL), BL_EINVAL);
}

static int enters(void *arg) {
    return bl_group_enter(arg);
}

TEST(a_group_that_is_open_cannot_be_entered_again) {
    bl_group outer = { 0 }, inner = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_group_enter(&inner));
    CHECK_ERR(bl_group_enter(&outer), BL_EMISUSE); /* not the innermost */
    CHECK_OK(bl_spawn(&inner, enters, &inner));    /* by its own child */
    CHECK_ERR(bl_group_exit(&inner, 0), BL_EGROUP);
    CHECK_ERR(group_code(0), BL_EMISUSE);
    CHECK_EQ(bl_group_exit(&outer, 0), 0);
}

static int leaves(void *arg) {
    return bl_group_exit(arg, 0) == BL_EMISUSE ? 0 : BL_EIO;
}

TEST(another_task_cannot_leave_the_group) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, leaves, &group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int forgets_a_group(void *arg) {
    bl_group *group = arg;
    int rc = bl_group_enter(group);
    return rc < 0 ? rc : bl_spawn(group, kid_sleeps, ARG(HOUR));
}

TEST(a_task_that_returns_with_an_open_group_crashes, .signal = SIGABRT,
     .output = "group") {
    bl_group outer = { 0 }, forgotten = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_spawn(&outer, forgets_a_group, &forgotten));
    BL_IGNORE(bl_group_exit(&outer, 0)); /* never returns */
}

TEST(leaving_the_outer_group_before_the_inner_crashes, .signal = SIGABRT) {
    bl_group outer = { 0 }, inner = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_group_enter(&inner));
    BL_IGNORE(bl_group_exit(&outer, 0)); /* never returns */
}

/* ---- the function form --------------------------------------------------- */

static int body_spawns(bl_group *group, void *arg) {
    return bl_spawn(group, kid_run, arg);
}

TEST(group_run_waits_for_what_its_body_spawned) {
    struct kid kid = { .delay = BL_MS(5) };
    CHECK_EQ(bl_group_run(body_spawns, &kid), 0);
    CHECK(kid.has_finished);
}

TEST(group_run_reports_errors_of_children) {
    struct kid kid = { .rc = BL_EIO };
    CHECK_ERR(bl_group_run(body_spawns, &kid), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
}

static int body_fails(bl_group *group, void *arg) {
    int rc = bl_spawn(group, kid_run, arg);
    return rc < 0 ? rc : BL_EPIPE;
}

TEST(group_run_reports_an_error_of_its_body) {
    struct kid kid = { .delay = HOUR };
    CHECK_ERR(bl_group_run(body_fails, &kid), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EPIPE);
    CHECK(kid.was_cancelled);
}

static int body_cancels(bl_group *group, void *arg) {
    int rc = bl_spawn(group, kid_run, arg);
    bl_group_cancel(group);
    return rc < 0 ? rc : bl_event_wait(&never);
}

TEST(group_run_catches_its_own_cancellation) {
    struct kid kid = { .delay = HOUR };
    CHECK_EQ(bl_group_run(body_cancels, &kid), 0);
    CHECK(kid.was_cancelled);
}

TEST(composite_of_nested_groups_with_failures, .sweep = T_CANCEL | T_OOM) {
    struct inner inner = { .child_rc = BL_EIO };
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(1) };
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc == 0) {
        rc = bl_spawn(&group, kid_run, &slow);
        if (rc == 0) rc = bl_spawn(&group, has_a_group, &inner);
        if (rc == 0) rc = bl_sleep(BL_MS(5));
        rc = bl_group_exit(&group, rc);
        CHECK_ALWAYS(rc == BL_EGROUP || rc == BL_ECANCELED);
    }
}
