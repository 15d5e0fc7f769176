/* SPDX-License-Identifier: MIT */
/*
 * test/child/sequence.c - SEQ: blocks of several tasks in a fixed order
 *
 * One number says which block may run.  Who comes early waits in line; each
 * time the number moves, everybody in line looks again.
 */
#include "test/child/sequence.h"

#include <belay/test.h>

#include "test/record.h"

enum {
    STEP_NEW,
    STEP_INSIDE,
    STEP_LEFT
};

static int64_t turn;
static bl_waitq line;

void bl__sequence_reset(void) {
    turn = 0;
}

static bool enter(struct bl__test_block *block) {
    bl_waiter waiter;
    int rc = bl_checkpoint();
    while (rc == 0 && turn < block->number) {
        rc = bl_waitq_wait(&line, &waiter, "SEQ", block);
    }
    return rc == 0;
}

/* A cancelled task does not run its block, but lets those behind it pass. */
bool bl__test_seq_next(struct bl__test_block *block,
                       const struct bl__test_place *place, int64_t number) {
    if (block->step != STEP_NEW) {
        bl__test_seq_leave(block);
        return false;
    }
    block->place = place;
    block->number = number;
    if (number < turn) {
        char summary[100];
        struct bl__text text = bl__text_in(summary, sizeof summary);
        bl__text_add(&text, "SEQ(%s): its turn is over: it is %lld",
                     place->left, (long long)turn);
        bl__record_failure(place, summary, "");
        block->step = STEP_LEFT;
        return true;
    }
    block->step = STEP_INSIDE;
    if (enter(block)) return true;
    bl__test_seq_leave(block);
    return false;
}

void bl__test_seq_leave(struct bl__test_block *block) {
    if (block->step != STEP_INSIDE) return;
    block->step = STEP_LEFT;
    if (block->number >= turn) turn = block->number + 1;
    bl_waitq_serve_all(&line, 0);
}
