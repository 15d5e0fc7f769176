/* SPDX-License-Identifier: MIT */
/*
 * support/streams.c - one call on a stream, made by a task of its own
 */
#include "support/streams.h"

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
