/* SPDX-License-Identifier: MIT */
/*
 * test/explore/checkpoint.c - what happens when a task of the test passes a
 * checkpoint
 *
 * Every wait begins with a checkpoint, and the loop tells us of each.  This is
 * where a sweep cancels, where CHECK_CHECKPOINTS counts, and where a test that
 * never ends is found out, although its loop is never idle.
 */
#include "test/explore/checkpoint.h"

#include "test/child/child.h"
#include "test/child/stage.h"
#include "test/child/virtual.h"
#include "test/explore/memory.h"
#include "test/explore/trace.h"
#include "test/record.h"

/* After an injection a body has this many checkpoints left to end. */
enum {
    GRACE = 1000 * 1000
};

static struct bl__test_block *innermost; /* of CHECK_CHECKPOINTS */
static uint64_t hit_at; /* the last checkpoint before the injection */

static bool has_been_hit(const struct bl__test_record *record) {
    return record->has_hit || bl__memory_has_failed();
}

/* A body that does not end after an injection would keep the sweep for ever. */
static void watch_grace(const struct bl__test_record *record) {
    if (!bl__job_is_injected(bl__test_job)) return;
    if (!has_been_hit(record)) {
        hit_at = record->checkpoint_count;
        return;
    }
    if (record->checkpoint_count - hit_at < GRACE) return;
    bl__record_trouble(BL_TEST_TIMEOUT,
                       "LOOP: something was injected a million checkpoints "
                       "ago, and it has not ended");
    bl__child_end("it goes on and on after an injection");
}

static bool inject(struct bl__test_record *record) {
    const struct bl__test_job *job = bl__test_job;
    watch_grace(record);
    if (job->mode != BL__JOB_CANCEL) return false;
    if (record->checkpoint_count != job->number) return false;
    record->has_hit = true;
    return true;
}

bool bl__checkpoint_seam(void *context, uint64_t task_id, const char *site) {
    (void)context;
    struct bl__test_record *record = bl__test_record;
    for (struct bl__test_block *block = innermost; block != NULL;
         block = block->outer) {
        if (block->task_id == task_id) block->count++;
    }
    if (bl__test_job->is_traced) bl__trace_step(site);
    bl__stage_check_time(bl__virtual_note(task_id, site));
    if (!bl__stage_is_body()) return false;
    record->checkpoint_count++;
    return inject(record);
}

/* ---- CHECK_CHECKPOINTS --------------------------------------------------- */

enum {
    STEP_NEW,
    STEP_INSIDE,
    STEP_LEFT
};

bool bl__test_points_next(struct bl__test_block *block,
                          const struct bl__test_place *place, bool wanted) {
    if (block->step == STEP_INSIDE) {
        bl__test_points_leave(block);
        return false;
    }
    *block = (struct bl__test_block){
        .place = place,
        .number = wanted,
        .task_id = bl_task_id(bl_task_current()),
        .outer = innermost,
        .step = STEP_INSIDE,
    };
    innermost = block;
    return true;
}

/* Tasks take turns, so the one that leaves is not always the innermost. */
void bl__test_points_leave(struct bl__test_block *block) {
    if (block->step != STEP_INSIDE) return;
    block->step = STEP_LEFT;
    struct bl__test_block **link = &innermost;
    while (*link != block)
        link = &(*link)->outer;
    *link = block->outer;
    if (block->number && block->count == 0) {
        bl__record_failure(block->place,
                           "CHECK_CHECKPOINTS: the block passed no checkpoint",
                           "");
    }
    if (!block->number && block->count > 0) {
        char summary[100];
        struct bl__text text = bl__text_in(summary, sizeof summary);
        bl__text_add(&text, "CHECK_NO_CHECKPOINTS: the block passed %llu",
                     (unsigned long long)block->count);
        bl__record_failure(block->place, summary, "");
    }
}
