/* SPDX-License-Identifier: MIT */
/*
 * support/streams.h - one call on a stream, made by a task of its own
 *
 * What waits is tested by a task that waits, while the test looks on: has it
 * ended, and with what?
 */
#ifndef SUPPORT_STREAMS_H
#define SUPPORT_STREAMS_H

#include <belay.h>

/* The call, and what came of it. */
struct stream_op {
    bl_stream *stream;
    char *bytes;
    size_t count;
    size_t done;
    bl_ssize result;
    bool has_ended;
};

/* The bodies of the task; `arg` is a struct stream_op. */
int stream_op_read(void *arg);
int stream_op_write_all(void *arg);

#endif
