/* SPDX-License-Identifier: MIT */
/*
 * demo/client.h - what every client does: dial, ask, be answered
 *
 * The protocol is as small as can be: a client sends a line, and the server
 * sends the same line back.
 */
#ifndef DEMO_CLIENT_H
#define DEMO_CLIENT_H

#include <belay.h>

enum {
    LINE_BYTES_MAX = 120
};

/*
 * Connects many clients to one server, a few at a time: the line of
 * connections in front of a server is finite, and one that does not fit is
 * tried again by the kernel a second later.
 */
struct dialler {
    bl_addr server;
    bl_sem permits;
};

/*
 * Prepares to dial `server`.
 *
 * Returns 0.
 */
int dialler_init(struct dialler *dialler, const bl_addr *server);

/*
 * Connects, and says hello until the server has answered.
 *
 * Returns 0; the caller aborts or closes `*stream`.  A code tells why not.
 */
int dialler_dial(struct dialler *dialler, bl_stream **stream);

/*
 * Sends `line`, which ends with a newline, and waits until it has come back.
 *
 * Returns 0.
 *
 * Errors:
 *   -EPROTO        something else came back; the current error says what
 *   BL_ECONNRESET  the peer closed the connection instead
 *
 * Any other code is the stream's.  After an error the stream is in the middle
 * of something: abort it.
 */
int client_ask(bl_stream *stream, const char *line);

#endif
