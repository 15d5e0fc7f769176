/* SPDX-License-Identifier: MIT */
/*
 * tls/connection.c - bytes between OpenSSL and the lower stream
 *
 * OpenSSL reads `in` and writes `out`, and never waits, so no task waits in the
 * middle of one of its calls and a reader and a writer need no lock for it.
 * What waits is here: filling `in` from the lower stream, and flushing.
 *
 *     SSL_write --> out --(swapped when empty)--> sending --> lower stream
 *     SSL_read  <-- in  <------------------------------------ lower stream
 *
 * Records leave in the order in which OpenSSL made them, whoever has them made:
 * all go to the end of `out`, and only the holder of `flushing` takes from the
 * front.  While it waits below, the bytes it sends are in `sending`, where
 * nobody adds to them or moves them.
 *
 * A record cannot be unmade.  So a task whose flush is cancelled leaves the
 * rest to the next one, and if a task waits to read, that is the next one: it
 * has a child flush while it reads.  A reader that flushed first could wait for
 * a peer that does the same.
 *
 * Invariant: while nobody holds `flushing` and there are bytes to send, no task
 * waits in the read below without a child that sends them.
 */
#include <belay/group.h>
#include <belay/stream.h>
#include <belay/task.h>

#include "base/assert.h"
#include "tls/tls.h"

size_t bl__tls_unsent(const struct bl__tls *tls) {
    return tls->sending.count + tls->out.count;
}

/* ---- sending ----------------------------------------------------------- */

static int send_some(struct bl__tls *tls) {
    if (bl__tls_kernel_sends(tls)) return bl__tls_kernel_send_out(tls);
    struct bl__tls_buffer *sending = &tls->sending;
    if (sending->count == 0) {
        struct bl__tls_buffer empty = *sending;
        *sending = tls->out;
        tls->out = empty;
    }
    bl_ssize moved = bl_stream_write(
        tls->under, sending->bytes + sending->start, sending->count);
    if (moved < 0) return (int)moved;
    bl__tls_buffer_drop(sending, (size_t)moved);
    return 0;
}

int bl__tls_flush(struct bl__tls *tls) {
    if (bl__tls_unsent(tls) == 0) return 0;
    int rc = bl_lock_acquire(&tls->flushing);
    if (rc < 0) return rc;
    while (rc == 0 && !tls->is_closed && bl__tls_unsent(tls) > 0) {
        rc = send_some(tls);
    }
    BL_IGNORE(bl_lock_release(&tls->flushing)); /* it is ours */
    if (tls->is_closed) return BL_ECLOSED;
    if (rc == 0) { /* an idle connection needs neither */
        bl__tls_buffer_free(&tls->sending);
        bl__tls_buffer_free(&tls->out);
    }
    return rc;
}

void bl__tls_hand_over(struct bl__tls *tls) {
    if (tls->filling == NULL || bl__tls_unsent(tls) == 0) return;
    bl_scope_cancel(tls->filling, "there is something to be sent");
}

/* ---- receiving --------------------------------------------------------- */

/* Reads from below.  Called off by bl__tls_hand_over it is 0, with nothing. */
static bl_ssize read_below(struct bl__tls *tls, void *room, size_t bytes) {
    bl_scope scope;
    BL__ASSERT(tls->filling == NULL); /* the frame lets one task read */
    bl_scope_enter(&scope);
    tls->filling = &scope;
    bl_ssize moved = bl_stream_read(tls->under, room, bytes);
    tls->filling = NULL;
    int rc = bl_scope_exit(&scope, moved < 0 ? (int)moved : 0);
    if (moved == 0) tls->is_cut_off = true;
    if (moved > 0) return moved;
    return rc;
}

typedef bl_ssize read_fn(struct bl__tls *tls, void *room, size_t bytes);

/* Reads behind what `in` holds. */
static int fill_by(struct bl__tls *tls, read_fn *read) {
    struct bl__tls_buffer *in = &tls->in;
    if (!bl__tls_buffer_reserve(in, BL__TLS_RECORD_BYTES)) return BL_ENOMEM;
    size_t end = in->start + in->count;
    bl_ssize moved = read(tls, in->bytes + end, in->capacity - end);
    if (tls->is_closed) return BL_ECLOSED;
    if (moved < 0) return (int)moved;
    in->count += (size_t)moved;
    return 0;
}

static int fill_plain(struct bl__tls *tls) {
    return fill_by(tls, read_below);
}

static int flush_task(void *arg) {
    bl_task_set_name("tls flush");
    BL_IGNORE(bl__tls_flush(arg)); /* the next writer finds out */
    return 0;
}

/* The child never fails, so there is one error at most: that of the read, which
 * goes up as it is and not as one of a group. */
static int fill_while_flushing(struct bl__tls *tls) {
    bl_group group;
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_spawn(&group, flush_task, tls);
    if (rc == 0) rc = fill_plain(tls);
    bl_group_cancel(&group);
    int left = bl_group_exit(&group, rc == BL_ECANCELED ? rc : 0);
    return rc == 0 || rc == BL_ECANCELED ? left : rc;
}

static bl_ssize try_below(struct bl__tls *tls, void *room, size_t bytes) {
    bl_ssize moved = bl_stream_try_read(tls->under, room, bytes);
    if (moved == 0) tls->is_cut_off = true;
    return moved;
}

int bl__tls_try_fill(struct bl__tls *tls) {
    BL__ASSERT(tls->filling == NULL); /* the frame holds a reader off */
    return fill_by(tls, try_below);
}

int bl__tls_fill(struct bl__tls *tls) {
    if (tls->is_closed) return BL_ECLOSED;
    if (bl__tls_unsent(tls) > 0 && !bl_lock_is_held(&tls->flushing)) {
        return fill_while_flushing(tls);
    }
    return fill_plain(tls);
}
