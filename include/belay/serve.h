/* SPDX-License-Identifier: MIT */
/*
 * belay/serve.h - a server: a task for each connection, limits, a good end
 *
 * bl_serve accepts until it is told to stop, and runs the handler in a task of
 * its own for every connection.  What goes wrong with one connection ends that
 * one alone; what goes wrong with accepting, such as a lack of descriptors, is
 * waited out.
 *
 *     stop is set -> what had connected by then is accepted
 *                 -> the listener is closed, idle connections end
 *                 -> the others have `grace` to finish
 *                 -> those that have not are cancelled, and waited for
 */
#ifndef BELAY_SERVE_H
#define BELAY_SERVE_H

#include <belay/base.h>
#include <belay/net.h>
#include <belay/scope.h>
#include <belay/stream.h>
#include <belay/sync.h>

BL_BEGIN_DECLS

struct bl__server;

/* One connection, as its handler sees it. */
typedef struct bl_connection {
    bl_stream *stream; /* the server's: it is closed after the handler, which
                          may put one over it in its place, such as TLS */
    bl_addr peer;
    void *arg; /* of the options */
    struct bl__server *_server;
    bool _has_spoken; /* there was something to read once */
} bl_connection;

/*
 * Talks to one peer.
 *
 * After 0 the stream is closed in order, after an error it is aborted.  An
 * error counts, is passed to on_error, and goes no further; BL_ECANCELED in a
 * cancelled scope must be returned as always.
 */
typedef int bl_serve_fn(bl_connection *connection);

/* What a server has done so far; it may be read at any time. */
typedef struct bl_serve_stats {
    uint64_t accepted;
    uint64_t finished;      /* the handler returned 0 */
    uint64_t failed;        /* it returned an error */
    uint64_t cancelled;     /* it was cancelled */
    uint64_t refused;       /* closed at once: no memory for a task */
    uint64_t accept_errors; /* waited out, and tried again */
    uint64_t idle_closed;   /* sent home by a stop where they waited */
    uint32_t active;
    uint32_t active_max;
} bl_serve_stats;

/*
 * What a server can be told.  Zero means default.
 */
typedef struct bl_serve_options {
    size_t size;              /* sizeof(bl_serve_options) */
    void *arg;                /* for the handler */
    bl_event *stop;           /* set it to end the server; NULL: cancel it */
    bl_ns grace;              /* for connections after that; default 5 s */
    bl_ns unspoken_grace;     /* of it, for the first word of those that have
                                 said none yet; default 1 s */
    uint32_t connections_max; /* more wait in the kernel; default: no limit */
    size_t stack_bytes;       /* of a connection's task */
    /* Told what failed: the connection, or NULL for accepting.  The current
     * error has the details.  It must not wait. */
    void (*on_error)(const bl_connection *connection, int rc, void *arg);
    /* Told of each connection that is cancelled, while it is still open. */
    void (*on_cut)(const bl_connection *connection, void *cut_arg);
    void *cut_arg;
    bl_serve_stats *stats; /* kept up to date; NULL: nobody asks */
} bl_serve_options;

/*
 * Serves connections from `listener` until it is stopped or cancelled, or the
 * listener is closed.  The listener is the server's from now on, which closes
 * it as soon as it accepts no more, so that clients are refused at once.
 *
 * A listener that is closed resets the connections in its queue; so a server
 * that is stopped accepts and serves those first.
 *
 * Several listeners are served by several tasks of one group.
 *
 * Returns 0 once it was stopped and every connection has ended.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; every connection has ended
 *   BL_EINVAL     an argument is NULL or an option out of range; the listener
 *                 is still the caller's
 *   BL_ENOMEM     there was no memory to begin; nothing was served
 *   BL_ENOLOOP    no loop runs on this thread; the listener is still the
 *                 caller's
 *   BL_ENOTASK    called from a loop callback; likewise
 *   BL_EBUSY      another task serves it, or accepts from it; likewise
 *   BL_ETHREAD    the listener belongs to another loop; likewise
 *
 * Any other code is one of bl_listener_accept's that does not pass by itself.
 */
BL_MAY_WAIT
int bl_serve(bl_listener *listener, bl_serve_fn *handler,
             const bl_serve_options *options);

/*
 * Waits for the next request: until there is something to read, or the end.
 *
 * A handler that waits here is idle, and is sent home at once when the server
 * stops, unless something has come already; one whose peer has not said a word
 * yet waits for `unspoken_grace`, since the word may be on its way.  Waiting
 * anywhere else it has the grace to finish.  A handler with a reader asks
 * bl_reader_buffered first.
 *
 * Returns 1 if there is something; 0 if the server is stopping: return 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EINVAL     connection is NULL
 *
 * Any other code is one of bl_stream_wait's.
 */
BL_MAY_WAIT
int bl_connection_wait(bl_connection *connection);

/*
 * Returns whether the server is stopping: answer, and end.
 */
BL_API
bool bl_connection_is_stopping(const bl_connection *connection);

/*
 * Returns the token that is cancelled when the server stops, borrowed: for
 * scopes of a handler that shall end with the server.
 */
BL_API
bl_token *bl_connection_token(const bl_connection *connection);

#ifndef BL_NO_SITES
#    define bl_serve(...) \
        BL__AT("bl_serve(" #__VA_ARGS__ ")", bl_serve(__VA_ARGS__))
#    define bl_connection_wait(...)                    \
        BL__AT("bl_connection_wait(" #__VA_ARGS__ ")", \
               bl_connection_wait(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
