/* SPDX-License-Identifier: MIT */
/*
 * http/talk.h - a server on a stream in memory, and what is said to it
 *
 * A *talk* serves one connection in a task of its own.  What comes back is
 * gathered, with the Date lines taken out, which are another each time.
 */
#ifndef HTTP_TALK_H
#define HTTP_TALK_H

#include <belay.h>
#include <belay/http.h>

enum {
    TALK_BYTES = 256 * 1024
};

struct talk {
    bl_group group;
    bl_stream *ends[2]; /* the server's, ours */
    bl_http_handler *handler;
    bl_http_options options;
    bl_http_stats stats;
    bl_token *stop;
    int result;     /* of serving */
    bool has_ended; /* serving has */
    size_t count;
    char said[TALK_BYTES];
};

/*
 * Makes a talk.  Change its options before it is begun.  It is large: static.
 */
void talk_init(struct talk *talk, bl_http_handler *handler);

/* Begins to serve; each read and write of the server moves so much, 0: all. */
void talk_begin(struct talk *talk, size_t limit);

/* Sends a text, or bytes; the server may have gone. */
void talk_send(struct talk *talk, const char *text);
void talk_send_bytes(struct talk *talk, const char *bytes, size_t count);

/* Says that no more will be sent. */
void talk_send_end(struct talk *talk);

/* Returns what the server said since the last time, without waiting for
 * more. */
const char *talk_hear(struct talk *talk);

/* Returns what it says until it closes. */
const char *talk_hear_all(struct talk *talk);

/* Waits until the server has ended.  Returns what serving returned. */
int talk_end(struct talk *talk);

/* All of it: a request is sent, the end is sent, and the answer returned. */
const char *talk_once(struct talk *talk, bl_http_handler *handler,
                      const char *text);

#endif
