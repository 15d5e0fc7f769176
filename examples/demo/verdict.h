/* SPDX-License-Identifier: MIT */
/*
 * demo/verdict.h - the table at the end: what was measured, what had to be
 */
#ifndef DEMO_VERDICT_H
#define DEMO_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <belay/base.h>

/* Enough for "18,446,744,073,709,551,615". */
enum {
    COUNT_TEXT_BYTES = 27
};

/* Zero is a verdict about nothing yet. */
struct verdict {
    unsigned rows;
    unsigned failed_count;
};

/*
 * Writes `count` with a comma between thousands.  Returns `text`.
 */
const char *count_text(uint64_t count, char text[COUNT_TEXT_BYTES]);

/*
 * Returns CLOCK_MONOTONIC at this moment.
 */
bl_ns clock_read(void);

/* Returns a duration in the unit of the format string beside it. */
double seconds(bl_ns duration);
double milliseconds(bl_ns duration);

/*
 * Adds a row that has to be exactly `expected`.
 */
void verdict_exact(struct verdict *verdict, const char *what, uint64_t measured,
                   uint64_t expected);

/*
 * Adds a row that is there to be read.
 */
void verdict_figure(struct verdict *verdict, const char *what,
                    uint64_t measured);

/*
 * Closes the table with the time taken.  Returns whether no row failed and
 * `rc`, the result of the run, is no error.
 */
bool verdict_close(struct verdict *verdict, int rc, bl_ns wall_time);

#endif
