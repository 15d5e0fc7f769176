/* SPDX-License-Identifier: MIT */
/*
 * specimens/outcomes.c - a test for each way in which a test can end
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

TEST(passes) {
    CHECK_EQ(1 + 1, 2);
}

TEST(also_passes) {
    CHECK_OK(bl_sleep(SEC(3600)));
}

TEST(fails) {
    printf("printed before it failed\n");
    CHECK_EQ(1 + 1, 3);
    CHECK_STR("left", "right");
}

TEST(skips) {
    t_skip("it rains");
}

TEST(is_skipped, .skip = "it snows") {
}

TEST(fails_as_known, .xfail = "#12") {
    CHECK(false);
}

TEST(passes_unexpectedly, .xfail = "#13") {
}

TEST(crashes) {
    raise(SIGSEGV);
    printf("not reached\n");
}

__attribute__((noinline)) static int dig(int depth) {
    volatile char frame[512];
    frame[depth % 512] = 1;
    if (depth == 1000000) return 0; /* the stack ends long before */
    return dig(depth + 1) + frame[(depth + 1) % 512];
}

static int digs(void *arg) {
    (void)arg;
    return dig(1);
}

TEST(overflows, .tags = ".hidden") {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, digs, NULL));
}

TEST(exits) {
    exit(3);
}

TEST(deadlocks) {
    bl_event never = BL_EVENT_INIT;
    BL_IGNORE(bl_event_wait(&never));
}

/* Somebody else's closing line, which nobody must take for the runner's. */
TEST(prints_a_closing_line) {
    printf("17 passed, 0 failed\n");
    CHECK(false);
}
