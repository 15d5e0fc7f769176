/* SPDX-License-Identifier: MIT */
/*
 * tests/explore/test_queue.c - no item is lost or doubled in any order
 *
 * Numbers are put and gotten by tasks that may be cancelled or run out of time
 * in the middle of it: each number that was put is gotten once, or is still in
 * the queue at the end.
 */
#include <belay/test.h>

enum {
    SCHEDULES = 100,
    NUMBERS = 6
};

struct belt {
    bl_queue queue;
    bl_queue other;
    bl_event stop;
    int next;
    int put[NUMBERS];
    int got[NUMBERS];
};

static void belt_init(struct belt *belt, size_t capacity) {
    *belt = (struct belt){ .stop = BL_EVENT_INIT };
    REQUIRE_OK(bl_queue_init(&belt->queue, sizeof(int), capacity));
    REQUIRE_OK(bl_queue_init(&belt->other, sizeof(int), capacity));
}

static void belt_check(struct belt *belt) {
    int number;
    while (bl_queue_try_get(&belt->queue, &number) == 0) {
        belt->got[number]++;
    }
    while (bl_queue_try_get(&belt->other, &number) == 0) {
        belt->got[number]++;
    }
    for (int i = 0; i < NUMBERS; i++) {
        CHECK_EQ(belt->got[i], belt->put[i]);
    }
    bl_queue_done(&belt->queue);
    bl_queue_done(&belt->other);
}

static int put_numbers(void *arg) {
    struct belt *belt = arg;
    for (int i = 0; i < NUMBERS / 2; i++) {
        int number = belt->next++;
        int rc = bl_queue_put(&belt->queue, &number);
        if (rc < 0) return rc;
        belt->put[number]++;
    }
    return 0;
}

static int put_in_time(void *arg) {
    int rc = bl_wait_for(put_numbers(arg), MS(1));
    bl_error_handled();
    return rc == BL_ETIMEDOUT ? 0 : rc;
}

static int get_numbers(void *arg) {
    struct belt *belt = arg;
    for (;;) {
        int number;
        int rc = bl_queue_get(&belt->queue, &number);
        if (rc < 0) return rc;
        belt->got[number]++;
        rc = bl_sleep(MS(1));
        if (rc < 0) return rc;
    }
}

static int get_for_a_while(void *arg) {
    int rc = bl_wait_for(get_numbers(arg), MS(2));
    bl_error_handled();
    return rc == BL_ETIMEDOUT ? 0 : rc;
}

PARAM(size_t, capacity, 1, 2);

TEST(a_queue_hands_each_item_over_once, (capacity), .schedules = SCHEDULES) {
    struct belt belt;
    belt_init(&belt, capacity);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, get_for_a_while, &belt));
    REQUIRE_OK(bl_spawn(&group, put_in_time, &belt));
    REQUIRE_OK(bl_spawn(&group, get_for_a_while, &belt));
    REQUIRE_OK(bl_spawn(&group, put_in_time, &belt));
    REQUIRE_OK(bl_group_exit(&group, 0));
    belt_check(&belt);
}

static int shut_down(void *arg) {
    struct belt *belt = arg;
    int rc = bl_sleep(MS(1));
    bl_queue_shutdown(&belt->queue);
    return rc;
}

static int put_until_shut(void *arg) {
    int rc = put_numbers(arg);
    bl_error_handled();
    return rc == BL_ESHUTDOWN ? 0 : rc;
}

static int get_until_shut(void *arg) {
    int rc = get_numbers(arg);
    bl_error_handled();
    return rc == BL_ESHUTDOWN ? 0 : rc;
}

TEST(a_queue_that_shuts_down_loses_nothing, (capacity),
     .schedules = SCHEDULES) {
    struct belt belt;
    belt_init(&belt, capacity);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, put_until_shut, &belt));
    REQUIRE_OK(bl_spawn(&group, get_until_shut, &belt));
    REQUIRE_OK(bl_spawn(&group, shut_down, &belt));
    REQUIRE_OK(bl_spawn(&group, put_until_shut, &belt));
    REQUIRE_OK(bl_group_exit(&group, 0));
    belt_check(&belt);
}

/* ---- select -------------------------------------------------------------- */

/* Takes from whichever queue has something, until told to stop. */
static int take_any(void *arg) {
    struct belt *belt = arg;
    for (;;) {
        int left;
        int right;
        bl_branch branches[] = { bl_on_get(&belt->queue, &left),
                                 bl_on_get(&belt->other, &right),
                                 bl_on_event(&belt->stop), bl_on_sleep(MS(3)) };
        int which = bl_select(branches, 4);
        if (which < 0) return which;
        if (which == 0) belt->got[left]++;
        if (which == 1) belt->got[right]++;
        if (which > 1) return 0;
    }
}

static int offer_either(void *arg) {
    struct belt *belt = arg;
    for (int i = 0; i < NUMBERS / 2; i++) {
        int number = belt->next++;
        bl_branch branches[] = { bl_on_put(&belt->queue, &number),
                                 bl_on_put(&belt->other, &number),
                                 bl_on_event(&belt->stop) };
        int which = bl_select(branches, 3);
        if (which < 0) return which;
        if (which == 2) return 0;
        belt->put[number]++;
    }
    return 0;
}

static int stop_all(void *arg) {
    struct belt *belt = arg;
    int rc = bl_sleep(MS(3));
    bl_event_set(&belt->stop);
    return rc;
}

TEST(a_select_does_exactly_one_thing, (capacity), .schedules = SCHEDULES) {
    struct belt belt;
    belt_init(&belt, capacity);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, take_any, &belt));
    REQUIRE_OK(bl_spawn(&group, offer_either, &belt));
    REQUIRE_OK(bl_spawn(&group, take_any, &belt));
    REQUIRE_OK(bl_spawn(&group, offer_either, &belt));
    REQUIRE_OK(bl_spawn(&group, stop_all, &belt));
    REQUIRE_OK(bl_group_exit(&group, 0));
    belt_check(&belt);
}
