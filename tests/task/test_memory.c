/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_memory.c - what calls say when there is no memory
 *
 * The sweeps of the other files fail one allocation after the other and look
 * that nothing is lost.  Here there is none at all, and the code is looked at.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"

TEST(a_loop_needs_memory, .no_loop = true) {
    bl_loop *loop = NULL;
    famine_begin(0);
    int rc = bl_loop_open(NULL, &loop);
    int run_rc = bl_run(kid_returns, ARG(1));
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_ERR(run_rc, BL_ENOMEM);
    CHECK(loop == NULL);
}

TEST(a_first_task_and_a_first_descriptor_need_memory, .no_loop = true) {
    bl_loop *loop;
    REQUIRE_OK(bl_loop_open(NULL, &loop));
    famine_begin(0);
    int run_rc = bl_loop_run(loop, kid_returns, ARG(1));
    int start_rc = bl_loop_start(loop, kid_returns, ARG(1));
    int fd_rc = bl_loop_fd(loop);
    famine_end();
    CHECK_ERR(run_rc, BL_ENOMEM);
    CHECK_ERR(start_rc, BL_ENOMEM);
    CHECK_ERR(fd_rc, BL_ENOMEM);
    CHECK_EQ(bl_loop_run(loop, kid_returns, ARG(1)), 1); /* later it can */
    bl_loop_close(loop);
}

enum {
    ENOUGH = 1000 /* more than the stacks that are there already */
};

static int spawns_until_it_fails(void *arg) {
    bl_group group = { 0 };
    int spawned = 0, rc = 0;
    (void)arg;
    REQUIRE_OK(bl_group_enter(&group));
    famine_begin(0);
    while (rc == 0 && spawned++ < ENOUGH)
        rc = bl_spawn(&group, kid_returns, NULL);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    return bl_group_exit(&group, 0); /* those that were accepted have run */
}

TEST(a_spawn_needs_a_stack, .no_loop = true) {
    bl_loop_options options = quiet_options();
    CHECK_EQ(bl_run_with(spawns_until_it_fails, NULL, &options), 0);
}

static int races_too_many(void *arg) {
    static bl_racer racers[ENOUGH];
    (void)arg;
    for (int i = 0; i < ENOUGH; i++)
        racers[i] = (bl_racer){ kid_sleeps, ARG(HOUR), NULL };
    famine_begin(0);
    int rc = bl_race(racers, ENOUGH, NULL);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_EQ(bl_now(), 0); /* those that ran were cancelled */
    return 0;
}

TEST(a_race_needs_a_stack_for_each, .no_loop = true) {
    bl_loop_options options = quiet_options();
    CHECK_EQ(bl_run_with(races_too_many, NULL, &options), 0);
}

static const bl_local some_local = { NULL, NULL };

TEST(a_local_value_needs_memory) {
    int value = 0;
    famine_begin(0);
    int rc = bl_local_set(&some_local, &value);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(bl_local_get(&some_local) == NULL);
}

TEST(a_token_needs_memory) {
    bl_token *token = NULL;
    famine_begin(0);
    int rc = bl_token_new(&token);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(token == NULL);
}

enum {
    TASKS = 17
};

TEST(a_wait_for_more_than_sixteen_tasks_needs_memory) {
    bl_task *tasks[TASKS];
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < TASKS; i++)
        CHECK_OK(bl_spawn_task(&group, kid_sleeps, ARG(1), &tasks[i]));
    famine_begin(0);
    int rc = bl_task_wait(tasks, TASKS, BL_WAIT_ALL);
    int few_rc = bl_task_wait(tasks, TASKS - 1, BL_WAIT_FIRST);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_GE(few_rc, 1);
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < TASKS; i++)
        bl_task_unref(tasks[i]);
}
