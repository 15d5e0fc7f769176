/* SPDX-License-Identifier: MIT */
/*
 * cli/histogram.c - how often each duration was measured, closely enough
 *
 * The buckets are log-linear.  Each power of two is divided into
 * HISTOGRAM_PRECISION equal parts, so a bucket is as wide as the error that is
 * allowed at its low end:
 *
 *     bucket   0 ... 1023     one value each
 *              1024 ... 1535  two values each, from 1024 on
 *              1536 ... 2047  four values each, from 2048 on, ...
 *
 * Invariant: the buckets are in the order of their values, without a gap.
 */
#include "histogram.h"

#include <math.h>

static const uint64_t value_max = ((uint64_t)1 << HISTOGRAM_VALUE_BITS) - 1;

size_t histogram_bucket_of(bl_ns value) {
    uint64_t bits = value < 0 ? 0 : (uint64_t)value;
    if (bits > value_max) bits = value_max;
    if (bits < HISTOGRAM_PRECISION) return (size_t)bits;

    int log = 63 - __builtin_clzll(bits);
    int shift = log - HISTOGRAM_BITS;
    return ((size_t)shift << HISTOGRAM_BITS) + (size_t)(bits >> shift);
}

bl_ns histogram_bucket_low(size_t bucket) {
    if (bucket < 2 * HISTOGRAM_PRECISION) return (bl_ns)bucket;

    size_t shift = (bucket >> HISTOGRAM_BITS) - 1;
    return (bl_ns)((bucket - (shift << HISTOGRAM_BITS)) << shift);
}

bl_ns histogram_bucket_high(size_t bucket) {
    return histogram_bucket_low(bucket + 1) - 1;
}

void histogram_record(struct histogram *histogram, bl_ns value) {
    if (value < 0) value = 0;
    if (histogram->count == 0 || value < histogram->min) histogram->min = value;
    if (value > histogram->max) histogram->max = value;
    histogram->count++;
    histogram->sum += (double)value;
    histogram->sum_of_squares += (double)value * (double)value;
    histogram->buckets[histogram_bucket_of(value)]++;
}

void histogram_add(struct histogram *histogram, const struct histogram *other) {
    if (other->count == 0) return;
    if (histogram->count == 0 || other->min < histogram->min) {
        histogram->min = other->min;
    }
    if (other->max > histogram->max) histogram->max = other->max;
    histogram->count += other->count;
    histogram->sum += other->sum;
    histogram->sum_of_squares += other->sum_of_squares;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
}

bl_ns histogram_percentile(const struct histogram *histogram, double share) {
    double wanted = ceil(share * (double)histogram->count);
    uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
    uint64_t seen = 0;

    if (rank >= histogram->count) return histogram->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen < rank) continue;
        bl_ns high = histogram_bucket_high(i);
        return high < histogram->max ? high : histogram->max;
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram) {
    if (histogram->count == 0) return 0;
    return histogram->sum / (double)histogram->count;
}

double histogram_deviation(const struct histogram *histogram) {
    if (histogram->count == 0) return 0;
    double mean = histogram_mean(histogram);
    double square = histogram->sum_of_squares / (double)histogram->count;
    /* Rounding may leave a little less than nothing. */
    return square > mean * mean ? sqrt(square - mean * mean) : 0;
}

uint64_t histogram_count_up_to(const struct histogram *histogram, bl_ns limit) {
    if (limit < 0) return 0;
    if (limit >= histogram->max) return histogram->count;

    uint64_t count = 0;
    size_t last = histogram_bucket_of(limit);
    for (size_t i = 0; i <= last; i++)
        count += histogram->buckets[i];
    return count;
}
