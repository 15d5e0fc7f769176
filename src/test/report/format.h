/* SPDX-License-Identifier: MIT */
/*
 * test/report/format.h - one way to write a report
 *
 * A format is three functions that write to a file: at the beginning of the
 * run, after each case, and at the end.  Each leaves the file as complete as it
 * can be at that moment, in case the run is killed.
 */
#ifndef BL__TEST_FORMAT_H
#define BL__TEST_FORMAT_H

#include <stdio.h>

#include "test/report/report.h"

/* A run, as far as it has come. */
struct bl__report {
    const struct bl__test_settings *settings;
    const struct bl__test_cases *cases;
    const size_t *selected;
    size_t selected_count;
    const struct bl__result **results; /* by number of the case, or NULL */
    const struct bl__result **told;    /* to the formats, in order */
    size_t told_count;
    struct bl__tally tally;
    bl_ns began;
    bl_ns real_ns;       /* at the end */
    const char *problem; /* the internal error that ends the run, or NULL */
};

struct bl__format {
    void (*begin)(const struct bl__report *report, FILE *file);
    void (*add)(const struct bl__report *report, FILE *file,
                const struct bl__result *result);
    void (*end)(const struct bl__report *report, FILE *file);
};

extern const struct bl__format bl__format_console;
extern const struct bl__format bl__format_tap;
extern const struct bl__format bl__format_junit;
extern const struct bl__format bl__format_json;
extern const struct bl__format bl__format_last; /* what --lf asks for */

/* ---- what formats share -------------------------------------------------- */

/* "ok", "FAILED", "skip", ...: how it went, in a word for people. */
const char *bl__result_word(const struct bl__result *result);

/* Whether it counts as failed. */
bool bl__result_is_bad(const struct bl__result *result);

/* In one line, why it did not simply pass; "" if it did. */
const char *bl__result_reason(const struct bl__result *result);

/*
 * Returns the command that repeats the failing run, which the caller frees, or
 * NULL if it was a plain run.
 */
char *bl__result_replay(const struct bl__report *report,
                        const struct bl__result *result);

/* Writes "N passed, N failed" and, if any, ", N skipped". */
void bl__tally_put(const struct bl__tally *tally, FILE *file);

#endif
