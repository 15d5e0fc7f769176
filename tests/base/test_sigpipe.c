/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_sigpipe.c - what a broken pipe leaves behind: nothing
 */
#include <belay/test.h>

#include <errno.h>
#include <unistd.h>

#include "base/sigpipe.h"

static bool is_pending(void) {
    sigset_t pending;
    REQUIRE_EQ(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

static bool is_blocked(void) {
    sigset_t mask;
    REQUIRE_EQ(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    return sigismember(&mask, SIGPIPE) == 1;
}

/* Writes to a pipe without a reader, held back. */
static void write_broken(void) {
    struct bl__sigpipe held;
    int ends[2];
    REQUIRE_EQ(pipe(ends), 0);
    close(ends[0]);
    bl__sigpipe_hold(&held);
    REQUIRE_EQ(write(ends[1], "x", 1), -1);
    REQUIRE_EQ(errno, EPIPE);
    CHECK(is_pending());
    bl__sigpipe_drop(&held, EPIPE);
    close(ends[1]);
}

TEST(the_signal_of_a_broken_pipe_is_taken_away) {
    write_broken();
    CHECK(!is_pending());
    CHECK(!is_blocked());
}

TEST(one_that_was_pending_before_stays) {
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, &broken, NULL), 0);
    REQUIRE_EQ(raise(SIGPIPE), 0);
    write_broken();
    CHECK(is_pending());
    CHECK(is_blocked());
    siginfo_t info;
    const struct timespec at_once = { 0 };
    REQUIRE_EQ(sigtimedwait(&broken, &info, &at_once), SIGPIPE);
}
