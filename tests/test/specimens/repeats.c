/* SPDX-License-Identifier: MIT */
/*
 * specimens/repeats.c - tests that are the same each time, and that are not
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <belay/test.h>

static int sleep_twice(void *arg) {
    bl_ns *duration = arg;
    int rc = bl_sleep(*duration);
    return rc < 0 ? rc : bl_sleep(*duration);
}

TEST(repeats, (t_rng)) {
    static bl_ns durations[] = { MS(3), MS(2), MS(3) };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, sleep_twice, &durations[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_sleep((bl_ns)t_rng_below(t_rng, 1000)));
}

TEST(draws_true_random_numbers) {
    uint32_t number;
    CHECK_OK(bl_sleep(MS(1)));
    CHECK_EQ(getentropy(&number, sizeof number), 0);
    CHECK_OK(bl_sleep(1 + (bl_ns)number));
}

TEST(asks_the_real_time) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK_OK(bl_sleep(1 + (bl_ns)now.tv_nsec));
}

/* As who sorts by address does, or puts pointers into a hash table. */
TEST(depends_on_addresses) {
    void *block = malloc(100);
    CHECK_OK(bl_sleep(1 + (bl_ns)((uintptr_t)block & 0xffffff)));
    free(block);
}

TEST(ends_sooner_or_later) {
    uint32_t number;
    CHECK_EQ(getentropy(&number, sizeof number), 0);
    for (uint32_t i = 0; i < number % 5000; i++) {
        CHECK_OK(bl_sleep(MS(1)));
    }
}
