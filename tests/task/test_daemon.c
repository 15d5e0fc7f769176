/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_daemon.c - children that serve the others and end after them
 *
 * A daemon does not keep its group open.  It lives until the body and the
 * normal children are gone, whatever became of them, and is cancelled last; a
 * daemon that fails is a failure of the group.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include "support/kids.h"

TEST(a_daemon_does_not_keep_the_group_open) {
    struct kid daemon = { .delay = HOUR };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(daemon.was_cancelled);
    CHECK_EQ(bl_now(), start);
}

TEST(a_daemon_is_waited_for) {
    struct kid daemon = { .delay = HOUR, .cleanup = BL_MS(7) };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    settle();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(7));
}

TEST(a_daemon_ends_after_the_last_normal_child) {
    struct kid daemon = { .name = "daemon", .delay = HOUR };
    struct kid short_one = { .name = "short", .delay = BL_MS(1) };
    struct kid long_one = { .name = "long", .delay = BL_MS(9) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &long_one));
    CHECK_OK(bl_spawn(&group, kid_run, &short_one));
    CHECK_EQ(bl_group_alive_count(&group), 3);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "short long daemon-cancelled");
    CHECK_EQ(daemon.ended_at, long_one.ended_at);
}

TEST(a_daemon_outlives_the_clean_up_of_cancelled_children) {
    struct kid daemon = { .name = "daemon", .delay = HOUR };
    struct kid worker = { .name = "worker",
                          .delay = HOUR,
                          .cleanup = BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &worker));
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, bl_sleep(1)), 0);
    CHECK_STR(notes(), "worker-cancelled daemon-cancelled");
}

TEST(a_daemon_outlives_the_clean_up_under_an_outer_cancellation) {
    struct kid daemon = { .name = "daemon", .delay = HOUR };
    struct kid worker = { .name = "worker",
                          .delay = HOUR,
                          .cleanup = BL_MS(5) };
    bl_scope scope;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &worker));
    settle();
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_group_exit(&group, bl_sleep(1)), BL_ECANCELED);
    CHECK_STR(notes(), "worker-cancelled daemon-cancelled");
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_daemon_outlives_the_clean_up_after_a_failure) {
    struct kid daemon = { .name = "daemon", .delay = HOUR };
    struct kid worker = { .name = "worker",
                          .delay = HOUR,
                          .cleanup = BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &worker));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_EIO)));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_STR(notes(), "worker-cancelled daemon-cancelled");
}

TEST(a_daemon_that_was_cancelled_last_is_no_cancellation_of_the_group) {
    struct kid daemon = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(!bl_group_is_cancelled(&group));
    CHECK(!bl_group_is_caught(&group));
}

TEST(a_daemon_that_fails_fails_the_group) {
    struct kid daemon = { .delay = BL_MS(1), .rc = BL_EIO };
    struct kid worker = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &worker));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK(worker.was_cancelled);
}

TEST(a_daemon_that_fails_in_its_clean_up_fails_the_group) {
    struct kid daemon = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    settle();
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EPIPE);
}

TEST(a_daemon_may_end_early) {
    struct kid daemon = { .delay = BL_MS(1) }, worker = { .delay = BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_OK(bl_spawn(&group, kid_run, &worker));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(daemon.has_finished);
    CHECK(worker.has_finished);
}

TEST(a_daemon_spawned_and_never_run_still_runs_to_its_first_wait) {
    struct kid daemon = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &daemon));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(daemon.has_started);
}

TEST(several_daemons_are_cancelled_at_once) {
    struct kid first = { .delay = HOUR, .cleanup = BL_MS(5) };
    struct kid second = first;
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &first));
    CHECK_OK(bl_spawn_daemon(&group, kid_run, &second));
    settle();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(5));
}

struct helper {
    bl_group *group;
    int spawn_rc;
};

static int spawns_in_its_clean_up(void *arg) {
    struct helper *helper = arg;
    int rc = bl_sleep(HOUR);
    helper->spawn_rc = bl_spawn(helper->group, kid_returns, NULL);
    return rc;
}

TEST(a_daemon_cannot_spawn_while_the_group_closes) {
    bl_group group = { 0 };
    struct helper helper = { &group, 99 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, spawns_in_its_clean_up, &helper));
    settle();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(helper.spawn_rc, BL_ECANCELED);
}

static int spawns_while_it_serves(void *arg) {
    struct helper *helper = arg;
    int rc = bl_sleep(BL_MS(1));
    if (rc < 0) return rc;
    helper->spawn_rc = bl_spawn(helper->group, kid_sleeps, ARG(BL_MS(5)));
    return bl_sleep(HOUR);
}

TEST(a_daemon_can_spawn_normal_children_while_the_group_is_joined) {
    bl_group group = { 0 };
    struct helper helper = { &group, 99 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, spawns_while_it_serves, &helper));
    CHECK_OK(bl_spawn(&group, kid_sleeps, ARG(BL_MS(2))));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(helper.spawn_rc, 0);
    CHECK_EQ(bl_now() - start, BL_MS(6));
}

TEST(a_daemon_by_option_is_the_same) {
    struct kid daemon = { .delay = HOUR };
    bl_group group = { 0 };
    bl_spawn_options options = { .size = sizeof(options), .is_daemon = true };
    bl_task *task = NULL;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_with(&group, kid_run, &daemon, &options, &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
}

TEST(composite_of_daemon_and_workers, .sweep = T_CANCEL | T_OOM) {
    struct kid daemon = { .delay = HOUR, .cleanup = BL_MS(1) };
    struct kid worker = { .delay = BL_MS(3) };
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return;
    rc = bl_spawn_daemon(&group, kid_run, &daemon);
    if (rc == 0) rc = bl_spawn(&group, kid_run, &worker);
    rc = bl_group_exit(&group, rc);
    CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED || rc == BL_EGROUP);
    /* Under injection the daemon itself may be the one cancelled. */
    CHECK(!daemon.has_started || daemon.ended_at >= worker.ended_at);
}
