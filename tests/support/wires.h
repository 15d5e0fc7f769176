/* SPDX-License-Identifier: MIT */
/*
 * support/wires.h - a network for HTTP clients: streams in memory
 *
 * Where a client would connect it gets the next stream that was offered, such
 * as the other end of a script, or one with a small server at its end that
 * answers each request with its target.  What is connected to is noted in the
 * notebook of kids.h.
 */
#ifndef SUPPORT_WIRES_H
#define SUPPORT_WIRES_H

#include <belay.h>

enum {
    WIRES_MAX = 32
};

struct wires {
    bl_stream *offered[WIRES_MAX];
    int count;
    int dialed;
    bl_ns delay;     /* connecting takes so long */
    bl_group *group; /* not NULL: servers, if nothing is offered any more */
    size_t capacity; /* of the streams to these; 0: 64 KiB */
    int served;      /* requests that they have answered */
    /* Not NULL: all that a server says, after one request; then it closes. */
    const char *reply;
    size_t reply_bytes;
    bl_ns pause; /* before each byte of it */
};

/* Offers one more stream, which belongs to the client that dials. */
void wires_offer(struct wires *wires, bl_stream *stream);

/* Connects: a bl_http_dial_fn whose `arg` is a struct wires. */
int wires_dial(void *arg, const char *host_and_port, bl_stream **stream);

/* Takes back what nobody has dialed. */
void wires_done(struct wires *wires);

#endif
