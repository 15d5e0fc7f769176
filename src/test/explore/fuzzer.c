/* SPDX-License-Identifier: MIT */
/*
 * test/explore/fuzzer.c - the entry point for libFuzzer
 *
 * A program that is linked with clang's -fsanitize=fuzzer has libFuzzer's main,
 * which calls the function below for each input, in one process.  Each call
 * runs the test in a loop of its own.  Where a program has several FUZZ tests,
 * BELAY_FUZZ names the one that is meant.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/case.h"
#include "test/child/child.h"
#include "test/child/leaks.h"
#include "test/explore/memory.h"
#include "test/host.h"
#include "test/options.h"
#include "test/record.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct bl__test_settings settings;
    struct bl__test_cases cases;
    const struct bl__test_case *test_case;
    struct bl__test_record *record;
} fuzzer;

static void find_case(void) {
    const char *name = getenv("BELAY_FUZZ");
    for (size_t i = 0; i < fuzzer.cases.count; i++) {
        const struct bl__test_case *found = &fuzzer.cases.items[i];
        if (!found->test->is_fuzz) continue;
        if (name != NULL && strcmp(found->name, name) != 0) continue;
        if (fuzzer.test_case != NULL) {
            bl__host_die("BELAY_FUZZ has to name one of %s and %s",
                         fuzzer.test_case->name, found->name);
        }
        fuzzer.test_case = found;
    }
    if (fuzzer.test_case == NULL) {
        bl__host_die("there is no FUZZ test %s", name != NULL ? name : "");
    }
}

static void prepare(void) {
    static char *no_words[] = { NULL };
    if (bl__options_parse(&fuzzer.settings, 0, no_words) != 0) exit(4);
    fuzzer.settings.isolation = BL__ISOLATE_NONE;
    fuzzer.record = bl__host_alloc(sizeof *fuzzer.record);
    bl__cases_make(&fuzzer.cases);
    find_case();
    bl__memory_watch();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (fuzzer.record == NULL) prepare();
    const struct bl__test_job job = {
        .test_case = fuzzer.test_case,
        .mode = BL__JOB_INPUT,
        .seed = fuzzer.settings.seed,
        .schedule = { .kind = BL__SCHEDULE_BYTES,
                      .bytes = data,
                      .byte_count = size },
    };
    bl__record_reset(fuzzer.record);
    bl__leaks_note();
    bl__child_run(&fuzzer.settings, &job, fuzzer.record);
    bl_test_outcome outcome = fuzzer.record->outcome;
    if (outcome == BL_TEST_PASSED || outcome == BL_TEST_SKIPPED) return 0;
    fprintf(stderr, "FAILED %s\n%s", fuzzer.test_case->id, fuzzer.record->text);
    abort();
}
