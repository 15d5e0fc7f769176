/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_fairness.c - who never has to wait lets the others run all
 * the same
 *
 * A call that need not wait does not switch, until the task has made 128 such
 * calls in a row; then it goes to the end of the line.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include "support/host.h"
#include "support/kids.h"

enum {
    BUDGET = 128
};

static int counts_its_runs(void *arg) {
    int *runs = arg;
    for (;;) {
        ++*runs;
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
}

/* A set event, and a task beside us that counts how often it may run. */
struct bench {
    bl_group group;
    bl_event event;
    int runs;
};

static void bench_begin(struct bench *bench) {
    *bench = (struct bench){ .runs = 0 };
    bl_event_set(&bench->event);
    REQUIRE_OK(bl_group_enter(&bench->group));
    REQUIRE_OK(bl_spawn(&bench->group, counts_its_runs, &bench->runs));
    CHECK_EQ(bl_yield(), 0); /* from here on the budget is whole */
    bench->runs = 0;
}

static void bench_end(struct bench *bench) {
    bl_group_cancel(&bench->group);
    CHECK_EQ(bl_group_exit(&bench->group, 0), 0);
}

TEST(a_call_that_need_not_wait_does_not_switch, .tags = "order") {
    struct bench bench;
    bench_begin(&bench);
    for (int i = 0; i < BUDGET - 1; i++) {
        CHECK_EQ(bl_event_wait(&bench.event), 0);
    }
    CHECK_EQ(bench.runs, 0);
    bench_end(&bench);
}

TEST(after_128_calls_that_did_not_wait_the_others_run, .tags = "order") {
    struct bench bench;
    bench_begin(&bench);
    for (int i = 0; i < BUDGET + 1; i++) {
        CHECK_EQ(bl_event_wait(&bench.event), 0);
    }
    CHECK_EQ(bench.runs, 1);
    bench_end(&bench);
}

TEST(ten_budgets_are_ten_turns_for_the_others, .tags = "bulky order") {
    struct bench bench;
    bench_begin(&bench);
    for (int i = 0; i < 10 * BUDGET; i++) {
        CHECK_EQ(bl_event_wait(&bench.event), 0);
    }
    CHECK_GE(bench.runs, 9);
    CHECK_LE(bench.runs, 10);
    bench_end(&bench);
}

TEST(a_switch_makes_the_budget_whole_again, .tags = "order") {
    struct bench bench;
    bench_begin(&bench);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BUDGET - 1; i++) {
            CHECK_EQ(bl_event_wait(&bench.event), 0);
        }
        CHECK_EQ(bench.runs, round);
        CHECK_EQ(bl_yield(), 0);
    }
    bench_end(&bench);
}

TEST(all_kinds_of_calls_share_one_budget, .tags = "order") {
    struct bench bench;
    bl_sem sem;
    REQUIRE_OK(bl_sem_init(&sem, 1000, 0));
    bench_begin(&bench);
    for (int i = 0; i < BUDGET; i++) {
        CHECK_EQ(bl_event_wait(&bench.event), 0);
        CHECK_EQ(bl_sem_acquire(&sem), 0);
        CHECK_EQ(bl_checkpoint(), 0);
    }
    CHECK_GE(bench.runs, 2);
    CHECK_LE(bench.runs, 3);
    bench_end(&bench);
}

TEST(calls_that_never_wait_are_not_counted) {
    struct bench bench;
    bl_sem sem;
    REQUIRE_OK(bl_sem_init(&sem, 0, 0));
    bench_begin(&bench);
    for (int i = 0; i < 10 * BUDGET; i++) {
        CHECK_EQ(bl_sem_release(&sem), 0);
        CHECK_EQ(bl_sem_try_acquire(&sem), 0);
    }
    CHECK_EQ(bench.runs, 0);
    bench_end(&bench);
}

static int budget_of_eight(void *arg) {
    bl_group group = { 0 };
    bl_event event = BL_EVENT_INIT;
    int *runs = arg;
    bl_event_set(&event);
    int rc = bl_group_enter(&group);
    if (rc == 0) rc = bl_spawn(&group, counts_its_runs, runs);
    if (rc == 0) rc = bl_yield();
    *runs = 0;
    for (int i = 0; rc == 0 && i < 80; i++)
        rc = bl_event_wait(&event);
    bl_group_cancel(&group);
    return bl_group_exit(&group, rc);
}

TEST(the_budget_is_an_option_of_the_loop, .tags = "order") {
    int runs = 0;
    bl_loop_options options = quiet_options();
    options.fairness_budget = 8;
    CHECK_EQ(run_elsewhere(budget_of_eight, &runs, &options), 0);
    CHECK_GE(runs, 9);
    CHECK_LE(runs, 10);
}

/* A task that never has to wait is cancelled by a deadline all the same. */
static int spins_on_a_set_event(void *arg) {
    bl_event event = BL_EVENT_INIT;
    int rc = 0;
    (void)arg;
    bl_event_set(&event);
    BL_TIMEOUT(rc, BL_MS(1)) {
        while (rc == 0)
            rc = bl_event_wait(&event);
    }
    return rc;
}

TEST(timers_are_looked_at_while_a_task_never_waits) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_REAL;
    CHECK_ERR(run_elsewhere(spins_on_a_set_event, NULL, &options),
              BL_ETIMEDOUT);
}

static bool is_posted;

static void set_posted(void *arg) {
    (void)arg;
    is_posted = true;
}

static int spins_until_posted(void *arg) {
    bl_event event = BL_EVENT_INIT;
    bl_call call = { 0 };
    int rc = 0;
    (void)arg;
    bl_event_set(&event);
    bl_call_soon(bl_loop_running(), &call, set_posted, NULL);
    while (rc == 0 && !is_posted)
        rc = bl_event_wait(&event);
    return rc;
}

TEST(callbacks_are_made_while_a_task_never_waits) {
    CHECK_EQ(run_elsewhere(spins_until_posted, NULL, NULL), 0);
}
