/* SPDX-License-Identifier: MIT */
/*
 * specimens/misuse.c - tests that end in unusual places and ways
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <belay/test.h>

FIXTURE(int, outer) {
    int outcome = (int)YIELD(1);
    printf("outer has ended, after outcome %d\n", outcome);
}

/* ---- REQUIRE where nothing can be unwound ------------------------------- */

static void *fails_in_thread(void *arg) {
    (void)arg;
    REQUIRE_EQ(1, 2);
    return NULL;
}

TEST(requires_in_a_thread) {
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, fails_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    printf("not reached\n");
}

static void *checks_in_thread(void *arg) {
    (void)arg;
    CHECK_EQ(1, 2);
    return NULL;
}

TEST(checks_in_a_thread) {
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, checks_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    printf("the test went on\n");
}

static void fails_in_handler(int number) {
    REQUIRE_EQ(number, 0);
}

TEST(requires_in_a_handler) {
    signal(SIGUSR1, fails_in_handler);
    raise(SIGUSR1);
    printf("not reached\n");
}

static void fails_in_callback(void *context) {
    (void)context;
    REQUIRE_EQ(1, 2);
}

TEST(requires_in_a_callback) {
    bl_timer timer;
    bl_timer_init(&timer, fails_in_callback, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    BL_IGNORE(bl_sleep(SEC(1)));
    printf("not reached\n");
}

static int fails_in_child(void *arg) {
    (void)arg;
    REQUIRE_EQ(1, 2);
    return 0;
}

TEST(requires_in_a_child, (outer)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, fails_in_child, NULL));
    BL_IGNORE(bl_sleep(SEC(1)));
}

/* ---- known failures ------------------------------------------------------ */

TEST(known_to_crash, .xfail = "#1") {
    abort();
}

TEST(known_to_hang, .xfail = "#2") {
    bl_event never = BL_EVENT_INIT;
    BL_IGNORE(bl_event_wait(&never));
}

TEST(known_to_time_out, .xfail = "#3", .timeout = SEC(1)) {
    BL_IGNORE(bl_sleep(SEC(2)));
}

TEST(known_to_leak, .xfail = "#4") {
    BL_IGNORE(dup(0));
}

TEST(known_to_be_skipped, .xfail = "#5") {
    t_skip("it does not apply");
}

/* ---- skipping ------------------------------------------------------------ */

FIXTURE(int, skips, (outer)) {
    t_skip("the fixture does not want to");
    YIELD(outer);
}

TEST(has_a_fixture_that_skips, (skips)) {
    printf("not reached\n");
}

static int skips_in_child(void *arg) {
    (void)arg;
    t_skip("the child does not want to");
}

TEST(skips_inside_a_child, (outer)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, skips_in_child, NULL));
    BL_IGNORE(bl_sleep(SEC(1)));
    printf("the sleep is over at %lld\n", (long long)bl_now());
}

TEST(fails_and_skips) {
    CHECK_EQ(1, 2);
    t_skip("too late");
}

/* ---- signals ------------------------------------------------------------- */

TEST(dies_as_expected, .signal = SIGABRT) {
    abort();
}

TEST(does_not_die, .signal = SIGABRT) {
}

TEST(dies_in_another_way, .signal = SIGABRT) {
    raise(SIGKILL);
}

TEST(fails_and_dies, .signal = SIGABRT) {
    CHECK_EQ(1, 2);
    abort();
}

/* ---- fixtures that break the rules --------------------------------------- */

FIXTURE(int, without_yield, (outer)) {
    (void)outer;
    (void)bl__run;
    (void)bl__slot;
}

TEST(has_no_yield, (without_yield)) {
    printf("not reached\n");
}

FIXTURE(int, with_two_yields, (outer)) {
    YIELD(outer);
    YIELD(outer);
}

TEST(has_two_yields, (with_two_yields)) {
}

static int yields(void *arg) {
    struct bl__fixture_run *bl__run = arg;
    int value;
    int *bl__slot = &value;
    YIELD(1);
    return 0;
}

FIXTURE(int, yields_elsewhere, (outer)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, yields, bl__run));
    BL_IGNORE(bl_sleep(SEC(1)));
    YIELD(outer);
}

TEST(has_a_yield_elsewhere, (yields_elsewhere)) {
}

PARAM(int, no_values);

TEST(has_no_values, (no_values)) {
}

/* ---- as many fixtures as there can be ------------------------------------ */

#define NUMBERED(n)      \
    FIXTURE(int, f##n) { \
        YIELD(n);        \
    }

NUMBERED(1)
NUMBERED(2)
NUMBERED(3)
NUMBERED(4)
NUMBERED(5)
NUMBERED(6)
NUMBERED(7)
NUMBERED(8)
NUMBERED(9)
NUMBERED(10)
NUMBERED(11)
NUMBERED(12)
NUMBERED(13)
NUMBERED(14)
NUMBERED(15)
NUMBERED(16)

TEST(has_sixteen_fixtures,
     (f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16)) {
    CHECK_EQ(f1 + f2 + f3 + f4 + f5 + f6 + f7 + f8, 36);
    CHECK_EQ(f9 + f10 + f11 + f12 + f13 + f14 + f15 + f16, 100);
}
