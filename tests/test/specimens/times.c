/* SPDX-License-Identifier: MIT */
/*
 * specimens/times.c - each way of waiting for something, failing
 */
#define BELAY_PROBES 1

#include <belay/test.h>

static int after_a_minute(void *arg) {
    int rc = bl_sleep(SEC(60));
    if (rc == 0) *(int *)arg = 1;
    return rc;
}

TEST(eventually) {
    int is_done = 0;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, after_a_minute, &is_done));
    CHECK_EVENTUALLY(is_done, SEC(59));
    CHECK_EVENTUALLY_EQ(is_done + 1, 3, MS(1500));
    REQUIRE_EVENTUALLY(is_done == 7, SEC(9));
    printf("it went on\n");
}

TEST(never) {
    int is_done = 0;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, after_a_minute, &is_done));
    CHECK_NEVER(is_done, SEC(61));
    CHECK_EQ(bl_now(), SEC(60));
    BL_IGNORE(bl_group_exit(&group, 0));
}

TEST(within) {
    WITHIN(SEC(2)) {
        BL_IGNORE(bl_sleep(SEC(3)));
        printf("cancelled at %lld ms\n", (long long)(bl_now() / 1000000));
    }
    printf("it went on\n");
}

TEST(takes) {
    TAKES(SEC(2)) BL_IGNORE(bl_sleep(MS(2001)));
    TAKES(0) BL_IGNORE(bl_sleep(1));
}

TEST(seq) {
    SEQ(0) {
    }
    SEQ(0) {
    }
}

static int come_second(void *arg) {
    (void)arg;
    SEQ(1) printf("second\n");
    return 0;
}

TEST(seq_without_its_first) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, come_second, NULL));
    BL_IGNORE(bl_group_exit(&group, 0));
}

TEST(checkpoints) {
    CHECK_CHECKPOINTS {
    }
    CHECK_NO_CHECKPOINTS {
        BL_IGNORE(bl_sleep(0));
        BL_IGNORE(bl_sleep(0));
    }
}

TEST(probe) {
    BL_PROBE("opened");
    BL_PROBE("accepted");
    BL_PROBE("accepted");
    t_wait_probe("accepted", 3, SEC(1));
    printf("it went on\n");
}

TEST(probe_without_any) {
    t_wait_probe("accepted", 1, SEC(1));
}

TEST(log) {
    for (int i = 0; i < 100; i++)
        printf("this is line %d of the log\n", i);
    t_wait_log("listening", SEC(1));
    printf("it went on\n");
}

TEST(log_of_nothing) {
    t_wait_log("listening", SEC(1));
}

static int poll_often(void *arg) {
    while (!*(bool *)arg) {
        int rc = bl_sleep(MS(10));
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(polls) {
    bool is_done = false;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, poll_often, &is_done));
    BL_IGNORE(bl_group_exit(&group, 0));
}

TEST(polls_with_a_limit, .timeout = SEC(3600), .tags = "order") {
    bool is_done = false;
    BL_IGNORE(poll_often(&is_done));
}

TEST(lives_for_ever) {
    while (bl_sleep(SEC(3600 * 24)) == 0) {}
}

TEST(has_a_limit, .timeout = SEC(5)) {
    BL_IGNORE(bl_sleep(SEC(6)));
}
