/* SPDX-License-Identifier: MIT */
/*
 * belay/http/server.h - an HTTP/1.1 server: a function for each request
 *
 * A handler is a straight-line function.  It is called once for each request,
 * in the task of its connection, reads the body if it wants to, and answers:
 *
 *     static int hello(bl_http_exchange *exchange, void *arg) {
 *         (void)arg;
 *         if (strcmp(exchange->path, "/hello") != 0) return 404;
 *         return bl_http_reply_text(exchange, 200, "hello\n");
 *     }
 *
 *     rc = bl_http_serve(listener, hello, NULL);
 *
 * Connections are kept and requests are answered in their order; requests that
 * came together are answered together, so an answer may wait for the handlers
 * of those behind it.  What is malformed, too large or too slow is answered, or
 * given up, before a handler sees it; each limit is an option.
 */
#ifndef BELAY_HTTP_SERVER_H
#define BELAY_HTTP_SERVER_H

#include <belay/base.h>
#include <belay/http/message.h>
#include <belay/net.h>
#include <belay/scope.h>
#include <belay/serve.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

struct bl__http_connection;
struct bl_service;

/*
 * One request, and the answer to it.  One task at a time may answer, and one
 * may read the body, as long as the handler lasts.  The texts are the
 * request's, valid until the handler returns; what is encoded in them is left
 * so (bl_http_decode).
 */
typedef struct bl_http_exchange {
    bl_http_method method;
    int version; /* 10 or 11 */
    const char *method_name;
    const char *path;  /* begins with '/'; "*"; or, of CONNECT, "host:port" */
    const char *query; /* behind the '?'; NULL if there is none */
    const char *host;  /* whom the request is for; "" if it does not say */
    bl_http_fields fields;
    bl_http_body *body;
    const bl_addr *peer; /* NULL if the connection has none */
    struct bl__http_connection *_connection;
} bl_http_exchange;

/*
 * Answers a request.
 *
 * Returns 0 once it has answered.  A status from 200 to 599 in place of that
 * is answered by a line of text.  A negative code is answered by
 * bl_http_status_of if nothing was sent yet; otherwise the peer finds the
 * answer cut off.  It counts, is passed to on_error, and goes no further;
 * BL_ECANCELED in a cancelled scope must be returned as always.
 */
typedef int bl_http_handler(bl_http_exchange *exchange, void *arg);

/* ---- serving ------------------------------------------------------------ */

/* What a server has done so far; it may be read at any time. */
typedef struct bl_http_stats {
    bl_serve_stats connections;
    uint64_t requests; /* that a handler was called for */
    uint64_t failed;   /* of them, those whose handler returned a code */
    uint64_t refused;  /* malformed or too large: no handler was called */
    uint64_t timeouts; /* the peer was too slow with a head or a body */
    uint64_t upgraded; /* connections that a handler took over */
    uint64_t drained;  /* connections that ended by themselves after a stop */
    uint64_t cut;      /* those that did not */
} bl_http_stats;

/*
 * What a server can be told.  Zero means default.
 *
 * Whoever sends a body, or takes an answer, may let the server wait for
 * `body_ns_max` or `write_ns_max` in all, and a second longer for each
 * `rate_min` bytes that have moved.
 */
typedef struct bl_http_options {
    size_t size;              /* sizeof(bl_http_options) */
    void *arg;                /* for the handler */
    bl_event *stop;           /* set it to end the server; NULL: cancel it */
    bl_ns grace;              /* for answers under way then; default 5 s */
    uint32_t connections_max; /* more wait in the kernel; default: no limit */
    size_t stack_bytes;       /* of a connection's task */
    bl_http_stats *stats;     /* kept up to date; NULL: nobody asks */
    /* Told what failed; `exchange` is NULL if there was no request, and
     * `peer` may be.  The current error has the details.  Must not wait. */
    void (*on_error)(const bl_http_exchange *exchange, const bl_addr *peer,
                     int rc, void *arg);
    /* Puts another stream, one of TLS, in the place of connection->stream,
     * which that takes over.  May wait, up to head_ns_max. */
    int (*secure)(bl_connection *connection, void *arg);
    void *secure_arg;
    /* Serves in the place of bl_serve: bl_service_serve (app.h), for a server
     * that is the body of `service`.  Both or none; `stop` is NULL then, since
     * the service has one, as it has a default for `grace`. */
    int (*serve)(struct bl_service *service, bl_listener *listener,
                 bl_serve_fn *handler, const bl_serve_options *options);
    struct bl_service *service;

    size_t head_bytes_max;   /* of a request; default 16 KiB, at most 64 */
    size_t target_bytes_max; /* of it, for the target; default 8 KiB */
    uint32_t fields_max;     /* default 100 */
    uint64_t body_bytes_max; /* default 1 MiB; see bl_http_limit_body */
    bl_ns idle_ns_max;       /* between requests; default 60 s */
    bl_ns head_ns_max;       /* from its first byte, and before the first
                              * request; default 10 s */
    bl_ns body_ns_max;       /* default 30 s */
    bl_ns write_ns_max;      /* default 30 s */
    uint32_t rate_min;       /* bytes per second; default 240 */
    bl_ns total_ns_max;      /* for a handler; then 503; default: no limit */
} bl_http_options;

/*
 * Serves HTTP on `listener` until it is stopped or cancelled, or the listener
 * is closed.  The listener is the server's from now on.
 *
 * When it is stopped, idle connections are closed, requests under way are
 * answered with "Connection: close", and connections that a handler has taken
 * over are told by bl_http_stop_token.  Those that have not ended after the
 * grace are cancelled.
 *
 * Returns 0 once it was stopped and every connection has ended.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL or an option out of range; the listener
 *                 is still the caller's
 *   BL_ECANCELED  an enclosing scope was cancelled; every connection has ended
 *   BL_ENOLOOP    no loop runs on this thread; the listener is still the
 *                 caller's
 *
 * Any other code is one of bl_serve's, or of what the options name in its
 * place.
 */
BL_MAY_WAIT
int bl_http_serve(bl_listener *listener, bl_http_handler *handler,
                  const bl_http_options *options);

/*
 * Serves HTTP on one stream of any kind, which stays the caller's, until it
 * has ended.  `peer` may be NULL.  `stop`, which may be NULL too, is cancelled
 * to end it as bl_http_serve ends its connections.  Of the options, those that
 * are about listening and stopping do not count.
 *
 * Returns 0: close the stream.
 *
 * Errors:
 *   BL_EINVAL     stream or handler is NULL, or an option out of range
 *   BL_ENOMEM     there was no memory for its buffers; nothing was read
 *   BL_ENOLOOP    no loop runs on this thread; nothing was read
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of the stream's, or what the handler returned in the
 * middle of an answer.  After all of them: abort the stream.
 */
BL_MAY_WAIT
int bl_http_serve_connection(bl_stream *stream, const bl_addr *peer,
                             bl_token *stop, bl_http_handler *handler,
                             const bl_http_options *options);

/* ---- what a handler asks ------------------------------------------------ */

/*
 * Returns whether the server is stopping.
 */
BL_API
bool bl_http_is_stopping(const bl_http_exchange *exchange);

/*
 * Returns the token that is cancelled when the server stops, borrowed, for
 * scopes of a handler that would go on for long otherwise; NULL if there is
 * none.
 */
BL_API
bl_token *bl_http_stop_token(const bl_http_exchange *exchange);

/*
 * Sets the limit of this request's body, before it is read.
 */
BL_API
void bl_http_limit_body(bl_http_exchange *exchange, uint64_t bytes_max);

/* ---- answering at once -------------------------------------------------- */

/*
 * Adds a field to the answer, before it begins.  The texts are copied.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   they would not make one field, or it is one that the server
 *               sets: Connection, Content-Length, Date, Transfer-Encoding
 *   BL_EMSGSIZE there is no room for it: 4 KiB in all; nothing was added
 *   BL_EMISUSE  the answer has begun
 */
BL_MAY_FAIL
int bl_http_add_field(bl_http_exchange *exchange, const char *name,
                      const char *value);

/*
 * Says that the connection ends with this answer.  That is announced if the
 * answer has not begun.
 */
BL_API
void bl_http_end_connection(bl_http_exchange *exchange);

/*
 * Answers with `status` and a body of `bytes`.  `type` is its Content-Type,
 * NULL for none.  Nothing of the body is sent where the request or the status
 * forbids it.  A short answer is gathered, a long one sent.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     status is not from 200 to 599, the type is no value of a
 *                 field, or body is NULL with bytes > 0; nothing was answered
 *   BL_EMISUSE    the answer has begun
 *   BL_EMSGSIZE   the type is too long; nothing was answered
 *   BL_ETIMEDOUT  the peer takes it too slowly
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_http_reply(bl_http_exchange *exchange, int status, const char *type,
                  const void *body, size_t bytes);

/*
 * Answers with a text in UTF-8.
 *
 * Returns and fails as bl_http_reply does.
 *
 * Errors:
 *   BL_EINVAL     status is not from 200 to 599, or text is NULL
 *   BL_EMISUSE    the answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 */
BL_MAY_WAIT
int bl_http_reply_text(bl_http_exchange *exchange, int status,
                       const char *text);

/*
 * Answers with `bytes` of the file `file_fd`, beginning at `offset`, which the
 * kernel sends by itself where it can (bl_stream_send_file).
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     as for bl_http_reply, or offset is negative
 *   BL_EMISUSE    the answer has begun
 *   BL_EBADF      file_fd is not open for reading; the answer is cut off
 *   BL_EIO        the file is shorter, or cannot be read; likewise
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_reply's or bl_stream_send_file's.
 */
BL_MAY_WAIT
int bl_http_reply_file(bl_http_exchange *exchange, int status, const char *type,
                       int file_fd, int64_t offset, size_t bytes);

/* ---- answering bit by bit ----------------------------------------------- */

/* The length of an answer that will tell its end: in chunks, to HTTP/1.1. */
#define BL_HTTP_UNKNOWN_LENGTH (-1)

/*
 * Begins an answer whose body of `length` bytes, or BL_HTTP_UNKNOWN_LENGTH,
 * bl_http_write gives.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     as for bl_http_reply, or length is less than -1
 *   BL_EMISUSE    the answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_reply's.
 */
BL_MAY_WAIT
int bl_http_begin(bl_http_exchange *exchange, int status, const char *type,
                  int64_t length);

/*
 * Adds `bytes` to the body.  They are gathered; bl_http_flush sends them, as
 * does a full buffer, the end of the handler, and each wait for the peer.
 * After a code, unless nothing was added, the answer is cut off.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     data is NULL with bytes > 0
 *   BL_EMISUSE    no answer has begun, or it has ended; nothing was added
 *   BL_EMSGSIZE   that is more than the length; nothing was added
 *   BL_EBUSY      another task is answering; nothing was added
 *   BL_ETIMEDOUT  the peer takes it too slowly
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_http_write(bl_http_exchange *exchange, const void *data, size_t bytes);

/*
 * Sends what was gathered.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ETIMEDOUT  the peer takes it too slowly
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EMISUSE    the answer was cut off before
 *   BL_EBUSY      another task is answering
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_http_flush(bl_http_exchange *exchange);

/*
 * Ends the answer; with fields behind its body, if it is sent in chunks, and
 * without them otherwise.  A handler that returns 0 ends it as well.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EMISUSE    no answer has begun, it has ended, or bytes are lacking
 *   BL_EINVAL     a trailer would not make one field; nothing was ended
 *   BL_EMSGSIZE   the trailers are larger than the buffer; likewise
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_write's.
 */
BL_MAY_WAIT
int bl_http_end(bl_http_exchange *exchange, const bl_http_field *trailers,
                size_t count);

/* ---- another protocol --------------------------------------------------- */

/* A connection that is no longer HTTP's. */
typedef struct bl_http_raw {
    bl_stream *stream; /* the server's: it is closed after the handler */
    const char *bytes; /* that have come already, to be read first */
    size_t count;
} bl_http_raw;

/*
 * Takes the connection over: answers 101 with `protocol` in Upgrade, and the
 * fields that were added; or 200, if `protocol` is NULL, which is how CONNECT
 * is answered.  From then on the handler reads and writes the stream itself.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     raw is NULL, or the protocol is no value of a field
 *   BL_EPROTO     the peer has not asked for an upgrade; or it still sends a
 *                 body
 *   BL_EMISUSE    the answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_flush's.
 */
BL_MAY_WAIT
int bl_http_upgrade(bl_http_exchange *exchange, const char *protocol,
                    bl_http_raw *raw);

/* ---- several handlers --------------------------------------------------- */

/*
 * A handler, and what it is for.  A path that ends in '*' stands for all that
 * begin so; a method of NULL for every method, and GET for HEAD as well.
 */
typedef struct bl_http_route {
    const char *method;
    const char *path;
    bl_http_handler *handler;
    void *arg;
} bl_http_route;

/*
 * Calls the handler of the first route that fits.
 *
 * Returns what that returned; 404 if no path fits; 405 if one does, but not
 * with that method, with the methods that do in Allow.
 *
 * Errors:
 *   BL_EINVAL     exchange or routes is NULL
 *   BL_ECANCELED  the handler was cancelled
 *
 * Any other code is the handler's.
 */
BL_MAY_WAIT
int bl_http_dispatch(bl_http_exchange *exchange, const bl_http_route *routes,
                     size_t count);

#ifndef BL_NO_SITES
#    define bl_http_serve(...) \
        BL__AT("bl_http_serve(" #__VA_ARGS__ ")", bl_http_serve(__VA_ARGS__))
#    define bl_http_serve_connection(...)                    \
        BL__AT("bl_http_serve_connection(" #__VA_ARGS__ ")", \
               bl_http_serve_connection(__VA_ARGS__))
#    define bl_http_reply(...) \
        BL__AT("bl_http_reply(" #__VA_ARGS__ ")", bl_http_reply(__VA_ARGS__))
#    define bl_http_reply_text(...)                    \
        BL__AT("bl_http_reply_text(" #__VA_ARGS__ ")", \
               bl_http_reply_text(__VA_ARGS__))
#    define bl_http_reply_file(...)                    \
        BL__AT("bl_http_reply_file(" #__VA_ARGS__ ")", \
               bl_http_reply_file(__VA_ARGS__))
#    define bl_http_begin(...) \
        BL__AT("bl_http_begin(" #__VA_ARGS__ ")", bl_http_begin(__VA_ARGS__))
#    define bl_http_write(...) \
        BL__AT("bl_http_write(" #__VA_ARGS__ ")", bl_http_write(__VA_ARGS__))
#    define bl_http_flush(...) \
        BL__AT("bl_http_flush(" #__VA_ARGS__ ")", bl_http_flush(__VA_ARGS__))
#    define bl_http_end(...) \
        BL__AT("bl_http_end(" #__VA_ARGS__ ")", bl_http_end(__VA_ARGS__))
#    define bl_http_upgrade(...)                    \
        BL__AT("bl_http_upgrade(" #__VA_ARGS__ ")", \
               bl_http_upgrade(__VA_ARGS__))
#    define bl_http_dispatch(...)                    \
        BL__AT("bl_http_dispatch(" #__VA_ARGS__ ")", \
               bl_http_dispatch(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
