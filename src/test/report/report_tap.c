/* SPDX-License-Identifier: MIT */
/*
 * test/report/report_tap.c - the report as TAP, version 14
 *
 * One test point per case, with what went wrong as a YAML block behind it.
 * The plan comes last, so a run that was killed shows as one without a plan.
 * On standard output the closing line comes after it, as a comment.
 *
 * A case that is known to fail is `not ok` with the directive for that, as TAP
 * wants it; one that passes all the same is `not ok` without, since such a
 * directive would forgive it.
 */
#include <stdlib.h>

#include "test/report/clean.h"
#include "test/report/format.h"

static size_t point_count;

/* ---- YAML ---------------------------------------------------------------- */

/* A scalar in double quotes: JSON strings are YAML. */
static void put_field(FILE *file, const char *name, const char *text) {
    if (text == NULL || *text == '\0') return;
    fprintf(file, "  %s: ", name);
    bl__put_json(file, text);
    fprintf(file, "\n");
}

/* A literal block.  The 2 says where it begins, if the text is indented. */
static void put_block(FILE *file, const char *name, const char *text) {
    if (text == NULL || *text == '\0') return;
    fprintf(file, "  %s: |2\n", name);
    bl__put_clean_lines(file, "    ", text);
}

static void put_diagnostics(const struct bl__report *report, FILE *file,
                            const struct bl__result *result) {
    const struct bl__test *test = result->test_case->test;
    char *replay = bl__result_replay(report, result);
    fprintf(file, "  ---\n");
    put_field(file, "outcome", bl__result_word(result));
    put_field(file, "message", bl__result_reason(result));
    put_field(file, "file", test->file);
    fprintf(file, "  line: %d\n", test->line);
    fprintf(file, "  duration_ms: %.3f\n", (double)result->real_ns / 1e6);
    put_field(file, "found_by", result->found_by);
    put_field(file, "replay", replay);
    put_block(file, "details", result->details);
    put_block(file, "output", result->output);
    fprintf(file, "  ...\n");
    free(replay);
}

/* ---- TAP ----------------------------------------------------------------- */

/* A description or reason: one line, in which # would begin a directive. */
static void put_text(FILE *file, const char *text) {
    char clean[8];
    size_t length;
    while ((length = bl__clean_next(&text, clean)) > 0) {
        if (clean[0] == '\n' || clean[0] == '\t') clean[0] = ' ';
        if (clean[0] == '#' || (clean[0] == '\\' && length == 1)) {
            putc('\\', file);
        }
        fwrite(clean, 1, length, file);
    }
}

static void begin(const struct bl__report *report, FILE *file) {
    (void)report;
    point_count = 0;
    fprintf(file, "TAP version 14\n");
}

static void add(const struct bl__report *report, FILE *file,
                const struct bl__result *result) {
    bool is_bad = bl__result_is_bad(result);
    fprintf(file, "%s %zu - ", is_bad || result->is_xfail ? "not ok" : "ok",
            ++point_count);
    put_text(file, result->test_case->id);
    if (result->is_xfail) {
        fprintf(file, " # %s ",
                "TO" /* to be done, */
                "DO");
        put_text(file, result->test_case->test->options.xfail);
    } else if (result->verdict == BL__VERDICT_SKIPPED && !is_bad) {
        fprintf(file, " # SKIP ");
        put_text(file, result->headline);
    }
    fprintf(file, "\n");
    if (is_bad) put_diagnostics(report, file, result);
}

static void end(const struct bl__report *report, FILE *file) {
    if (report->problem != NULL) {
        fprintf(file, "Bail out! ");
        put_text(file, report->problem);
        fprintf(file, "\n");
    } else {
        fprintf(file, "1..%zu\n", point_count);
    }
    fprintf(file, "# ");
    bl__tally_put(&report->tally, file);
}

const struct bl__format bl__format_tap = { begin, add, end };
