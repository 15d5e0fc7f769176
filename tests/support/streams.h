/* SPDX-License-Identifier: MIT */
/*
 * support/streams.h - streams that are given back, and calls made by tasks
 *
 * What waits is tested by a task that waits, while the test looks on: has it
 * ended, and with what?
 *
 * A stream or a pair is aborted where its block is left, also by a REQUIRE.
 */
#ifndef SUPPORT_STREAMS_H
#define SUPPORT_STREAMS_H

#include <belay.h>

/* ---- streams that are given back ----------------------------------------- */

#define STREAM(name) bl_stream *name BL__CLEANUP(stream_abort) = NULL
#define ENDS(name)   bl_stream *name[2] BL__CLEANUP(ends_abort) = { NULL, NULL }

void stream_abort(bl_stream **stream);
void ends_abort(bl_stream *(*ends)[2]);

/* Closes it before that. */
int stream_close(bl_stream **stream);

/* ---- calls made by tasks ------------------------------------------------- */

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
