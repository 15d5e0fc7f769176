/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_lock.c - locks: hand-over, ownership, and owners that die
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

static int acquire(void *lock) {
    return bl_lock_acquire(lock);
}

static int try_acquire(void *lock) {
    return bl_lock_try_acquire(lock);
}

static int release(void *lock) {
    return bl_lock_release(lock);
}

/* Owns the lock for a moment. */
static int acquire_and_release(void *lock) {
    int rc = bl_lock_acquire(lock);
    if (rc < 0) return rc;
    return bl_lock_release(lock);
}

/* ---- free and owned ------------------------------------------------------ */

TEST(a_lock_begins_free_in_all_three_ways) {
    static bl_lock of_zeroes;
    bl_lock of_macro = BL_LOCK_INIT;
    bl_lock of_call;
    bl_lock_init(&of_call);
    CHECK_EQ(acquire_and_release(&of_zeroes), 0);
    CHECK_EQ(acquire_and_release(&of_macro), 0);
    CHECK_EQ(acquire_and_release(&of_call), 0);
}

TEST(a_free_lock_is_acquired_without_a_switch, .tags = "order") {
    bl_lock lock = BL_LOCK_INIT;
    uint64_t before = resumes();
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    CHECK(bl_lock_is_held(&lock));
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK(!bl_lock_is_held(&lock));
    CHECK_EQ(resumes(), before);
}

TEST(a_free_lock_can_be_tried) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_NO_CHECKPOINTS {
        CHECK_EQ(bl_lock_try_acquire(&lock), 0);
    }
    CHECK(bl_lock_is_held(&lock));
    CHECK_EQ(bl_lock_release(&lock), 0);
}

TEST(an_owned_lock_cannot_be_taken_by_another_task) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller caller = calls(try_acquire, &lock);
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_EAGAIN);
    CHECK_EQ(bl_lock_release(&lock), 0);
}

TEST(the_owner_cannot_acquire_it_again) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    CHECK_ERR(bl_lock_acquire(&lock), BL_EDEADLK);
    CHECK_ERR(bl_lock_try_acquire(&lock), BL_EDEADLK);
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(only_the_owner_can_release_it) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller caller = calls(release, &lock);
    CHECK_ERR(bl_lock_release(&lock), BL_EPERM);
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_EPERM);
    CHECK_ERR(without_loop(release, &lock), BL_EPERM);
    CHECK_ERR(in_callback(release, &lock), BL_EPERM);
    CHECK(bl_lock_is_held(&lock));
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK_ERR(bl_lock_release(&lock), BL_EPERM);
}

/* ---- hand-over ----------------------------------------------------------- */

TEST(it_is_handed_over_in_the_order_of_arrival) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller callers[] = { calls_as("a", acquire_and_release, &lock),
                                calls_as("b", acquire_and_release, &lock),
                                calls_as("c", acquire_and_release, &lock) };
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    CHECK_EQ(bl_lock_release(&lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
}

TEST(a_release_makes_the_waiter_the_owner_before_it_runs) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller caller = calls(acquire_and_release, &lock);
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK(!caller.is_done);
    CHECK(bl_lock_is_held(&lock));
    CHECK_ERR(bl_lock_try_acquire(&lock), BL_EAGAIN);
    CHECK_ERR(bl_lock_release(&lock), BL_EPERM);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

TEST(nobody_overtakes_who_was_in_line) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller caller = calls_as("waiter", acquire_and_release, &lock);
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    note("releaser");
    CHECK_EQ(bl_lock_release(&lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "waiter releaser");
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_waiter_that_is_cancelled_does_not_own_it) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller callers[] = { calls(acquire_and_release, &lock),
                                calls(acquire_and_release, &lock) };
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    CHECK_EQ(bl_lock_release(&lock), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 0);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(a_new_owner_that_is_cancelled_before_it_runs_keeps_it) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller callers[] = { calls(acquire_and_release, &lock),
                                calls(acquire_and_release, &lock) };
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_lock_release(&lock), 0);
    caller_cancel(&callers[0]);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_ERR(callers[0].after_rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 0);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(in_a_cancelled_scope_even_a_free_lock_is_not_acquired) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_ERR(in_cancelled_scope(acquire, &lock), BL_ECANCELED);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(to_own_it_already_is_said_before_the_cancellation_is) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    CHECK_ERR(in_cancelled_scope(acquire, &lock), BL_EDEADLK);
    CHECK_EQ(bl_lock_release(&lock), 0);
}

TEST(a_cancelled_task_can_still_release) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    CHECK_EQ(in_cancelled_scope(release, &lock), 0);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(an_acquire_with_a_limit_leaves_the_line) {
    bl_lock lock = BL_LOCK_INIT;
    struct kid kid = { .delay = SEC(10) };
    BL_GROUP_SCOPED(group);
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    struct caller caller = calls(acquire_and_release, &lock);
    callers_start(&group, &caller, 1);
    CHECK_OK(bl_sleep(SEC(1)));
    caller_cancel(&caller);
    CHECK_OK(bl_sleep(SEC(1)));
    CHECK(caller.is_done);
    CHECK_EQ(bl_lock_release(&lock), 0);
    CHECK(!bl_lock_is_held(&lock));
    REQUIRE_OK(bl_group_exit(&group, 0));
}

/* ---- owners that die ----------------------------------------------------- */

TEST(waiters_and_later_callers_hear_of_an_owner_that_died) {
    bl_lock lock = BL_LOCK_INIT;
    struct caller owner = calls(acquire, &lock);
    struct caller callers[] = { calls(acquire, &lock), calls(acquire, &lock) };
    CHECK_EQ(bl_lock_acquire(&lock), 0);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &owner, 1);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_lock_release(&lock), 0);
    settle();
    CHECK(owner.is_done);
    CHECK_EQ(owner.rc, 0);
    CHECK_ERR(callers[0].rc, BL_EOWNERDEAD);
    CHECK_ERR(callers[1].rc, BL_EOWNERDEAD);
    CHECK(!bl_lock_is_held(&lock));
    CHECK_ERR(bl_lock_acquire(&lock), BL_EOWNERDEAD);
    CHECK_ERR(bl_lock_try_acquire(&lock), BL_EOWNERDEAD);
    CHECK_ERR(bl_lock_release(&lock), BL_EPERM);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(an_owner_that_died_is_reported,
     .output = "ended while it owned the lock") {
    bl_lock lock = BL_LOCK_INIT;
    struct caller owner = calls(acquire, &lock);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &owner, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

/* Rigid: if no owner died it owns the lock itself, and forgets it. */
TEST(a_broken_lock_is_mended_by_initialising_it_again, .tags = "rigid") {
    bl_lock lock = BL_LOCK_INIT;
    struct caller owner = calls(acquire, &lock);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &owner, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(bl_lock_acquire(&lock), BL_EOWNERDEAD);
    bl_lock_init(&lock);
    CHECK_EQ(acquire_and_release(&lock), 0);
}

struct holder {
    bl_lock *locks;
    size_t count;
};

static int hold_all(void *arg) {
    struct holder *holder = arg;
    for (size_t i = 0; i < holder->count; i++) {
        int rc = bl_lock_acquire(&holder->locks[i]);
        if (rc < 0) return rc;
    }
    return bl_lock_release(&holder->locks[1]);
}

/* Rigid: if no owner died it owns locks itself, and ends with them. */
TEST(an_owner_that_dies_breaks_exactly_what_it_owns, .tags = "rigid") {
    bl_lock locks[4] = { BL_LOCK_INIT, BL_LOCK_INIT, BL_LOCK_INIT,
                         BL_LOCK_INIT };
    struct holder holder = { locks, 3 };
    struct caller owner = calls(hold_all, &holder);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &owner, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(bl_lock_try_acquire(&locks[0]), BL_EOWNERDEAD);
    CHECK_EQ(acquire_and_release(&locks[1]), 0);
    CHECK_ERR(bl_lock_try_acquire(&locks[2]), BL_EOWNERDEAD);
    CHECK_EQ(acquire_and_release(&locks[3]), 0);
}

/* ---- the wrong place ----------------------------------------------------- */

TEST(no_lock_is_an_invalid_argument) {
    CHECK_ERR(acquire(NULL), BL_EINVAL);
    CHECK_ERR(try_acquire(NULL), BL_EINVAL);
    CHECK_ERR(release(NULL), BL_EINVAL);
}

TEST(an_acquire_says_where_it_cannot_be_made) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_ERR(without_loop(acquire, &lock), BL_ENOLOOP);
    CHECK_ERR(in_callback(acquire, &lock), BL_ENOTASK);
    CHECK_ERR(without_loop(try_acquire, &lock), BL_ENOTASK);
    CHECK_ERR(in_callback(try_acquire, &lock), BL_ENOTASK);
    CHECK(!bl_lock_is_held(&lock));
}

TEST(a_free_lock_of_another_loop_is_refused) {
    bl_lock lock = BL_LOCK_INIT;
    CHECK_EQ(acquire_and_release(&lock), 0);
    CHECK_ERR(in_other_loop(acquire, &lock), BL_ETHREAD);
    CHECK_ERR(in_other_loop(try_acquire, &lock), BL_ETHREAD);
    CHECK_ERR(in_other_loop(release, &lock), BL_EPERM);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    CROWD = 4,
    ROUNDS = 3
};

struct room {
    bl_lock lock;
    int inside;
    int visits;
};

/* Enters the room a few times, and is alone in it. */
static int visit(void *arg) {
    struct room *room = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_lock_acquire(&room->lock);
        if (rc < 0) return rc;
        room->visits++;
        CHECK_ALWAYS(++room->inside == 1);
        rc = bl_yield();
        CHECK_ALWAYS(--room->inside == 0);
        CHECK_ALWAYS(bl_lock_release(&room->lock) == 0);
        if (rc < 0) return rc;
    }
    return 0;
}

static void check_crowd(void) {
    struct room room = { .lock = BL_LOCK_INIT };
    struct caller callers[CROWD];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < CROWD; i++) {
        callers[i] = calls(visit, &room);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_sleep(1)); /* may be cancelled */
    caller_cancel(&callers[1]);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    CHECK_ALWAYS(room.inside == 0);
    CHECK_ALWAYS(!bl_lock_is_held(&room.lock));
    if (!t_injected()) CHECK_GE(room.visits, (CROWD - 1) * ROUNDS);
}

TEST(a_crowd_at_a_lock_survives_every_cancellation, .sweep = T_CANCEL | T_OOM) {
    check_crowd();
}

TEST(a_crowd_at_a_lock_survives_every_order, .schedules = 300) {
    check_crowd();
}
