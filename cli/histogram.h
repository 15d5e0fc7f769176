/* SPDX-License-Identifier: MIT */
/*
 * cli/histogram.h - how often each duration was measured, closely enough
 *
 * Values are durations in nanoseconds.  A histogram has a fixed size and one
 * recorded value costs a few instructions, however many there are.  What it
 * tells of a value is never too low, and too high by less than one part in
 * HISTOGRAM_PRECISION; the least, the greatest and the mean are exact.
 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <belay/base.h>

enum {
    HISTOGRAM_BITS = 9,
    HISTOGRAM_PRECISION = 1 << HISTOGRAM_BITS,
    HISTOGRAM_VALUE_BITS = 43, /* 2.4 hours; the rest counts as the last */
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_BITS + 1)
                        << HISTOGRAM_BITS
};

struct histogram {
    uint64_t count;
    bl_ns min; /* of no values: 0 */
    bl_ns max;
    double sum;
    double sum_of_squares;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Counts one value; what is below 0 counts as 0. */
void histogram_record(struct histogram *histogram, bl_ns value);

/* Adds what `other` has counted. */
void histogram_add(struct histogram *histogram, const struct histogram *other);

/*
 * Returns the least value that is not exceeded by the share `share` (0 to 1)
 * of all values: 0.99 gives the 99th percentile.  0 if there are none.
 */
bl_ns histogram_percentile(const struct histogram *histogram, double share);

/* Return the mean and the standard deviation, 0 if there are no values. */
double histogram_mean(const struct histogram *histogram);
double histogram_deviation(const struct histogram *histogram);

/* Returns how many values are at most `limit`, give or take one bucket. */
uint64_t histogram_count_up_to(const struct histogram *histogram, bl_ns limit);

/* The bucket of a value, and the least and greatest value of a bucket. */
size_t histogram_bucket_of(bl_ns value);
bl_ns histogram_bucket_low(size_t bucket);
bl_ns histogram_bucket_high(size_t bucket);

#endif
