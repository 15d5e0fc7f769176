/* SPDX-License-Identifier: MIT */
/*
 * specimens/wrap.c - tasks that block their loop
 */
#include <time.h>
#include <unistd.h>

#include <belay/test.h>

static int doze(void *arg) {
    (void)arg;
    sleep(3600);
    return 0;
}

TEST(sleeps) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, doze, NULL));
    BL_IGNORE(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), 0);
}

TEST(sleeps_otherwise) {
    const struct timespec hour = { .tv_sec = 3600 };
    usleep(3600 * 1000 * 1000u);
    nanosleep(&hour, NULL);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);
}
