/* SPDX-License-Identifier: MIT */
/*
 * loop/op.c - operations that the kernel carries for a loop
 *
 * The driver takes an operation if the kernel can make that call, and says
 * when it is finished; the loop counts those under way, and calls each one's
 * `finished`.  One under way pins the loop: it cannot be in a deadlock.
 *
 * A loop that is stepped by a host carries none.  It may go on on another
 * thread in the middle of anything, and a ring serves only the thread that
 * made it: what is under way there could not be heard of any more.  A loop
 * that is run has none left when it returns, since a task waits for each.
 *
 * Invariant: op_count counts the operations that the driver took and whose
 * `finished` was not called yet.
 */
#include "sys/op.h"
#include "base/assert.h"
#include "loop/loop.h"

static bool op_start(bl_loop *loop, struct bl__op *op) {
    BL__ASSERT(loop == bl__loop_current);
    if (loop->is_stepped) return false;
    if (bl__loop_open_driver(loop) < 0) return false;
    if (loop->driver_ops->start == NULL) return false;
    if (!loop->driver_ops->start(loop->driver, op)) return false;
    op->loop = loop;
    loop->op_count++;
    bl_loop_pin(loop);
    return true;
}

static void op_cancel(struct bl__op *op) {
    bl_loop *loop = op->loop;
    BL__ASSERT(loop == bl__loop_current);
    if (op->was_made) return; /* and only waits for its turn to finish */
    if (op->was_cancelled) return;
    op->was_cancelled = true;
    loop->driver_ops->cancel(loop->driver, op);
}

static const struct bl__op_port op_port = {
    .start = op_start,
    .cancel = op_cancel,
};

void bl__ops_enter(void) {
    bl__op_port = &op_port;
}

void bl__ops_leave(void) {
    bl__op_port = NULL;
}

bool bl__ops_finish(bl_loop *loop) {
    bool were_any = false;
    while (loop->op_count > 0) {
        struct bl__op *op = loop->driver_ops->finished(loop->driver);
        if (op == NULL) break;
        BL__ASSERT(op->was_made);
        loop->op_count--;
        bl_loop_unpin(loop);
        were_any = true;
        op->finished(op); /* the operation may be gone */
    }
    return were_any;
}
