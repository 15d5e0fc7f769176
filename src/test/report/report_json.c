/* SPDX-License-Identifier: MIT */
/*
 * test/report/report_json.c - the report as JSON, one object per line
 *
 * Each line is complete when it is written, so a run that was killed leaves a
 * file that can be read to where it came.  The objects are described in
 * docs/guide/running-tests.md; fields may be added, none changes its meaning.
 */
#include <stdlib.h>

#include "test/report/clean.h"
#include "test/report/format.h"

static const char *outcome_of(const struct bl__result *result) {
    static const char *const words[] = {
        [BL__VERDICT_PASSED] = "passed",   [BL__VERDICT_FAILED] = "failed",
        [BL__VERDICT_TIMEOUT] = "timeout", [BL__VERDICT_SKIPPED] = "skipped",
        [BL__VERDICT_BROKEN] = "error",    [BL__VERDICT_CRASHED] = "crashed",
    };
    if (result->is_stopped) return "stopped";
    if (result->is_xfail) return "xfailed";
    if (result->is_xpass) return "xpassed";
    return words[result->verdict];
}

/* A field behind others. */
static void put_field(FILE *file, const char *name, const char *text) {
    fprintf(file, ",\"%s\":", name);
    bl__put_json(file, text);
}

static const char *if_any(const char *text) {
    return text != NULL && *text != '\0' ? text : NULL;
}

static void begin(const struct bl__report *report, FILE *file) {
    fprintf(file, "{\"event\":\"begin\",\"version\":1");
    put_field(file, "program", report->settings->program);
    put_field(file, "belay", bl_version());
    fprintf(file, ",\"tests\":%zu,\"seed\":%llu}\n", report->selected_count,
            (unsigned long long)report->settings->seed);
}

static void add(const struct bl__report *report, FILE *file,
                const struct bl__result *result) {
    const struct bl__test_case *test_case = result->test_case;
    char *replay = bl__result_replay(report, result);
    fprintf(file, "{\"event\":\"test\"");
    put_field(file, "id", test_case->id);
    put_field(file, "file", test_case->test->file);
    fprintf(file, ",\"line\":%d", test_case->test->line);
    put_field(file, "outcome", outcome_of(result));
    fprintf(file, ",\"seconds\":%.6f,\"virtual_seconds\":%.9f",
            (double)result->real_ns / 1e9, (double)result->virtual_ns / 1e9);
    fprintf(file, ",\"runs\":%u", result->runs + !result->is_stopped);
    put_field(file, "message", if_any(bl__result_reason(result)));
    put_field(file, "details", if_any(result->details));
    put_field(file, "output", if_any(result->output));
    put_field(file, "found_by", if_any(result->found_by));
    put_field(file, "replay", replay);
    fprintf(file, "}\n");
    free(replay);
}

static void end(const struct bl__report *report, FILE *file) {
    const struct bl__tally *tally = &report->tally;
    fprintf(file, "{\"event\":\"end\",\"passed\":%zu,\"failed\":%zu",
            tally->passed, tally->failed);
    fprintf(file, ",\"skipped\":%zu,\"seconds\":%.6f", tally->skipped,
            (double)report->real_ns / 1e9);
    put_field(file, "problem", report->problem);
    fprintf(file, "}\n");
}

const struct bl__format bl__format_json = { begin, add, end };
