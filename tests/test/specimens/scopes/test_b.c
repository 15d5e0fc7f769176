/* SPDX-License-Identifier: MIT */
/*
 * specimens/scopes/test_b.c - fixtures that outlive a test, in another file
 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared.h"

PARAM(int, size, 1, 2);

FIXTURE(int, sized, (size), .scope = T_MODULE) {
    say("b: sized up with %d", size);
    YIELD(size * 100);
    say("b: sized down with %d", size);
}

FIXTURE(int, beside, .scope = T_MODULE) {
    say("b: beside up");
    YIELD(7);
    say("b: beside down");
}

TEST(grows, (beside, sized), .tags = "param") {
    say("b: grows %d", sized);
}

TEST(with_session, (session, beside), .tags = "session") {
    say("b: session %d, beside %d in %d", session, beside, getpid());
}

FIXTURE(int, fails_at_end, .scope = T_MODULE) {
    YIELD(1);
    CHECK_EQ(2, 3);
}

TEST(before_the_end, (fails_at_end), .tags = "teardown") {
}
TEST(at_the_end, (fails_at_end), .tags = "teardown") {
}

FIXTURE(int, fails_at_start, .scope = T_MODULE) {
    REQUIRE_EQ(4, 5);
    YIELD(1);
}

TEST(without_start, (fails_at_start), .tags = "setup") {
}
TEST(without_start_again, (fails_at_start), .tags = "setup") {
}

/* ---- after each of these the process is replaced ------------------------- */

FIXTURE(int, fresh, .scope = T_MODULE) {
    say("b: fresh up in %d", getpid());
    YIELD(1);
    say("b: fresh down");
}

TEST(before, (fresh), .tags = "poison") {
}

TEST(crashes, (fresh), .tags = "poison") {
    abort();
}

TEST(leaks, (fresh), .tags = "poison") {
    BL_IGNORE(dup(0));
}

TEST(deadlocks, (fresh), .tags = "poison") {
    bl_event never = BL_EVENT_INIT;
    BL_IGNORE(bl_event_wait(&never));
}

TEST(hangs, (fresh), .tags = "poison", .watchdog = MS(200)) {
    for (volatile int i = 0;; i++) {}
}

TEST(after, (fresh), .tags = "poison") {
}

/* After a plain failure it is not. */
FIXTURE(int, kept, .scope = T_MODULE) {
    say("b: kept up");
    YIELD(1);
    say("b: kept down");
}

TEST(fails, (kept), .tags = "keep") {
    REQUIRE(false);
}

TEST(times_out, (kept), .tags = "keep", .timeout = SEC(1)) {
    BL_IGNORE(bl_sleep(SEC(2)));
}

TEST(skips, (kept), .tags = "keep") {
    t_skip("no reason");
}

TEST(passes, (kept), .tags = "keep") {
}

/* ---- a task of the fixture ----------------------------------------------- */

static int dies_soon(void *arg) {
    (void)arg;
    int rc = bl_sleep(SEC(10));
    return rc < 0 ? rc : BL_EIO;
}

FIXTURE(int, fragile, .scope = T_MODULE) {
    say("b: fragile up");
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, dies_soon, NULL));
    YIELD(1);
    bl_group_cancel(&group);
    say("b: fragile down");
}

TEST(is_quick, (fragile), .tags = "fragile") {
}

TEST(waits_too_long, (fragile), .tags = "fragile") {
    BL_IGNORE(bl_sleep(SEC(20)));
}

TEST(comes_later, (fragile), .tags = "fragile") {
}

/* ---- what a process has only one of -------------------------------------- */

static void on_signal(int number) {
    (void)number;
}

TEST(changes_everything, (kept), .tags = "ambient") {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    signal(SIGUSR1, on_signal);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    CHECK_OK(chdir("/"));
    umask(0);
    setenv("SPECIMEN", "changed", 1);
    if (setlocale(LC_ALL, "C.UTF-8") != NULL) say("b: another locale");
}

TEST(finds_nothing_changed, (kept), .tags = "ambient") {
    struct sigaction action;
    sigset_t mask;
    char directory[1000];
    sigaction(SIGUSR1, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGUSR2));
    CHECK(strcmp(getcwd(directory, sizeof directory), "/") != 0);
    CHECK_NE(umask(022), 0);
    CHECK(getenv("SPECIMEN") == NULL);
    CHECK_STR(setlocale(LC_ALL, NULL), "C");
}

/* ---- refused ------------------------------------------------------------- */

FIXTURE(int, short_lived) {
    YIELD(1);
}

FIXTURE(int, long_lived, (short_lived), .scope = T_MODULE) {
    YIELD(short_lived);
}

TEST(mixes_scopes, (long_lived), .tags = "refused") {
}

FIXTURE(int, run_with_param, (size), .scope = T_RUN) {
    YIELD(size);
}

TEST(varies_the_run, (run_with_param), .tags = "refused") {
}

/* ---- other jobs have processes of their own ------------------------------ */

TEST(is_swept, (kept), .tags = "sweep", .sweep = T_CANCEL, .schedules = 2) {
    BL_IGNORE(bl_yield());
    BL_IGNORE(bl_yield());
}

TEST(comes_behind_the_sweep, (kept), .tags = "sweep") {
}
