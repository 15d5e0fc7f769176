/* SPDX-License-Identifier: MIT */
/*
 * test/report/report.h - what the runner says, in several formats at once
 *
 * The runner tells how each case went, in whatever order they end.  Formats
 * hear of them in the order in which they were selected, as early as that
 * order allows, so that a parallel run reads like any other.
 */
#ifndef BL__TEST_REPORT_H
#define BL__TEST_REPORT_H

#include "test/case.h"
#include "test/options.h"
#include "test/run/result.h"

struct bl__tally {
    size_t passed, failed, skipped;
    size_t xfailed, xpassed, crashed, timed_out, broken, stopped;
};

/*
 * Begins to report a run of some cases: `selected` has their numbers, in the
 * order of the report.  All arguments stay where they are until the end.
 *
 * Returns false if a file cannot be written, which has been said.
 */
bool bl__report_begin(const struct bl__test_settings *settings,
                      const struct bl__test_cases *cases,
                      const size_t *selected, size_t selected_count);

/* Reports the end of a case.  `result` stays where it is. */
void bl__report_case(const struct bl__result *result);

/*
 * Reports something that has failed beside the cases, such as a fixture of the
 * whole run; told at the end.  `result` stays where it is.
 */
void bl__report_extra(const struct bl__result *result);

/* How many cases have failed so far. */
size_t bl__report_failed(void);

/*
 * Ends the report with the closing line.  `is_interrupted`: selected cases
 * that have not ended count as failed.
 *
 * Returns false if a file could not be written to its end.
 */
bool bl__report_end(bool is_interrupted);

#endif
