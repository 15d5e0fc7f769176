/* SPDX-License-Identifier: MIT */
/*
 * test/explore/trace.c - the steps of a run, for telling whether two runs are
 * the same
 *
 * A test is repeatable if nothing in it depends on real time, on addresses or
 * on true randomness.  Then two runs pass the same checkpoints, by the same
 * tasks, at the same times of the loop's clock.  Each step's hash covers those
 * before it, so the first difference is found without comparing the rest.
 *
 * Both runs are forked from one process, so their addresses would be the same
 * too; the heap of the second is shifted.
 */
#include "test/explore/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/random.h"

enum {
    SHIFT_BYTES = 16,
    SHIFTS_EACH = 3,
    SHIFTS = 64 * SHIFTS_EACH,
    SHOWN_BEFORE = 3
};

/* Some blocks of each size are taken away, so that the test gets others. */
void bl__trace_shift_heap(void) {
    static void *taken[SHIFTS];
    for (size_t i = 0; i < SHIFTS; i++) {
        taken[i] = malloc((i / SHIFTS_EACH + 1) * SHIFT_BYTES);
    }
    /* Never freed, and not forgotten either: they are no leak. */
    __asm__ volatile("" : : "r"(taken) : "memory");
}

/* ---- in the process of the test ------------------------------------------ */

static uint64_t add_text(uint64_t hash, const char *text) {
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return hash;
}

static void add_step(const char *name, uint64_t id, const char *call,
                     bl_ns when) {
    struct bl__test_record *record = bl__test_record;
    uint64_t number = record->trace_count++;
    uint64_t hash = add_text(record->trace_hash, call);
    hash = bl__random_mix(hash ^ id);
    hash = bl__random_mix(hash ^ (uint64_t)when);
    record->trace_hash = hash;
    if (number >= BL__RECORD_STEPS_MAX) return;

    struct bl__test_step *step = &record->steps[number];
    step->hash = hash;
    step->when = when;
    snprintf(step->what, sizeof step->what, "'%.20s' #%llu: %.30s", name,
             (unsigned long long)id, call);
}

void bl__trace_step(const char *site) {
    const bl_task *task = bl_task_current();
    add_step(bl_task_name(task), bl_task_id(task),
             site != NULL ? site : "checkpoint", bl_now());
}

void bl__trace_end(void) {
    add_step("root", 1, "the end", bl__test_record->virtual_ns);
}

/* ---- in the runner ------------------------------------------------------- */

static size_t kept_of(const struct bl__test_record *record) {
    uint64_t count = record->trace_count;
    return count < BL__RECORD_STEPS_MAX ? (size_t)count : BL__RECORD_STEPS_MAX;
}

struct bl__trace bl__trace_take(const struct bl__test_record *record) {
    struct bl__trace trace = {
        .count = kept_of(record),
        .count_all = record->trace_count,
        .hash = record->trace_hash,
    };
    trace.steps = bl__host_alloc(trace.count * sizeof *trace.steps);
    memcpy(trace.steps, record->steps, trace.count * sizeof *trace.steps);
    return trace;
}

uint64_t bl__trace_compare(const struct bl__trace *trace,
                           const struct bl__test_record *record) {
    if (trace->count_all == record->trace_count &&
        trace->hash == record->trace_hash) {
        return 0;
    }
    size_t kept = kept_of(record);
    size_t common = trace->count < kept ? trace->count : kept;
    for (size_t i = 0; i < common; i++) {
        if (trace->steps[i].hash != record->steps[i].hash) return i + 1;
    }
    return common + 1;
}

/* A run that is over has a last step that says so. */
static void describe_step(struct bl__text *text, const char *who,
                          const struct bl__test_step *steps, size_t count,
                          size_t number) {
    if (number > count) {
        bl__text_add(text, "%s: too far on to be noted\n", who);
        return;
    }
    const struct bl__test_step *step = &steps[number - 1];
    bl__text_add(text, "%s: step %zu at t=%.9f s: %s\n", who, number,
                 (double)step->when / 1e9, step->what);
}

void bl__trace_describe(struct bl__text *text, const struct bl__trace *trace,
                        const struct bl__test_record *record, uint64_t number) {
    size_t at = (size_t)number;
    size_t first = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 1;
    for (size_t i = first; i < at; i++) {
        describe_step(text, "both runs", trace->steps, trace->count, i);
    }
    describe_step(text, "first run", trace->steps, trace->count, at);
    describe_step(text, "second run", record->steps, kept_of(record), at);
}
