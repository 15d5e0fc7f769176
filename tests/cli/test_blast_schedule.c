/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_blast_schedule.c - that the rate alone decides when
 */
#include <belay/test.h>

#include "cli/blast_schedule.h"

static struct blast_schedule schedule_of(uint64_t per_second) {
    return (struct blast_schedule){
        .rate_milli = per_second * 1000,
        .begin = BL_SEC(5),
        .end = BL_FOREVER,
        .stop = BL_FOREVER,
        .count_max = BLAST_COUNT_MAX,
        .stride = 1,
    };
}

TEST(no_error_adds_up) {
    struct blast_schedule schedule = schedule_of(3);
    CHECK_EQ(blast_schedule_time(&schedule, 0), BL_SEC(5));
    CHECK_EQ(blast_schedule_time(&schedule, 1), BL_SEC(5) + 333333333);
    CHECK_EQ(blast_schedule_time(&schedule, 2), BL_SEC(5) + 666666666);
    CHECK_EQ(blast_schedule_time(&schedule, 3), BL_SEC(6));
    CHECK_EQ(blast_schedule_time(&schedule, 3000000), BL_SEC(1000005));
}

TEST(the_highest_and_the_lowest_rate_do_not_overflow) {
    struct blast_schedule schedule = schedule_of(0);
    schedule.rate_milli = BLAST_RATE_MILLI_MAX;
    CHECK_EQ(blast_schedule_time(&schedule, 9999999), BL_SEC(6) - 100);
    CHECK_EQ(blast_schedule_time(&schedule, BLAST_COUNT_MAX),
             BL_SEC(100000005));
    schedule.rate_milli = 1;
    CHECK_EQ(blast_schedule_time(&schedule, 1), BL_SEC(1005));
    CHECK_EQ(blast_schedule_time(&schedule, BLAST_COUNT_MAX), BL_FOREVER);
}

TEST(times_never_go_back) {
    struct blast_schedule schedule = schedule_of(70000);
    bl_ns before = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        bl_ns time = blast_schedule_time(&schedule, i);
        REQUIRE_GT(time, before);
        before = time;
    }
}

TEST(numbers_are_taken_in_turn_whatever_the_time_is) {
    struct blast_schedule schedule = schedule_of(10);
    bl_ns when = 0;
    REQUIRE(blast_schedule_take(&schedule, 0, &when));
    CHECK_EQ(when, BL_SEC(5));
    REQUIRE(blast_schedule_take(&schedule, BL_SEC(9), &when));
    CHECK_EQ(when, BL_SEC(5) + BL_MS(100)); /* 3.9 s late, and due then */
    REQUIRE(blast_schedule_take(&schedule, 0, &when));
    CHECK_EQ(when, BL_SEC(5) + BL_MS(200));
}

TEST(workers_share_the_numbers) {
    bl_ns when = 0;
    for (uint64_t worker = 0; worker < 3; worker++) {
        struct blast_schedule schedule = schedule_of(10);
        schedule.stride = 3;
        schedule.next = worker;
        for (uint64_t i = 0; i < 5; i++) {
            REQUIRE(blast_schedule_take(&schedule, 0, &when));
            CHECK_EQ(when, BL_SEC(5) + (bl_ns)(worker + 3 * i) * BL_MS(100));
        }
    }
}

TEST(nothing_is_due_from_the_end_on) {
    struct blast_schedule schedule = schedule_of(10);
    schedule.end = BL_SEC(6);
    schedule.stop = BL_SEC(6) + BL_MS(50);
    bl_ns when = 0;
    for (int i = 0; i < 9; i++)
        REQUIRE(blast_schedule_take(&schedule, 0, &when));

    struct blast_schedule late = schedule;
    REQUIRE(blast_schedule_take(&late, BL_SEC(6), &when));
    CHECK_EQ(when, BL_SEC(6) - BL_MS(100));
    CHECK(!blast_schedule_take(&late, BL_SEC(6), &when));

    late = schedule;
    CHECK(!blast_schedule_take(&late, BL_SEC(6) + BL_MS(50), &when));
}

TEST(a_count_ends_it_too) {
    struct blast_schedule schedule = schedule_of(10);
    schedule.count_max = 7;
    schedule.stride = 2;
    bl_ns when = 0;
    int taken = 0;
    while (blast_schedule_take(&schedule, 0, &when))
        taken++;
    CHECK_EQ(taken, 4); /* 0 2 4 6 */
}

TEST(without_a_rate_it_is_now) {
    struct blast_schedule schedule = schedule_of(0);
    schedule.end = schedule.stop = BL_SEC(6);
    bl_ns when = 0;
    REQUIRE(blast_schedule_take(&schedule, BL_SEC(6) - 1, &when));
    CHECK_EQ(when, BL_SEC(6) - 1);
    CHECK(!blast_schedule_take(&schedule, BL_SEC(6), &when));
    CHECK_EQ(blast_schedule_between(&schedule, 0, BL_FOREVER), 0);
}

TEST(how_many_are_due_between_two_times) {
    struct blast_schedule schedule = schedule_of(10);
    schedule.end = BL_SEC(15);
    CHECK_EQ(blast_schedule_between(&schedule, 0, BL_FOREVER), 100);
    CHECK_EQ(blast_schedule_between(&schedule, 0, BL_SEC(5)), 0);
    CHECK_EQ(blast_schedule_between(&schedule, 0, BL_SEC(5) + 1), 1);
    CHECK_EQ(blast_schedule_between(&schedule, BL_SEC(6), BL_SEC(7)), 10);
    CHECK_EQ(blast_schedule_between(&schedule, BL_SEC(7), BL_SEC(6)), 0);

    /* Shares add up, whoever has already taken how much. */
    uint64_t sum = 0;
    for (uint64_t worker = 0; worker < 7; worker++) {
        schedule.stride = 7;
        schedule.next = worker + 7 * worker;
        sum += blast_schedule_between(&schedule, BL_SEC(6), BL_SEC(9));
    }
    CHECK_EQ(sum, 30);
}

TEST(a_count_bounds_what_is_due) {
    struct blast_schedule schedule = schedule_of(10);
    schedule.count_max = 12;
    CHECK_EQ(blast_schedule_between(&schedule, 0, BL_FOREVER), 12);
    CHECK_EQ(blast_schedule_between(&schedule, BL_SEC(6), BL_FOREVER), 2);
}
