/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_group_block.c - the blocks BL_GROUP, BL_TIMEOUT, BL_MOVE_ON,
 * and every
 * way out of them
 *
 * A block left by break, return, goto or continue leaves its group or scope
 * too: children are cancelled and joined, their errors wait for the next
 * boundary, and a BL_ECANCELED that escaped becomes what its scope would have
 * made of it.  BL_SHIELD is in test_shield.c.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- the whole block ----------------------------------------------------- */

TEST(a_group_block_runs_once_and_waits_for_its_children) {
    struct kid kid = { .delay = BL_MS(5) };
    int rc = 99, runs = 0;
    BL_GROUP(group, rc) {
        CHECK_EQ(rc, 0); /* at entry */
        runs++;
        rc = bl_spawn(group, kid_run, &kid);
    }
    CHECK_EQ(rc, 0);
    CHECK_EQ(runs, 1);
    CHECK(kid.has_finished);
}

TEST(a_group_block_reports_what_its_body_assigned) {
    int rc = 0;
    BL_GROUP(group, rc) {
        CHECK_EQ(bl_group_alive_count(group), 0);
        rc = BL_EIO;
    }
    CHECK_ERR(rc, BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
}

TEST(a_positive_result_of_the_body_becomes_zero) {
    int rc = 0;
    BL_GROUP(group, rc) {
        CHECK(group != NULL);
        rc = 7;
    }
    CHECK_EQ(rc, 0);
}

TEST(a_group_block_reports_errors_of_children) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_returns, ARG(BL_EIO));
    }
    CHECK_ERR(rc, BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
}

TEST(group_blocks_nest) {
    int inner_rc = 0, outer_rc = 0;
    BL_GROUP(outer, outer_rc) {
        BL_GROUP(inner, inner_rc) {
            CHECK_OK(bl_spawn(outer, kid_sleeps, ARG(BL_MS(9))));
            inner_rc = bl_spawn(inner, kid_returns, ARG(BL_EIO));
        }
        CHECK_ERR(inner_rc, BL_EGROUP);
        CHECK_EQ(bl_group_alive_count(outer), 1);
    }
    CHECK_EQ(outer_rc, 0);
}

TEST(a_group_block_in_a_loop_is_a_new_group_each_time) {
    int rc = 0;
    for (int i = 0; i < 5; i++) {
        BL_GROUP(group, rc) {
            CHECK(!bl_group_is_cancelled(group));
            rc = bl_spawn(group, kid_returns, ARG(i == 2 ? BL_EIO : 0));
        }
        CHECK_EQ(rc, i == 2 ? BL_EGROUP : 0);
        bl_error_handled();
    }
}

static void block_without_a_loop(void *arg) {
    int *runs = arg, rc = 0;
    BL_GROUP(group, rc) {
        CHECK(group != NULL);
        ++*runs;
    }
    CHECK_ERR(rc, BL_ENOLOOP);
}

TEST(a_group_block_without_a_loop_does_not_run) {
    int runs = 0;
    on_thread(block_without_a_loop, &runs);
    CHECK_EQ(runs, 0);
}

TEST(continue_ends_the_block_like_its_last_line) {
    struct kid kid = { .delay = BL_MS(5) };
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, &kid);
        if (rc == 0) continue;
        CHECK(!"reached");
    }
    CHECK_EQ(rc, 0);
    CHECK(kid.has_finished); /* joined, not cancelled */
}

/* ---- early exits without errors ------------------------------------------ */

TEST(break_cancels_the_children_and_waits_for_them) {
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(5) };
    bl_ns start = bl_now();
    int rc = 0;
    BL_GROUP(group, rc) {
        CHECK_OK(bl_spawn(group, kid_run, &kid));
        settle();
        break;
    }
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_EQ(rc, 0);
    CHECK_EQ(bl_sleep(1), 0); /* nothing is left of it */
}

static int returns_early(struct kid *kid) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, kid);
        if (rc == 0) return 33;
    }
    return rc;
}

TEST(return_cancels_the_children_and_keeps_the_value) {
    struct kid kid = { .delay = HOUR };
    CHECK_EQ(returns_early(&kid), 33);
    CHECK(kid.has_started);
    CHECK(kid.was_cancelled);
    CHECK_EQ(tasks_alive(), ALONE);
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(goto_out_of_the_block_cancels_the_children) {
    struct kid kid = { .delay = HOUR };
    int rc = 0;
    BL_GROUP(group, rc) {
        CHECK_OK(bl_spawn(group, kid_run, &kid));
        goto out;
    }
    CHECK(!"reached");
out:
    CHECK(kid.was_cancelled);
    CHECK_EQ(tasks_alive(), ALONE);
    CHECK_EQ(bl_sleep(1), 0);
}

static int returns_through_two(struct kid *kids) {
    int rc = 0, inner_rc = 0;
    BL_GROUP(outer, rc) {
        rc = bl_spawn(outer, kid_run, &kids[0]);
        BL_GROUP(inner, inner_rc) {
            inner_rc = bl_spawn(inner, kid_run, &kids[1]);
            if (inner_rc == 0) return 5;
        }
    }
    return rc;
}

TEST(return_through_nested_blocks_closes_the_inner_one_first) {
    struct kid kids[2] = { { .name = "outer", .delay = HOUR },
                           { .name = "inner", .delay = HOUR } };
    CHECK_EQ(returns_through_two(kids), 5);
    CHECK_STR(notes(), "inner-cancelled outer-cancelled");
}

/* ---- early exits with errors: kept for the next boundary ----------------- */

static int leaves_failing_children(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, arg);
        if (rc < 0) return rc;
        BL_IGNORE(bl_sleep(HOUR)); /* until the child has failed */
        return 0;
    }
    return rc;
}

TEST(errors_left_behind_become_the_outcome_of_the_task) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, leaves_failing_children, &bad, &task));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_ERR(outcome.rc, BL_EGROUP); /* though its function returned 0 */
    const bl_error *tree = bl_error_current(BL_EGROUP);
    CHECK(bl_error_match(tree, BL_EIO));
    CHECK_EQ(bl_error_leaf_count(tree), 1);
    bl_task_unref(task);
}

TEST(errors_left_behind_are_merged_into_the_enclosing_group) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(leaves_failing_children(&bad), 0);
    CHECK_EQ(bl_sleep(1), 0); /* never returned by a wait */
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    const bl_error *tree = bl_error_current(BL_EGROUP);
    CHECK(bl_error_match(tree, BL_EIO));
    CHECK_EQ(bl_error_leaf_count(tree), 1);
}

TEST(errors_left_behind_are_reported_by_one_boundary_only) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(leaves_failing_children(&bad), 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    bl_error_handled();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(errors_left_behind_twice_are_both_kept) {
    struct kid first = { .delay = BL_MS(1), .rc = BL_EIO };
    struct kid second = { .delay = BL_MS(1), .rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(leaves_failing_children(&first), 0);
    CHECK_EQ(leaves_failing_children(&second), 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    const bl_error *tree = bl_error_current(BL_EGROUP);
    CHECK(bl_error_match(tree, BL_EIO));
    CHECK(bl_error_match(tree, BL_EPIPE));
    CHECK_EQ(bl_error_leaf_count(tree), 2);
}

TEST(errors_left_behind_join_an_error_of_the_body) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(leaves_failing_children(&bad), 0);
    CHECK_ERR(bl_group_exit(&group, BL_EBADF), BL_EGROUP);
    const bl_error *tree = bl_error_current(BL_EGROUP);
    CHECK(bl_error_match(tree, BL_EIO));
    CHECK(bl_error_match(tree, BL_EBADF));
}

static int leaves_by_break(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, arg);
        if (rc == 0) break;
    }
    return 0;
}

TEST(an_error_in_the_clean_up_of_an_abandoned_child_is_kept) {
    struct kid spoiled = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, leaves_by_break, &spoiled));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EPIPE));
}

TEST(errors_left_behind_in_the_root_are_its_result) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    CHECK_ERR(run_elsewhere(leaves_failing_children, &bad, NULL), BL_EGROUP);
}

/* ---- the report ---------------------------------------------------------- */

static const char *report_of(bl_task_fn *fn, void *arg) {
    bl_loop_options options = quiet_options();
    options.is_quiet = false;
    capture_stderr();
    BL_IGNORE(run_elsewhere(fn, arg, &options)); /* the report counts */
    return captured_stderr();
}

TEST(a_group_left_without_exit_is_reported_with_its_place) {
    struct kid kid = { .delay = HOUR };
    const char *text = report_of(leaves_by_break, &kid);
    CHECK_CONTAINS(text, "test_group_block.c:");
    CHECK_CONTAINS(text, "group");
}

static int leaves_in_order(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, arg);
    }
    return rc;
}

TEST(a_group_left_in_order_is_not_reported) {
    struct kid kid = { .delay = BL_MS(1) };
    CHECK_STR(report_of(leaves_in_order, &kid), "");
}

static int returns_out_of_a_timeout(void *arg) {
    int rc = 0;
    BL_TIMEOUT(rc, NUMBER(arg)) {
        rc = bl_event_wait(&never);
        if (rc < 0) return rc;
    }
    return rc;
}

TEST(a_canceled_that_escapes_its_timeout_is_reported) {
    CHECK_CONTAINS(report_of(returns_out_of_a_timeout, ARG(BL_MS(1))),
                   "test_group_block.c:");
}

/* ---- the variable form --------------------------------------------------- */

TEST(a_scoped_group_is_cancelled_at_the_end_of_its_block) {
    struct kid kid = { .delay = HOUR };
    {
        BL_GROUP_SCOPED(group);
        CHECK_OK(bl_spawn(&group, kid_run, &kid));
        settle();
    }
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(a_scoped_group_that_was_left_stays_left) {
    struct kid kid = { .delay = BL_MS(5) };
    {
        BL_GROUP_SCOPED(group);
        CHECK_OK(bl_spawn(&group, kid_run, &kid));
        CHECK_EQ(bl_group_exit(&group, 0), 0);
    }
    CHECK(kid.has_finished);
}

static int leaves_a_scoped_group(struct kid *kid) {
    BL_GROUP_SCOPED(group);
    int rc = bl_spawn(&group, kid_run, kid);
    return rc < 0 ? rc : 12;
}

TEST(a_scoped_group_can_be_left_by_return) {
    struct kid kid = { .delay = HOUR };
    CHECK_EQ(leaves_a_scoped_group(&kid), 12);
    CHECK(kid.was_cancelled);
}

TEST(errors_of_a_scoped_group_are_kept_for_the_next_boundary) {
    struct kid spoiled = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_group outer = { 0 };
    REQUIRE_OK(bl_group_enter(&outer));
    CHECK_EQ(leaves_a_scoped_group(&spoiled), 12);
    CHECK_ERR(bl_group_exit(&outer, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EPIPE));
}

/* ---- timeouts ------------------------------------------------------------ */

TEST(a_timeout_block_times_out) {
    int rc = 99;
    bl_ns start = bl_now();
    BL_TIMEOUT(rc, BL_MS(5)) {
        CHECK_EQ(rc, 0);
        rc = bl_event_wait(&never);
        CHECK_ERR(rc, BL_ECANCELED);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(5));
}

TEST(a_timeout_block_that_is_done_in_time_keeps_its_result) {
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(5)) {
        rc = bl_sleep(BL_MS(1));
        if (rc == 0) rc = 8;
    }
    CHECK_EQ(rc, 8);
}

TEST(a_move_on_block_moves_on) {
    int rc = 99;
    BL_MOVE_ON(rc, BL_MS(5)) {
        rc = bl_event_wait(&never);
    }
    CHECK_EQ(rc, 0);
}

TEST(a_timeout_block_without_time_runs_and_times_out_at_its_wait) {
    int rc = 0;
    bool has_run = false;
    BL_TIMEOUT(rc, 0) {
        has_run = true;
        rc = bl_sleep(1);
    }
    CHECK(has_run);
    CHECK_ERR(rc, BL_ETIMEDOUT);
}

TEST(a_block_without_time_that_does_not_wait_succeeds) {
    int rc = 0;
    BL_TIMEOUT(rc, -1) {
        rc = 4;
    }
    CHECK_EQ(rc, 4);
}

TEST(timeout_blocks_nest) {
    int rc = 0, inner_rc = 0;
    BL_TIMEOUT(rc, BL_MS(20)) {
        BL_TIMEOUT(inner_rc, BL_MS(5)) {
            inner_rc = bl_sleep(HOUR);
        }
        CHECK_ERR(inner_rc, BL_ETIMEDOUT);
        BL_MOVE_ON(inner_rc, HOUR) {
            inner_rc = bl_sleep(HOUR);
        }
        CHECK_ERR(inner_rc, BL_ECANCELED);
        rc = inner_rc;
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
}

TEST(a_group_in_a_timeout_block_is_bound_by_it) {
    struct kid kid = { .delay = HOUR };
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(5)) {
        BL_GROUP(group, rc) {
            rc = bl_spawn(group, kid_run, &kid);
        }
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK(kid.was_cancelled);
}

TEST(break_out_of_a_timeout_block_leaves_the_scope) {
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(5)) {
        rc = 6;
        break;
    }
    CHECK_EQ(rc, 6);
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
    CHECK_EQ(bl_sleep(BL_MS(10)), 0);
}

TEST(continue_in_a_timeout_block_ends_it) {
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(5)) {
        rc = bl_sleep(HOUR);
        if (rc < 0) continue;
        CHECK(!"reached");
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
}

static int returns_a_value_out_of_a_timeout(void) {
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(5)) {
        return 77;
    }
    return rc;
}

TEST(return_out_of_a_timeout_block_keeps_the_value) {
    CHECK_EQ(returns_a_value_out_of_a_timeout(), 77);
    CHECK_EQ(bl_sleep(BL_MS(10)), 0);
}

/* ---- a BL_ECANCELED that escapes by return ------------------------------- */

TEST(an_escaped_canceled_becomes_timed_out_at_the_end_of_the_task) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(
        bl_spawn_task(&group, returns_out_of_a_timeout, ARG(BL_MS(1)), &task));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_ETIMEDOUT);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_ERR(outcome.rc, BL_ETIMEDOUT);
    bl_task_unref(task);
}

TEST(an_escaped_canceled_becomes_timed_out_at_the_end_of_a_group) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    int rc = returns_out_of_a_timeout(ARG(BL_MS(1)));
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_group_exit(&group, rc), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_ETIMEDOUT);
}

TEST(an_escaped_canceled_becomes_timed_out_at_the_end_of_a_scope) {
    bl_scope scope;
    bl_scope_enter(&scope);
    int rc = returns_out_of_a_timeout(ARG(BL_MS(1)));
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
}

TEST(an_escaped_canceled_becomes_timed_out_at_the_end_of_a_block) {
    int rc = 0;
    BL_TIMEOUT(rc, HOUR) {
        rc = returns_out_of_a_timeout(ARG(BL_MS(1)));
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
}

TEST(an_escaped_canceled_of_the_root_becomes_timed_out) {
    CHECK_ERR(run_elsewhere(returns_out_of_a_timeout, ARG(BL_MS(1)), NULL),
              BL_ETIMEDOUT);
}

static int returns_out_of_a_move_on(void *arg) {
    int rc = 0;
    BL_MOVE_ON(rc, NUMBER(arg)) {
        rc = bl_event_wait(&never);
        if (rc < 0) return rc;
    }
    return rc;
}

TEST(an_escaped_canceled_of_a_move_on_becomes_zero) {
    bl_group group = { 0 };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, returns_out_of_a_move_on, ARG(BL_MS(1))));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_scope_enter(&scope);
    int rc = returns_out_of_a_move_on(ARG(BL_MS(1)));
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
}

TEST(an_escaped_canceled_of_an_outer_scope_stays_canceled) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    int rc = returns_out_of_a_timeout(ARG(HOUR));
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    bl_scope_enter_move_on(&scope, BL_MS(1));
    rc = returns_out_of_a_timeout(ARG(HOUR));
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK(bl_scope_is_caught(&scope));
}

static int swallows_what_escaped(void *arg) {
    (void)returns_out_of_a_timeout(arg);
    return 3;
}

TEST(an_escaped_canceled_that_was_dealt_with_changes_nothing) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(
        bl_spawn_task(&group, swallows_what_escaped, ARG(BL_MS(1)), &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 3);
    bl_task_unref(task);
}

static int returns_out_of_group_in_timeout(void *arg) {
    int rc = 0, group_rc = 0;
    BL_TIMEOUT(rc, BL_MS(1)) {
        BL_GROUP(group, group_rc) {
            group_rc = bl_spawn(group, kid_run, arg);
            if (group_rc == 0) group_rc = bl_event_wait(&never);
            if (group_rc < 0) return group_rc;
        }
        rc = group_rc;
    }
    return rc;
}

TEST(a_return_through_group_and_timeout_is_a_timeout) {
    struct kid kid = { .delay = HOUR };
    bl_scope scope;
    bl_scope_enter(&scope);
    int rc = returns_out_of_group_in_timeout(&kid);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK(kid.was_cancelled);
}

TEST(composite_of_early_exits, .sweep = T_CANCEL | T_OOM) {
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(1) };
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return;
    rc = leaves_failing_children(&bad);
    if (rc >= 0) rc = returns_early(&kid);
    if (rc >= 0) rc = returns_out_of_a_timeout(ARG(BL_MS(1)));
    rc = bl_group_exit(&group, rc);
    CHECK_ALWAYS(rc == BL_EGROUP || rc == BL_ECANCELED);
}
