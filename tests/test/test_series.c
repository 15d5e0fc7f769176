/* SPDX-License-Identifier: MIT */
/*
 * test/test_series.c - one case on its way through its jobs
 *
 * Planted bugs are found by other orders and by sweeps, within the budgets
 * that a user would give, made simple, and found again by their tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/subrun.h"

#define BUGS SPECIMEN("bugs")

enum {
    TOKEN_BYTES = 300
};

/* The lines that say what failed, up to how it was found. */
static char *failure_of(const struct subrun *run) {
    const char *begin = strstr(run->output, "\n--- ");
    REQUIRE_NE(begin, NULL);
    const char *end = strstr(begin, "  captured output:");
    if (end == NULL) end = strstr(begin, "  found by ");
    if (end == NULL) end = strstr(begin, "time: ");
    REQUIRE_NE(end, NULL);
    return strndup(begin, (size_t)(end - begin));
}

/* The token leads to the same failure, each time. */
static void check_replays(const char *program, const char *token) {
    char *failures[2];
    for (int i = 0; i < 2; i++) {
        struct subrun run = subrun_run(program, "--replay", token, NULL);
        CHECK_EQ(run.status, 1);
        CHECK_EQ(subrun_count(&run, "has changed since"), 0);
        CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
        failures[i] = failure_of(&run);
        subrun_done(&run);
    }
    if (!bl__host_has_asan()) CHECK_STR(failures[0], failures[1]);
    free(failures[0]);
    free(failures[1]);
}

struct hunt {
    const char *name;
    const char *schedule;
    const char *shown;
};

/* DFS to a depth of 2 does not find what needs three choices. */
PARAM(struct hunt, hunt, { "a_lost_wakeup", "random", "DEADLOCK" },
      { "a_lost_wakeup", "pct:3", "DEADLOCK" },
      { "a_lost_wakeup", "dfs:2", "DEADLOCK" },
      { "a_use_after_free", "random", NULL },
      { "a_use_after_free", "pct:2", NULL },
      { "a_use_after_free", "dfs:1", NULL },
      { "one_order_of_many", "random", "CHECK(!(order[0] == 3" },
      { "one_order_of_many", "pct:3", "CHECK(!(order[0] == 3" },
      { "one_order_of_many", "dfs:3", "CHECK(!(order[0] == 3" });

/* What ASan says of it, or what the fill of freed memory makes of the text. */
static const char *shown_of(const struct hunt *hunt) {
    if (hunt->shown != NULL) return hunt->shown;
    return bl__host_has_asan() ? "heap-use-after-free" : "CHECK_STR(";
}

TEST(other_orders_find_planted_bugs, (hunt), .no_loop = true) {
    char token[TOKEN_BYTES];
    struct subrun plain = subrun_run(BUGS, hunt.name, NULL);
    CHECK_EQ(plain.status, 0);
    subrun_done(&plain);

    struct subrun run = subrun_run(BUGS, hunt.name, "--schedule", hunt.schedule,
                                   "--explore", "300", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, shown_of(&hunt));
    CHECK_CONTAINS(run.output, "shrunk to ");
    CHECK_EQ(subrun_count(&run, "does not fail each time"), 0);
    subrun_token(&run, token, sizeof token);
    CHECK_LT(strlen(token), 60);
    subrun_done(&run);
    check_replays(BUGS, token);
}

TEST(sweeps_find_planted_bugs, .no_loop = true) {
    char token[TOKEN_BYTES];
    struct subrun run =
        subrun_run(BUGS, "a_lost_connection", "--sweep", "cancel", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "CHECK_EQ(made->idle, made->made)");
    CHECK_CONTAINS(run.output, "the cancellation sweep at injection point ");
    subrun_token(&run, token, sizeof token);
    subrun_done(&run);
    check_replays(BUGS, token);
}

TEST(once_is_without_injections_and_other_orders, .no_loop = true) {
    struct subrun run = subrun_run(BUGS, "a_lost_connection", "--sweep",
                                   "cancel", "--once", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "cancel point"), 0);
    subrun_done(&run);
    run = subrun_run(BUGS, "-s", "tells_its_order", "--schedule", "random",
                     "--explore", "20", "--once", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_EQ(subrun_count(&run, "order "), 1);
    subrun_done(&run);
}

PARAM(const char *, sound, "no_lost_wakeup", "no_lost_connection");

TEST(sound_code_survives_it_all, (sound), .no_loop = true) {
    struct subrun run = subrun_run(BUGS, sound, "--explore", "200", "--sweep",
                                   "cancel,oom,io", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
    run = subrun_run(BUGS, sound, "--schedule", "dfs:2", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}

/* ---- seeds --------------------------------------------------------------- */

PARAM(const char *, schedule, "random", "pct:3", "dfs:2");

/* The lines that the runs of the test have printed. */
static char *told_by(const char *schedule, const char *seed) {
    struct subrun run =
        subrun_run(BUGS, "-s", "tells_its_order", "--schedule", schedule,
                   "--explore", "20", "--seed", seed, NULL);
    CHECK_EQ(run.status, 0);
    CHECK_GT(subrun_count(&run, "order "), 10);
    char *time = strstr(run.output, "\ntime: ");
    REQUIRE_NE(time, NULL);
    *time = '\0';
    char *told = strdup(run.output);
    subrun_done(&run);
    return told;
}

TEST(the_same_seed_gives_the_same_orders, (schedule), .no_loop = true) {
    char *first = told_by(schedule, "7");
    char *second = told_by(schedule, "7");
    char *other = told_by(schedule, "99");
    CHECK_STR(first, second);
    CHECK(strcmp(first, other) != 0); /* it draws other numbers at least */
    free(first);
    free(second);
    free(other);
}

TEST(exploring_can_be_bounded_by_time, .no_loop = true) {
    struct subrun run =
        subrun_run(BUGS, "no_lost_wakeup", "--explore-time", "0.05", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}
