/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_sem.c - semaphores: permits, their bound, and who gets them
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

static int acquire(void *sem) {
    return bl_sem_acquire(sem);
}

static int try_acquire(void *sem) {
    return bl_sem_try_acquire(sem);
}

static int release(void *sem) {
    return bl_sem_release(sem);
}

static int acquire_and_release(void *sem) {
    int rc = bl_sem_acquire(sem);
    if (rc < 0) return rc;
    return bl_sem_release(sem);
}

static bl_sem sem_of(size_t value, size_t value_max) {
    bl_sem sem;
    REQUIRE_OK(bl_sem_init(&sem, value, value_max));
    return sem;
}

/* ---- permits ------------------------------------------------------------- */

TEST(permits_are_counted, .tags = "order") {
    bl_sem sem = sem_of(2, 0);
    uint64_t before = resumes();
    CHECK_EQ(bl_sem_value(&sem), 2);
    CHECK_EQ(bl_sem_acquire(&sem), 0);
    CHECK_EQ(bl_sem_acquire(&sem), 0);
    CHECK_EQ(bl_sem_value(&sem), 0);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_EQ(bl_sem_value(&sem), 1);
    CHECK_EQ(resumes(), before);
}

TEST(a_permit_can_be_tried_for) {
    bl_sem sem = sem_of(1, 0);
    CHECK_NO_CHECKPOINTS {
        CHECK_EQ(bl_sem_try_acquire(&sem), 0);
        CHECK_ERR(bl_sem_try_acquire(&sem), BL_EAGAIN);
    }
}

TEST(more_permits_than_at_first_are_fine_without_a_bound) {
    bl_sem sem = sem_of(0, 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_EQ(bl_sem_value(&sem), 100);
}

TEST(a_release_beyond_the_bound_is_refused) {
    bl_sem sem = sem_of(1, 2);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_ERR(bl_sem_release(&sem), BL_EOVERFLOW);
    CHECK_EQ(bl_sem_value(&sem), 2);
    CHECK_EQ(bl_sem_acquire(&sem), 0);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_ERR(bl_sem_release(&sem), BL_EOVERFLOW);
}

TEST(without_a_bound_the_count_ends_where_numbers_do) {
    bl_sem sem = sem_of(SIZE_MAX - 1, 0);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_ERR(bl_sem_release(&sem), BL_EOVERFLOW);
    CHECK_EQ(bl_sem_value(&sem), SIZE_MAX);
}

TEST(the_permit_may_be_released_by_another_task) {
    bl_sem sem = sem_of(1, 1);
    struct caller caller = calls(release, &sem);
    CHECK_EQ(bl_sem_acquire(&sem), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
    CHECK_EQ(bl_sem_value(&sem), 1);
}

/* ---- hand-over ----------------------------------------------------------- */

TEST(permits_go_to_the_longest_waiting, .tags = "order") {
    bl_sem sem = sem_of(0, 0);
    struct caller callers[] = { calls_as("a", acquire, &sem),
                                calls_as("b", acquire, &sem),
                                calls_as("c", acquire, &sem) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_EQ(bl_sem_release(&sem), 0);
    settle();
    CHECK_STR(notes(), "a b");
    CHECK_EQ(bl_sem_release(&sem), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
    CHECK_EQ(bl_sem_value(&sem), 0);
}

TEST(a_permit_that_was_given_cannot_be_taken_by_who_comes_then) {
    bl_sem sem = sem_of(0, 0);
    struct caller caller = calls(acquire, &sem);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_sem_release(&sem), 0);
    CHECK_EQ(bl_sem_value(&sem), 0);
    CHECK_ERR(bl_sem_try_acquire(&sem), BL_EAGAIN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

TEST(a_loop_callback_may_release) {
    bl_sem sem = sem_of(0, 0);
    struct caller caller = calls(acquire, &sem);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_callback(release, &sem), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_waiter_that_is_cancelled_takes_no_permit) {
    bl_sem sem = sem_of(0, 0);
    struct caller callers[] = { calls(acquire, &sem), calls(acquire, &sem) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    CHECK_EQ(bl_sem_release(&sem), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(bl_sem_value(&sem), 0);
}

TEST(a_permit_that_was_given_survives_a_cancellation) {
    bl_sem sem = sem_of(0, 0);
    struct caller callers[] = { calls(acquire, &sem), calls(acquire, &sem) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_sem_release(&sem), 0);
    caller_cancel(&callers[0]);
    settle();
    CHECK_EQ(callers[0].rc, 0);
    CHECK_ERR(callers[0].after_rc, BL_ECANCELED);
    CHECK(!callers[1].is_done);
    CHECK_EQ(bl_sem_release(&sem), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[1].rc, 0);
}

TEST(all_waiters_but_the_last_cancelled_it_gets_the_permit) {
    bl_sem sem = sem_of(0, 1);
    struct caller callers[] = { calls(acquire, &sem), calls(acquire, &sem),
                                calls(acquire, &sem) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    caller_cancel(&callers[1]);
    CHECK_EQ(bl_sem_release(&sem), 0);
    caller_cancel(&callers[0]);
    CHECK_EQ(bl_sem_release(&sem), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_ERR(callers[1].rc, BL_ECANCELED);
    CHECK_EQ(callers[2].rc, 0);
}

TEST(in_a_cancelled_scope_no_permit_is_taken) {
    bl_sem sem = sem_of(1, 1);
    CHECK_ERR(in_cancelled_scope(acquire, &sem), BL_ECANCELED);
    CHECK_EQ(bl_sem_value(&sem), 1);
    CHECK_EQ(in_cancelled_scope(try_acquire, &sem), 0);
    CHECK_EQ(in_cancelled_scope(release, &sem), 0);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(a_semaphore_is_made_within_its_bound) {
    bl_sem sem;
    CHECK_ERR(bl_sem_init(NULL, 1, 1), BL_EINVAL);
    CHECK_ERR(bl_sem_init(&sem, 2, 1), BL_EINVAL);
    CHECK_OK(bl_sem_init(&sem, 1, 1));
    CHECK_OK(bl_sem_init(&sem, 0, 1));
    CHECK_OK(bl_sem_init(&sem, SIZE_MAX, 0));
}

TEST(no_semaphore_is_an_invalid_argument) {
    bl_sem never_made = { 0 };
    CHECK_ERR(acquire(NULL), BL_EINVAL);
    CHECK_ERR(try_acquire(NULL), BL_EINVAL);
    CHECK_ERR(release(NULL), BL_EINVAL);
    CHECK_ERR(acquire(&never_made), BL_EINVAL);
    CHECK_ERR(try_acquire(&never_made), BL_EINVAL);
    CHECK_ERR(release(&never_made), BL_EINVAL);
}

TEST(a_wait_says_where_it_cannot_be_made) {
    bl_sem sem = sem_of(1, 0);
    CHECK_ERR(without_loop(acquire, &sem), BL_ENOLOOP);
    CHECK_ERR(in_callback(acquire, &sem), BL_ENOTASK);
    CHECK_EQ(bl_sem_value(&sem), 1);
}

TEST(another_loop_is_refused_by_every_call) {
    bl_sem sem = sem_of(1, 0);
    CHECK_EQ(acquire_and_release(&sem), 0);
    CHECK_ERR(in_other_loop(acquire, &sem), BL_ETHREAD);
    CHECK_ERR(in_other_loop(try_acquire, &sem), BL_ETHREAD);
    CHECK_ERR(in_other_loop(release, &sem), BL_ETHREAD);
    CHECK_ERR(without_loop(try_acquire, &sem), BL_ETHREAD);
    CHECK_ERR(without_loop(release, &sem), BL_ETHREAD);
    CHECK_EQ(bl_sem_value(&sem), 1);
}

TEST(before_its_first_wait_it_can_be_used_without_a_loop) {
    bl_sem sem = sem_of(1, 0);
    CHECK_EQ(without_loop(release, &sem), 0);
    CHECK_EQ(without_loop(try_acquire, &sem), 0);
    CHECK_EQ(bl_sem_value(&sem), 1);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    CROWD = 6,
    PERMITS = 2,
    ROUNDS = 3
};

struct pool {
    bl_sem sem;
    int inside;
};

static int visit(void *arg) {
    struct pool *pool = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_sem_acquire(&pool->sem);
        if (rc < 0) return rc;
        CHECK_ALWAYS(++pool->inside <= PERMITS);
        rc = bl_yield();
        pool->inside--;
        CHECK_ALWAYS(bl_sem_release(&pool->sem) == 0);
        if (rc < 0) return rc;
    }
    return 0;
}

static void check_crowd(void) {
    struct pool pool = { .sem = sem_of(PERMITS, PERMITS) };
    struct caller callers[CROWD];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < CROWD; i++) {
        callers[i] = calls(visit, &pool);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_sleep(1)); /* may be cancelled */
    caller_cancel(&callers[2]);
    caller_cancel(&callers[3]);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    CHECK_ALWAYS(pool.inside == 0);
    CHECK_ALWAYS(bl_sem_value(&pool.sem) == PERMITS);
}

TEST(permits_survive_every_cancellation, .sweep = T_CANCEL | T_OOM) {
    check_crowd();
}

TEST(permits_survive_every_order, .schedules = 300) {
    check_crowd();
}
