/* SPDX-License-Identifier: MIT */
/*
 * io/stream.c - the frame around every kind of stream
 *
 * A call enters a direction before it does anything that may suspend it, so a
 * second task finds the direction busy.  Whoever closes the stream marks it as
 * closed and has the kind send away those who wait; its memory goes with the
 * last task that leaves, so nobody touches what is gone.
 *
 * A connection with much to say must not keep the others waiting: over a
 * descriptor each call takes its bytes, and a fixed amount, off a credit which
 * is renewed when the task waits; without credit it yields first.  (The budget
 * of bl_checkpoint counts calls alone, and 128 calls can move 8 MiB.)
 *
 * Invariants:
 *   is_used[d] <-> a task is between bl__stream_enter and bl__stream_leave;
 *   is_closed -> the kind's abort was called, and nothing else but its free
 *   will be.
 */
#include "io/stream.h"

#include <belay/park.h>
#include <belay/task.h>

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"

enum {
    STREAM_WINDOW_PARTS = 16 /* of a long vector, given to the kind at once */
};

/* ---- who is inside ----------------------------------------------------- */

void bl__stream_init(bl_stream *stream, const bl_stream_ops *ops, void *self,
                     bl_loop *loop) {
    *stream = (bl_stream){
        .ops = ops,
        .self = self,
        .loop = loop,
        .credit = BL__STREAM_CREDIT_BYTES,
    };
}

/* Frees what is closed and not in use; the frame may be a part of `self`. */
static void stream_release(bl_stream *stream) {
    const bl_stream_ops *ops = stream->ops;
    void *self = stream->self;
    BL__ASSERT(stream->is_closed);
    if (stream->is_used[BL__READING] || stream->is_used[BL__WRITING]) return;
    if (stream->is_closing) return;
    if (self != stream) bl__free(stream);
    if (ops->free != NULL) ops->free(self);
}

int bl__stream_checkpoint(bl_stream *stream) {
    int rc;
    if (BL__LIKELY(stream->credit > 0)) {
        rc = bl_checkpoint();
    } else {
        stream->credit = BL__STREAM_CREDIT_BYTES;
        rc = bl_yield();
    }
    return stream->is_closed ? BL_ECLOSED : rc;
}

/* Whether the caller may use the direction at all. */
static int stream_check(const bl_stream *stream, enum bl__direction direction) {
    bl_loop *loop = bl_loop_running();
    if (stream == NULL) return BL_EINVAL;
    if (loop == NULL) return BL_ENOLOOP;
    if (stream->loop != loop) return BL_ETHREAD;
    if (stream->is_used[direction]) return BL_EBUSY;
    if (stream->is_closing) return BL_ECLOSED;
    if (stream->is_cut && direction == BL__WRITING) return BL_EMISUSE;
    return 0;
}

int bl__stream_enter(bl_stream *stream, enum bl__direction direction) {
    int rc = stream_check(stream, direction);
    if (rc < 0) return rc;
    stream->is_used[direction] = true;
    rc = bl__stream_checkpoint(stream);
    if (rc < 0) bl__stream_leave(stream, direction);
    return rc;
}

BL__INLINED void bl__stream_leave(bl_stream *stream,
                                  enum bl__direction direction) {
    BL__ASSERT(stream->is_used[direction]);
    stream->is_used[direction] = false;
    if (BL__UNLIKELY(stream->is_closed)) stream_release(stream);
}

/* Leaves at once, as a checkpoint on the way in has failed. */
__attribute__((noinline)) static int stream_turn_back(
    bl_stream *stream, enum bl__direction direction, int rc) {
    if (stream->is_closed) rc = BL_ECLOSED;
    bl__stream_leave(stream, direction);
    return rc;
}

/*
 * The usual case of bl__stream_enter in short, for the calls that a request is
 * made of.
 */
static BL__INLINE int stream_enter(bl_stream *stream,
                                   enum bl__direction direction) {
    if (BL__UNLIKELY(stream == NULL || stream->loop != bl_loop_running() ||
                     stream->is_used[direction] || stream->is_closing ||
                     stream->is_cut || stream->credit <= 0)) {
        return bl__stream_enter(stream, direction);
    }
    stream->is_used[direction] = true;
    int rc = bl_checkpoint();
    if (BL__LIKELY(rc == 0 && !stream->is_closed)) return 0;
    return stream_turn_back(stream, direction, rc);
}

/* ---- reading ----------------------------------------------------------- */

static BL__INLINE bl_ssize stream_read_some(bl_stream *stream,
                                            const struct iovec *parts,
                                            int count) {
    if (BL__LIKELY(stream->is_socket)) {
        return bl__socket_read(stream, parts, count);
    }
    return stream->ops->read(stream->self, parts, count);
}

bl_ssize bl_stream_read(bl_stream *stream, void *buffer, size_t bytes) {
    struct iovec part = { .iov_base = buffer, .iov_len = bytes };
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, BL__READING);
    if (rc < 0) return rc;

    bl_ssize count = 0;
    if (bytes > 0) count = stream_read_some(stream, &part, 1);
    bl__stream_leave(stream, BL__READING);
    return count;
}

/* Skips empty parts in front; false if the parts are not valid. */
static bool parts_begin(const struct iovec **parts, int *count) {
    if (*count < 0 || *count > BL_STREAM_PARTS_MAX) return false;
    if (*parts == NULL && *count > 0) return false;
    for (int i = 0; i < *count; i++) {
        const struct iovec *part = &(*parts)[i];
        if (part->iov_base == NULL && part->iov_len > 0) return false;
    }
    while (*count > 0 && (*parts)->iov_len == 0) {
        ++*parts;
        --*count;
    }
    return true;
}

bl_ssize bl_stream_readv(bl_stream *stream, const struct iovec *parts,
                         int count) {
    if (!parts_begin(&parts, &count)) return BL_EINVAL;
    int rc = bl__stream_enter(stream, BL__READING);
    if (rc < 0) return rc;

    bl_ssize moved = 0;
    if (count > 0) moved = stream_read_some(stream, parts, count);
    bl__stream_leave(stream, BL__READING);
    return moved;
}

bl_ssize bl_stream_try_read(bl_stream *stream, void *buffer, size_t bytes) {
    struct iovec part = { .iov_base = buffer, .iov_len = bytes };
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_check(stream, BL__READING);
    if (rc < 0) return rc;
    if (stream->ops->try_read == NULL) return BL_ENOTSUP;
    if (bytes == 0) return 0;
    bl_ssize count = stream->ops->try_read(stream->self, &part, 1);
    if (stream->credit < 0) stream->credit = 0; /* however many tries */
    return count;
}

int bl_stream_read_exactly(bl_stream *stream, void *buffer, size_t bytes,
                           size_t *done) {
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, BL__READING);
    if (rc < 0) return rc;

    while (total < bytes) {
        struct iovec part = { .iov_base = (char *)buffer + total,
                              .iov_len = bl__hard_part(bytes - total) };
        bl_ssize count = stream_read_some(stream, &part, 1);
        if (count <= 0) {
            rc = count < 0 ? (int)count : BL_ECONNRESET;
            break;
        }
        total += (size_t)count;
        if (total == bytes) break;
        rc = bl__stream_checkpoint(stream);
        if (rc < 0) break;
    }
    bl__stream_leave(stream, BL__READING);
    if (done != NULL) *done = total;
    return rc;
}

/* ---- writing ----------------------------------------------------------- */

static BL__INLINE bl_ssize stream_write_some(bl_stream *stream,
                                             const struct iovec *parts,
                                             int count) {
    if (BL__LIKELY(stream->is_socket)) {
        return bl__socket_write(stream, parts, count);
    }
    return stream->ops->write(stream->self, parts, count);
}

static struct iovec part_from(const void *buffer, size_t bytes) {
    struct iovec part = { .iov_len = bytes };
    memcpy(&part.iov_base, &buffer, sizeof buffer); /* it has no const */
    return part;
}

bl_ssize bl_stream_write(bl_stream *stream, const void *buffer, size_t bytes) {
    struct iovec part = part_from(buffer, bytes);
    return bl_stream_writev(stream, &part, 1);
}

bl_ssize bl_stream_writev(bl_stream *stream, const struct iovec *parts,
                          int count) {
    if (!parts_begin(&parts, &count)) return BL_EINVAL;
    int rc = bl__stream_enter(stream, BL__WRITING);
    if (rc < 0) return rc;

    bl_ssize moved = 0;
    if (count > 0) moved = stream_write_some(stream, parts, count);
    bl__stream_leave(stream, BL__WRITING);
    return moved;
}

int bl_stream_write_all(bl_stream *stream, const void *buffer, size_t bytes,
                        size_t *done) {
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, BL__WRITING);
    if (rc < 0) return rc;

    while (total < bytes) {
        struct iovec part = part_from((const char *)buffer + total,
                                      bl__hard_part(bytes - total));
        bl_ssize count = stream_write_some(stream, &part, 1);
        if (BL__UNLIKELY(count < 0)) {
            rc = (int)count;
            break;
        }
        total += (size_t)count;
        if (BL__LIKELY(total == bytes)) break;
        rc = bl__stream_checkpoint(stream);
        if (rc < 0) break;
    }
    if (rc < 0 && total > 0) stream->is_cut = true;
    bl__stream_leave(stream, BL__WRITING);
    if (done != NULL) *done = total;
    return rc;
}

/* Copies what is left of the parts, without the first `skip` bytes. */
static int window_fill(struct iovec *window, const struct iovec *parts,
                       int count, size_t skip) {
    int used = 0;
    for (int i = 0; i < count && used < STREAM_WINDOW_PARTS; i++) {
        size_t left = parts[i].iov_len;
        if (left <= skip) {
            skip -= left;
            continue;
        }
        window[used].iov_base = (char *)parts[i].iov_base + skip;
        window[used].iov_len = bl__hard_part(left - skip);
        if (window[used++].iov_len < left - skip) break;
        skip = 0;
    }
    return used;
}

/* Writes until nothing is left; `*total` says how far it came. */
static int stream_write_parts(bl_stream *stream, const struct iovec *parts,
                              int count, size_t *total) {
    struct iovec window[STREAM_WINDOW_PARTS];
    int left = window_fill(window, parts, count, 0);
    while (left > 0) {
        bl_ssize moved = stream_write_some(stream, window, left);
        if (moved < 0) return (int)moved;
        *total += (size_t)moved;
        /* Almost always one buffer, and the kernel took it all. */
        if (count == 1 && *total == parts->iov_len) return 0;
        left = window_fill(window, parts, count, *total);
        if (left == 0) return 0;
        int rc = bl__stream_checkpoint(stream);
        if (rc < 0) return rc;
    }
    return 0;
}

int bl_stream_writev_all(bl_stream *stream, const struct iovec *parts,
                         int count, size_t *done) {
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (!parts_begin(&parts, &count)) return BL_EINVAL;
    int rc = bl__stream_enter(stream, BL__WRITING);
    if (rc < 0) return rc;

    rc = stream_write_parts(stream, parts, count, &total);
    if (rc < 0 && total > 0) stream->is_cut = true;
    bl__stream_leave(stream, BL__WRITING);
    if (done != NULL) *done = total;
    return rc;
}

/* ---- the rest ---------------------------------------------------------- */

int bl_stream_wait(bl_stream *stream, unsigned event) {
    if (event != BL_READABLE && event != BL_WRITABLE) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    if (stream->ops->wait == NULL) return BL_ENOTSUP;
    enum bl__direction direction =
        event == BL_READABLE ? BL__READING : BL__WRITING;
    int rc = stream_enter(stream, direction);
    if (rc < 0) return rc;
    rc = BL__LIKELY(stream->is_socket) ? bl__socket_wait(stream, event)
                                       : stream->ops->wait(stream->self, event);
    bl__stream_leave(stream, direction);
    return rc;
}

int bl_stream_shutdown_write(bl_stream *stream) {
    if (stream == NULL) return BL_EINVAL;
    if (stream->ops->shutdown_write == NULL) return BL_ENOTSUP;
    int rc = stream_check(stream, BL__WRITING);
    if (rc < 0) return rc;
    stream->is_used[BL__WRITING] = true;
    rc = stream->ops->shutdown_write(stream->self);
    bl__stream_leave(stream, BL__WRITING);
    return rc;
}

bool bl_stream_is_cut(const bl_stream *stream) {
    return stream != NULL && stream->is_cut;
}

int bl_stream_fd(const bl_stream *stream) {
    if (stream == NULL || stream->ops->fd == NULL) return -1;
    return stream->ops->fd(stream->self);
}

bool bl_stream_is_socket(const bl_stream *stream) {
    return stream != NULL && stream->is_socket;
}

/* ---- opening and closing ----------------------------------------------- */

int bl_stream_new(const bl_stream_ops *ops, void *self, bl_stream **stream) {
    if (ops == NULL || stream == NULL) return BL_EINVAL;
    if (ops->size < sizeof *ops) return BL_EINVAL;
    if (ops->read == NULL || ops->write == NULL) return BL_EINVAL;
    if (ops->abort == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;

    bl_stream *made = bl__alloc(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    bl__stream_init(made, ops, self, loop);
    *stream = made;
    return 0;
}

void *bl_stream_self(const bl_stream *stream, const bl_stream_ops *ops) {
    if (stream == NULL || stream->ops != ops) return NULL;
    return stream->self;
}

static int stream_end(bl_stream *stream) {
    BL__ASSERT(!stream->is_closed);
    stream->is_closed = true;
    int rc = stream->ops->abort(stream->self, stream->is_cut);
    stream_release(stream);
    return rc;
}

int bl_stream_close(bl_stream *stream) {
    if (stream == NULL) return 0;
    if (stream->is_closing) return BL_EALREADY;
    int rc = 0;
    /* A goodbye is for a peer that has got everything. */
    if (stream->ops->close != NULL && !stream->is_cut) {
        stream->is_closing = true;
        rc = stream->ops->close(stream->self);
        stream->is_closing = false;
    }
    if (stream->is_closed) { /* somebody has aborted it meanwhile */
        stream_release(stream);
        return BL_ECLOSED;
    }
    int ended = stream_end(stream);
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    return rc < 0 ? rc : ended;
}

void bl_stream_abort(bl_stream *stream) {
    if (stream == NULL) return;
    BL_IGNORE(stream_end(stream) < 0); /* aborting cannot fail */
}
