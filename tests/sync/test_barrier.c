/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_barrier.c - barriers: rounds, places, and who leaves or is
 * sent away
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

#include <signal.h>

static int arrive(void *barrier) {
    return bl_barrier_wait(barrier);
}

static int reset(void *barrier) {
    bl_barrier_reset(barrier);
    return 0;
}

static bl_barrier barrier_of(size_t parties) {
    bl_barrier barrier;
    REQUIRE_OK(bl_barrier_init(&barrier, parties));
    return barrier;
}

/* ---- rounds -------------------------------------------------------------- */

TEST(a_barrier_for_one_never_waits, .tags = "order") {
    bl_barrier barrier = barrier_of(1);
    uint64_t before = resumes();
    CHECK_EQ(bl_barrier_wait(&barrier), 0);
    CHECK_EQ(bl_barrier_wait(&barrier), 0);
    CHECK_EQ(resumes(), before);
}

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(all_go_on_when_the_last_has_come, .tags = "rigid") {
    bl_barrier barrier = barrier_of(3);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_barrier_waiting(&barrier), 2);
    CHECK(!callers[0].is_done);
    CHECK(!callers[1].is_done);
    CHECK_EQ(bl_barrier_wait(&barrier), 2);
    CHECK_EQ(bl_barrier_waiting(&barrier), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[1].rc, 1);
}

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(a_new_round_begins_before_the_old_one_has_run, .tags = "rigid order") {
    bl_barrier barrier = barrier_of(2);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, &callers[0], 1);
    CHECK_EQ(bl_barrier_wait(&barrier), 1);
    CHECK(!callers[0].is_done);
    CHECK_OK(bl_spawn(&group, caller_run, &callers[1]));
    CHECK_EQ(bl_barrier_wait(&barrier), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[1].rc, 1);
}

/* ---- cancellation -------------------------------------------------------- */

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(places_are_given_once_even_if_somebody_has_left, .tags = "rigid") {
    bl_barrier barrier = barrier_of(3);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    settle();
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(bl_barrier_waiting(&barrier), 1);
    CHECK(!bl_barrier_is_broken(&barrier));
    callers_start(&group, &callers[2], 1);
    CHECK_EQ(bl_barrier_wait(&barrier), 2);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(callers[2].rc, 1);
}

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(who_was_cancelled_does_not_count_even_before_it_has_run,
     .tags = "rigid order") {
    bl_barrier barrier = barrier_of(2);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, &callers[0], 1);
    caller_cancel(&callers[0]);
    CHECK_EQ(bl_barrier_waiting(&barrier), 0);
    CHECK_OK(bl_spawn(&group, caller_run, &callers[1]));
    CHECK_EQ(bl_barrier_wait(&barrier), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 1);
}

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(who_was_let_through_cannot_be_called_back, .tags = "rigid") {
    bl_barrier barrier = barrier_of(3);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(bl_barrier_wait(&barrier), 2);
    caller_cancel(&callers[0]);
    bl_barrier_reset(&barrier);
    bl_barrier_abort(&barrier);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_ERR(callers[0].after_rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 1);
}

TEST(in_a_cancelled_scope_nobody_arrives) {
    bl_barrier barrier = barrier_of(1);
    CHECK_ERR(in_cancelled_scope(arrive, &barrier), BL_ECANCELED);
    bl_barrier_abort(&barrier);
    CHECK_ERR(in_cancelled_scope(arrive, &barrier), BL_ECANCELED);
}

/* ---- reset and abort ----------------------------------------------------- */

/* Rigid: where somebody is missing, the others wait for ever. */
TEST(a_reset_sends_away_who_waits_and_nobody_else, .tags = "rigid") {
    bl_barrier barrier = barrier_of(3);
    struct caller callers[] = { calls(arrive, &barrier),
                                calls(arrive, &barrier),
                                calls(arrive, &barrier),
                                calls(arrive, &barrier) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    bl_barrier_reset(&barrier);
    settle();
    CHECK_ERR(callers[0].rc, BL_EBROKEN);
    CHECK_ERR(callers[1].rc, BL_EBROKEN);
    CHECK(!bl_barrier_is_broken(&barrier));
    callers_start(&group, &callers[2], 2);
    CHECK_EQ(bl_barrier_wait(&barrier), 2);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[2].rc, 0);
    CHECK_EQ(callers[3].rc, 1);
}

TEST(an_aborted_barrier_stays_broken_until_it_is_reset) {
    bl_barrier barrier = barrier_of(2);
    struct caller caller = calls(arrive, &barrier);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_barrier_abort(&barrier);
    CHECK(bl_barrier_is_broken(&barrier));
    CHECK_ERR(bl_barrier_wait(&barrier), BL_EBROKEN);
    CHECK_ERR(bl_barrier_wait(&barrier), BL_EBROKEN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_EBROKEN);
    bl_barrier_reset(&barrier);
    CHECK(!bl_barrier_is_broken(&barrier));
    CHECK_ERR(bl_wait_for(bl_barrier_wait(&barrier), SEC(1)), BL_ETIMEDOUT);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(a_barrier_is_made_for_at_least_one) {
    bl_barrier barrier;
    CHECK_ERR(bl_barrier_init(NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_barrier_init(&barrier, 0), BL_EINVAL);
    CHECK_ERR(bl_barrier_init(&barrier, (size_t)INT_MAX + 1), BL_EINVAL);
    CHECK_OK(bl_barrier_init(&barrier, INT_MAX));
}

TEST(no_barrier_is_an_invalid_argument) {
    bl_barrier never_made = { 0 };
    CHECK_ERR(arrive(NULL), BL_EINVAL);
    CHECK_ERR(arrive(&never_made), BL_EINVAL);
}

TEST(a_wait_says_where_it_cannot_be_made) {
    bl_barrier barrier = barrier_of(1);
    CHECK_ERR(without_loop(arrive, &barrier), BL_ENOLOOP);
    CHECK_ERR(in_callback(arrive, &barrier), BL_ENOTASK);
    CHECK_EQ(arrive(&barrier), 0);
    CHECK_ERR(in_other_loop(arrive, &barrier), BL_ETHREAD);
}

TEST(another_loop_that_would_send_somebody_away_ends_the_process,
     .signal = SIGABRT, .output = "this barrier belongs to another loop",
     .may_leak = true) {
    bl_barrier barrier = barrier_of(2);
    struct caller caller = calls(arrive, &barrier);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_other_loop(reset, &barrier), 0);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    PARTIES = 4,
    ROUNDS = 3
};

struct meeting {
    bl_barrier barrier;
    unsigned places[PARTIES * ROUNDS + 1]; /* bits, of each round */
    unsigned round_of[PARTIES];            /* how many a party has been in */
    int next_party;
};

/* Comes to every round until one fails, and notes the places it was given. */
static int attend(void *arg) {
    struct meeting *meeting = arg;
    int party = meeting->next_party++;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int place = bl_barrier_wait(&meeting->barrier);
        if (place < 0) {
            bl_barrier_abort(&meeting->barrier); /* the others cannot go on */
            return place;
        }
        CHECK_ALWAYS(place < PARTIES);
        CHECK_ALWAYS((meeting->places[round] & 1u << place) == 0);
        meeting->places[round] |= 1u << place;
        meeting->round_of[party] = round + 1;
    }
    return 0;
}

static void check_meeting(void) {
    struct meeting meeting = { .barrier = barrier_of(PARTIES) };
    struct caller callers[PARTIES];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < PARTIES; i++) {
        callers[i] = calls(attend, &meeting);
        int rc = bl_spawn(&group, caller_run, &callers[i]);
        if (rc < 0) bl_barrier_abort(&meeting.barrier);
    }
    BL_IGNORE(bl_group_exit(&group, 0)); /* may be cancelled */

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned places = meeting.places[round];
        CHECK_ALWAYS(places == 0 || places == (1u << PARTIES) - 1);
        if (!t_injected()) CHECK_NE(places, 0);
    }
}

TEST(places_survive_every_cancellation, .sweep = T_CANCEL | T_OOM) {
    check_meeting();
}

TEST(places_survive_every_order, .schedules = 300) {
    check_meeting();
}
