/* SPDX-License-Identifier: MIT */
/*
 * belay/http/client.h - asking HTTP/1.1 servers
 *
 *     bl_http_answer *answer;
 *     int rc = bl_http_get(client, "http://example.org/", &answer);
 *     if (rc < 0) return rc;
 *     printf("%d\n%s", answer->status, answer->body);
 *     bl_http_answer_free(answer);
 *
 * A client keeps the connections that were left in a state to be used again,
 * and follows redirects.  An *answer* is a whole response in memory; a *call*
 * is one that is read, and asked for, as it goes.
 *
 * A response that was cut off is always an error and never a short body.
 * Every status that a server can answer is a success here: look at it.  Bodies
 * are given as they come: nothing is decompressed, and none is asked for
 * compressed.
 *
 * The limits of the options are for phases that no program wants to last for
 * ever; the time for the whole belongs to the scope around the call.
 */
#ifndef BELAY_HTTP_CLIENT_H
#define BELAY_HTTP_CLIENT_H

#include <belay/base.h>
#include <belay/http/message.h>
#include <belay/http/url.h>
#include <belay/net.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

typedef struct bl_http_client bl_http_client;

/*
 * Opens a stream to "host:port" or "[address]:port".  It may wait.  A kind of
 * your own is used for one request alone unless it has `try_read`.
 */
typedef int bl_http_dial_fn(void *arg, const char *host_and_port,
                            bl_stream **stream);

/*
 * Begins TLS over `under` and makes sure that `host` is there: bl_tls_secure of
 * belay-tls, whose `arg` is a bl_tls_context.  On success `under` belongs to
 * the new stream.  It may wait.
 */
typedef int bl_http_secure_fn(void *arg, bl_stream *under, const char *host,
                              bl_stream **stream);

/*
 * What a client can be told.  Zero means default; everything is copied.
 */
typedef struct bl_http_client_options {
    size_t size; /* sizeof(bl_http_client_options) */

    /* Ways to a server. */
    const bl_connect_options *connect; /* its `resolve` finds addresses */
    bl_http_dial_fn *dial;             /* instead of bl_connect_name */
    void *dial_arg;
    bl_http_secure_fn *secure; /* NULL: https is BL_ENOTSUP */
    void *secure_arg;
    /* The proxy for everything; "": none; NULL: what http_proxy, https_proxy,
     * all_proxy and no_proxy say in the environment. */
    const char *proxy;

    /* Connections. */
    uint32_t host_connections_max; /* to one host; more wait in line; 16 */
    uint32_t idle_max;             /* that are kept unused, to all hosts; 64 */
    bl_ns idle_ns_max;             /* for so long; 30 s */

    /* Phases. */
    bl_ns connect_ns_max; /* name, connection, TLS, proxy together; 30 s */
    bl_ns head_ns_max;    /* from the request to the response's head; 60 s */
    bl_ns silence_ns_max; /* of a peer, in the middle of a body; 60 s */

    /* Sizes. */
    size_t head_bytes_max;   /* of a response's head; 64 KiB */
    uint32_t fields_max;     /* of a response; 128 */
    uint64_t body_bytes_max; /* of a whole answer; 16 MiB */

    /* Redirects. */
    int redirects_max;      /* that are followed; 10; -1: none */
    bool allows_downgrades; /* also from https to http */
    const char *user_agent; /* "belay/VERSION"; "": the field is not sent */
} bl_http_client_options;

/*
 * Opens a client for the running loop; `options` may be NULL.  The variables
 * of the environment are read now.
 *
 * Returns 0; the caller closes `*client`.
 *
 * Errors:
 *   BL_EINVAL    client is NULL, an option is out of its range, or a proxy is
 *                no URL
 *   BL_EMSGSIZE  a proxy's URL is too long
 *   BL_ENOTSUP   a proxy is neither http nor https
 *   BL_ENOMEM    there was no memory; nothing was opened
 *   BL_ENOLOOP   no loop runs on this thread
 */
BL_MAY_FAIL
int bl_http_client_open(const bl_http_client_options *options,
                        bl_http_client **client);

/*
 * Closes the client and its unused connections.  Those who wait for a
 * connection get BL_ECLOSED; calls that are open go on to their end.
 * Never waits.  NULL is allowed.
 */
BL_API
void bl_http_client_close(bl_http_client *client);

/* What a client is doing at this moment. */
typedef struct bl_http_client_stats {
    uint64_t opened;     /* connections, since the client was */
    uint64_t reused;     /* times that one was used again */
    uint64_t retried;    /* requests sent again: their connection was stale */
    uint64_t redirected; /* redirects that were followed */
    uint32_t active;     /* connections of open calls */
    uint32_t idle;       /* connections that are kept */
    uint32_t waiting;    /* calls in line for a connection */
} bl_http_client_stats;

/*
 * Returns what the client has done so far.
 */
BL_API
bl_http_client_stats bl_http_client_stats_of(const bl_http_client *client);

/*
 * What a request can be told besides its method and URL.  Zero means default.
 * The body is one of: `body`; what `source` gives until its end; what
 * bl_http_call_write is called with, if is_written.
 */
typedef struct bl_http_call_options {
    size_t size; /* sizeof(bl_http_call_options) */
    /* Besides Host, User-Agent, Authorization (from the URL) and
     * Accept-Encoding, which are sent anyway and may be replaced here; not
     * those that say how the message is sent: Connection, Content-Length,
     * Transfer-Encoding, Expect, TE, Trailer, Upgrade. */
    const bl_http_field *fields;
    size_t field_count;
    const void *body; /* borrowed until bl_http_call_open returns */
    size_t body_bytes;
    bl_stream *source; /* likewise */
    bool is_written;
    bool has_length;  /* the source or what is written has `length` bytes; */
    uint64_t length;  /* otherwise it is sent in chunks */
    bool expects_100; /* the body is sent when the server says so, or 1 s */
    bool may_repeat;  /* it does no harm to send it twice, as with GET, ... */
    bool is_final;    /* the connection is closed afterwards */
} bl_http_call_options;

/* A whole response.  Everything is its own. */
typedef struct bl_http_answer {
    int status;
    const char *reason;
    bl_http_fields fields;
    const char *body; /* with a NUL behind it */
    size_t body_bytes;
    const char *url; /* that it came from, after redirects */
} bl_http_answer;

/*
 * Asks for `url`, follows redirects, and reads the whole response.
 *
 * Returns 0, whatever the status; the caller frees `*answer`.
 *
 * Errors:
 *   BL_EHTTP_BODY_SIZE  the body is longer than body_bytes_max
 *   BL_EHTTP_TRUNCATED  the connection ended before the response did
 *   BL_ECANCELED        an enclosing scope was cancelled
 *   BL_EINVAL           client, url or answer is NULL, or it is no URL
 *
 * Any other code is one of bl_http_call_open's or bl_http_body_read's.
 */
BL_MAY_WAIT
int bl_http_get(bl_http_client *client, const char *url,
                bl_http_answer **answer);

/*
 * Sends a request and reads the whole response; `options` may be NULL.
 *
 * Returns 0, whatever the status; the caller frees `*answer`.
 *
 * Errors:
 *   BL_EINVAL  an argument is NULL or not valid; the body cannot be written
 *              (is_written)
 *
 * Any other code is one of bl_http_get's.
 */
BL_MAY_WAIT
int bl_http_send(bl_http_client *client, const char *method, const char *url,
                 const bl_http_call_options *options, bl_http_answer **answer);

/*
 * Gives an answer back.  NULL is allowed.
 */
BL_API
void bl_http_answer_free(bl_http_answer *answer);

/* A request and its response, for one task at a time. */
typedef struct bl_http_call bl_http_call;

/*
 * Sends a request, and waits for the head of its response.  If the body is
 * written piece by piece, it sends the head of the request alone; the rest is
 * up to bl_http_call_write and bl_http_call_receive.
 *
 * The request goes out over a connection that is left from an earlier one, if
 * there is any.  If that turns out to be dead before anything of a response
 * has come, the request is sent once more over a new one, unless it might have
 * been carried out and may not be repeated, or a part of its body is gone: of a
 * `source`, or written.
 *
 * While a body is sent, the server is listened to.  If it answers before it has
 * got all, other than by 2xx, the rest is not sent and the connection not used
 * again.
 *
 * Redirects are followed: 303, and for POST 301 and 302, with GET and without
 * the body; the others with the method and the body, if that is `body` or
 * there is none: otherwise the redirect is the response.  Authorization,
 * Cookie and a Host of your own are not sent to another origin.
 *
 * Returns 0; the caller closes `*call`.
 *
 * Errors:
 *   BL_EINVAL           client, method, url or call is NULL; the method or
 *                       a field cannot be sent; it is no URL; a body in two
 *                       ways; the client is of another loop
 *   BL_EMSGSIZE         the URL is too long
 *   BL_ENOTSUP          the URL is neither http nor https; or https, and the
 *                       client has no `secure`
 *   BL_EHTTP_MALFORMED  what came is not HTTP, or open to two readings
 *   BL_EHTTP_VERSION    it is HTTP of another version
 *   BL_EHTTP_CODING     it has a transfer coding that is not known
 *   BL_EHTTP_HEAD_SIZE  the head of the response is larger than the limits
 *   BL_EHTTP_TRUNCATED  the connection ended inside the head, or before it
 *   BL_EHTTP_REDIRECT   too many redirects; one to http from https, or to
 *                       nowhere
 *   BL_EHTTP_PROXY      the proxy refused; the current error has its status
 *   BL_ETIMEDOUT        a phase took too long: see the options
 *   BL_ECANCELED        an enclosing scope was cancelled
 *   BL_ECLOSED          the client was closed
 *   BL_ENOMEM           there was no memory
 *   BL_ENOTASK          called from a loop callback
 *
 * Any other code is of connecting (bl_connect_name, `dial`, `secure`), or of
 * the streams.
 */
BL_MAY_WAIT
int bl_http_call_open(bl_http_client *client, const char *method,
                      const char *url, const bl_http_call_options *options,
                      bl_http_call **call);

/*
 * Sends `bytes` more of the body.  A server that does not read makes the
 * caller wait.  One may answer before it has got all, and then there is no
 * sense in sending more:
 *
 *     while (rc == 0 && (count = next_piece(piece)) > 0)
 *         rc = bl_http_call_write(call, piece, count);
 *     if (rc == 0 || rc == BL_EHTTP_EARLY) rc = bl_http_call_receive(call);
 *
 * After any other failure the call is of no further use, but that after
 * BL_EPIPE and BL_ECONNRESET bl_http_call_receive may find out why.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EHTTP_EARLY  the server has answered, other than by 2xx, and no more is
 *                   sent; the answer is bl_http_call_receive's
 *   BL_EINVAL       call is NULL, data is NULL with bytes > 0, or it is more
 *                   than the length that was declared; nothing was sent
 *   BL_EMISUSE      the body is not written piece by piece, or was ended
 *   BL_ETIMEDOUT    the server took nothing for silence_ns_max
 *   BL_ECANCELED    an enclosing scope was cancelled; a part may have been sent
 *   BL_ENOMEM       there was no memory; likewise
 *
 * Any other code is one of bl_stream_write's, or one of bl_http_call_open's
 * about what the server has said.
 */
BL_MAY_WAIT
int bl_http_call_write(bl_http_call *call, const void *data, size_t bytes);

/*
 * Ends the body that was written, and waits for the head of the response.  If
 * that is there already, it says the same again.
 *
 * Returns the status, 200 to 599 as a rule.
 *
 * Errors:
 *   BL_EINVAL     call is NULL
 *   BL_EMISUSE    less was written than the length that was declared
 *   BL_ECANCELED  an enclosing scope was cancelled; the call is of no
 *                 further use, as with all errors
 *
 * Any other code is one of bl_http_call_open's.
 */
BL_MAY_WAIT
int bl_http_call_receive(bl_http_call *call);

/*
 * Returns the status of the response; 0 before it has come.
 */
BL_API
int bl_http_call_status(const bl_http_call *call);

/*
 * Returns the phrase behind the status; "" if there is none.
 */
BL_API
const char *bl_http_call_reason(const bl_http_call *call);

/*
 * Returns the fields of the response; none before it has come.
 */
BL_API
const bl_http_fields *bl_http_call_fields(const bl_http_call *call);

/*
 * Returns the body of the response, which is read with bl_http_body_read;
 * NULL before it has come.  It is valid until the call is closed.
 */
BL_API
bl_http_body *bl_http_call_body(bl_http_call *call);

/*
 * Returns the URL that was asked last, after redirects.
 */
BL_API
const bl_url *bl_http_call_url(const bl_http_call *call);

/*
 * Ends the call.  Its connection is kept for the next one if the response
 * was read to its end, and is closed otherwise.  Never waits.  NULL is
 * allowed.
 */
BL_API
void bl_http_call_close(bl_http_call *call);

#ifndef BL_NO_SITES
#    define bl_http_get(...) \
        BL__AT("bl_http_get(" #__VA_ARGS__ ")", bl_http_get(__VA_ARGS__))
#    define bl_http_send(...) \
        BL__AT("bl_http_send(" #__VA_ARGS__ ")", bl_http_send(__VA_ARGS__))
#    define bl_http_call_open(...)                    \
        BL__AT("bl_http_call_open(" #__VA_ARGS__ ")", \
               bl_http_call_open(__VA_ARGS__))
#    define bl_http_call_write(...)                    \
        BL__AT("bl_http_call_write(" #__VA_ARGS__ ")", \
               bl_http_call_write(__VA_ARGS__))
#    define bl_http_call_receive(...)                    \
        BL__AT("bl_http_call_receive(" #__VA_ARGS__ ")", \
               bl_http_call_receive(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
