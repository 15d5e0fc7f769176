/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_local.c - task-local values: inherited at spawn, private
 * afterwards
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include "support/host.h"
#include "support/kids.h"

static int live_count; /* references that are out */

static void value_ref(void *value) {
    (void)value;
    live_count++;
}

static void value_unref(void *value) {
    (void)value;
    live_count--;
}

static const bl_local plain = { NULL, NULL };
static const bl_local other = { NULL, NULL };
static const bl_local counted = { value_ref, value_unref };

static char one[] = "one", two[] = "two", three[] = "three";

TEST(a_value_that_was_never_set_is_null) {
    CHECK(bl_local_get(&plain) == NULL);
}

TEST(a_value_is_what_was_set_last) {
    CHECK_EQ(bl_local_set(&plain, one), 0);
    CHECK(bl_local_get(&plain) == one);
    CHECK_EQ(bl_local_set(&plain, two), 0);
    CHECK(bl_local_get(&plain) == two);
    CHECK(bl_local_get(&other) == NULL);
    CHECK_EQ(bl_local_set(&plain, NULL), 0);
    CHECK(bl_local_get(&plain) == NULL);
}

static int sees(void *arg) {
    return bl_local_get(&plain) == arg;
}

/* Runs `fn(arg)` as a child and returns what it returned. */
static int in_a_child(bl_task_fn *fn, void *arg) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome = { .rc = -1 };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, fn, arg, &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    bl_task_unref(task);
    return outcome.rc;
}

TEST(a_child_inherits_the_values_of_its_spawner) {
    CHECK_EQ(bl_local_set(&plain, one), 0);
    CHECK_EQ(in_a_child(sees, one), 1);
}

TEST(what_counts_is_the_moment_of_the_spawn) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    CHECK_EQ(bl_local_set(&plain, one), 0);
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, sees, one, &task));
    CHECK_EQ(bl_local_set(&plain, two), 0); /* before it has run */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 1);
    bl_task_unref(task);
}

static int sets(void *arg) {
    CHECK_EQ(bl_local_set(&plain, arg), 0);
    CHECK(bl_local_get(&plain) == arg);
    int rc = bl_yield();
    CHECK(bl_local_get(&plain) == arg);
    return rc;
}

TEST(what_a_child_sets_its_parent_does_not_see) {
    CHECK_EQ(bl_local_set(&plain, one), 0);
    CHECK_EQ(in_a_child(sets, two), 0);
    CHECK(bl_local_get(&plain) == one);
}

TEST(siblings_do_not_see_each_other_s_values) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, sets, one));
    CHECK_OK(bl_spawn(&group, sets, two));
    CHECK_OK(bl_spawn(&group, sets, three));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int grandchild_sees(void *arg) {
    return in_a_child(sees, arg);
}

TEST(values_are_inherited_over_generations) {
    CHECK_EQ(bl_local_set(&plain, three), 0);
    CHECK_EQ(in_a_child(grandchild_sees, three), 1);
}

struct spawn_into {
    bl_group *group;
    bl_task *task;
};

static int sets_and_spawns(void *arg) {
    struct spawn_into *into = arg;
    CHECK_EQ(bl_local_set(&plain, two), 0);
    return bl_spawn_task(into->group, sees, two, &into->task);
}

TEST(values_come_from_the_spawner_not_from_the_group) {
    bl_group group = { 0 };
    struct spawn_into into = { &group, NULL };
    bl_outcome outcome;
    CHECK_EQ(bl_local_set(&plain, one), 0);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, sets_and_spawns, &into));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    REQUIRE(into.task != NULL);
    CHECK_EQ(bl_task_result(into.task, &outcome), 0);
    CHECK_EQ(outcome.rc, 1);
    bl_task_unref(into.task);
}

static int lives_longer(void *arg) {
    int rc = bl_sleep(BL_MS(5));
    return rc < 0 ? rc : bl_local_get(&counted) == arg;
}

static int sets_counted_and_spawns(void *arg) {
    struct spawn_into *into = arg;
    value_ref(one);
    CHECK_EQ(bl_local_set(&counted, one), 0); /* takes the reference over */
    return bl_spawn_task(into->group, lives_longer, one, &into->task);
}

TEST(a_value_lives_as_long_as_a_task_has_it) {
    bl_group group = { 0 };
    struct spawn_into into = { &group, NULL };
    bl_outcome outcome;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, sets_counted_and_spawns, &into));
    CHECK_OK(bl_sleep(BL_MS(1))); /* the one who set it is gone */
    CHECK_GT(live_count, 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(into.task, &outcome), 0);
    CHECK_EQ(outcome.rc, 1);
    bl_task_unref(into.task);
    CHECK_EQ(live_count, 0);
}

static int set_counted(void *value) {
    value_ref(value);
    int rc = bl_local_set(&counted, value);
    if (rc < 0) value_unref(value); /* it was not taken over */
    return rc;
}

static int sets_counted_twice(void *arg) {
    (void)arg;
    int rc = set_counted(one);
    if (rc == 0) rc = set_counted(two);
    if (rc == 0) CHECK(bl_local_get(&counted) == two);
    return rc;
}

TEST(a_value_that_was_replaced_is_given_back_in_the_end) {
    CHECK_EQ(in_a_child(sets_counted_twice, NULL), 0);
    CHECK_EQ(live_count, 0);
}

static int job_sees(void *arg) {
    return bl_local_get(&plain) == arg;
}

TEST(values_are_visible_in_thread_jobs) {
    CHECK_EQ(bl_local_set(&plain, one), 0);
    CHECK_EQ(bl_to_thread(job_sees, one), 1);
}

static void use_outside(void *arg) {
    CHECK_ERR(bl_local_set(&plain, arg), BL_ENOTASK);
    CHECK(bl_local_get(&plain) == NULL);
}

TEST(outside_a_task_there_are_no_values) {
    on_thread(use_outside, one);
    CHECK_ERR(bl_local_set(NULL, one), BL_EINVAL);
}

TEST(a_hundred_values) {
    static bl_local many[100];
    for (int i = 0; i < 100; i++) {
        REQUIRE_EQ(bl_local_set(&many[i], ARG(i + 1)), 0);
    }
    for (int i = 0; i < 100; i++) {
        CHECK(bl_local_get(&many[i]) == ARG(i + 1));
    }
}

TEST(composite_of_values, .sweep = T_CANCEL | T_OOM) {
    int rc = 0;
    BL_IGNORE(set_counted(one)); /* the check below knows whether it is */
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, sets_counted_twice, NULL);
        if (rc == 0) rc = bl_spawn(group, sets, two);
        if (rc == 0) rc = bl_sleep(1);
    }
    CHECK_ALWAYS(live_count == (bl_local_get(&counted) == one));
}
