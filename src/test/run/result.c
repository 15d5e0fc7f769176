/* SPDX-License-Identifier: MIT */
/*
 * test/run/result.c - what became of a case
 *
 * A worker's record is used again for its next job, so the result is a copy.
 *
 * Invariant: the strings of a result are never NULL, its output aside.
 */
#include "test/run/result.h"

#include <stdlib.h>

#include "test/child/crash.h"
#include "test/host.h"

bool bl__verdict_is_bad(enum bl__verdict verdict) {
    return verdict != BL__VERDICT_PASSED && verdict != BL__VERDICT_SKIPPED;
}

void bl__result_take(struct bl__result *result, struct bl__worker *worker) {
    struct bl__test_record *record = worker->record;
    bool is_skipped = worker->verdict == BL__VERDICT_SKIPPED;
    record->text[record->text_length] = '\0';
    *result = (struct bl__result){
        .verdict = worker->verdict,
        .headline = bl__host_format("%s", is_skipped ? record->skip_reason
                                                     : record->headline),
        .details = bl__crash_symbolize(record->text),
        .output = worker->output,
        .found_by = bl__host_format("%s", ""),
        .replay = bl__host_format("%s", ""),
    };
    worker->output = NULL;
}

void bl__result_done(struct bl__result *result) {
    free(result->headline);
    free(result->details);
    free(result->output);
    free(result->found_by);
    free(result->replay);
    *result = (struct bl__result){ .verdict = BL__VERDICT_PASSED };
}

void bl__result_make(struct bl__result *result, enum bl__verdict verdict,
                     const char *why) {
    *result = (struct bl__result){
        .verdict = verdict,
        .headline = bl__host_format("%s", why),
        .details = bl__host_format("  %s\n", why),
        .found_by = bl__host_format("%s", ""),
        .replay = bl__host_format("%s", ""),
    };
}

void bl__result_explain(struct bl__result *result, char *found_by,
                        char *replay) {
    free(result->found_by);
    free(result->replay);
    result->found_by = found_by;
    result->replay = replay;
}

/* Puts `more` behind `*text`, which it replaces. */
static void append(char **text, const char *more) {
    char *both = bl__host_format("%s%s", *text != NULL ? *text : "", more);
    free(*text);
    *text = both;
}

void bl__result_add(struct bl__result *result, struct bl__worker *worker) {
    struct bl__test_record *record = worker->record;
    if (!bl__verdict_is_bad(worker->verdict)) return;
    record->text[record->text_length] = '\0';
    char *details = bl__crash_symbolize(record->text);
    append(&result->details, details);
    free(details);
    if (worker->output != NULL) append(&result->output, worker->output);
    if (bl__verdict_is_bad(result->verdict)) return;
    result->verdict = worker->verdict;
    free(result->headline);
    result->headline = bl__host_format("%s", record->headline);
}

void bl__result_close(struct bl__result *result,
                      const struct bl__test_case *test_case) {
    const char *xfail = test_case->test->options.xfail;
    result->test_case = test_case;
    result->is_xfail = xfail != NULL && bl__verdict_is_bad(result->verdict);
    result->is_xpass = xfail != NULL && result->verdict == BL__VERDICT_PASSED;
}
