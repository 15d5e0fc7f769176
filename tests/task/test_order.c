/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_order.c - what comes before what, always: one turn of the
 * loop
 *
 * Ready tasks run first come first served, those readied meanwhile wait for
 * the next turn; then descriptors, then timers by (due, arming), then calls
 * from elsewhere.  The same program takes the same steps every time.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <string.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

/* ---- ready tasks --------------------------------------------------------- */

static int notes_twice(void *arg) {
    note("%s1", (const char *)arg);
    int rc = bl_yield();
    note("%s2", (const char *)arg);
    return rc;
}

TEST(ready_tasks_run_first_come_first_served, .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, notes_twice, "a"));
    CHECK_OK(bl_spawn(&group, notes_twice, "b"));
    CHECK_OK(bl_spawn(&group, notes_twice, "c"));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a1 b1 c1 a2 b2 c2");
}

TEST(a_yield_lets_every_ready_task_run_exactly_once, .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, notes_twice, "a"));
    CHECK_OK(bl_spawn(&group, notes_twice, "b"));
    CHECK_EQ(bl_yield(), 0);
    note("body");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a1 b1 body a2 b2");
}

static bl_event event;

static int sets_and_yields(void *arg) {
    note("%s-before", (const char *)arg);
    bl_event_set(&event);
    int rc = bl_yield();
    note("%s-after", (const char *)arg);
    return rc;
}

static int waits_and_notes(void *arg) {
    int rc = bl_event_wait(&event);
    note("%s", (const char *)arg);
    return rc;
}

TEST(a_task_readied_in_this_turn_runs_in_the_next, .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_and_notes, "waiter"));
    settle();
    CHECK_OK(bl_spawn(&group, sets_and_yields, "setter"));
    CHECK_OK(bl_spawn(&group, kid_run, &(struct kid){ .name = "bystander" }));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "setter-before bystander waiter setter-after");
}

TEST(waiters_of_one_event_wake_in_the_order_they_came, .tags = "order") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_and_notes, "a"));
    CHECK_OK(bl_spawn(&group, waits_and_notes, "b"));
    CHECK_OK(bl_spawn(&group, waits_and_notes, "c"));
    settle();
    bl_event_set(&event);
    note("set");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "set a b c");
}

TEST(waking_does_not_run_the_woken_task_at_once) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_and_notes, "waiter"));
    settle();
    uint64_t before = resumes();
    bl_event_set(&event);
    CHECK_EQ(resumes(), before);
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- timers -------------------------------------------------------------- */

TEST(timers_fire_in_order_of_time) {
    static struct kid kids[] = {
        { .name = "30", .delay = BL_MS(30) },
        { .name = "10", .delay = BL_MS(10) },
        { .name = "20", .delay = BL_MS(20) },
    };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++)
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "10 20 30");
}

TEST(timers_of_one_instant_fire_in_the_order_they_were_armed, .tags = "order") {
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    static struct kid kids[6];
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 6; i++) {
        kids[i] = (struct kid){ .name = names[i], .delay = BL_MS(10) };
        CHECK_OK(bl_spawn(&group, kid_run, &kids[i]));
    }
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "a b c d e f");
}

TEST(arming_order_decides_even_if_the_delays_differ, .tags = "order") {
    static struct kid first = { .name = "first", .delay = BL_MS(10) };
    static struct kid second = { .name = "second", .delay = BL_MS(5) };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &first)); /* due at 10, armed at 0 */
    CHECK_OK(bl_sleep(BL_MS(5)));
    CHECK_OK(bl_spawn(&group, kid_run, &second)); /* due at 10, armed at 5 */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "first second");
}

TEST(sleeps_and_deadlines_share_one_order, .tags = "order") {
    bl_scope scope;
    bl_group group = { 0 };
    struct kid kid = { .name = "sleeper", .delay = BL_MS(10) };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    settle(); /* the sleep is armed */
    bl_scope_enter_move_on(&scope, BL_MS(10));
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    note("deadline");
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "sleeper deadline");
}

/* ---- one turn: tasks, descriptors, timers, calls ------------------------- */

/* A loop that is stepped by hand, with something of each kind to do. */
struct turn {
    bl_loop *loop;
    bl_watch watch;
    bl_timer timer;
    bl_call call;
    int ends[2];
};

static void note_timer(void *arg) {
    (void)arg;
    note("timer");
}

static void note_call(void *arg) {
    (void)arg;
    note("call");
}

static void note_io(void *arg, unsigned events) {
    struct turn *turn = arg;
    CHECK_EQ(events, BL_READABLE);
    note("io");
    bl_watch_stop(&turn->watch);
}

static int root_notes(void *arg) {
    (void)arg;
    note("task");
    return 0;
}

static void try_turn(void *arg) {
    struct turn *turn = arg;
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_MANUAL;
    CHECK_OK(bl_loop_open(&options, &turn->loop));
    CHECK_EQ(pipe(turn->ends), 0);
    CHECK_EQ(write(turn->ends[1], "x", 1), 1);
    bl_timer_init(&turn->timer, note_timer, NULL);
    bl_timer_start(turn->loop, &turn->timer, BL_MS(1));
    bl_watch_init(&turn->watch, turn->ends[0], note_io, turn);
    CHECK_OK(bl_watch_start(turn->loop, &turn->watch, BL_READABLE));
    CHECK_OK(bl_loop_start(turn->loop, root_notes, NULL));
    CHECK_OK(bl_loop_advance(turn->loop, BL_MS(1)));
    CHECK_EQ(bl_loop_step(turn->loop, 0), 0); /* one turn */
    CHECK_STR(notes(), "task io timer");
    CHECK_OK(bl_loop_finish(turn->loop));
    bl_loop_close(turn->loop);
    close(turn->ends[0]);
    close(turn->ends[1]);
}

TEST(one_turn_runs_tasks_then_descriptors_then_timers) {
    struct turn turn = { .loop = NULL };
    on_thread(try_turn, &turn);
}

struct late_read {
    int ends[2];
    bl_loop *loop;
};

static int reads_within_a_deadline(void *arg) {
    struct late_read *late = arg;
    char byte;
    bl_ssize got = 0;
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    got = bl_fd_read(late->ends[0], &byte, 1);
    CHECK(bl_scope_is_expired(&scope));
    return bl_scope_exit(&scope, (int)got);
}

static void try_late_read(void *arg) {
    struct late_read *late = arg;
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_MANUAL;
    CHECK_OK(bl_loop_open(&options, &late->loop));
    CHECK_EQ(pipe(late->ends), 0);
    CHECK_OK(bl_loop_start(late->loop, reads_within_a_deadline, late));
    CHECK_EQ(bl_loop_step(late->loop, 0), 1); /* it waits */
    CHECK_EQ(write(late->ends[1], "x", 1), 1);
    CHECK_OK(bl_loop_advance(late->loop, BL_MS(5))); /* and is late */
    while (bl_loop_step(late->loop, 0) == 1) {}
    CHECK_EQ(bl_loop_finish(late->loop), 1); /* the byte was there first */
    bl_loop_close(late->loop);
    close(late->ends[0]);
    close(late->ends[1]);
}

TEST(data_and_deadline_in_one_turn_the_data_wins, .tags = "order") {
    struct late_read late = { .loop = NULL };
    on_thread(try_late_read, &late);
}

static void call_again(void *arg) {
    struct turn *turn = arg;
    note("called");
    if (strlen(notes()) < 40) {
        bl_call_soon(turn->loop, &turn->call, call_again, turn);
    }
}

static void try_calls(void *arg) {
    struct turn *turn = arg;
    bl_loop_options options = quiet_options();
    CHECK_OK(bl_loop_open(&options, &turn->loop));
    bl_call_soon(turn->loop, &turn->call, call_again, turn);
    CHECK_EQ(bl_loop_step(turn->loop, 0), 0);
    CHECK_STR(notes(), "called"); /* what it queued waits for the next turn */
    CHECK_EQ(bl_loop_step(turn->loop, 0), 0);
    CHECK_STR(notes(), "called called");
    bl_call_cancel(&turn->call);
    CHECK_EQ(bl_loop_step(turn->loop, 0), 0);
    CHECK_STR(notes(), "called called");
    bl_loop_close(turn->loop);
}

TEST(a_call_queued_by_a_call_is_made_in_the_next_turn) {
    struct turn turn = { .loop = NULL };
    on_thread(try_calls, &turn);
}

TEST(a_call_that_is_queued_twice_is_made_once) {
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, note_call, NULL);
    bl_call_soon(bl_loop_running(), &call, note_call, NULL);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK_STR(notes(), "call");
}

/* ---- the same steps every time ------------------------------------------- */

static int makes_steps(void *arg) {
    intptr_t number = NUMBER(arg);
    for (int i = 0; i < 4; i++) {
        int rc = bl_sleep(BL_US((number * 7 + i * 13) % 5));
        if (rc < 0) return rc;
        note("%d.%d", (int)number, i);
    }
    return 0;
}

static int runs_steps(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        for (int i = 0; rc == 0 && i < 8; i++) {
            rc = bl_spawn(group, makes_steps, ARG(i));
        }
    }
    return rc;
}

TEST(the_same_program_takes_the_same_steps) {
    char first[2048];
    CHECK_EQ(run_elsewhere(runs_steps, NULL, NULL), 0);
    REQUIRE(strlen(notes()) < sizeof(first));
    memcpy(first, notes(), strlen(notes()) + 1);
    for (int i = 0; i < 5; i++) {
        forget_notes();
        CHECK_EQ(run_elsewhere(runs_steps, NULL, NULL), 0);
        CHECK_STR(notes(), first);
    }
}

/* ---- settle ------------------------------------------------------------- */

TEST(settle_returns_when_all_others_are_blocked_before_time_moves) {
    bl_group group = { 0 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_yields, ARG(50)));
    CHECK_OK(bl_spawn(&group, kid_run,
                      &(struct kid){ .name = "timer", .delay = BL_MS(1) }));
    CHECK_EQ(bl_settle(), 0);
    CHECK_EQ(bl_group_alive_count(&group), 1); /* the yielding one is done */
    CHECK_EQ(bl_now(), start);
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int settles(void *arg) {
    int rc = bl_settle();
    note("%s", (const char *)arg);
    return rc;
}

TEST(two_tasks_can_settle_at_once) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, settles, "a"));
    CHECK_OK(bl_spawn(&group, settles, "b"));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(strlen(notes()), 3);
}
