/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_race.c - bl_race: the first success wins, the others are
 * cancelled
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include "support/kids.h"

/* A contender that owns what it may win, and gives it back if it is late. */
struct runner {
    struct kid kid;
    int drops;
};

static int runs(void *arg) {
    struct runner *runner = arg;
    return kid_run(&runner->kid);
}

static void drop(void *arg) {
    struct runner *runner = arg;
    runner->drops++;
}

TEST(the_first_to_succeed_wins_and_the_others_are_cancelled) {
    struct runner slow = { .kid = { .delay = HOUR } };
    struct runner fast = { .kid = { .delay = BL_MS(5), .rc = 7 } };
    bl_racer racers[] = { { runs, &slow, NULL }, { runs, &fast, NULL } };
    size_t winner = 99;
    bl_ns start = bl_now();
    CHECK_EQ(bl_race(racers, 2, &winner), 7);
    CHECK_EQ(winner, 1);
    CHECK(slow.kid.was_cancelled);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_EQ(tasks_alive(), ALONE);
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(the_losers_are_waited_for) {
    struct runner slow = { .kid = { .delay = HOUR, .cleanup = BL_MS(20) } };
    struct runner fast = { .kid = { .delay = BL_MS(5) } };
    bl_racer racers[] = { { runs, &slow, NULL }, { runs, &fast, NULL } };
    bl_ns start = bl_now();
    CHECK_EQ(bl_race(racers, 2, NULL), 0);
    CHECK_EQ(bl_now() - start, BL_MS(25));
}

TEST(an_error_does_not_end_the_race) {
    struct runner bad = { .kid = { .delay = BL_MS(1), .rc = BL_EIO } };
    struct runner good = { .kid = { .delay = BL_MS(5), .rc = 3 } };
    bl_racer racers[] = { { runs, &bad, NULL }, { runs, &good, NULL } };
    size_t winner = 99;
    CHECK_EQ(bl_race(racers, 2, &winner), 3);
    CHECK_EQ(winner, 1);
}

TEST(a_race_that_all_have_lost_is_a_tree_of_errors) {
    struct runner first = { .kid = { .delay = BL_MS(5), .rc = BL_EIO } };
    struct runner second = { .kid = { .delay = BL_MS(1), .rc = BL_EPIPE } };
    bl_racer racers[] = { { runs, &first, NULL }, { runs, &second, NULL } };
    size_t winner = 99;
    CHECK_ERR(bl_race(racers, 2, &winner), BL_EGROUP);
    CHECK_EQ(winner, 99); /* written on success only */
    REQUIRE_EQ(group_count(), 2);
    CHECK_EQ(group_code(0), BL_EPIPE); /* as they happened */
    CHECK_EQ(group_code(1), BL_EIO);
}

TEST(a_success_that_came_too_late_is_dropped, .tags = "order") {
    struct runner fast = { .kid = { .delay = BL_MS(5), .rc = 1 } };
    struct runner late = { .kid = { .delay = BL_MS(5), .rc = 2 } };
    bl_racer racers[] = { { runs, &fast, drop }, { runs, &late, drop } };
    size_t winner = 99;
    CHECK_EQ(bl_race(racers, 2, &winner), 1);
    CHECK_EQ(winner, 0);
    CHECK(late.kid.has_finished); /* in the same turn */
    CHECK_EQ(late.drops, 1);
    CHECK_EQ(fast.drops, 0);
}

static int wins_anyway(void *arg) {
    struct runner *runner = arg;
    BL_IGNORE(bl_sleep(HOUR)); /* cancelled, and it does not care */
    runner->kid.has_finished = true;
    return 9;
}

TEST(a_loser_that_succeeds_although_cancelled_is_dropped) {
    struct runner fast = { .kid = { .delay = BL_MS(1), .rc = 1 } };
    struct runner late = { .drops = 0 };
    bl_racer racers[] = { { wins_anyway, &late, drop }, { runs, &fast, drop } };
    CHECK_EQ(bl_race(racers, 2, NULL), 1);
    CHECK(late.kid.has_finished);
    CHECK_EQ(late.drops, 1);
}

TEST(a_cancelled_or_failed_loser_is_not_dropped) {
    struct runner fast = { .kid = { .delay = BL_MS(5) } };
    struct runner cancelled = { .kid = { .delay = HOUR } };
    struct runner failed = { .kid = { .rc = BL_EIO } };
    bl_racer racers[] = { { runs, &fast, drop },
                          { runs, &cancelled, drop },
                          { runs, &failed, drop } };
    CHECK_EQ(bl_race(racers, 3, NULL), 0);
    CHECK_EQ(fast.drops + cancelled.drops + failed.drops, 0);
}

TEST(a_contender_that_does_not_wait_wins_over_later_ones, .tags = "order") {
    struct runner first = { .kid = { .rc = 1 } };
    struct runner second = { .kid = { .rc = 2 } };
    bl_racer racers[] = { { runs, &first, drop }, { runs, &second, drop } };
    size_t winner = 99;
    CHECK_EQ(bl_race(racers, 2, &winner), 1);
    CHECK_EQ(winner, 0);
    CHECK_EQ(second.drops, 1); /* it was accepted, so it ran */
}

TEST(a_race_of_one) {
    struct runner only = { .kid = { .delay = BL_MS(5), .rc = 4 } };
    bl_racer racers[] = { { runs, &only, drop } };
    CHECK_EQ(bl_race(racers, 1, NULL), 4);
    CHECK_EQ(only.drops, 0);
}

static int cancels_itself(void *arg) {
    (void)arg;
    bl_task_cancel(bl_task_current());
    return bl_sleep(HOUR);
}

TEST(who_is_cancelled_alone_has_failed) {
    bl_racer racers[] = { { cancels_itself, NULL, NULL },
                          { cancels_itself, NULL, NULL } };
    CHECK_ERR(bl_race(racers, 2, NULL), BL_EGROUP);
    const bl_error *tree = bl_error_current(BL_EGROUP);
    REQUIRE(tree != NULL);
    REQUIRE_EQ(bl_error_leaf_count(tree), 2);
    CHECK_ERR(bl_error_code(bl_error_child(tree, 0)), BL_ECANCELED);
    CHECK_ERR(bl_error_code(bl_error_child(tree, 1)), BL_ECANCELED);
    CHECK(!bl_is_cancelled());
}

TEST(who_is_cancelled_alone_keeps_nobody_from_winning) {
    struct runner slow = { .kid = { .delay = BL_MS(1), .rc = 1 } };
    bl_racer racers[] = { { cancels_itself, NULL, NULL },
                          { runs, &slow, drop } };
    CHECK_EQ(bl_race(racers, 2, NULL), 1);
    CHECK_EQ(slow.drops, 0);
}

TEST(a_cancelled_race_cancels_all_and_waits) {
    struct runner first = { .kid = { .delay = HOUR, .cleanup = BL_MS(10) } };
    struct runner second = { .kid = { .delay = HOUR } };
    bl_racer racers[] = { { runs, &first, NULL }, { runs, &second, NULL } };
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_race(racers, 2, NULL);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(15));
    CHECK(first.kid.was_cancelled);
    CHECK(second.kid.was_cancelled);
}

TEST(a_race_refuses_what_it_cannot_mean) {
    bl_racer empty[] = { { NULL, NULL, NULL } };
    CHECK_ERR(bl_race(NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_race(empty, 0, NULL), BL_EINVAL);
    CHECK_ERR(bl_race(empty, 1, NULL), BL_EINVAL);
}

TEST(composite_of_a_race, .sweep = T_CANCEL | T_OOM) {
    struct runner slow = { .kid = { .delay = HOUR, .cleanup = BL_MS(1) } };
    struct runner fast = { .kid = { .delay = BL_MS(5), .rc = 7 } };
    struct runner late = fast;
    bl_racer racers[] = { { runs, &slow, drop },
                          { runs, &fast, drop },
                          { runs, &late, drop } };
    int rc = bl_race(racers, 3, NULL);
    CHECK_ALWAYS(rc == 7 || rc < 0);
    CHECK_ALWAYS(fast.drops + late.drops + (rc == 7) ==
                 fast.kid.has_finished + late.kid.has_finished);
}

static int makes_canceled_up(void *arg) {
    (void)arg;
    return BL_ECANCELED;
}

TEST(a_stray_cancel_of_a_contender_is_a_failure_like_any_other) {
    size_t winner = 9;
    bl_racer racers[] = { { makes_canceled_up, NULL, NULL },
                          { kid_sleeps, ARG(BL_MS(1)), NULL } };
    CHECK_EQ(bl_race(racers, 2, &winner), 0);
    CHECK_EQ(winner, 1);
    CHECK_ERR(bl_race(racers, 1, NULL), BL_EGROUP);
    CHECK_EQ(group_count(), 1);
    CHECK_EQ(group_code(0), BL_ESTRAYCANCEL);
}
