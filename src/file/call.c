/* SPDX-License-Identifier: MIT */
/*
 * file/call.c - waiting for one operation on a file
 *
 * The ring of the loop's driver carries an operation where the kernel can,
 * otherwise a thread of the pool does.  The task that asked waits until the
 * operation's own end in both cases, so what it points to may be on the stack:
 *
 *               not begun             under way
 *     thread    BL_ECANCELED          waits for its end
 *     ring      -                     the kernel is asked once to call it off,
 *                                     and the task waits for its end
 *
 * An operation that succeeds all the same has succeeded.
 *
 * The seam is asked here, on the loop's thread, before the operation is given
 * away: a call that fails by the seam is not made, but what was to be closed
 * is closed.
 */
#include "file/call.h"

#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/task.h>
#include <belay/thread.h>

#include <errno.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "base/list.h"
#include "sys/seam.h"

static const bl_io_call carry_names[BL__OP_CODES] = {
    [BL__OP_OPEN] = BL_IO_OPEN,     [BL__OP_CLOSE] = BL_IO_CLOSE,
    [BL__OP_READ] = BL_IO_READ,     [BL__OP_WRITE] = BL_IO_WRITE,
    [BL__OP_SYNC] = BL_IO_SYNC,     [BL__OP_STAT] = BL_IO_STAT,
    [BL__OP_RENAME] = BL_IO_RENAME, [BL__OP_UNLINK] = BL_IO_UNLINK,
    [BL__OP_MKDIR] = BL_IO_MKDIR,   [BL__OP_TRUNCATE] = BL_IO_TRUNCATE,
    [BL__OP_CHMOD] = BL_IO_CHMOD,   [BL__OP_LIST] = BL_IO_LIST,
};

/* ---- the seam ---------------------------------------------------------- */

/* Has the operation move `bytes` at most, which is less than it could. */
static void carry_shorten(struct bl__op *op, size_t bytes) {
    const struct iovec *first = op->parts;
    op->part = *first;
    if (op->part.iov_len > bytes) op->part.iov_len = bytes;
    op->parts = &op->part;
    op->part_count = 1;
}

/* Whether the seam has the call fail; then its result is there. */
static bool carry_fails(struct bl__op *op) {
    bool moves = op->code == BL__OP_READ || op->code == BL__OP_WRITE;
    if (BL__LIKELY(bl__sys_seam == NULL)) return false;
    size_t bytes = 0;
    for (int i = 0; moves && i < op->part_count; i++) {
        bytes += op->parts[i].iov_len;
    }
    size_t asked = bytes;
    bool fails;
    do {
        bytes = asked;
        fails =
            bl__sys_fails(carry_names[op->code], op->fd, moves ? &bytes : NULL);
    } while (fails && errno == EINTR && op->code != BL__OP_CLOSE);
    if (!fails) {
        if (bytes < asked) carry_shorten(op, bytes);
        return false;
    }
    int error = errno;
    if (op->code == BL__OP_CLOSE) bl__op_run(op);
    /* Interrupted, a close is one all the same. */
    bool was_closed = op->code == BL__OP_CLOSE && error == EINTR;
    op->result = was_closed ? 0 : -error;
    op->was_made = true;
    return true;
}

/* ---- the ring ---------------------------------------------------------- */

/* What the kernel says of a call that a signal has broken off, but would not
 * show to a program; a ring passes it on. */
enum {
    CARRY_RESTART_FIRST = 512,
    CARRY_RESTART_LAST = 516
};

/* An operation in the kernel's hands, and the task that waits for it. */
struct carry {
    struct bl__op *op;
    bl_park park;
};

static void carry_finished(struct bl__op *op) {
    struct carry *carry = op->context;
    bl_park_wake(&carry->park, 0);
}

static bl_abort carry_abort(bl_park *park) {
    struct carry *carry = bl__container_of(park, struct carry, park);
    bl__op_port->cancel(carry->op);
    return BL_PENDING;
}

static bool carry_was_broken_off(const struct bl__op *op) {
    if (op->result == -EINTR) return true;
    return op->result <= -CARRY_RESTART_FIRST &&
           op->result >= -CARRY_RESTART_LAST;
}

/* A ring may write beyond the limit that the process has for files. */
static bool carry_is_limited(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0) return false;
    return limit.rlim_cur != RLIM_INFINITY;
}

/*
 * Has the kernel make the call and waits for its end; false if it cannot.
 * What was broken off because we had asked for it did not happen.
 */
static bool carry_by_ring(struct bl__op *op, bl_abort_fn *abort) {
    struct carry carry = { .op = op };
    if (bl__op_port == NULL || op->needs_thread) return false;
    if (op->code == BL__OP_WRITE && carry_is_limited()) return false;
    op->finished = carry_finished;
    op->context = &carry;
    do {
        bl_park_init(&carry.park, "file", NULL, abort);
        if (!bl__op_port->start(bl_loop_running(), op)) return false;
        BL_IGNORE(bl_park_wait(&carry.park) < 0); /* the result is in `op` */
        BL__ASSERT(op->was_made);
        if (op->code == BL__OP_CLOSE && op->result == -EINTR) op->result = 0;
    } while (carry_was_broken_off(op) && !op->was_cancelled);
    return true;
}

/* ---- carriers ---------------------------------------------------------- */

static int carry_run(void *arg) {
    bl__op_run(arg);
    return 0;
}

static bl_ssize carry_result(const struct bl__op *op) {
    BL__ASSERT(op->was_made);
    if (op->was_cancelled && carry_was_broken_off(op)) return BL_ECANCELED;
    /* If nobody of ours has asked for this it would be called a stray. */
    if (op->result == -ECANCELED && !op->was_cancelled) return BL_EIO;
    return (bl_ssize)op->result;
}

bl_ssize bl__file_call(struct bl__op *op) {
    if (carry_fails(op)) return carry_result(op);
    if (carry_by_ring(op, carry_abort)) return carry_result(op);
    int rc = bl_to_thread(carry_run, op);
    return op->was_made ? carry_result(op) : rc;
}

bl_ssize bl__file_call_always(struct bl__op *op) {
    if (carry_fails(op)) return carry_result(op);
    bl_scope shield;
    if (bl_task_current() != NULL && !carry_by_ring(op, NULL)) {
        bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
        int rc = bl_to_thread(carry_run, op);
        BL_IGNORE(bl_scope_exit(&shield, rc) < 0); /* was_made tells */
    }
    /* No thread, no task, or a signal that went through the shield. */
    if (!op->was_made) bl__op_run(op);
    return carry_result(op);
}
