/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_park.c - waits written by hand: the abort hook, and lines of
 * tasks
 *
 * The protocol that every lock and stream is built on: when the hook is asked,
 * how often, what its answers mean, and what a wake-up carries.
 *
 *     Legs: valgrind
 */
#include <belay/test.h>

#include <signal.h>

#include "support/kids.h"

/* A wait whose abort hook answers as told. */
struct slow {
    bl_park park; /* first: the hook gets its address */
    bl_abort answer;
    bool has_hook;
    bool is_shielded; /* waits inside a shield */
    int asked;
    int rc;
    int next_rc;
};

static bl_abort ask_slow(bl_park *park) {
    struct slow *slow = (struct slow *)park;
    slow->asked++;
    return slow->answer;
}

static int waits_slowly(void *arg) {
    struct slow *slow = arg;
    bl_scope shield;
    if (slow->is_shielded) bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
    int rc = bl_checkpoint();
    if (rc == 0) {
        bl_park_init(&slow->park, "slow thing", slow,
                     slow->has_hook ? ask_slow : NULL);
        rc = bl_park_wait(&slow->park);
    }
    slow->rc = rc;
    if (slow->is_shielded) rc = bl_scope_exit(&shield, rc);
    slow->next_rc = bl_checkpoint();
    return slow->next_rc;
}

/* ---- the hook ------------------------------------------------------------ */

TEST(a_wait_that_was_aborted_is_canceled) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = true, .answer = BL_ABORTED };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(slow.rc, BL_ECANCELED);
    CHECK_EQ(slow.asked, 1);
}

TEST(a_wait_whose_abort_is_pending_completes_by_itself) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = true, .answer = BL_PENDING };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_group_cancel(&group);
    BL_SHIELD(BL_SEC(1)) {
        settle();
        CHECK_EQ(slow.asked, 1);
        CHECK(!bl_park_is_woken(&slow.park));
        bl_park_wake(&slow.park, 17); /* it came through after all */
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(slow.rc, 17); /* and its result is kept */
    CHECK_ERR(slow.next_rc, BL_ECANCELED);
}

TEST(a_pending_abort_may_end_as_canceled) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = true, .answer = BL_PENDING };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_group_cancel(&group);
    BL_SHIELD(BL_SEC(1)) {
        settle();
        bl_park_wake(&slow.park, BL_ECANCELED);
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(slow.rc, BL_ECANCELED);
    CHECK(bl_group_is_caught(&group));
}

TEST(the_hook_is_asked_once_however_often_one_cancels) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_scope scope;
    struct slow slow = { .has_hook = true, .answer = BL_PENDING };
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, waits_slowly, &slow, &task));
    settle();
    CHECK(bl_task_cancel(task));
    bl_group_cancel(&group);
    bl_scope_cancel(&scope, NULL);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(slow.asked, 1);
    bl_park_wake(&slow.park, 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK_EQ(slow.asked, 1);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    bl_task_unref(task);
}

TEST(a_wait_without_a_hook_cannot_be_cancelled) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = false };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_group_cancel(&group);
    BL_SHIELD(BL_SEC(1)) {
        settle();
        bl_park_wake(&slow.park, 5);
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(slow.rc, 5);
    CHECK_ERR(slow.next_rc, BL_ECANCELED);
}

TEST(the_hook_of_a_shielded_wait_is_not_asked) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = true, .is_shielded = true };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_group_cancel(&group);
    BL_SHIELD(BL_SEC(1)) {
        settle();
        CHECK_EQ(slow.asked, 0);
        bl_park_wake(&slow.park, 3);
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(slow.asked, 0);
    CHECK_EQ(slow.rc, 3);
}

TEST(the_hook_is_not_asked_for_a_wait_that_was_woken) {
    bl_group group = { 0 };
    struct slow slow = { .has_hook = true };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_slowly, &slow));
    settle();
    bl_park_wake(&slow.park, 8);
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(slow.asked, 0);
    CHECK_EQ(slow.rc, 8);
}

TEST(the_hook_is_asked_at_once_if_cancelled_since_the_checkpoint) {
    bl_scope scope;
    struct slow slow = { .answer = BL_ABORTED };
    bl_scope_enter(&scope);
    CHECK_EQ(bl_checkpoint(), 0);
    bl_park_init(&slow.park, "slow thing", NULL, ask_slow);
    bl_scope_cancel(&scope, NULL);
    int rc = bl_park_wait(&slow.park);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(slow.asked, 1);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
}

TEST(a_park_woken_before_it_waits_returns_at_once) {
    struct slow slow = { .answer = BL_ABORTED };
    bl_park_init(&slow.park, "slow thing", NULL, ask_slow);
    CHECK(!bl_park_is_woken(&slow.park));
    bl_park_wake(&slow.park, 21);
    CHECK(bl_park_is_woken(&slow.park));
    CHECK_EQ(bl_park_wait(&slow.park), 21);
    CHECK_EQ(slow.asked, 0);
}

TEST(a_park_woken_before_it_waits_keeps_its_result_when_cancelled) {
    bl_scope scope;
    struct slow slow = { .answer = BL_ABORTED };
    bl_scope_enter(&scope);
    bl_park_init(&slow.park, "slow thing", NULL, ask_slow);
    bl_park_wake(&slow.park, 21);
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_park_wait(&slow.park), 21);
    CHECK_EQ(slow.asked, 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_checkpoint()), 0);
}

static void wake_it(void *park) {
    bl_park_wake(park, 33);
}

TEST(a_loop_callback_can_wake_a_park) {
    struct slow slow = { .answer = BL_ABORTED };
    bl_call call = { 0 };
    bl_park_init(&slow.park, "slow thing", NULL, ask_slow);
    bl_call_soon(bl_loop_running(), &call, wake_it, &slow.park);
    CHECK_EQ(bl_park_wait(&slow.park), 33);
}

TEST(waking_a_park_twice_crashes, .signal = SIGABRT) {
    struct slow slow = { .answer = BL_ABORTED };
    bl_park_init(&slow.park, "slow thing", NULL, ask_slow);
    bl_park_wake(&slow.park, 1);
    bl_park_wake(&slow.park, 2);
}

/* ---- lines --------------------------------------------------------------- */

struct in_line {
    bl_waitq *queue;
    const char *name;
    int data;
    int rc;
};

static int stands_in_line(void *arg) {
    struct in_line *place = arg;
    bl_waiter waiter = { .data = &place->data };
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    place->rc = bl_waitq_wait(place->queue, &waiter, "turn", place->queue);
    note("%s", place->name);
    return place->rc;
}

struct line {
    bl_group group;
    bl_waitq queue;
    struct in_line places[3];
    bl_task *tasks[3];
};

static void line_up(struct line *line) {
    static const char *const names[] = { "a", "b", "c" };
    *line = (struct line){ .tasks = { NULL } };
    bl_waitq_init(&line->queue);
    REQUIRE_OK(bl_group_enter(&line->group));
    for (int i = 0; i < 3; i++) {
        line->places[i] = (struct in_line){ &line->queue, names[i], 0, 99 };
        REQUIRE_OK(bl_spawn_task(&line->group, stands_in_line, &line->places[i],
                                 &line->tasks[i]));
    }
    settle();
}

static void line_end(struct line *line) {
    CHECK_EQ(bl_group_exit(&line->group, 0), 0);
    CHECK(bl_waitq_first(&line->queue) == NULL);
    for (int i = 0; i < 3; i++)
        bl_task_unref(line->tasks[i]);
}

TEST(a_line_is_served_from_the_front, .tags = "order") {
    struct line line;
    line_up(&line);
    for (int i = 0; i < 3; i++) {
        bl_waiter *first = bl_waitq_first(&line.queue);
        REQUIRE(first != NULL);
        CHECK(bl_waiter_task(first) == line.tasks[i]);
        CHECK(first->data == &line.places[i].data);
        bl_waitq_serve(first, i);
    }
    line_end(&line);
    CHECK_STR(notes(), "a b c");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(line.places[i].rc, i);
}

TEST(a_cancelled_task_leaves_its_line_at_once, .tags = "order") {
    struct line line;
    line_up(&line);
    CHECK(bl_task_cancel(line.tasks[0]));
    CHECK(bl_waiter_task(bl_waitq_first(&line.queue)) == line.tasks[1]);
    CHECK_EQ(bl_waitq_serve_all(&line.queue, 0), 2);
    line_end(&line);
    CHECK_ERR(line.places[0].rc, BL_ECANCELED);
    CHECK_EQ(line.places[1].rc, 0);
}

TEST(a_served_task_is_out_of_line_before_it_runs, .tags = "order") {
    struct line line;
    line_up(&line);
    bl_waitq_serve(bl_waitq_first(&line.queue), 7);
    CHECK(bl_waiter_task(bl_waitq_first(&line.queue)) == line.tasks[1]);
    CHECK(bl_task_cancel(line.tasks[0])); /* too late */
    CHECK_EQ(bl_waitq_serve_all(&line.queue, 0), 2);
    line_end(&line);
    CHECK_EQ(line.places[0].rc, 7);
}

TEST(serving_all_serves_those_in_line_and_no_more, .tags = "order") {
    struct line line;
    line_up(&line);
    CHECK_EQ(bl_waitq_serve_all(&line.queue, 1), 3);
    CHECK_EQ(bl_waitq_serve_all(&line.queue, 1), 0);
    line_end(&line);
    CHECK_STR(notes(), "a b c");
}

static int stands_in_line_shielded(void *arg) {
    struct in_line *place = arg;
    bl_waiter waiter = { .data = NULL };
    place->rc = bl_waitq_wait_shielded(place->queue, &waiter, "turn", NULL);
    return bl_checkpoint();
}

TEST(a_shielded_place_in_line_is_kept_when_cancelled) {
    bl_group group = { 0 };
    bl_waitq queue;
    bl_waitq_init(&queue);
    struct in_line place = { &queue, "a", 0, 99 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, stands_in_line_shielded, &place));
    settle();
    bl_group_cancel(&group);
    REQUIRE(bl_waitq_first(&queue) != NULL);
    bl_waitq_serve(bl_waitq_first(&queue), 4);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(place.rc, 4);
}

TEST(waiting_allocates_nothing, .sweep = T_OOM) {
    struct line line;
    bl_scope scope;
    if (bl_checkpoint() < 0) return;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    bl_waiter waiter = { .data = NULL };
    bl_waitq_init(&line.queue);
    int rc = bl_waitq_wait(&line.queue, &waiter, "turn", NULL);
    CHECK_ALWAYS(rc == BL_ECANCELED);
    CHECK_ALWAYS(bl_scope_exit(&scope, rc) == BL_ETIMEDOUT);
}
