/* SPDX-License-Identifier: MIT */
/*
 * test/report.h - what the runner says, and its closing line
 */
#ifndef BL__TEST_REPORT_H
#define BL__TEST_REPORT_H

#include "test/case.h"
#include "test/options.h"
#include "test/worker.h"

/* The end of a case: all of its jobs, or the one that failed. */
struct bl__result {
    const struct bl__test_case *test_case;
    enum bl__verdict verdict;
    bool is_xfail; /* it failed, as was known */
    bool is_xpass; /* it passed, although it was known to fail */
    bl_ns real_ns;
    char *headline; /* owned; "" if there is nothing to say */
    char *details;  /* owned */
    char *output;   /* owned; NULL if nothing was printed */
    char *found_by; /* owned; "" for a plain run */
    char *replay;   /* owned; "" for a plain run */
    unsigned runs;  /* beside the plain one */
};

struct bl__tally {
    size_t passed, failed, skipped;
    size_t xfailed, xpassed, crashed, timed_out, broken;
};

void bl__report_begin(const struct bl__test_settings *settings,
                      const struct bl__test_cases *cases);
void bl__report_case(const struct bl__test_settings *settings,
                     const struct bl__result *result, struct bl__tally *tally);
/* `missing`: selected cases that were not run to their end; they failed. */
void bl__report_end(const struct bl__test_settings *settings,
                    const struct bl__result *results, size_t count,
                    size_t missing, struct bl__tally *tally, bl_ns real_ns);

#endif
