/* SPDX-License-Identifier: MIT */
/*
 * test/explore/schedule.c - the seam through which the choices of a run are
 * made
 *
 * All that is free in a run passes through one function of the loop's, and so
 * through one here.  A strategy answers, and the answer is noted in the record:
 * a run can be repeated from its notes alone, whatever made them.
 */
#include "test/explore/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "test/host.h"

static const struct bl__strategy *const strategies[BL__SCHEDULE_KINDS] = {
    [BL__SCHEDULE_FIFO] = &bl__strategy_fifo,
    [BL__SCHEDULE_RANDOM] = &bl__strategy_random,
    [BL__SCHEDULE_PCT] = &bl__strategy_pct,
    [BL__SCHEDULE_DFS] = &bl__strategy_noted, /* the runner leads the search */
    [BL__SCHEDULE_NOTED] = &bl__strategy_noted,
    [BL__SCHEDULE_BYTES] = &bl__strategy_bytes,
};

static struct {
    const struct bl__strategy *strategy;
    enum bl__schedule_kind kind;
    bool is_noted;
} schedule;

void bl__schedule_start(const struct bl__test_job *job) {
    schedule.kind = job->schedule.kind;
    schedule.strategy = strategies[schedule.kind];
    schedule.strategy->begin(&job->schedule);
    schedule.is_noted = job->schedule.is_noted;
}

void bl__schedule_end(void) {
    if (schedule.kind != BL__SCHEDULE_NOTED) return;
    bl__test_record->choices_differ = bl__strategy_noted_differs();
}

static uint32_t choose(void *context, bl_choice kind, uint32_t count,
                       const uint64_t *ids) {
    (void)context;
    struct bl__test_record *record = bl__test_record;
    uint32_t picked = schedule.strategy->pick(kind, count, ids);
    if (kind == BL_CHOICE_READY) record->step_count++;
    if (record->choice_count == BL__RECORD_CHOICES_MAX) {
        record->choices_are_cut = true;
        return picked;
    }
    record->choices[record->choice_count++] = (struct bl__test_choice){
        .kind = (uint32_t)kind, .count = count, .picked = picked
    };
    return picked;
}

bl__choose_fn *bl__schedule_seam(void) {
    if (schedule.kind == BL__SCHEDULE_FIFO && !schedule.is_noted) return NULL;
    return choose;
}

/* A block of just its size, so that tools see who reads past its end. */
const uint8_t *bl__test_input(size_t *size) {
    static uint8_t *copy;
    const struct bl__schedule *given = &bl__test_job->schedule;
    free(copy);
    *size = given->byte_count;
    copy = malloc(*size > 0 ? *size : 1);
    if (copy == NULL) bl__host_die("out of memory");
    if (*size > 0) memcpy(copy, given->bytes, *size);
    return copy;
}
