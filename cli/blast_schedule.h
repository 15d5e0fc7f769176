/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_schedule.h - when each request is meant to be sent
 *
 * Requests have numbers, and the schedule knows the time of each: the rate
 * decides it alone, never how the last answer came.  Workers share a schedule
 * by taking every `stride`th number.  Whoever takes a number has to send that
 * request, as soon as its time has come; if that is past, it is late, and the
 * lateness is a part of its latency.
 */
#ifndef CLI_BLAST_SCHEDULE_H
#define CLI_BLAST_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include <belay/base.h>

/* Ten million a second, in thousandths. */
#define BLAST_RATE_MILLI_MAX UINT64_C(10000000000)

/* More requests than can ever be made; a thousand times as many still fit. */
#define BLAST_COUNT_MAX UINT64_C(1000000000000000)

struct blast_schedule {
    uint64_t
        rate_milli; /* requests in 1000 s; 0: no times, as fast as it goes */
    bl_ns begin;    /* the time of request 0 */
    bl_ns end;      /* no request has this time or a later one */
    bl_ns stop;     /* late ones are taken until then */
    uint64_t count_max; /* no request has a number as high as this */
    uint64_t next;      /* the number that is taken next */
    uint64_t stride;
};

/* Returns when request `number` is meant to be sent; `begin` without a rate. */
bl_ns blast_schedule_time(const struct blast_schedule *schedule,
                          uint64_t number);

/*
 * Takes the next number.
 *
 * With a rate `*when` is the time of the request, without one it is `now`.
 * Nothing is left once the count is reached, the time of the next request is
 * the end or later, or `now` is `stop` or later.
 *
 * Returns whether there was one.
 */
bool blast_schedule_take(struct blast_schedule *schedule, bl_ns now,
                         bl_ns *when);

/*
 * Returns how many requests have their time from `from` on and before `until`
 * and are this schedule's share, taken or not.  0 without a rate.
 */
uint64_t blast_schedule_between(const struct blast_schedule *schedule,
                                bl_ns from, bl_ns until);

#endif
