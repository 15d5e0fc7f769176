/* SPDX-License-Identifier: MIT */
/*
 * io/stream.h - the frame around every kind of stream
 *
 * The *frame* is what all kinds have in common: who is inside, cancellation,
 * whether it is closed or cut.  The *kind* is a table of functions, and moves
 * bytes.  Kinds over descriptors, in stream_fd.c, embed the frame; kinds that
 * users make (bl_stream_new) are pointed to.
 */
#ifndef BL__IO_STREAM_H
#define BL__IO_STREAM_H

#include <belay/error.h>
#include <belay/loop.h>
#include <belay/stream.h>

enum bl__direction {
    BL__READING,
    BL__WRITING
};

enum {
    BL__STREAM_CREDIT_BYTES = 256 * 1024,
    BL__STREAM_CALL_BYTES = 16 * 1024 /* what a call costs besides its bytes */
};

struct bl_stream {
    const bl_stream_ops *ops;
    void *self;
    bl_loop *loop;
    int credit;      /* bytes until it lets others run */
    bool is_used[2]; /* by direction: a task is inside */
    bool is_socket;  /* of stream_fd.c: reached without the table */
    bool is_cut;     /* a part of a message was written, and no more came */
    bool is_closing; /* somebody is inside bl_stream_close */
    bool is_closed;  /* to be freed by who leaves last */
};

/* Makes the frame of a new stream. */
void bl__stream_init(bl_stream *stream, const bl_stream_ops *ops, void *self,
                     bl_loop *loop);

/*
 * Begins and ends a task's use of one direction.
 *
 * Unless bl__stream_enter returns 0 the direction is not in use.  After
 * bl__stream_leave the stream may be gone.
 */
int bl__stream_enter(bl_stream *stream, enum bl__direction direction);
void bl__stream_leave(bl_stream *stream, enum bl__direction direction);

/* Between two parts of one call: cancelled, closed, others' turn? */
int bl__stream_checkpoint(bl_stream *stream);

/* Takes what a call has moved off the credit. */
static inline void bl__stream_spend(bl_stream *stream, size_t bytes) {
    int spent = BL__STREAM_CREDIT_BYTES;
    if (bytes < BL__STREAM_CREDIT_BYTES) {
        spent = (int)bytes + BL__STREAM_CALL_BYTES;
    }
    stream->credit -= spent;
}

/* ---- stream_fd.c ------------------------------------------------------- */

bl_ssize bl__socket_read(bl_stream *stream, const struct iovec *parts,
                         int count);
bl_ssize bl__socket_write(bl_stream *stream, const struct iovec *parts,
                          int count);
int bl__socket_wait(bl_stream *stream, unsigned event);

#endif
