/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_spawn.c - who may spawn where, and what a child gets to
 * start with
 *
 * The refusals of a group in each of its states and who is told what; owned
 * and copied arguments; options; names and places; handles that outlive the
 * group.
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- the everyday case --------------------------------------------------- */

TEST(the_spawner_goes_on_and_the_child_runs_later) {
    bl_group group = { 0 };
    struct kid kid = { .name = "child" };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    note("spawner");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "spawner child");
}

TEST(a_child_is_readied_behind_the_tasks_that_are_ready, .tags = "order") {
    bl_group group = { 0 };
    struct kid first = { .name = "1" }, second = { .name = "2" },
               third = { .name = "3" };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &first));
    CHECK_OK(bl_spawn(&group, kid_run, &second));
    CHECK_OK(bl_spawn(&group, kid_run, &third));
    CHECK_EQ(bl_yield(), 0);
    CHECK_STR(notes(), "1 2 3");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int spawns_a_sibling(void *arg) {
    static struct kid kid = { .name = "sibling", .delay = BL_MS(1) };
    return bl_spawn(arg, kid_run, &kid);
}

TEST(a_child_can_spawn_into_its_own_group) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, spawns_a_sibling, &group));
    CHECK_EQ(bl_group_exit(&group, 0), 0); /* joined while it spawned */
    CHECK_STR(notes(), "sibling");
}

struct generation {
    bl_group *group;
    int left;
};

static int spawns_the_next(void *arg) {
    struct generation *generation = arg;
    note("%d", generation->left);
    if (generation->left-- == 0) return 0;
    return bl_spawn(generation->group, spawns_the_next, generation);
}

TEST(a_group_stays_open_as_long_as_children_spawn_children) {
    bl_group group = { 0 };
    struct generation generation = { &group, 4 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, spawns_the_next, &generation));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "4 3 2 1 0");
}

TEST(a_task_can_spawn_into_the_group_of_another) {
    bl_group mine = { 0 }, theirs = { 0 };
    REQUIRE_OK(bl_group_enter(&theirs));
    REQUIRE_OK(bl_group_enter(&mine));
    CHECK_OK(bl_spawn(&mine, spawns_a_sibling, &theirs));
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_STR(notes(), ""); /* it was not mine to wait for */
    CHECK_EQ(bl_group_exit(&theirs, 0), 0);
    CHECK_STR(notes(), "sibling");
}

static void spawn_in_a_callback(void *arg) {
    static struct kid kid = { .name = "called" };
    CHECK_EQ(bl_spawn(arg, kid_run, &kid), 0);
}

TEST(a_loop_callback_can_spawn) {
    bl_group group = { 0 };
    bl_call call = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_call_soon(bl_loop_running(), &call, spawn_in_a_callback, &group);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "called");
}

/* ---- refusals ------------------------------------------------------------ */

TEST(a_group_that_was_never_entered_refuses) {
    bl_group group = { 0 };
    CHECK_ERR(bl_spawn(&group, kid_returns, NULL), BL_EMISUSE);
}

TEST(a_closed_group_refuses) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(bl_spawn(&group, kid_returns, NULL), BL_ECLOSED);
}

TEST(null_is_refused) {
    bl_group group = { 0 };
    int data = 1;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_spawn(NULL, kid_returns, NULL), BL_EINVAL);
    CHECK_ERR(bl_spawn(&group, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_spawn_daemon(NULL, kid_returns, NULL), BL_EINVAL);
    CHECK_ERR(bl_spawn_daemon(&group, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_spawn_task(&group, NULL, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_spawn_copy(&group, NULL, &data, sizeof(data)), BL_EINVAL);
    CHECK_ERR(bl_spawn_copy(&group, kid_returns, NULL, 4), BL_EINVAL);
    CHECK_ERR(bl_spawn_copy(&group, kid_returns, &data, 0), BL_EINVAL);
    CHECK_ERR(bl_spawn_owned(&group, kid_returns, NULL, NULL), BL_EINVAL);
    CHECK_EQ(bl_group_alive_count(&group), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* A task that spawns into `group` after `delay`, and what it was told. */
struct attempt {
    bl_group *group;
    int rc;
    bl_ns delay;
};

static int tries_to_spawn(void *arg) {
    struct attempt *attempt = arg;
    int rc = attempt->delay == 0 ? 0 : bl_sleep(attempt->delay);
    attempt->rc = bl_spawn(attempt->group, kid_returns, NULL);
    return rc;
}

TEST(a_cancelled_group_tells_a_cancelled_caller_canceled) {
    bl_group group = { 0 };
    struct attempt child = { &group, 99, HOUR };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, tries_to_spawn, &child));
    settle();
    bl_group_cancel(&group);
    CHECK_ERR(bl_spawn(&group, kid_returns, NULL), BL_ECANCELED); /* body */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(child.rc, BL_ECANCELED);
}

TEST(a_cancelled_group_tells_a_stranger_closing, .tags = "order") {
    bl_group mine = { 0 }, theirs = { 0 };
    struct attempt stranger = { &theirs, 99, 0 };
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    bl_group_cancel(&theirs);
    CHECK_EQ(bl_group_exit(&theirs, bl_sleep(1)), 0);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(stranger.rc, BL_ECLOSING);
}

TEST(a_group_refuses_after_a_failure) {
    bl_group mine = { 0 }, theirs = { 0 };
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(5) };
    struct attempt stranger = { &theirs, 99, BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    CHECK_OK(bl_spawn(&theirs, kid_run, &slow));
    CHECK_OK(bl_spawn(&theirs, kid_returns, ARG(BL_EIO)));
    CHECK_ERR(bl_group_exit(&theirs, 0), BL_EGROUP);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(stranger.rc, BL_ECLOSING);
}

TEST(a_group_refuses_when_only_an_outer_scope_is_cancelled, .tags = "order") {
    bl_scope scope;
    bl_group mine = { 0 }, theirs = { 0 };
    struct attempt stranger = { &theirs, 99, 0 };
    REQUIRE_OK(bl_group_enter(&mine));
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_spawn(&theirs, kid_returns, NULL), BL_ECANCELED);
    CHECK_ERR(bl_group_exit(&theirs, bl_sleep(1)), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(stranger.rc, BL_ECLOSING);
}

TEST(a_cancelled_caller_can_spawn_into_a_group_that_is_not) {
    bl_scope scope;
    bl_group group = { 0 };
    struct kid kid = { .delay = BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_OK(bl_spawn(&group, kid_run, &kid)); /* no wait: no refusal */
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
}

TEST(a_refused_spawn_does_not_make_a_clean_exit_an_error) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_group_cancel(&group);
    int rc = bl_spawn(&group, kid_returns, NULL);
    CHECK_EQ(bl_group_exit(&group, rc), 0); /* harmless to return */
    CHECK(bl_group_is_caught(&group));
}

TEST(a_group_being_left_takes_children_while_something_is_alive) {
    bl_group mine = { 0 }, theirs = { 0 };
    struct attempt stranger = { &theirs, 99, BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&mine));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&theirs, kid_sleeps, ARG(BL_MS(5))));
    CHECK_EQ(bl_group_exit(&theirs, 0), 0);
    CHECK_EQ(stranger.rc, 0);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
}

TEST(a_group_being_left_with_nothing_alive_is_closed, .tags = "order") {
    bl_group mine = { 0 }, theirs = { 0 };
    struct attempt stranger = { &theirs, 99, BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&theirs, kid_sleeps, ARG(BL_MS(1))));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    CHECK_EQ(bl_group_exit(&theirs, 0), 0); /* the child ends, then he asks */
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(stranger.rc, BL_ECLOSED);
}

TEST(a_closing_group_tells_a_stranger_closing) {
    bl_group mine = { 0 }, theirs = { 0 };
    struct kid daemon = { .delay = HOUR, .cleanup = BL_MS(5) };
    struct attempt stranger = { &theirs, 99, BL_MS(2) };
    REQUIRE_OK(bl_group_enter(&mine));
    CHECK_OK(bl_spawn(&mine, tries_to_spawn, &stranger));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn_daemon(&theirs, kid_run, &daemon));
    settle();
    CHECK_EQ(bl_group_exit(&theirs, 0), 0); /* waits for the daemon */
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(stranger.rc, BL_ECLOSING);
}

static int spawns_elsewhere(void *arg) {
    CHECK_ERR(bl_spawn(arg, kid_returns, NULL), BL_ETHREAD);
    return 0;
}

TEST(a_group_of_another_loop_refuses) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(run_elsewhere(spawns_elsewhere, &group, NULL), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static void spawn_without_a_loop(void *arg) {
    CHECK_ERR(bl_spawn(arg, kid_returns, NULL), BL_ENOLOOP);
}

TEST(a_thread_without_a_loop_cannot_spawn) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    on_thread(spawn_without_a_loop, &group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- owned arguments ----------------------------------------------------- */

static int does_nothing(void *arg) {
    (void)arg;
    return 0;
}

TEST(an_owned_argument_belongs_to_the_child_that_was_accepted) {
    bl_group group = { 0 };
    int drops = 0;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_owned(&group, does_nothing, &drops, count_call));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(drops, 0);
}

static int owns_and_waits(void *arg) {
    count_call(arg);
    return bl_event_wait(&never);
}

TEST(an_owned_argument_is_not_dropped_if_the_child_is_cancelled_unborn) {
    bl_group group = { 0 };
    int calls = 0;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_owned(&group, owns_and_waits, &calls, count_call));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(calls, 1); /* by the child itself, which ran */
}

TEST(an_owned_argument_is_dropped_once_by_each_refusal) {
    bl_group group = { 0 };
    int drops = 0;
    CHECK_ERR(bl_spawn_owned(&group, owns_and_waits, &drops, count_call),
              BL_EMISUSE);
    CHECK_EQ(drops, 1);
    CHECK_ERR(bl_spawn_owned(NULL, owns_and_waits, &drops, count_call),
              BL_EINVAL);
    CHECK_EQ(drops, 2);
    CHECK_ERR(bl_spawn_owned(&group, NULL, &drops, count_call), BL_EINVAL);
    CHECK_EQ(drops, 3);
    REQUIRE_OK(bl_group_enter(&group));
    bl_group_cancel(&group);
    CHECK_ERR(bl_spawn_owned(&group, owns_and_waits, &drops, count_call),
              BL_ECANCELED);
    CHECK_EQ(drops, 4);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(bl_spawn_owned(&group, owns_and_waits, &drops, count_call),
              BL_ECLOSED);
    CHECK_EQ(drops, 5);
}

struct foreign {
    bl_group *group;
    int drops;
};

static int spawns_owned_elsewhere(void *arg) {
    struct foreign *foreign = arg;
    CHECK_ERR(bl_spawn_owned(foreign->group, owns_and_waits, &foreign->drops,
                             count_call),
              BL_ETHREAD);
    return 0;
}

TEST(an_owned_argument_is_dropped_by_a_foreign_loop_s_refusal) {
    bl_group group = { 0 };
    struct foreign foreign = { &group, 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(run_elsewhere(spawns_owned_elsewhere, &foreign, NULL), 0);
    CHECK_EQ(foreign.drops, 1);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(an_option_can_name_the_destructor) {
    bl_group group = { 0 };
    int drops = 0;
    bl_spawn_options options = { .size = sizeof(options), .dtor = count_call };
    CHECK_ERR(bl_spawn_with(&group, owns_and_waits, &drops, &options, NULL),
              BL_EMISUSE);
    CHECK_EQ(drops, 1);
}

TEST(an_owned_argument_survives_any_failure, .sweep = T_OOM) {
    bl_group group = { 0 };
    int calls = 0;
    if (bl_group_enter(&group) < 0) return;
    bl_group_cancel(&group);
    int rc = bl_spawn_owned(&group, owns_and_waits, &calls, count_call);
    CHECK_ALWAYS(calls == 1);
    CHECK_ALWAYS(rc < 0);
    BL_IGNORE(bl_group_exit(&group, 0)); /* the injected run may differ */
    REQUIRE_OK(bl_group_enter(&group));
    calls = 0;
    rc = bl_spawn_owned(&group, owns_and_waits, &calls, count_call);
    settle();
    CHECK_ALWAYS(calls == 1); /* by the child or by the refusal */
    bl_group_cancel(&group);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */
    CHECK_ALWAYS(calls == 1);
}

/* ---- copied arguments ---------------------------------------------------- */

struct packet {
    long double number; /* asks for the strictest alignment */
    char text[100];
};

static int reads_its_packet(void *arg) {
    const struct packet *packet = arg;
    CHECK_EQ((uintptr_t)arg % _Alignof(struct packet), 0);
    CHECK(packet->number == 1.5L);
    CHECK_STR(packet->text, "as it was");
    int rc = bl_sleep(BL_MS(1));
    CHECK_STR(packet->text, "as it was");
    return rc;
}

TEST(a_copied_argument_is_the_child_s_own) {
    bl_group group = { 0 };
    struct packet packet = { 1.5L, "as it was" };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_copy(&group, reads_its_packet, &packet, sizeof(packet)));
    memset(&packet, 0, sizeof(packet));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int changes_its_copy(void *arg) {
    int *number = arg;
    ++*number;
    return *number;
}

TEST(a_child_may_change_its_copy) {
    bl_group group = { 0 };
    int number = 5;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_copy(&group, changes_its_copy, &number, sizeof(number)));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(number, 5);
}

TEST(a_copy_of_more_than_half_the_stack_is_refused) {
    static char large[40 * 1024];
    bl_group group = { 0 };
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    REQUIRE_OK(bl_group_enter(&group));
    if (info.stack_bytes <= 64 * 1024) {
        CHECK_ERR(bl_spawn_copy(&group, kid_returns, large, sizeof(large)),
                  BL_EINVAL);
    }
    CHECK_ERR(bl_spawn_copy(&group, kid_returns, large, SIZE_MAX), BL_EINVAL);
    CHECK_ERR(
        bl_spawn_copy(&group, kid_returns, large, info.stack_bytes / 2 + 1),
        BL_EINVAL);
    CHECK_EQ(bl_group_alive_count(&group), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- options, names, places ---------------------------------------------- */

static int checks_its_name(void *arg) {
    CHECK_STR(bl_task_name(bl_task_current()), arg);
    return 0;
}

TEST(a_task_is_named_after_its_function) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, checks_its_name, "checks_its_name"));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_name_can_be_given_and_is_cut_at_23_bytes) {
    bl_group group = { 0 };
    char name[64] = "conn-7";
    bl_spawn_options options = { .size = sizeof(options), .name = name };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_with(&group, checks_its_name, "conn-7", &options, NULL));
    memset(name, 'x', 40);
    name[40] = '\0';
    CHECK_OK(bl_spawn_with(&group, checks_its_name, "xxxxxxxxxxxxxxxxxxxxxxx",
                           &options, NULL));
    name[0] = '\0'; /* it was copied */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int renames_itself(void *arg) {
    bl_task_set_name(arg);
    CHECK_STR(bl_task_name(bl_task_current()), arg);
    return 0;
}

TEST(a_task_can_rename_itself) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, renames_itself, "other"));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_task_knows_where_it_was_spawned) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, NULL, &task));
    CHECK_CONTAINS(bl_task_site(task), "test_spawn.c:");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

TEST(task_numbers_grow_in_order_of_creation) {
    bl_group group = { 0 };
    bl_task *first = NULL, *second = NULL;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, NULL, &first));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, NULL, &second));
    CHECK_GT(bl_task_id(first), bl_task_id(bl_task_current()));
    CHECK_GT(bl_task_id(second), bl_task_id(first));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(first);
    bl_task_unref(second);
}

static int needs_stack(void *arg) {
    volatile char buffer[200 * 1024];
    buffer[0] = 1;
    buffer[sizeof(buffer) - 1] = 2;
    CHECK_GT(bl_stack_left(), 0);
    (void)arg;
    return buffer[0] + buffer[sizeof(buffer) - 1];
}

TEST(a_child_can_have_a_larger_stack) {
    bl_task *task = NULL;
    bl_outcome outcome;
    bl_spawn_options options = { .size = sizeof(options),
                                 .stack_bytes = 512 * 1024 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_with(&group, needs_stack, NULL, &options, &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 3);
    bl_task_unref(task);
}

TEST(null_options_are_all_defaults) {
    bl_group group = { 0 };
    struct kid kid = { .delay = BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_with(&group, kid_run, &kid, NULL, NULL));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
}

TEST(options_out_of_range_are_refused) {
    bl_group group = { 0 };
    bl_spawn_options no_size = { .size = 0 };
    bl_spawn_options no_data = { .size = sizeof(no_data), .copy_bytes = 8 };
    bl_spawn_options huge = { .size = sizeof(huge), .stack_bytes = SIZE_MAX };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_spawn_with(&group, kid_returns, NULL, &no_size, NULL),
              BL_EINVAL);
    CHECK_ERR(bl_spawn_with(&group, kid_returns, NULL, &no_data, NULL),
              BL_EINVAL);
    int rc = bl_spawn_with(&group, kid_returns, NULL, &huge, NULL);
    CHECK(rc == BL_EINVAL || rc == BL_ENOMEM);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- handles ------------------------------------------------------------ */

TEST(a_handle_outlives_its_group) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(6), &task));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    memset(&group, 0x55, sizeof(group));
    CHECK(bl_task_is_done(task));
    CHECK_EQ(bl_task_result(task, &outcome), 0);
    CHECK_EQ(outcome.rc, 6);
    CHECK_EQ(bl_task_join(task, &outcome), 0);
    CHECK_STR(bl_task_name(task), "kid_returns");
    bl_task_unref(task);
}

TEST(a_handle_can_be_given_back_while_the_task_lives) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    struct kid kid = { .delay = BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_run, &kid, &task));
    bl_task_unref(task);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
    bl_task_unref(NULL);
}

TEST(a_handle_lives_until_its_last_reference) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    bl_outcome outcome;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(bl_spawn_task(&group, kid_returns, ARG(6), &task));
    CHECK(bl_task_ref(task) == task);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
    CHECK_EQ(bl_task_result(task, &outcome), 0); /* by the second one */
    CHECK_EQ(outcome.rc, 6);
    bl_task_unref(task);
}

TEST(a_failed_spawn_does_not_write_the_handle) {
    bl_group group = { 0 };
    bl_task *task = (bl_task *)&group;
    CHECK_ERR(bl_spawn_task(&group, kid_returns, NULL, &task), BL_EMISUSE);
    CHECK(task == (bl_task *)&group);
}

TEST(composite_of_all_kinds_of_spawn, .sweep = T_CANCEL | T_OOM) {
    bl_group group = { 0 };
    bl_task *task = NULL;
    struct kid kid = { .delay = BL_MS(1) };
    int calls = 0;
    if (bl_group_enter(&group) < 0) return;
    int rc = bl_spawn(&group, kid_run, &kid);
    if (rc == 0) rc = bl_spawn_copy(&group, kid_run, &kid, sizeof(kid));
    if (rc == 0) rc = bl_spawn_task(&group, kid_sleeps, ARG(BL_MS(2)), &task);
    if (rc == 0) rc = bl_task_join(task, NULL);
    if (rc == 0) {
        rc = bl_spawn_owned(&group, owns_and_waits, &calls, count_call);
        settle();
        bl_group_cancel(&group);
        rc = bl_group_exit(&group, rc);
        CHECK_ALWAYS(calls == 1); /* by the child or by a refusal */
    } else {
        rc = bl_group_exit(&group, rc);
    }
    CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED || rc == BL_EGROUP);
    bl_task_unref(task);
}
