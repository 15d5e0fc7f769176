/* SPDX-License-Identifier: MIT */
/*
 * http/server.h - what the files of the server share
 *
 * A *connection* is a stream with its buffers, in one piece of memory that is
 * allocated when it begins.  An *exchange* is one request on it and the answer;
 * there is one at a time, and it lies in the connection.
 */
#ifndef BL__HTTP_SERVER_H
#define BL__HTTP_SERVER_H

#include <belay/http/server.h>
#include <belay/loop.h>
#include <belay/sync.h>

#include <time.h>

#include "http/http.h"

enum {
    BL__HTTP_REPLY_FIELDS = 4096, /* bytes of fields that handlers add */
    BL__HTTP_OUTPUT_BYTES = 16384,
    BL__HTTP_DISCARD_BYTES = 64 * 1024, /* of a body that nobody wants */
    BL__HTTP_BODY_ROOM = 4096,          /* of the input, behind any head */
    BL__HTTP_DATE_BYTES = sizeof "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
};

typedef struct bl__http_server {
    bl_http_handler *handler;
    bl_http_options options; /* with the defaults filled in */
    bl_http_stats own_stats;
    bl_http_stats *stats;
    time_t date_of; /* the second that `date` tells */
    char date[BL__HTTP_DATE_BYTES];
} bl__http_server;

/* How far the answer is. */
typedef enum bl__http_stage {
    BL__HTTP_UNANSWERED,
    BL__HTTP_ANSWERING, /* the head was put, the body is not complete */
    BL__HTTP_ANSWERED,
    BL__HTTP_TAKEN /* the connection is the handler's */
} bl__http_stage;

typedef struct bl__http_reply {
    bl__http_stage stage;
    bl__http_framing framing; /* of the body as it is sent */
    uint64_t left;            /* of its length */
    bool is_silent;           /* no byte of the body is sent */
    bool is_used;             /* a task is inside one of its calls */
} bl__http_reply;

typedef struct bl__http_connection {
    bl__http_server *server;
    bl_stream *stream;
    const bl_addr *peer;
    bl_token *stop; /* NULL: it is not stopped */
    bl__http_input input;
    bl__http_output output;
    bl__http_output fields; /* of the next answer, that handlers add */
    bl_http_field *items;   /* room for the fields of a request */
    bl__http_head head;
    bl_http_body body;
    bl_http_exchange exchange;
    bl__http_reply reply;
    bool persists;  /* another request may follow */
    bool lingers;   /* the peer may still be sending: close with care */
    bool was_used;  /* there was a request */
    bool must_end;  /* a handler wants it to */
    bool was_told;  /* the program knows what has failed */
    bool is_broken; /* a part of an answer is lacking: no more can be sent */

    bl_lock sending; /* who answers and who reads the body may both send */

    /* How long the server waits for the peer; see connection.c. */
    bl_timer watch;
    bl_ns watch_due;   /* when it rings; BL_FOREVER: never */
    bl_scope *waiting; /* what it cancels; NULL: nobody waits */
    bl_ns waiting_due; /* and when */
    bool is_overdue;   /* it has */
} bl__http_connection;

/* ---- connection.c ------------------------------------------------------- */

/*
 * Makes a connection, of one piece of memory; NULL if there is none.
 */
bl__http_connection *bl__http_connection_new(bl__http_server *server,
                                             bl_stream *stream);
void bl__http_connection_free(bl__http_connection *connection);

static inline bool bl__http_is_stopping(const bl__http_connection *connection) {
    return connection->stop != NULL && bl_token_is_cancelled(connection->stop);
}

/*
 * Waits for a whole head; it begins at input.start.
 *
 * Returns its length; 0 if the connection has ended in order; one of the
 * BL_EHTTP_ codes, or BL_ETIMEDOUT, if the peer is to be told; or one of the
 * stream's codes.
 */
bl_ssize bl__http_connection_await(bl__http_connection *connection);

/* Sends what is gathered, and `bytes` of `data` behind it. */
int bl__http_connection_send(bl__http_connection *connection, const void *data,
                             size_t bytes);

static inline int bl__http_connection_flush(bl__http_connection *connection) {
    if (connection->output.count == 0) return 0;
    return bl__http_connection_send(connection, NULL, 0);
}

/* The same, unless another task is sending: then that is left to it. */
int bl__http_connection_try_flush(bl__http_connection *connection);

/* Gathers `bytes` of `data`, or sends them if there is no room. */
int bl__http_connection_put(bl__http_connection *connection, const void *data,
                            size_t bytes);

/* Sends the rest, and sees to it that the peer gets it. */
int bl__http_connection_finish(bl__http_connection *connection);

/* Before the stream is aborted: the peer must not take that for an end. */
void bl__http_connection_cut(const bl__http_connection *connection);

/* ---- exchange.c --------------------------------------------------------- */

/*
 * Answers the request whose head of `count` bytes is buffered.
 *
 * Returns 0, and connection->persists tells whether there may be another; or a
 * code that ends the connection.
 */
int bl__http_exchange_run(bl__http_connection *connection, size_t count);

/* Answers what was not even a request by the status that belongs to `code`. */
int bl__http_exchange_refuse(bl__http_connection *connection, int code);

/* ---- reply.c ------------------------------------------------------------ */

/* Answers by a line of text: nothing else was answered. */
int bl__http_reply_status(bl__http_connection *connection, int status);

/*
 * Begins and ends a task's use of the answer; between them it is nobody
 * else's.  Returns 0, BL_EBUSY or BL_ECANCELED; bl__http_reply_leave, `rc`.
 */
int bl__http_reply_enter(bl__http_connection *connection);
int bl__http_reply_leave(bl__http_connection *connection, int rc);

/*
 * Begins `bytes` of the body, of which bl__http_reply_put gives the parts, and
 * which bl__http_reply_part_end ends.
 */
int bl__http_reply_part(bl__http_connection *connection, size_t bytes);
int bl__http_reply_put(bl__http_connection *connection, const void *data,
                       size_t bytes);
int bl__http_reply_part_end(bl__http_connection *connection, size_t bytes);

/* ---- server.c ----------------------------------------------------------- */

/* Returns "Date: ...\r\n" of this second. */
const char *bl__http_date(bl__http_server *server);

/* Tells the program what has failed. */
void bl__http_report(bl__http_connection *connection,
                     const bl_http_exchange *exchange, int rc);

#endif
