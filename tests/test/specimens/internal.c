/* SPDX-License-Identifier: MIT */
/*
 * specimens/internal.c - a runner that breaks down in the middle of a run
 *
 * Its tests have to run in its own process: --isolate=none.
 */
#include <stdlib.h>

#include <belay/test.h>

#include "test/host.h"

TEST(passes) {
    CHECK_EQ(2, 2);
}

TEST(breaks_the_runner, .no_loop = true) {
    bl__host_die("the specimen breaks down");
}

TEST(ends_the_runner, .no_loop = true) {
    exit(0);
}

TEST(comes_too_late) {
    CHECK_EQ(2, 2);
}

/* ---- in the runner's own process, in any case ---------------------------- */

static const char *ends_it(void) {
    exit(0);
}

static const char *breaks_it(void) {
    abort();
}

TEST(asks_who_exits, .skip_if = ends_it, .tags = ".hidden") {
}

TEST(asks_who_crashes, .skip_if = breaks_it, .tags = ".hidden") {
}
