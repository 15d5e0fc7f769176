/* SPDX-License-Identifier: MIT */
/*
 * test/test_replay.c - the token that names one run of one case
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/subrun.h"

#define BUGS SPECIMEN("bugs")

TEST(a_token_of_an_edited_test_goes_on_with_first_choices, .no_loop = true) {
    struct subrun run = subrun_run(
        BUGS, "--replay", "bugs.c::no_lost_wakeup@s1:2.(77)3.b900.c", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "the test has changed since");
    CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
    subrun_done(&run);
}

/* What a replay of the test with a seed has drawn. */
static char *drawn_with(const char *token) {
    struct subrun run = subrun_run(BUGS, "-s", "--replay", token, NULL);
    CHECK_EQ(run.status, 0);
    const char *drawn = strstr(run.output, "order ");
    REQUIRE_NE(drawn, NULL);
    char *copy = strndup(drawn, strcspn(drawn, "\n"));
    subrun_done(&run);
    return copy;
}

TEST(a_replay_draws_the_same_numbers, .no_loop = true) {
    char *first = drawn_with("bugs.c::tells_its_order@s5:");
    char *again = drawn_with("bugs.c::tells_its_order@s5:");
    char *other = drawn_with("bugs.c::tells_its_order@s6:");
    CHECK_STR(first, again);
    CHECK(strcmp(first, other) != 0);
    free(first);
    free(again);
    free(other);
}

PARAM(const char *, token, "bugs.c::a_lost_wakeup@", "bugs.c::a_lost_wakeup@x",
      "bugs.c::a_lost_wakeup@s1:?", "bugs.c::a_lost_wakeup@cancel@",
      "bugs.c::a_lost_wakeup@cancel@x", "bugs.c::a_lost_wakeup@cancel@1x",
      "bugs.c::a_lost_wakeup@io@1", "bugs.c::a_lost_wakeup@io@1.x",
      "bugs.c::a_lost_wakeup@random@", "bugs.c::a_lost_wakeup@pct@1.2",
      "no_such_test@s1:a");

TEST(what_is_no_token_is_a_wrong_command_line, (token), .no_loop = true) {
    struct subrun run = subrun_run(BUGS, "--replay", token, NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.output, "belay-test: ");
    subrun_done(&run);
}

PARAM(const char *, form, "random@%d", "pct@%d.3.3", "random@%d@1");

/* The form of those with more choices than a record holds. */
TEST(a_seed_is_a_token_too, (form), .no_loop = true) {
    int found = 0;
    for (int seed = 1; seed <= 200 && found == 0; seed++) {
        char rest[40];
        char token[100];
        snprintf(rest, sizeof rest, form, seed);
        snprintf(token, sizeof token, "bugs.c::one_order_of_many@%s", rest);
        struct subrun run = subrun_run(BUGS, "--replay", token, NULL);
        if (run.status == 1) {
            CHECK_CONTAINS(run.output, "CHECK(!(order[0] == 3");
            found = seed;
        }
        subrun_done(&run);
    }
    CHECK_GT(found, 0);
}
