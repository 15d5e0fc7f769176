/* SPDX-License-Identifier: MIT */
/*
 * test/test_shrink.c - making the order of a failing run as plain as it can be
 */
#include <stdio.h>
#include <string.h>

#include "test/explore/shrink.h"
#include "test/random.h"
#include "test/subrun.h"

#define BUGS SPECIMEN("bugs")

enum {
    COUNT = 1000,
    PICKS = 5
};

/* A failure that needs certain choices at certain places, at least so great. */
struct need {
    size_t at;
    uint32_t least;
};

static bool fails(const struct bl__test_choice *choices, size_t count,
                  const struct need *needs, size_t need_count) {
    for (size_t i = 0; i < need_count; i++) {
        if (needs[i].at >= count) return false;
        if (choices[needs[i].at].picked < needs[i].least) return false;
    }
    return true;
}

static void shrink_to(struct bl__shrink *shrink, const struct need *needs,
                      size_t need_count) {
    struct bl__test_choice choices[COUNT];
    uint64_t random = bl__random_seed(7, "test");
    for (size_t i = 0; i < COUNT; i++) {
        choices[i] = (struct bl__test_choice){
            .count = PICKS, .picked = (uint32_t)bl__random_below(&random, PICKS)
        };
    }
    for (size_t i = 0; i < need_count; i++) {
        choices[needs[i].at].picked = PICKS - 1;
    }
    bl__shrink_begin(shrink, choices, COUNT);
    while (bl__shrink_next(shrink, 0)) {
        REQUIRE_LE(shrink->trial_count, COUNT);
        bool is_alike =
            fails(shrink->trial, shrink->trial_count, needs, need_count);
        bl__shrink_judge(shrink, is_alike, shrink->trial, shrink->trial_count);
        REQUIRE(fails(shrink->best, shrink->best_count, needs, need_count));
    }
}

TEST(what_is_not_needed_goes, .no_loop = true) {
    static const struct need needs[] = { { 3, 1 }, { 17, 2 }, { 80, 3 } };
    struct bl__shrink shrink;
    shrink_to(&shrink, needs, 3);
    CHECK_EQ(shrink.best_count, 81);
    CHECK_EQ(bl__shrink_left(&shrink), 3);
    CHECK_EQ(shrink.best[3].picked, 1);
    CHECK_EQ(shrink.best[17].picked, 2);
    CHECK_EQ(shrink.best[80].picked, 4);
    CHECK_LT(shrink.runs, 200);
    bl__shrink_done(&shrink);
}

TEST(what_needs_no_choice_shrinks_to_none, .no_loop = true) {
    struct bl__shrink shrink;
    shrink_to(&shrink, NULL, 0);
    CHECK_EQ(shrink.best_count, 0);
    bl__shrink_done(&shrink);
}

TEST(the_number_of_runs_is_bounded, .no_loop = true) {
    struct need needs[COUNT / 2];
    struct bl__shrink shrink;
    for (size_t i = 0; i < COUNT / 2; i++) {
        needs[i] = (struct need){ .at = 2 * i, .least = 1 };
    }
    shrink_to(&shrink, needs, COUNT / 2);
    CHECK_LE(shrink.runs, 200);
    CHECK_GE(bl__shrink_left(&shrink), COUNT / 2);
    bl__shrink_done(&shrink);
}

TEST(the_time_is_bounded, .no_loop = true) {
    struct bl__test_choice choice = { .count = 2, .picked = 1 };
    struct bl__shrink shrink;
    bl__shrink_begin(&shrink, &choice, 1);
    CHECK(!bl__shrink_next(&shrink, BL_FOREVER));
    CHECK_EQ(shrink.best_count, 1);
    bl__shrink_done(&shrink);
}

/* ---- whole programs ------------------------------------------------------ */

static const char *failure_of(const struct subrun *run) {
    bool is_first = strstr(run->output, "the fourth was first") != NULL;
    bool is_second = strstr(run->output, "CHECK(order[0] == 0") != NULL;
    CHECK(!is_first || !is_second);
    return is_first ? "first" : is_second ? "second" : "none";
}

PARAM(const char *, seed, "1", "2", "3", "4", "5", "6", "7", "8");

/* A trial may fail in another way; that one is not what was found. */
TEST(another_failure_is_not_taken_for_the_same, (seed), .no_loop = true) {
    char token[100];
    snprintf(token, sizeof token, "bugs.c::two_failures@random@%s", seed);
    struct subrun found = subrun_run(BUGS, "--replay", token, NULL);
    struct subrun shrunk = subrun_run(BUGS, "two_failures", "--explore", "1",
                                      "--seed", seed, NULL);
    CHECK_STR(failure_of(&shrunk), failure_of(&found));
    subrun_done(&found);
    subrun_done(&shrunk);
}

/* Some schedules hang before one fails: another seed is taken then. */
TEST(trials_that_hang_are_survived, .no_loop = true) {
    bool has_failed = false;
    for (int i = 1; i <= 20 && !has_failed; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        struct subrun run = subrun_run(BUGS, "hangs_in_trials", "--explore",
                                       "100", "--seed", number, NULL);
        CHECK_EQ(run.status, 1);
        CHECK_CONTAINS(run.output, "shrunk to ");
        has_failed = strstr(run.output, "--- FAILED") != NULL;
        if (has_failed) CHECK_CONTAINS(run.output, "shrunk to 1 choice");
        subrun_done(&run);
    }
    CHECK(has_failed);
}
