/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_reentry.c - what a program's own functions may do while the
 * library is in the middle of something
 *
 * Destructors and callbacks run where the library has called them: while a
 * spawn is refused, a cancellation is delivered, a queue is emptied, a task
 * ends.  They may call whatever does not wait.
 */
#include <belay/test.h>

#include <semaphore.h>
#include <stdlib.h>

#include "support/host.h"
#include "support/kids.h"

/* ---- while a spawn is refused -------------------------------------------- */

static void spawns_instead(void *arg) {
    CHECK_OK(bl_spawn(arg, kid_returns, ARG(0)));
    note("dropped");
}

TEST(a_destructor_may_spawn) {
    bl_group open = { 0 }, refusing = { 0 };
    REQUIRE_OK(bl_group_enter(&open));
    REQUIRE_OK(bl_group_enter(&refusing));
    bl_group_cancel(&refusing);
    CHECK_ERR(bl_spawn_owned(&refusing, kid_returns, &open, spawns_instead),
              BL_ECANCELED);
    CHECK_STR(notes(), "dropped");
    CHECK_EQ(bl_group_alive_count(&open), 1);
    CHECK_EQ(bl_group_exit(&refusing, 0), 0);
    CHECK_EQ(bl_group_exit(&open, 0), 0);
}

/* ---- while a cancellation is delivered ----------------------------------- */

/* Tasks of which one waits for a queued job whose destructor goes further. */
struct chain {
    bl_group group;
    bl_token *token;
    bl_task *victim;
    bl_scope *scope;
    sem_t gate;
    bool is_forced;
};

static int occupies(void *arg) {
    struct chain *chain = arg;
    while (sem_wait(&chain->gate) != 0) {}
    return 0;
}

static int occupies_the_thread(void *arg) {
    return bl_to_thread(occupies, arg);
}

static void goes_further(void *arg) {
    struct chain *chain = arg;
    note("dropped");
    if (chain->token != NULL) bl_token_cancel(chain->token, "in a destructor");
    if (chain->victim != NULL) bl_task_cancel(chain->victim);
    if (chain->is_forced) bl_loop_cancel(bl_loop_running(), true);
}

static int queues_a_job(void *arg) {
    int rc = bl_to_thread_owned(kid_returns, arg, goes_further);
    note("first:%d", rc == BL_ECANCELED);
    return rc;
}

static int waits_with_the_token(void *arg) {
    struct chain *chain = arg;
    bl_scope scope;
    bl_scope_options options = { .size = sizeof options,
                                 .token = chain->token };
    int rc = bl_scope_enter_with(&scope, &options);
    if (rc < 0) return rc;
    rc = bl_sleep(HOUR);
    note("token:%d", rc == BL_ECANCELED);
    return bl_scope_exit(&scope, rc);
}

static int waits_to_be_cancelled(void *arg) {
    (void)arg;
    int rc = bl_sleep(HOUR);
    note("victim:%d", rc == BL_ECANCELED);
    return rc;
}

static int waits_under_a_shield(void *arg) {
    int rc = 0;
    (void)arg;
    BL_SHIELD(HOUR) {
        rc = bl_sleep(HOUR);
    }
    note("shield:%d", rc == BL_ECANCELED);
    return rc;
}

/* The busy job keeps the only thread; all others wait for its end. */
static int cancels_the_chain(void *arg) {
    struct chain *chain = arg;
    bl_group busy = { 0 };
    CHECK_OK(bl_token_new(&chain->token));
    CHECK_OK(bl_group_enter(&busy));
    CHECK_OK(bl_spawn(&busy, occupies_the_thread, chain));
    settle();

    CHECK_OK(bl_group_enter(&chain->group));
    CHECK_OK(bl_spawn(&chain->group, queues_a_job, chain));
    CHECK_OK(bl_spawn(&chain->group, waits_with_the_token, chain));
    CHECK_OK(bl_spawn(&chain->group, waits_under_a_shield, chain));
    CHECK_OK(bl_spawn_task(&chain->group, waits_to_be_cancelled, chain,
                           &chain->victim));
    settle();
    bl_group_cancel(&chain->group);
    int rc = bl_group_exit(&chain->group, 0);
    CHECK_EQ(bl_now(), chain->is_forced ? 0 : HOUR);

    CHECK_EQ(sem_post(&chain->gate), 0);
    bl_task_unref(chain->victim);
    bl_token_unref(chain->token);
    return bl_group_exit(&busy, rc);
}

static int run_chain(struct chain *chain) {
    bl_loop_options options = quiet_options();
    options.threads_max = 1;
    options.clock = BL_CLOCK_VIRTUAL;
    REQUIRE_EQ(sem_init(&chain->gate, 0, 0), 0);
    int rc = bl_run_with(cancels_the_chain, chain, &options);
    sem_destroy(&chain->gate);
    return rc;
}

/* It runs before its own task is readied, so who it cancels comes first. */
TEST(a_destructor_may_cancel_everybody_while_a_cancellation_is_delivered,
     .no_loop = true, .tags = "order") {
    struct chain chain = { .is_forced = true };
    CHECK_ERR(run_chain(&chain), BL_ECANCELED);
    CHECK_STR(notes(), "dropped token:1 shield:1 victim:1 first:1");
}

/* ---- while a queue is emptied -------------------------------------------- */

static bl_task *joiner;

static void cancels_the_joiner(void *item) {
    note("item%d", *(int *)item);
    bl_task_cancel(joiner);
}

static int joins_the_queue(void *arg) {
    int rc = bl_queue_join(arg);
    note("joined:%s", rc == 0 ? "done" : bl_error_name(rc));
    return rc;
}

TEST(a_destructor_of_items_may_cancel_who_joins_the_queue) {
    bl_queue queue;
    bl_group group = { 0 };
    REQUIRE_OK(bl_queue_init(&queue, sizeof(int), 4));
    for (int i = 1; i <= 2; i++)
        CHECK_OK(bl_queue_try_put(&queue, &i));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, joins_the_queue, &queue, &joiner));
    settle();
    bl_queue_shutdown_now(&queue, cancels_the_joiner);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "item1 item2 joined:BL_ECANCELED");
    bl_task_unref(joiner);
    bl_queue_done(&queue);
}

/* ---- while a task ends --------------------------------------------------- */

static bl_group *group_of_value;

static void no_ref(void *value) {
    (void)value;
}

static void cancels_the_group(void *value) {
    (void)value;
    note("unref");
    bl_group_cancel(group_of_value);
}

static const bl_local cancelling = { no_ref, cancels_the_group };

static int has_a_value(void *arg) {
    return bl_local_set(&cancelling, arg);
}

static int waits_for_the_group(void *arg) {
    (void)arg;
    int rc = bl_sleep(HOUR);
    note("%s", bl_error_name(rc));
    return rc;
}

TEST(a_value_that_goes_with_its_task_may_cancel_the_group) {
    bl_group group = { 0 };
    int value = 0;
    group_of_value = &group;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_for_the_group, NULL));
    CHECK_OK(bl_spawn(&group, has_a_value, &value));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "unref BL_ECANCELED");
    CHECK(bl_group_is_caught(&group));
}

/* ---- while timers fire --------------------------------------------------- */

static void postpones(void *context) {
    CHECK_OK(bl_scope_reschedule(context, 20));
    note("moved");
}

TEST(a_callback_may_move_a_deadline_that_is_due_together, .tags = "order") {
    bl_timer timer;
    bl_scope scope;
    bl_timer_init(&timer, postpones, &scope);
    bl_timer_start(bl_loop_running(), &timer, 10);
    bl_scope_enter_timeout(&scope, 10);
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    CHECK_EQ(bl_now(), 20);
    CHECK_STR(notes(), "moved");
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
}

static void reschedules_too_late(void *context) {
    CHECK_ERR(bl_scope_reschedule(context, 20), BL_EALREADY);
    note("late");
}

TEST(a_callback_behind_the_deadline_comes_too_late, .tags = "order") {
    bl_timer timer;
    bl_scope scope;
    bl_scope_enter_timeout(&scope, 10);
    bl_timer_init(&timer, reschedules_too_late, &scope);
    bl_timer_start(bl_loop_running(), &timer, 10);
    CHECK_ERR(bl_sleep(HOUR), BL_ECANCELED);
    CHECK_EQ(bl_now(), 10);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
    bl_timer_stop(&timer);
    CHECK_STR(notes(), "late");
}

/* ---- several things in one turn ------------------------------------------ */

static int waits_at(void *arg) {
    return bl_barrier_wait(arg);
}

TEST(a_party_cancelled_and_a_barrier_reset_in_one_turn_are_told_apart) {
    bl_barrier barrier;
    bl_task *cancelled, *sent_away;
    bl_outcome outcome;
    bl_group group = { 0 };
    REQUIRE_OK(bl_barrier_init(&barrier, 3));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, waits_at, &barrier, &cancelled));
    CHECK_OK(bl_spawn_task(&group, waits_at, &barrier, &sent_away));
    settle();
    bl_task_cancel(cancelled);
    bl_barrier_reset(&barrier);
    bl_task_cancel(sent_away); /* too late for it */
    CHECK(!bl_barrier_is_broken(&barrier));
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_OK(bl_task_result(cancelled, &outcome));
    CHECK(outcome.is_cancelled);
    CHECK_OK(bl_task_result(sent_away, &outcome));
    CHECK_ERR(outcome.rc, BL_EBROKEN);
    bl_task_unref(cancelled);
    bl_task_unref(sent_away);
}

TEST(a_task_may_be_waited_for_twice_at_once) {
    bl_task *task;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, kid_sleeps, ARG(5), &task));
    bl_task *both[] = { task, task };
    CHECK_EQ(bl_task_wait(both, 2, BL_WAIT_ALL), 2);
    CHECK_EQ(bl_now(), 5);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}

static int cancels_and_ends(void *arg) {
    bl_scope_cancel(arg, NULL);
    return 11;
}

TEST(a_task_that_cancels_its_joiner_and_ends_in_one_turn_is_not_joined) {
    bl_task *task;
    bl_outcome outcome = { .rc = 1 };
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_OK(bl_spawn_task(&group, cancels_and_ends, &scope, &task));
    CHECK_ERR(bl_task_join(task, &outcome), BL_ECANCELED);
    CHECK_EQ(outcome.rc, 1); /* nothing was written */
    CHECK(bl_task_is_done(task));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_OK(bl_task_join(task, &outcome));
    CHECK_EQ(outcome.rc, 11);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    bl_task_unref(task);
}
