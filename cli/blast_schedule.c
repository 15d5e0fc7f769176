/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_schedule.c - when each request is meant to be sent
 *
 * Times are computed from the number, so that no error adds up: the request
 * number n has its time at begin + n / rate, rounded down to a nanosecond.
 */
#include "blast_schedule.h"

#include <belay/loop.h>

enum {
    NS_PER_S = 1000000000
};

bl_ns blast_schedule_time(const struct blast_schedule *schedule,
                          uint64_t number) {
    uint64_t rate = schedule->rate_milli;
    if (rate == 0) return schedule->begin;

    /* Whole seconds first: the rest times 10^9 fits, up to the highest rate. */
    uint64_t milli = number * 1000;
    uint64_t seconds = milli / rate;
    uint64_t rest = milli % rate;
    if (seconds >= BL_FOREVER / NS_PER_S) return BL_FOREVER;
    bl_ns after = (bl_ns)(seconds * NS_PER_S + rest * NS_PER_S / rate);
    return bl_ns_add(schedule->begin, after);
}

bool blast_schedule_take(struct blast_schedule *schedule, bl_ns now,
                         bl_ns *when) {
    bl_ns time = schedule->rate_milli == 0
                     ? now
                     : blast_schedule_time(schedule, schedule->next);

    if (schedule->next >= schedule->count_max) return false;
    if (time >= schedule->end || now >= schedule->stop) return false;
    *when = time;
    schedule->next += schedule->stride;
    return true;
}

/* The least number whose time is at least `time`, among all of them. */
static uint64_t first_at(const struct blast_schedule *schedule, bl_ns time) {
    if (time <= schedule->begin) return 0;

    uint64_t low = 0;
    uint64_t high = schedule->count_max;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (blast_schedule_time(schedule, middle) < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t blast_schedule_between(const struct blast_schedule *schedule,
                                bl_ns from, bl_ns until) {
    if (schedule->rate_milli == 0) return 0;
    if (until > schedule->end) until = schedule->end;

    uint64_t stride = schedule->stride;
    uint64_t share = schedule->next % stride;
    uint64_t first = first_at(schedule, from);
    uint64_t last = first_at(schedule, until); /* one behind it */
    if (last <= first) return 0;
    /* How many numbers below n are congruent to share: */
    uint64_t below_last = (last + stride - 1 - share) / stride;
    uint64_t below_first = (first + stride - 1 - share) / stride;
    return below_last - below_first;
}
