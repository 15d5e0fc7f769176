/* SPDX-License-Identifier: MIT */
/*
 * specimens/scopes/test_a.c - fixtures that outlive a test
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared.h"

FIXTURE(int, base, .scope = T_MODULE) {
    say("a: base up");
    YIELD(10);
    say("a: base down");
}

FIXTURE(int, derived, (base), .scope = T_MODULE) {
    say("a: derived up on %d", base);
    YIELD(base + 1);
    say("a: derived down");
}

FIXTURE(int, narrow, (derived)) {
    say("a: narrow up on %d", derived);
    YIELD(derived + 1);
    say("a: narrow down");
}

TEST(first, (narrow), .tags = "module") {
    say("a: first %d in %d", narrow, getpid());
    TAKES(SEC(5)) BL_IGNORE(bl_sleep(SEC(5)));
}

TEST(second, (derived), .tags = "module") {
    say("a: second %d in %d at %lld s", derived, getpid(),
        (long long)(bl_now() / SEC(1)));
}

TEST(third, .tags = "alone") {
    say("a: third in %d", getpid());
}

TEST(fourth, (base), .tags = "module") {
    say("a: fourth %d in %d", base, getpid());
}

TEST(with_session, (session, base), .tags = "session") {
    say("a: session %d, base %d in %d", session, base, getpid());
}

TEST(with_run, (whole_run), .tags = "run") {
    CHECK_NE(whole_run, getpid());
    say("a: run %d", whole_run);
}

TEST(with_run_again, (whole_run), .tags = "run") {
    say("a: run %d", whole_run);
}

TEST(with_run_and_crash, (whole_run), .tags = "runcrash") {
    say("a: run %d", whole_run);
    abort();
}

/* Kills the process, and waits until it has ended. */
TEST(with_run_killed, (whole_run), .tags = "runkill") {
    int fd = (int)syscall(SYS_pidfd_open, whole_run, 0);
    REQUIRE_GE(fd, 0);
    CHECK_OK(kill(whole_run, SIGKILL));
    CHECK_OK(bl_fd_wait(fd, BL_READABLE));
    close(fd);
}

TEST(with_run_after_kill, (whole_run), .tags = "runkill") {
    say("a: not reached");
}
