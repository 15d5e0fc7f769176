/* SPDX-License-Identifier: MIT */
/*
 * specimens/limits.c - tests and fixtures that take too long
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <belay/test.h>

__attribute__((noinline)) static void spin(void) {
    for (volatile unsigned i = 0;; i++) {}
}

FIXTURE(int, slow_to_end) {
    YIELD(1);
    CHECK_OK(bl_sleep(SEC(5)));
    printf("slow_to_end has ended\n");
}

FIXTURE(int, outer) {
    bl_test_outcome outcome = YIELD(1);
    CHECK_OK(bl_sleep(MS(1)));
    printf("outer has ended, after outcome %d\n", (int)outcome);
}

/* ---- virtual time -------------------------------------------------------- */

TEST(sleeps_too_long, (outer, slow_to_end), .timeout = SEC(10)) {
    int rc = bl_sleep(SEC(20));
    printf("the sleep returned %s\n", bl_error_name(rc));
}

/* ---- real time ----------------------------------------------------------- */

TEST(waits_for_outside, (outer), .clock = T_CLOCK_REAL, .watchdog = SEC(2)) {
    int ends[2];
    REQUIRE_OK(pipe(ends));
    int rc = bl_fd_wait(ends[0], BL_READABLE);
    printf("the wait returned %s\n", bl_error_name(rc));
    close(ends[0]);
    close(ends[1]);
}

static int spins(void *arg) {
    (void)arg;
    spin();
    return 0;
}

TEST(spins_in_a_task, (outer), .watchdog = MS(200)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, spins, NULL));
    BL_IGNORE(bl_sleep(SEC(1)));
}

TEST(spins_with_signals_blocked, .watchdog = MS(200)) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    spin();
}

TEST(spins_with_abort_ignored, .watchdog = MS(200)) {
    signal(SIGABRT, SIG_IGN);
    spin();
}

static void on_abort(int number) {
    (void)number;
}

TEST(spins_with_abort_handled, .watchdog = MS(200)) {
    signal(SIGABRT, on_abort);
    spin();
}

TEST(hangs_before_its_signal, .signal = SIGABRT, .watchdog = MS(200)) {
    spin();
}

TEST(blocks_in_a_call, .watchdog = MS(200)) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
}

TEST(spins_without_a_loop, .no_loop = true, .watchdog = MS(200)) {
    spin();
}

TEST(comes_next) {
}

/* ---- tear-down ----------------------------------------------------------- */

FIXTURE(int, deadlocks_at_end, (outer)) {
    bl_event never = BL_EVENT_INIT;
    YIELD(outer);
    int rc = bl_event_wait(&never);
    printf("the wait returned %s\n", bl_error_name(rc));
}

TEST(ends_in_a_deadlock, (deadlocks_at_end)) {
}

FIXTURE(int, too_slow_to_end, (outer), .teardown_timeout = SEC(2)) {
    YIELD(outer);
    int rc = bl_sleep(SEC(5));
    printf("the sleep returned %s at %lld s\n", bl_error_name(rc),
           (long long)(bl_now() / SEC(1)));
}

TEST(ends_too_slowly, (too_slow_to_end)) {
}

FIXTURE(int, too_slow_to_begin, (outer), .setup_timeout = SEC(2)) {
    BL_IGNORE(bl_sleep(SEC(5)));
    YIELD(outer);
}

TEST(begins_too_slowly, (too_slow_to_begin)) {
    printf("the body has run\n");
}

FIXTURE(int, spins_at_end, (outer)) {
    YIELD(outer);
    spin();
}

TEST(ends_in_a_loop, (spins_at_end), .watchdog = MS(200)) {
}

FIXTURE(int, deadlocks_at_start, (outer)) {
    bl_event never = BL_EVENT_INIT;
    BL_IGNORE(bl_event_wait(&never));
    YIELD(outer);
}

TEST(begins_in_a_deadlock, (deadlocks_at_start)) {
}

/* ---- a task of a fixture dies -------------------------------------------- */

static int dies_after(void *arg) {
    int rc = bl_sleep(*(bl_ns *)arg);
    return rc < 0 ? rc : BL_EIO;
}

/* It dies after so long; set-up and tear-down take two seconds each. */
#define FRAGILE(name, lifetime)                           \
    FIXTURE(int, name, (outer)) {                         \
        bl_ns after = (lifetime);                         \
        BL_GROUP_SCOPED(group);                           \
        REQUIRE_OK(bl_spawn(&group, dies_after, &after)); \
        BL_IGNORE(bl_sleep(SEC(2)));                      \
        YIELD(outer);                                     \
        BL_IGNORE(bl_sleep(SEC(2)));                      \
    }

FRAGILE(dies_in_setup, SEC(1))
FRAGILE(dies_in_body, SEC(3))
FRAGILE(dies_in_teardown, SEC(5))

static void sleep_two(void) {
    int rc = bl_sleep(SEC(2));
    printf("the body got %d\n", rc);
}

TEST(helper_dies_in_setup, (dies_in_setup)) {
    sleep_two();
}

TEST(helper_dies_in_body, (dies_in_body)) {
    sleep_two();
}

TEST(helper_dies_in_teardown, (dies_in_teardown)) {
    sleep_two();
}

TEST(helper_dies_beside_a_failure, (dies_in_body)) {
    CHECK_EQ(1, 2);
    sleep_two();
}
