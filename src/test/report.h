/* SPDX-License-Identifier: MIT */
/*
 * test/report.h - what the runner says, and its closing line
 */
#ifndef BL__TEST_REPORT_H
#define BL__TEST_REPORT_H

#include "test/case.h"
#include "test/options.h"
#include "test/result.h"

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
