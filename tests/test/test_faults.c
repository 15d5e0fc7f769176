/* SPDX-License-Identifier: MIT */
/*
 * test/test_faults.c - system calls of the test that fail, or move less
 */
#include <string.h>

#include "test/subrun.h"

#define FAULTS SPECIMEN("faults")

PARAM(const char *, driver, "epoll", "uring");

TEST(code_that_copes_passes_the_sweep, (driver), .no_loop = true) {
    struct subrun run =
        subrun_run(FAULTS, "-v", "--driver", driver, "copes", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
    CHECK_EQ(subrun_count(&run, " 0 more runs"), 0);
    subrun_done(&run);
}

struct bug {
    const char *name;
    const char *shown;
    const char *token;
};

PARAM(struct bug, bug,
      { "reads_once", "CHECK_ALWAYS(strcmp(bytes, \"hello\") == 0)",
        "read: short" },
      { "leaks_a_stream", "LEAK: 1 watches left in the loop",
        "accept: EMFILE" },
      { "knows_one_lack", "CHECK_ALWAYS(rc == BL_EMFILE)", "accept: ENFILE" },
      { "never_gives_up", "LOOP: something was injected", "socket: EMFILE" });

/* In the usual order, as in hard mode another point finds some sooner. */
TEST(the_sweep_finds_what_a_quiet_machine_hides, (driver, bug), .tags = "order",
     .no_loop = true) {
    char token[200];
    struct subrun plain = subrun_run(FAULTS, bug.name, NULL);
    CHECK_EQ(plain.status, 0);
    subrun_done(&plain);

    struct subrun run =
        subrun_run(FAULTS, bug.name, "--driver", driver, "--sweep", "io", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, bug.shown);
    CHECK_CONTAINS(run.output, bug.token);
    subrun_token(&run, token, sizeof token);
    subrun_done(&run);

    struct subrun again =
        subrun_run(FAULTS, "--driver", driver, "--replay", token, NULL);
    CHECK_EQ(again.status, 1);
    CHECK_CONTAINS(again.output, bug.shown);
    subrun_done(&again);
}

TEST(a_way_that_does_not_fit_any_more_is_said, .no_loop = true) {
    struct subrun run =
        subrun_run(FAULTS, "--replay", "faults.c::copes@io@1.short", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "the test has changed since");
    subrun_done(&run);
}

TEST(a_point_beyond_the_end_is_not_reached, .no_loop = true) {
    struct subrun run =
        subrun_run(FAULTS, "--replay", "faults.c::copes@io@999.104", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}

TEST(short_io_is_a_choice_like_others, .no_loop = true, .tags = "order") {
    struct subrun run = subrun_run(FAULTS, "reads_in_parts", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);

    run = subrun_run(FAULTS, "reads_once", "--explore", "50", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);

    run =
        subrun_run(FAULTS, "reads_once", "--explore", "50", "--short-io", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "CHECK_ALWAYS(strcmp(bytes, \"hello\") == 0)");
    CHECK_CONTAINS(run.output, "shrunk to 1 choice that is not the first");
    subrun_done(&run);
}
