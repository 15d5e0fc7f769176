/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_cancel.c - what cancellation does to waits and to whole tasks
 *
 * Level-triggered delivery, waits that were served before they were cancelled,
 * tasks cancelled before they ran, results and errors of cancelled tasks, the
 * point of scheduling in every delivery, and who counts as cancelled.  What
 * every single kind of wait does is in test_cancel_waits.c.
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include <stdlib.h>
#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- level, not edge ----------------------------------------------------- */

TEST(every_wait_in_a_cancelled_scope_is_canceled_not_only_the_first) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    for (int i = 0; i < 50; i++)
        CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

static int ignores_its_results(void *arg) {
    int *rounds = arg;
    for (*rounds = 0; *rounds < 20; ++*rounds) {
        BL_IGNORE(bl_sleep(BL_SEC(1))); /* that is the point of the test */
    }
    return 0;
}

TEST(a_task_that_ignores_return_codes_cannot_hang_its_group) {
    bl_group group = { 0 };
    int rounds = 0;
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, ignores_its_results, &rounds));
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(rounds, 20);
    CHECK_EQ(bl_now(), start); /* not one of the sleeps happened */
}

TEST(swallowing_the_first_canceled_does_not_lose_it) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    BL_IGNORE(bl_sleep(1)); /* as a library would */
    CHECK_ERR(bl_event_wait(&never), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_cancelled_wait_has_no_effect_on_time) {
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    CHECK_ERR(bl_sleep_until(HOUR), BL_ECANCELED);
    CHECK_EQ(bl_now(), start);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_running_task_notices_at_its_next_wait) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    int sum = 0; /* it goes on computing */
    for (int i = 0; i < 10; i++)
        sum += i;
    CHECK_EQ(sum, 45);
    CHECK_ERR(bl_yield(), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_blocked_task_notices_at_once) {
    struct kid kid = { .delay = HOUR };
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_now(), start);
}

/* ---- cancelling a task --------------------------------------------------- */

TEST(task_cancel_is_true_until_the_task_is_done) {
    struct kid kid = { .delay = HOUR };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    CHECK(bl_task_cancel(task));
    CHECK(bl_task_cancel(task));
    CHECK(bl_task_cancel_because(task, "again"));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK(!bl_task_cancel(task));
    CHECK(!bl_task_cancel_because(task, "too late"));
    CHECK(bl_task_is_cancelled(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

TEST(cancelling_a_task_twice_delivers_as_once) {
    struct kid kid = { .name = "kid", .delay = HOUR };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "kid-cancelled");
    bl_task_unref(task);
}

TEST(a_cancelled_task_does_not_disturb_its_siblings) {
    struct kid victim = { .delay = HOUR }, other = { .delay = BL_MS(5) };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &victim, &task));
    CHECK_OK(bl_spawn(&group, kid_run, &other));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(victim.was_cancelled);
    CHECK(other.has_finished);
    CHECK(!bl_group_is_cancelled(&group));
    bl_task_unref(task);
}

static int cancels_itself_and_waits(void *arg) {
    int *rc = arg;
    CHECK(bl_task_cancel(bl_task_current()));
    CHECK(bl_is_cancelled());
    *rc = bl_sleep(1);
    return *rc;
}

TEST(a_task_can_cancel_itself) {
    int rc = 0;
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, cancels_itself_and_waits, &rc, &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
}

static int cancels_itself_and_returns(void *arg) {
    (void)arg;
    bl_task_cancel(bl_task_current());
    return 12;
}

TEST(a_task_that_cancels_itself_and_returns_keeps_its_value) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, cancels_itself_and_returns, NULL, &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 12);
    CHECK(!outcome.is_cancelled);
    CHECK(!bl_task_is_cancelled(task));
    bl_task_unref(task);
}

static int catches_and_returns(void *arg) {
    int rc = bl_sleep(HOUR);
    return rc == BL_ECANCELED ? (int)NUMBER(arg) : rc;
}

TEST(a_task_that_catches_the_cancellation_keeps_its_value) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, catches_and_returns, ARG(42), &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 42);
    CHECK(!outcome.is_cancelled);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

TEST(a_task_that_turns_the_cancellation_into_an_error_fails) {
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, catches_and_returns, ARG(BL_EIO), &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
    CHECK(!bl_task_is_cancelled(task));
    bl_task_unref(task);
}

static int cancels_its_parent_scope(void *arg) {
    bl_scope_cancel(arg, NULL);
    return bl_sleep(1);
}

TEST(a_child_that_cancels_the_scope_around_its_group_is_cancelled_too) {
    bl_scope scope;
    bl_task *task = NULL;
    bl_group group = { 0 };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, cancels_its_parent_scope, &scope, &task));
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK(bl_task_is_cancelled(task));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    bl_task_unref(task);
}

/* ---- before the first run ------------------------------------------------ */

TEST(a_task_cancelled_before_it_ran_runs_to_its_first_wait) {
    struct kid kid = { .delay = HOUR };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    CHECK(bl_task_cancel(task));
    CHECK(!kid.has_started);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_started);
    CHECK(kid.was_cancelled);
    bl_task_unref(task);
}

static int frees_its_argument(void *arg) {
    bl_free(arg);
    return bl_sleep(HOUR);
}

TEST(a_task_cancelled_before_it_ran_can_free_its_argument) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 5; i++) { /* the leak check looks for them */
        CHECK_OK(bl_spawn(&group, frees_its_argument, bl_alloc(16)));
    }
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_task_cancelled_before_it_ran_that_never_waits_succeeds) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(3), &task));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 3);
    CHECK(!outcome.is_cancelled);
    CHECK(!bl_group_is_caught(&group));
    bl_task_unref(task);
}

/* ---- wake and cancel in the same turn ------------------------------------ */

struct sleeper {
    bl_ns delay;
    int first, second;
};

static int sleeps_and_looks(void *arg) {
    struct sleeper *sleeper = arg;
    sleeper->first = bl_sleep(sleeper->delay);
    sleeper->second = bl_checkpoint();
    return sleeper->second;
}

TEST(a_sleep_that_is_over_is_not_undone_by_a_cancel_of_the_same_turn,
     .tags = "order") {
    struct sleeper sleeper = { .delay = BL_MS(5) };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, sleeps_and_looks, &sleeper, &task));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0); /* armed first, so it runs first */
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(sleeper.first, 0);
    CHECK_ERR(sleeper.second, BL_ECANCELED);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
}

TEST(a_sleep_cancelled_an_instant_before_its_end_is_canceled) {
    struct sleeper sleeper = { .delay = BL_MS(5) };
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, sleeps_and_looks, &sleeper, &task));
    CHECK_EQ(bl_sleep(BL_MS(5) - 1), 0);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(sleeper.first, BL_ECANCELED);
    bl_task_unref(task);
}

static int yields_once(void *arg) {
    int *rc = arg;
    *rc = bl_yield();
    return *rc;
}

TEST(a_yield_reports_a_cancel_that_came_while_it_was_queued, .tags = "order") {
    int rc = 0;
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, yields_once, &rc, &task));
    CHECK_EQ(bl_yield(), 0); /* it has run, and is queued in its own yield */
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(rc, BL_ECANCELED);
    bl_task_unref(task);
}

static int sleeps_zero_once(void *arg) {
    int *rc = arg;
    *rc = bl_sleep(0);
    return *rc;
}

TEST(a_sleep_of_zero_reports_a_cancel_that_came_while_it_was_queued,
     .tags = "order") {
    int rc = 0;
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, sleeps_zero_once, &rc, &task));
    CHECK_EQ(bl_yield(), 0);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(rc, BL_ECANCELED);
    bl_task_unref(task);
}

/* ---- a delivery lets the others run -------------------------------------- */

static int counts_turns(void *arg) {
    int *turns = arg;
    while (*turns < 1000) {
        ++*turns;
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(each_canceled_delivery_lets_every_other_ready_task_run_once,
     .tags = "order") {
    int turns = 0;
    bl_task *task = NULL;
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, counts_turns, &turns, &task));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    for (int i = 1; i <= 20; i++) {
        CHECK_ERR(bl_event_wait(&never), BL_ECANCELED);
        CHECK_EQ(turns, i);
    }
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

static bool is_stopped;

static int stops_after(void *arg) {
    int rc = kid_yields(arg);
    is_stopped = true;
    return rc;
}

static int spins_until_stopped(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    while (!is_stopped)
        BL_IGNORE(bl_sleep(HOUR)); /* that is the point */
    return bl_scope_exit(&scope, 0);
}

TEST(an_endless_loop_that_ignores_canceled_cannot_starve_the_others) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, spins_until_stopped, NULL));
    CHECK_OK(bl_spawn(&group, stops_after, ARG(500)));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(is_stopped);
}

static int stops_after_a_sleep(void *arg) {
    int rc = bl_sleep(NUMBER(arg));
    is_stopped = true;
    return rc;
}

static int spins_beside_a_sleeper(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, stops_after_a_sleep, arg);
        if (rc == 0) rc = bl_spawn(group, spins_until_stopped, NULL);
    }
    return rc;
}

TEST(timers_fire_while_a_task_spins_on_canceled) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_REAL;
    CHECK_EQ(run_elsewhere(spins_beside_a_sleeper, ARG(BL_MS(1)), &options), 0);
    CHECK(is_stopped);
}

/* ---- the report after a hundred deliveries ------------------------------- */

struct spin {
    int rounds;
    int times; /* with a scope of its own each time */
};

static int spins(void *arg) {
    const struct spin *spin = arg;
    bl_task_set_name("spinner");
    for (int i = 0; i < spin->times; i++) {
        bl_scope scope;
        bl_scope_enter(&scope);
        bl_scope_cancel(&scope, NULL);
        for (int k = 0; k < spin->rounds; k++) {
            BL_IGNORE(bl_sleep(HOUR)); /* that is what is reported */
        }
        CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    }
    return 0;
}

/* Returns what a loop that may speak says about such a task. */
static const char *report_about(int rounds, int times) {
    struct spin spin = { rounds, times };
    bl_loop_options options = quiet_options();
    options.is_quiet = false;
    capture_stderr();
    CHECK_EQ(run_elsewhere(spins, &spin, &options), 0);
    return captured_stderr();
}

static int lines_of(const char *text) {
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

TEST(a_hundred_deliveries_in_one_scope_are_reported_with_task_and_place) {
    const char *text = report_about(150, 1);
    CHECK(strstr(text, "spinner") != NULL);
    CHECK(strstr(text, "test_cancel.c:") != NULL);
}

TEST(fewer_than_a_hundred_deliveries_are_not_reported) {
    CHECK_STR(report_about(99, 1), "");
}

TEST(deliveries_are_counted_anew_after_a_scope_was_left) {
    CHECK_STR(report_about(60, 5), "");
}

TEST(a_spinning_task_is_reported_once) {
    int lines = lines_of(report_about(150, 1));
    CHECK_GT(lines, 0);
    CHECK_EQ(lines_of(report_about(950, 1)), lines);
}

/* ---- attribution: by scope, never by code -------------------------------- */

TEST(canceled_that_nobody_asked_for_is_an_error_of_the_child) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(BL_ECANCELED), &task));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_ESTRAYCANCEL);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_ERR(outcome.rc, BL_ESTRAYCANCEL);
    CHECK(!outcome.is_cancelled);
    CHECK(!bl_task_is_cancelled(task));
    bl_task_unref(task);
}

TEST(canceled_that_nobody_asked_for_is_an_error_of_the_body) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_group_exit(&group, BL_ECANCELED), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_ESTRAYCANCEL);
}

TEST(a_stray_cancel_cancels_the_siblings_like_any_error) {
    struct kid kid = { .delay = HOUR };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_OK(bl_spawn(&group, kid_returns, ARG(BL_ECANCELED)));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(kid.was_cancelled);
    CHECK_EQ(group_count(), 1);
}

static int returns_a_saved_code(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    int saved = bl_sleep(1);
    CHECK_EQ(bl_scope_exit(&scope, saved), 0);
    return saved; /* the bug: not what the scope made of it */
}

TEST(a_code_saved_from_a_scope_that_is_over_is_stray) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, returns_a_saved_code, NULL));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_ESTRAYCANCEL);
}

TEST(a_root_that_returns_a_stray_cancel_is_told_so) {
    CHECK_ERR(run_elsewhere(kid_returns, ARG(BL_ECANCELED), NULL),
              BL_ESTRAYCANCEL);
}

TEST(canceled_made_up_in_a_cancelled_task_counts_as_cancelled) {
    bl_task *task = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(BL_ECANCELED), &task));
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
}

/* ---- order of delivery --------------------------------------------------- */

static int notes_its_cancel(void *arg) {
    int rc = bl_event_wait(&never);
    note("%s", (const char *)arg);
    return rc;
}

TEST(cancelled_tasks_are_woken_in_order_of_creation, .tags = "order") {
    static const char *const names[] = { "a", "b", "c", "d" };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(bl_spawn(&group, notes_its_cancel, (void *)names[i]));
    }
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a b c d");
}

struct late {
    const char *name;
    bl_ns delay;
};

static int blocks_late(void *arg) {
    const struct late *late = arg;
    int rc = bl_sleep(late->delay);
    if (rc < 0) return rc;
    return notes_its_cancel((void *)late->name);
}

TEST(the_order_of_creation_counts_not_the_order_of_blocking, .tags = "order") {
    struct late first = { "a", BL_MS(30) }, second = { "b", BL_MS(20) },
                third = { "c", BL_MS(10) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, blocks_late, &first));
    CHECK_OK(bl_spawn(&group, blocks_late, &second));
    CHECK_OK(bl_spawn(&group, blocks_late, &third));
    CHECK_OK(bl_sleep(BL_MS(50)));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a b c");
}

static int has_two_children(void *arg) {
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_sleep(BL_MS(1)); /* its children are younger than its sibling */
    if (rc == 0) rc = bl_spawn(&group, notes_its_cancel, arg);
    return bl_group_exit(&group, rc);
}

TEST(the_order_of_creation_counts_across_groups, .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, has_two_children, "grandchild"));
    CHECK_OK(bl_spawn(&group, notes_its_cancel, "child"));
    CHECK_OK(bl_sleep(BL_MS(5)));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "child grandchild");
}

TEST(all_are_cancelled_at_once_not_one_after_the_other) {
    struct kid kids[10];
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    for (size_t i = 0; i < 10; i++) {
        kids[i] = (struct kid){ .delay = HOUR, .cleanup = BL_SEC(1) };
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    }
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_SEC(1));
}

/* ---- reasons ------------------------------------------------------------- */

TEST(a_group_says_that_it_was_cancelled_only_once) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK(!bl_group_is_cancelled(&group));
    CHECK(bl_group_cancel_because(&group, "first"));
    CHECK(!bl_group_cancel(&group));
    CHECK(!bl_group_cancel_because(&group, "second"));
    CHECK(bl_group_is_cancelled(&group));
    CHECK_EQ(bl_group_exit(&group, bl_sleep(1)), 0);
    CHECK(bl_group_is_caught(&group));
}

TEST(composite_of_a_cancelled_tree, .sweep = T_CANCEL | T_OOM) {
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(1) };
    bl_scope scope;
    bl_scope_enter_move_on(&scope, BL_MS(5));
    int rc = 0;
    BL_GROUP(outer, rc) {
        rc = bl_spawn(outer, kid_run, &slow);
        if (rc < 0) continue;
        rc = bl_spawn(outer, has_two_children, "leaf");
        if (rc < 0) continue;
        rc = bl_sleep(HOUR);
    }
    rc = bl_scope_exit(&scope, rc);
    CHECK_ALWAYS(rc == 0 || rc == BL_EGROUP || rc == BL_ECANCELED);
}
