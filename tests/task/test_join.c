/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_join.c - waiting for tasks, and what is known about them
 * afterwards
 *
 * Join has two channels: its own result says whether the waiting worked, the
 * outcome says how the task ended; the one never looks like the other.  Also
 * waiting for several tasks, asking without waiting, and results.
 *
 *     Legs: threads valgrind
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- two channels -------------------------------------------------------- */

static void join_one(bl_task_fn *fn, void *arg, bl_outcome *outcome) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, fn, arg, &task));
    BL_SHIELD(BL_SEC(1)) { /* a failure cancels the body, too */
        CHECK_EQ(bl_task_join(task, outcome), 0);
    }
    BL_IGNORE(bl_group_exit(&group, 0)); /* the outcome counts */
    bl_task_unref(task);
}

TEST(join_returns_zero_and_the_value) {
    bl_outcome outcome;
    join_one(kid_returns, ARG(31), &outcome);
    CHECK_EQ(outcome.rc, 31);
    CHECK(!outcome.is_cancelled);
    CHECK(outcome.value == NULL);
    CHECK(outcome.error == NULL);
}

TEST(join_of_a_failed_task_returns_zero_and_the_error) {
    bl_outcome outcome;
    join_one(kid_returns, ARG(BL_EIO), &outcome);
    CHECK_ERR(outcome.rc, BL_EIO);
    CHECK(!outcome.is_cancelled);
}

TEST(joining_a_cancelled_task_does_not_look_like_being_cancelled) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_waits, &never, &task));
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, &outcome), 0);
    CHECK_ERR(outcome.rc, BL_ECANCELED);
    CHECK(outcome.is_cancelled);
    CHECK(!bl_is_cancelled());
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

TEST(a_cancelled_joiner_does_not_cancel_the_task) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_scope scope;
    bl_outcome outcome = { .rc = 99 };
    struct kid kid = { .delay = BL_MS(10) };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    bl_scope_enter_move_on(&scope, BL_MS(1));
    int rc = bl_task_join(task, &outcome);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(outcome.rc, 99);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK(!bl_task_is_done(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
    bl_task_unref(task);
}

TEST(joining_a_task_that_has_ended_does_not_wait, .tags = "order") {
    bl_group group = { 0 };
    bl_task *task = NULL;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(1), &task));
    settle();
    uint64_t before = resumes();
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(resumes(), before);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

struct dropper {
    bl_task *task;
    bool may_drop;
};

static int drop(void *arg) {
    struct dropper *dropper = arg;
    while (!dropper->may_drop) {
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    bl_task_unref(dropper->task);
    return 0;
}

PARAM(int, calls, 0, 127); /* in the second case the turn ends in the join */

TEST(who_is_joined_is_kept_until_the_joiner_has_heard, (calls)) {
    bl_group group = { 0 };
    struct dropper dropper = { 0 };
    bl_outcome outcome = { .rc = 99 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_yield(), 0); /* from here the turn is whole */
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(7), &dropper.task));
    REQUIRE_OK(bl_spawn(&group, drop, &dropper));
    for (int i = 0; i < calls; i++)
        CHECK_EQ(bl_checkpoint(), 0);
    dropper.may_drop = true;
    CHECK_EQ(bl_task_join(dropper.task, &outcome), 0);
    CHECK_EQ(outcome.rc, 7);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

struct joiner {
    bl_task *task;
    const char *name;
    int rc;
};

static int joins(void *arg) {
    struct joiner *joiner = arg;
    joiner->rc = bl_task_join(joiner->task, NULL);
    note("%s", joiner->name);
    return joiner->rc;
}

TEST(any_number_of_tasks_can_join_and_wake_in_order, .tags = "order") {
    bl_group group = { 0 };
    bl_task *task = NULL;
    struct joiner joiners[3];
    static const char *const names[] = { "a", "b", "c" };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(5)), &task));
    for (int i = 0; i < 3; i++) {
        joiners[i] = (struct joiner){ task, names[i], 99 };
        CHECK_OK(bl_spawn(&group, joins, &joiners[i]));
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a b c");
    bl_task_unref(task);
}

TEST(a_sibling_that_joins_a_failing_task_gets_its_result) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    struct joiner joiner = { NULL, "joiner", 99 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &bad, &task));
    joiner.task = task;
    CHECK_OK(bl_spawn(&group, joins, &joiner));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(joiner.rc, 0); /* woken before the group cancelled it */
    bl_task_unref(task);
}

TEST(the_body_that_joins_a_failing_child_gets_its_result) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    struct kid bad = { .delay = BL_MS(1), .rc = BL_EIO };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &bad, &task));
    CHECK_EQ(bl_task_join(task, &outcome), 0);
    CHECK_ERR(outcome.rc, BL_EIO);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED); /* and then it is cancelled */
    CHECK_ERR(bl_group_exit(&group, BL_ECANCELED), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
    bl_task_unref(task);
}

/* ---- what an outcome holds ----------------------------------------------- */

static int leaves_a_value(void *arg) {
    bl_task_set_value(arg);
    return 4;
}

TEST(a_task_can_leave_a_pointer_beside_its_result) {
    bl_outcome outcome;
    int target;
    join_one(leaves_a_value, &target, &outcome);
    CHECK_EQ(outcome.rc, 4);
    CHECK(outcome.value == &target);
}

static int raises(void *arg) {
    return BL_ERR(BL_EIO, "%s", (const char *)arg);
}

TEST(an_outcome_holds_the_error_object, .tags = "order") {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, raises, "broken", &task));
    CHECK_EQ(bl_task_join(task, &outcome), 0);
    REQUIRE(outcome.error != NULL);
    CHECK_EQ(bl_error_code(outcome.error), BL_EIO);
    CHECK_STR(bl_error_message(outcome.error), "broken");
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    bl_error_handled();
    CHECK_EQ(bl_task_result(task, &outcome), 0); /* still there */
    CHECK_STR(bl_error_message(outcome.error), "broken");
    bl_task_unref(task);
}

static void set_value_outside(void *arg) {
    bl_task_set_value(arg); /* no effect, and no crash */
    bl_task_set_name("nobody");
    CHECK(bl_task_current() == NULL);
}

TEST(leaving_a_value_outside_a_task_has_no_effect) {
    on_thread(set_value_outside, NULL);
}

/* ---- without waiting ----------------------------------------------------- */

TEST(the_result_of_a_live_task_is_not_there) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome = { .rc = 99 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(1)), &task));
    CHECK_ERR(bl_task_result(task, &outcome), BL_ENOTDONE);
    CHECK_ERR(bl_task_try_join(task, &outcome), BL_EAGAIN);
    CHECK_EQ(outcome.rc, 99);
    CHECK(!bl_task_is_done(task));
    CHECK(!bl_task_is_cancelled(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(bl_task_try_join(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 0);
    CHECK(bl_task_is_done(task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

TEST(null_and_oneself_cannot_be_joined) {
    bl_outcome outcome;
    CHECK_ERR(bl_task_join(NULL, &outcome), BL_EINVAL);
    CHECK_ERR(bl_task_result(NULL, &outcome), BL_EINVAL);
    CHECK_ERR(bl_task_try_join(NULL, &outcome), BL_EINVAL);
    CHECK_ERR(bl_task_join(bl_task_current(), &outcome), BL_EDEADLK);
}

static int joins_elsewhere(void *arg) {
    CHECK_ERR(bl_task_join(arg, NULL), BL_ETHREAD);
    bl_task *tasks[] = { arg };
    CHECK_ERR(bl_task_wait(tasks, 1, BL_WAIT_ALL), BL_ETHREAD);
    return 0;
}

TEST(a_task_of_another_loop_cannot_be_joined) {
    CHECK_EQ(run_elsewhere(joins_elsewhere, bl_task_current(), NULL), 0);
}

/* ---- several ------------------------------------------------------------- */

struct three {
    bl_group group;
    bl_task *tasks[3];
};

static void three_spawn(struct three *three, bl_ns a, bl_ns b, bl_ns c) {
    bl_ns delays[] = { a, b, c };
    *three = (struct three){ .tasks = { NULL } };
    REQUIRE_OK(bl_group_enter(&three->group));
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn_task(&three->group, kid_sleeps, ARG(delays[i]),
                                 &three->tasks[i]));
    }
}

static void three_end(struct three *three) {
    CHECK_EQ(bl_group_exit(&three->group, 0), 0);
    for (int i = 0; i < 3; i++)
        bl_task_unref(three->tasks[i]);
}

TEST(waiting_for_the_first_returns_with_the_first) {
    struct three three;
    bl_ns start = bl_now();
    three_spawn(&three, BL_MS(30), BL_MS(10), BL_MS(20));
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_FIRST), 1);
    CHECK_EQ(bl_now() - start, BL_MS(10));
    CHECK(bl_task_is_done(three.tasks[1]));
    CHECK(!bl_task_is_done(three.tasks[0])); /* and cancels none */
    three_end(&three);
    CHECK_EQ(bl_now() - start, BL_MS(30));
}

TEST(waiting_for_all_returns_with_the_last) {
    struct three three;
    bl_ns start = bl_now();
    three_spawn(&three, BL_MS(30), BL_MS(10), BL_MS(20));
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_ALL), 3);
    CHECK_EQ(bl_now() - start, BL_MS(30));
    three_end(&three);
}

TEST(waiting_for_an_error_without_one_is_waiting_for_all) {
    struct three three;
    bl_ns start = bl_now();
    three_spawn(&three, BL_MS(30), BL_MS(10), BL_MS(20));
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_ERROR), 3);
    CHECK_EQ(bl_now() - start, BL_MS(30));
    three_end(&three);
}

TEST(waiting_for_an_error_returns_with_it) {
    bl_group outer = { 0 }, group = { 0 };
    bl_task *tasks[2] = { NULL, NULL };
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(20) };
    struct kid bad = { .delay = BL_MS(5), .rc = BL_EIO };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&outer));
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &slow, &tasks[0]));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &bad, &tasks[1]));
    CHECK_EQ(bl_task_wait(tasks, 2, BL_WAIT_ERROR), 1);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(bl_group_exit(&outer, 0), 0);
    bl_task_unref(tasks[0]);
    bl_task_unref(tasks[1]);
}

TEST(waiting_for_tasks_that_have_ended_does_not_wait, .tags = "order") {
    struct three three;
    three_spawn(&three, 0, 0, 0);
    settle();
    uint64_t before = resumes();
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_ALL), 3);
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_FIRST), 3);
    CHECK_EQ(resumes(), before);
    three_end(&three);
}

TEST(a_cancelled_wait_for_several_cancels_none) {
    struct three three;
    bl_scope scope;
    three_spawn(&three, BL_MS(30), BL_MS(10), BL_MS(20));
    bl_scope_enter_move_on(&scope, BL_MS(1));
    int rc = bl_task_wait(three.tasks, 3, BL_WAIT_FIRST);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_ALL), 3);
    for (int i = 0; i < 3; i++)
        CHECK(!bl_task_is_cancelled(three.tasks[i]));
    three_end(&three);
}

TEST(a_cancelled_task_counts_as_ended_not_as_failed) {
    struct three three;
    three_spawn(&three, BL_MS(5), HOUR, BL_MS(5));
    CHECK(bl_task_cancel(three.tasks[1]));
    CHECK_EQ(bl_task_wait(three.tasks, 3, BL_WAIT_ERROR), 3);
    three_end(&three);
}

TEST(waiting_for_several_refuses_what_it_cannot_mean) {
    bl_task *tasks[] = { NULL };
    bl_task *me[] = { bl_task_current() };
    CHECK_ERR(bl_task_wait(NULL, 1, BL_WAIT_ALL), BL_EINVAL);
    CHECK_ERR(bl_task_wait(me, 0, BL_WAIT_ALL), BL_EINVAL);
    CHECK_ERR(bl_task_wait(tasks, 1, BL_WAIT_ALL), BL_EINVAL);
    CHECK_ERR(bl_task_wait(me, 1, (bl_wait_mode)9), BL_EINVAL);
    CHECK_ERR(bl_task_wait(me, 1, BL_WAIT_ALL), BL_EDEADLK);
}

TEST(waiting_for_forty_tasks) {
    enum {
        COUNT = 40
    };
    bl_group group = { 0 };
    bl_task *tasks[COUNT];
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < COUNT; i++) {
        REQUIRE_OK(
            bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(i + 1)), &tasks[i]));
    }
    CHECK_EQ(bl_task_wait(tasks, COUNT, BL_WAIT_FIRST), 1);
    CHECK_EQ(bl_task_wait(tasks, COUNT, BL_WAIT_ALL), COUNT);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    for (int i = 0; i < COUNT; i++)
        bl_task_unref(tasks[i]);
}

TEST(first_completed_in_a_loop_is_as_completed) {
    struct three three;
    size_t left = 3;
    three_spawn(&three, BL_MS(30), BL_MS(10), BL_MS(20));
    bl_task *open[3] = { three.tasks[0], three.tasks[1], three.tasks[2] };
    while (left > 0) {
        CHECK_GE(bl_task_wait(open, left, BL_WAIT_FIRST), 1);
        for (size_t i = 0; i < left;) {
            if (!bl_task_is_done(open[i])) {
                i++;
                continue;
            }
            note("%d", (int)(bl_now() / BL_MS(10)));
            open[i] = open[--left];
        }
    }
    CHECK_STR(notes(), "1 2 3");
    three_end(&three);
}

TEST(composite_of_joins, .sweep = T_CANCEL | T_OOM) {
    bl_group group = { 0 };
    bl_task *tasks[20];
    int count = 0, rc = bl_group_enter(&group);
    if (rc < 0) return;
    for (; rc == 0 && count < 20; count++) {
        rc =
            bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(count)), &tasks[count]);
        if (rc < 0) break;
    }
    if (rc == 0) rc = bl_task_wait(tasks, (size_t)count, BL_WAIT_FIRST);
    if (rc > 0) rc = bl_task_wait(tasks, (size_t)count, BL_WAIT_ALL);
    if (rc > 0) rc = bl_task_join(tasks[0], NULL);
    rc = bl_group_exit(&group, rc);
    CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED || rc == BL_EGROUP);
    while (count > 0)
        bl_task_unref(tasks[--count]);
}
