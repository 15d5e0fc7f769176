/* SPDX-License-Identifier: MIT */
/*
 * support/streams.c - streams that are given back, and calls made by tasks
 */
#include "support/streams.h"

void stream_abort(bl_stream **stream) {
    bl_stream_abort(*stream);
    *stream = NULL;
}

void ends_abort(bl_stream *(*ends)[2]) {
    stream_abort(&(*ends)[0]);
    stream_abort(&(*ends)[1]);
}

int stream_close(bl_stream **stream) {
    bl_stream *closed = *stream;
    *stream = NULL;
    return bl_stream_close(closed);
}

int stream_op_read(void *arg) {
    struct stream_op *op = arg;
    op->result = bl_stream_read(op->stream, op->bytes, op->count);
    op->has_ended = true;
    return 0;
}

int stream_op_write_all(void *arg) {
    struct stream_op *op = arg;
    op->result =
        bl_stream_write_all(op->stream, op->bytes, op->count, &op->done);
    op->has_ended = true;
    return 0;
}
