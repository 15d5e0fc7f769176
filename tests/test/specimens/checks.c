/* SPDX-License-Identifier: MIT */
/*
 * specimens/checks.c - each kind of check, failing
 *
 * tests/test/test_check.c reads what is said about them.
 */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include <belay/test.h>

enum colour {
    RED = 1,
    BLUE = 7
};

TEST(condition) {
    int width = 3;
    CHECK(width > 4 && width < 9);
}

TEST(numbers) {
    int minus_one = -1;
    size_t size = 3;
    CHECK_EQ(minus_one, 4294967295u);
    CHECK_NE(size, 3);
    CHECK_LT(size, 3);
    CHECK_LE(size, 2);
    CHECK_GT(minus_one, 0u);
    CHECK_GE(INT64_MIN, UINT64_MAX);
}

TEST(other_scalars) {
    bool is_open = true;
    char letter = 'x';
    enum colour colour = BLUE;
    const char *nothing = NULL;
    double half = 0.5;
    CHECK_EQ(is_open, false);
    CHECK_EQ(letter, 10);
    CHECK_EQ(colour, RED);
    CHECK_NE(nothing, NULL);
    CHECK_EQ(half, 1);
    CHECK_EQ((double)NAN, (double)NAN);
    CHECK_NEAR(half, 0.75, 0.125);
}

TEST(texts) {
    const char *name = "left\n";
    const char *nobody = NULL;
    CHECK_STR(name, "lift\n");
    CHECK_STR(nobody, "somebody");
    CHECK_CONTAINS(name, "right");
    CHECK_CONTAINS(nobody, "right");
}

TEST(long_texts) {
    char left[600];
    char right[600];
    memset(left, '.', sizeof left - 1);
    memset(right, '.', sizeof right - 1);
    left[sizeof left - 1] = right[sizeof right - 1] = '\0';
    memcpy(left + 500, "HERE", 4);
    CHECK_STR(left, right);
}

TEST(bytes) {
    unsigned char left[40];
    unsigned char right[40];
    for (int i = 0; i < 40; i++)
        left[i] = right[i] = (unsigned char)('A' + i);
    right[25] = 0xff;
    CHECK_MEM(left, sizeof left, right, sizeof right);
    CHECK_MEM(left, 3, left, 2);
    CHECK_MEM(NULL, 3, left, 3);
}

TEST(codes) {
    int wanted = BL_EPIPE;
    CHECK_OK(BL_ERR(BL_EIO, "the disk says no"));
    CHECK_ERR(0, BL_ETIMEDOUT);
    CHECK_ERR(BL_ERR(BL_EIO, "again"), wanted);
}

TEST(told) {
    t_fail("%d of %d eggs are broken", 3, 12);
}

TEST(context) {
    for (int i = 0; i < 3; i++) {
        T_INFO("egg %d", i);
        CHECK_NE(i, 1);
    }
    CHECK(false);
}

static int require_zero(void *arg) {
    T_INFO("in the child");
    REQUIRE_EQ(*(int *)arg, 0);
    printf("it went on\n");
    return 0;
}

TEST(child_task) {
    int one = 1;
    BL_GROUP_SCOPED(group);
    T_INFO("in the body");
    REQUIRE_OK(bl_spawn(&group, require_zero, &one));
    BL_IGNORE(bl_sleep(SEC(1)));
    BL_IGNORE(bl_group_exit(&group, 0));
}

static void *check_elsewhere(void *arg) {
    (void)arg;
    CHECK_EQ(2, 3);
    return NULL;
}

TEST(another_thread) {
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, check_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
}

static void say_left(const char **name) {
    printf("left %s\n", *name);
}

TEST(cleanup) {
    const char *outer BL__CLEANUP(say_left) = "the outer block";
    {
        const char *inner BL__CLEANUP(say_left) = "the inner block";
        REQUIRE_STR(outer, inner);
    }
    printf("it went on\n");
}

TEST(many) {
    for (int i = 0; i < 50; i++)
        CHECK_EQ(i, -1);
}

TEST(tolerated, .sweep = T_CANCEL) {
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(not_tolerated, .sweep = T_CANCEL) {
    CHECK_ALWAYS(bl_sleep(1) == 0);
}

/* The check fails because the deadlock has cancelled it. */
TEST(deadlock_then_failure) {
    bl_event never = BL_EVENT_INIT;
    REQUIRE_OK(bl_event_wait(&never));
}

TEST(failure_then_deadlock) {
    bl_event never = BL_EVENT_INIT;
    CHECK_EQ(1, 2);
    REQUIRE_OK(bl_event_wait(&never));
}
