/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_histogram.c - that the error is as small as was promised
 */
#include <math.h>
#include <stdlib.h>

#include <belay/test.h>

#include "cli/histogram.h"

/* Too large for the stack of a task. */
static struct histogram *histogram_new(void) {
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    REQUIRE(histogram != NULL);
    return histogram;
}

TEST(buckets_stand_side_by_side_from_zero_on) {
    CHECK_EQ(histogram_bucket_low(0), 0);
    for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
        REQUIRE_EQ(histogram_bucket_high(i) + 1, histogram_bucket_low(i + 1));
        REQUIRE_EQ(histogram_bucket_of(histogram_bucket_low(i)), i);
        REQUIRE_EQ(histogram_bucket_of(histogram_bucket_high(i)), i);
    }
    CHECK_EQ(histogram_bucket_high(HISTOGRAM_BUCKETS - 1),
             ((bl_ns)1 << HISTOGRAM_VALUE_BITS) - 1);
}

TEST(no_bucket_is_wider_than_the_precision_allows) {
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        bl_ns low = histogram_bucket_low(i);
        bl_ns high = histogram_bucket_high(i);
        /* (high - low) / low < 1 / PRECISION, without dividing */
        REQUIRE_LE((high - low) * HISTOGRAM_PRECISION, low);
    }
}

TEST(a_percentile_is_never_too_low_and_hardly_too_high) {
    enum {
        VALUES = 1000
    };
    struct histogram *histogram = histogram_new();
    /* 1.02^i spans nine decades. */
    for (int i = 0; i < VALUES; i++)
        histogram_record(histogram, (bl_ns)pow(1.02, i) + i);

    for (int i = 1; i <= VALUES; i++) {
        bl_ns exact = (bl_ns)pow(1.02, i - 1) + (i - 1);
        bl_ns told = histogram_percentile(histogram, i / (double)VALUES);
        REQUIRE_GE(told, exact);
        REQUIRE_LE((told - exact) * HISTOGRAM_PRECISION, exact);
    }
    free(histogram);
}

TEST(min_max_and_mean_are_exact) {
    struct histogram *histogram = histogram_new();
    histogram_record(histogram, 1000003);
    histogram_record(histogram, 2000003);
    histogram_record(histogram, 6000003);
    CHECK_EQ(histogram->count, 3);
    CHECK_EQ(histogram->min, 1000003);
    CHECK_EQ(histogram->max, 6000003);
    CHECK_NEAR(histogram_mean(histogram), 3000003.0, 0.001);
    CHECK_NEAR(histogram_deviation(histogram), 2160246.9, 0.1);
    CHECK_EQ(histogram_percentile(histogram, 1), 6000003);
    free(histogram);
}

TEST(of_nothing_there_is_nothing_to_tell) {
    struct histogram *histogram = histogram_new();
    CHECK_EQ(histogram_percentile(histogram, 0.5), 0);
    CHECK_EQ(histogram_percentile(histogram, 1), 0);
    CHECK_EQ(histogram_mean(histogram), 0.0);
    CHECK_EQ(histogram_deviation(histogram), 0.0);
    CHECK_EQ(histogram_count_up_to(histogram, 1000), 0);
    free(histogram);
}

TEST(equal_values_deviate_by_nothing) {
    struct histogram *histogram = histogram_new();
    for (int i = 0; i < 100; i++)
        histogram_record(histogram, 123456789);
    CHECK_EQ(histogram_deviation(histogram), 0.0);
    CHECK_EQ(histogram_percentile(histogram, 0.5), 123456789);
    free(histogram);
}

TEST(extremes_are_held_in_the_outermost_buckets) {
    struct histogram *histogram = histogram_new();
    histogram_record(histogram, -5);
    histogram_record(histogram, BL_FOREVER);
    CHECK_EQ(histogram->min, 0);
    CHECK_EQ(histogram->max, BL_FOREVER);
    CHECK_EQ(histogram->buckets[0], 1);
    CHECK_EQ(histogram->buckets[HISTOGRAM_BUCKETS - 1], 1);
    CHECK_EQ(histogram_percentile(histogram, 1), BL_FOREVER);
    free(histogram);
}

TEST(two_together_are_as_one) {
    struct histogram *left = histogram_new();
    struct histogram *right = histogram_new();
    struct histogram *whole = histogram_new();
    for (int i = 1; i <= 100; i++) {
        histogram_record(i % 3 == 0 ? left : right, i * 1000);
        histogram_record(whole, i * 1000);
    }
    histogram_add(left, right);
    CHECK_MEM(left, sizeof(*left), whole, sizeof(*whole));

    struct histogram *empty = histogram_new();
    histogram_add(left, empty);
    CHECK_MEM(left, sizeof(*left), whole, sizeof(*whole));
    histogram_add(empty, left);
    CHECK_EQ(empty->min, 1000);
    free(left);
    free(right);
    free(whole);
    free(empty);
}

TEST(counting_up_to_a_limit) {
    struct histogram *histogram = histogram_new();
    for (int i = 1; i <= 10; i++)
        histogram_record(histogram, i * 100);
    CHECK_EQ(histogram_count_up_to(histogram, -1), 0);
    CHECK_EQ(histogram_count_up_to(histogram, 99), 0);
    CHECK_EQ(histogram_count_up_to(histogram, 100), 1);
    CHECK_EQ(histogram_count_up_to(histogram, 550), 5);
    CHECK_EQ(histogram_count_up_to(histogram, 1000), 10);
    CHECK_EQ(histogram_count_up_to(histogram, BL_FOREVER), 10);
    free(histogram);
}
