/* SPDX-License-Identifier: MIT */
/*
 * specimens/stuck.c - a run that somebody has to end
 */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <belay/test.h>

TEST(passes) {
    CHECK_EQ(2, 2);
}

TEST(fails) {
    CHECK_EQ(2, 3);
}

TEST(is_stuck, .no_loop = true) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the runner is killed */
    for (;;)
        pause();
}

TEST(comes_too_late) {
    CHECK_EQ(2, 2);
}
