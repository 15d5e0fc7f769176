/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_future.c - futures: set once, by whomever, and awaited by
 * anybody
 *
 *     Legs: threads valgrind sweep
 */
#include "sync/callers.h"

#include <pthread.h>
#include <signal.h>

#include <belay/thread.h>

/* A task that waits for a future, and the value it got. */
struct wish {
    bl_future *future;
    void *value;
};

static int await(void *arg) {
    struct wish *wish = arg;
    return bl_future_wait(wish->future, &wish->value);
}

static int await_code(void *future) {
    return bl_future_wait(future, NULL);
}

static int set_to_one(void *future) {
    return bl_future_set(future, 1, future);
}

static int thread_set_to_two(void *future) {
    return bl_thread_future_set(future, 2, future);
}

static int share(void *future) {
    return bl_future_share(future);
}

static int make(void *future) {
    return bl_future_init(future);
}

#define FUTURE(name) \
    bl_future name;  \
    REQUIRE_OK(bl_future_init(&name))

/* ---- set once ------------------------------------------------------------ */

TEST(a_future_begins_unset) {
    FUTURE(future);
    void *value = &future;
    CHECK(!bl_future_is_set(&future));
    CHECK_ERR(bl_future_try_get(&future, &value), BL_EAGAIN);
    CHECK_EQ(value, (void *)&future);
    bl_future_done(&future);
}

TEST(a_set_future_gives_its_result_without_a_switch, .tags = "order") {
    FUTURE(future);
    int answer = 42;
    void *value = NULL;
    uint64_t before = resumes();
    CHECK_OK(bl_future_set(&future, 3, &answer));
    CHECK(bl_future_is_set(&future));
    CHECK_EQ(bl_future_wait(&future, &value), 3);
    CHECK_EQ(value, (void *)&answer);
    value = NULL;
    CHECK_EQ(bl_future_try_get(&future, &value), 3);
    CHECK_EQ(value, (void *)&answer);
    CHECK_EQ(bl_future_wait(&future, NULL), 3);
    CHECK_EQ(bl_future_try_get(&future, NULL), 3);
    CHECK_EQ(resumes(), before);
}

TEST(an_error_leaves_the_value_alone) {
    FUTURE(future);
    void *value = &future;
    CHECK_OK(bl_future_set(&future, BL_EIO, NULL));
    CHECK_ERR(bl_future_wait(&future, &value), BL_EIO);
    CHECK_ERR(bl_future_try_get(&future, &value), BL_EIO);
    CHECK_EQ(value, (void *)&future);
}

TEST(the_first_result_stands) {
    FUTURE(future);
    CHECK_OK(bl_future_set(&future, 1, NULL));
    CHECK_ERR(bl_future_set(&future, 2, NULL), BL_EALREADY);
    CHECK_ERR(bl_future_set(&future, BL_EIO, NULL), BL_EALREADY);
    CHECK_EQ(bl_future_wait(&future, NULL), 1);
}

TEST(a_future_cannot_pretend_that_its_waiter_was_cancelled) {
    FUTURE(future);
    CHECK_ERR(bl_future_set(&future, BL_ECANCELED, NULL), BL_EINVAL);
    CHECK(!bl_future_is_set(&future));
}

/* ---- who wakes ----------------------------------------------------------- */

TEST(everybody_gets_the_result_in_the_order_they_came, .tags = "order") {
    FUTURE(future);
    struct wish wishes[] = { { &future, NULL }, { &future, NULL } };
    struct caller callers[] = { calls_as("a", await, &wishes[0]),
                                calls_as("b", await_code, &future),
                                calls_as("c", await, &wishes[1]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_OK(bl_future_set(&future, 5, &group));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(callers[i].rc, 5);
    CHECK_EQ(wishes[0].value, (void *)&group);
    CHECK_EQ(wishes[1].value, (void *)&group);
}

TEST(everybody_gets_an_error_and_no_value) {
    FUTURE(future);
    struct wish wish = { &future, &future };
    struct caller caller = calls(await, &wish);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_OK(bl_future_set(&future, BL_EPIPE, NULL));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_EPIPE);
    CHECK_EQ(wish.value, (void *)&future);
}

TEST(a_loop_callback_may_set_it) {
    FUTURE(future);
    struct caller caller = calls(await_code, &future);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_callback(set_to_one, &future), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 1);
}

TEST(a_future_may_be_gone_before_those_it_woke_run) {
    bl_future *future = bl_alloc(sizeof(*future));
    REQUIRE(future != NULL);
    REQUIRE_OK(bl_future_init(future));
    struct wish wish = { future, NULL };
    struct caller caller = calls(await, &wish);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_OK(bl_future_set(future, 4, &group));
    bl_future_done(future);
    bl_free(future);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 4);
    CHECK_EQ(wish.value, (void *)&group);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_waiter_that_is_cancelled_does_not_touch_the_future) {
    FUTURE(future);
    struct caller callers[] = { calls(await_code, &future),
                                calls(await_code, &future) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    settle();
    CHECK(!bl_future_is_set(&future));
    CHECK_OK(bl_future_set(&future, 1, NULL));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 1);
}

TEST(a_result_that_was_given_survives_a_cancellation) {
    FUTURE(future);
    struct wish wish = { &future, NULL };
    struct caller caller = calls(await, &wish);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_OK(bl_future_set(&future, 1, &group));
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 1);
    CHECK_EQ(wish.value, (void *)&group);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
}

TEST(in_a_cancelled_scope_even_a_set_future_is_not_waited_for) {
    FUTURE(future);
    CHECK_OK(bl_future_set(&future, 1, NULL));
    CHECK_ERR(in_cancelled_scope(await_code, &future), BL_ECANCELED);
}

/* ---- other threads ------------------------------------------------------- */

/* A thread that sets a future to what it is told. */
struct setter {
    pthread_t thread;
    bl_future *future;
    int rc;
    int set_rc;
};

static void *setter_run(void *arg) {
    struct setter *setter = arg;
    setter->set_rc =
        bl_thread_future_set(setter->future, setter->rc, setter->future);
    return NULL;
}

static void setter_start(struct setter *setter) {
    REQUIRE_EQ(pthread_create(&setter->thread, NULL, setter_run, setter), 0);
}

static void setter_end(struct setter *setter) {
    REQUIRE_EQ(pthread_join(setter->thread, NULL), 0);
}

/* Rigid: left early, it leaves a shared future behind that nobody has set. */
TEST(another_thread_sets_a_shared_future, .tags = "rigid") {
    FUTURE(future);
    struct wish wish = { &future, NULL };
    struct setter setter = { .future = &future, .rc = 6 };
    struct caller caller = calls(await, &wish);
    REQUIRE_OK(bl_future_share(&future));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    setter_start(&setter);
    CHECK_OK(bl_group_exit(&group, 0));
    setter_end(&setter);
    CHECK_EQ(setter.set_rc, 0);
    CHECK_EQ(caller.rc, 6);
    CHECK_EQ(wish.value, (void *)&future);
    CHECK(bl_future_is_set(&future));
    bl_future_done(&future);
}

TEST(a_thread_may_be_faster_than_the_waiter) {
    FUTURE(future);
    struct setter setter = { .future = &future, .rc = BL_EIO };
    REQUIRE_OK(bl_future_share(&future));
    setter_start(&setter);
    setter_end(&setter);
    CHECK(!bl_future_is_set(&future)); /* the loop has not heard of it yet */
    CHECK_ERR(bl_future_set(&future, 1, NULL), BL_EALREADY);
    CHECK_ERR(bl_future_wait(&future, NULL), BL_EIO);
    bl_future_done(&future);
}

TEST(of_many_threads_the_first_sets_it) {
    enum {
        THREADS = 8
    };
    FUTURE(future);
    struct setter setters[THREADS];
    REQUIRE_OK(bl_future_share(&future));
    for (int i = 0; i < THREADS; i++) {
        setters[i] = (struct setter){ .future = &future, .rc = i };
        setter_start(&setters[i]);
    }
    int winner = bl_future_wait(&future, NULL);
    int set_count = 0;
    for (int i = 0; i < THREADS; i++) {
        setter_end(&setters[i]);
        if (setters[i].set_rc == 0) set_count++;
        CHECK(setters[i].set_rc == 0 || setters[i].set_rc == BL_EALREADY);
    }
    CHECK_EQ(set_count, 1);
    REQUIRE_GE(winner, 0);
    CHECK_EQ(setters[winner].set_rc, 0);
}

TEST(its_own_loop_may_be_first) {
    FUTURE(future);
    REQUIRE_OK(bl_future_share(&future));
    CHECK_OK(bl_future_set(&future, 1, NULL));
    CHECK_ERR(without_loop(thread_set_to_two, &future), BL_EALREADY);
    CHECK_EQ(bl_future_wait(&future, NULL), 1);
}

TEST(a_thread_sets_only_what_is_shared) {
    FUTURE(future);
    CHECK_ERR(without_loop(thread_set_to_two, &future), BL_EMISUSE);
    CHECK(!bl_future_is_set(&future));
    CHECK_ERR(without_loop(set_to_one, &future), BL_ETHREAD);
    CHECK_OK(bl_future_share(&future));
    CHECK_ERR(bl_thread_future_set(&future, BL_ECANCELED, NULL), BL_EINVAL);
    CHECK_EQ(without_loop(thread_set_to_two, &future), 0);
    CHECK_EQ(bl_future_wait(&future, NULL), 2);
}

TEST(a_future_is_shared_once_and_before_it_is_set) {
    FUTURE(shared);
    FUTURE(set);
    FUTURE(foreign);
    CHECK_OK(bl_future_share(&shared));
    CHECK_ERR(bl_future_share(&shared), BL_EALREADY);
    CHECK_OK(bl_future_set(&shared, 0, NULL));
    CHECK_OK(bl_future_set(&set, 0, NULL));
    CHECK_ERR(bl_future_share(&set), BL_EALREADY);
    CHECK_ERR(in_other_loop(share, &foreign), BL_ETHREAD);
    CHECK_ERR(without_loop(share, &foreign), BL_ETHREAD);
    CHECK_ERR(share(NULL), BL_EINVAL);
    CHECK_ERR(thread_set_to_two(NULL), BL_EINVAL);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(no_future_is_an_invalid_argument) {
    bl_future never_made = { 0 };
    CHECK_ERR(make(NULL), BL_EINVAL);
    CHECK_ERR(set_to_one(NULL), BL_EINVAL);
    CHECK_ERR(set_to_one(&never_made), BL_EINVAL);
    CHECK_ERR(await_code(NULL), BL_EINVAL);
    CHECK_ERR(await_code(&never_made), BL_EINVAL);
    CHECK_ERR(bl_future_try_get(NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_future_try_get(&never_made, NULL), BL_EINVAL);
    bl_future_done(NULL);
    bl_future_done(&never_made);
}

TEST(a_call_says_where_it_cannot_be_made) {
    FUTURE(future);
    bl_future other;
    CHECK_ERR(without_loop(make, &other), BL_ENOLOOP);
    CHECK_ERR(without_loop(await_code, &future), BL_ENOLOOP);
    CHECK_ERR(in_callback(await_code, &future), BL_ENOTASK);
    CHECK_ERR(in_other_loop(await_code, &future), BL_ETHREAD);
    CHECK_ERR(in_other_loop(set_to_one, &future), BL_ETHREAD);
    CHECK(!bl_future_is_set(&future));
}

TEST(a_future_somebody_waits_for_is_not_discarded, .signal = SIGABRT,
     .may_leak = true) {
    FUTURE(future);
    struct caller caller = calls(await_code, &future);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_future_done(&future);
}

TEST(a_shared_future_is_not_discarded_unset, .signal = SIGABRT,
     .may_leak = true) {
    FUTURE(future);
    REQUIRE_OK(bl_future_share(&future));
    bl_future_done(&future);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    CROWD = 4
};

static void check_crowd(void) {
    FUTURE(future);
    struct wish wishes[CROWD];
    struct caller callers[CROWD];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < CROWD; i++) {
        wishes[i] = (struct wish){ &future, NULL };
        callers[i] = calls(await, &wishes[i]);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_yield()); /* may be cancelled */
    caller_cancel(&callers[0]);
    CHECK_ALWAYS(bl_future_set(&future, 7, &group) == 0);
    caller_cancel(&callers[1]);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    for (int i = 0; i < CROWD; i++) {
        if (!callers[i].has_begun) continue;
        CHECK_ALWAYS(callers[i].rc == 7 || callers[i].rc == BL_ECANCELED);
        CHECK_ALWAYS((callers[i].rc == 7) == (wishes[i].value != NULL));
    }
}

TEST(a_crowd_at_a_future_survives_every_cancellation,
     .sweep = T_CANCEL | T_OOM) {
    check_crowd();
}

TEST(a_crowd_at_a_future_survives_every_order, .schedules = 300) {
    check_crowd();
}
