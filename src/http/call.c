/* SPDX-License-Identifier: MIT */
/*
 * http/call.c - a request and its response
 *
 *     take a connection -> send -> read the head -> a redirect?  again
 *           ^                |          |
 *           +-- once more ---+----------+  it was a stale one, and no harm done
 *
 * A server may answer, and close, before it has read the whole request: when
 * sending fails, its answer is looked for before the failure is told.
 *
 * A connection goes back to be used again only if the request went out whole,
 * the response was read to its end, and nothing came behind it.  In all other
 * cases, cancellation among them, it is closed: nobody could tell whose bytes
 * come next.
 *
 * Invariants:
 *   has_head -> `head` and `body` are of the connection's response;
 *   failure < 0 -> there is no connection.
 */
#include <belay/error.h>
#include <belay/scope.h>

#include <stdio.h>

#include "base/alloc.h"
#include "http/client.h"

enum {
    CALL_HEADS_MAX = 16,     /* with those of 1xx */
    CALL_DRAIN_BYTES = 8192, /* of a redirect: cheaper than to connect */
    CALL_SOURCE_BYTES = 32768,
    CALL_CHUNK_BYTES = 20 /* the line in front of a chunk */
};

static const bl_ns call_continue_ns_max = BL_SEC(1);
static const bl_ns call_drain_ns_max = BL_MS(200);

/* ---- the connection ------------------------------------------------------ */

static void connection_drop(bl_http_call *call) {
    if (call->connection == NULL) return;
    bl__pool_drop(call->connection);
    call->connection = NULL;
    call->has_head = false;
}

/* Reads over the rest of a body that is buffered already. */
static void body_skip_buffered(bl_http_body *body) {
    uint64_t buffered = bl__http_input_count(body->input);
    if (body->framing != BL__HTTP_LENGTH || body->failure < 0) return;
    if (body->left > buffered) return;
    bl__http_input_skip(body->input, (size_t)body->left);
    body->left = 0;
    body->is_done = true;
}

static bool connection_is_reusable(const bl_http_call *call) {
    const bl_http_body *body = &call->body;
    if (!call->has_head || !call->is_sent) return false;
    if (call->order.is_final) return false;
    if (body->failure < 0 || !body->is_done) return false;
    if (body->framing == BL__HTTP_UNTIL_CLOSE) return false;
    if (!bl__http_head_persists(&call->head)) return false;
    return bl__http_input_count(&call->connection->input) == 0;
}

static void connection_release(bl_http_call *call) {
    if (call->connection == NULL) return;
    if (call->has_head) body_skip_buffered(&call->body);
    if (!connection_is_reusable(call)) {
        connection_drop(call);
        return;
    }
    bl__pool_give(call->connection);
    call->connection = NULL;
    call->has_head = false;
}

/* Notes a failure for good. */
static int call_fail(bl_http_call *call, int rc) {
    call->failure = rc;
    connection_drop(call);
    return rc;
}

/* ---- sending ------------------------------------------------------------- */

/* Writes all parts; each time the server takes something it has the full time
 * again. */
static int send_parts(bl_http_call *call, struct iovec *parts, int count) {
    bl_stream *stream = call->connection->stream;
    bl_ns silence = call->client->options.silence_ns_max;
    while (count > 0) {
        bl_scope scope = { 0 };
        bl_scope_enter_timeout(&scope, silence);
        bl_ssize moved = bl_stream_writev(stream, parts, count);
        int rc = bl_scope_exit(&scope, moved < 0 ? (int)moved : 0);
        if (rc < 0) return rc;
        call->has_sent = true;
        size_t left = (size_t)moved;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count == 0) break;
        parts->iov_base = (char *)parts->iov_base + left;
        parts->iov_len -= left;
    }
    return 0;
}

static struct iovec part_of(const void *bytes, size_t count) {
    struct iovec part = { .iov_len = count };
    memcpy(&part.iov_base, &bytes, sizeof bytes); /* it has no const */
    return part;
}

/* Sends a piece of a body, as a chunk if that is how it is sent. */
static int send_piece(bl_http_call *call, const void *bytes, size_t count) {
    char line[CALL_CHUNK_BYTES];
    struct iovec parts[3];
    if (!call->order.is_chunked) {
        parts[0] = part_of(bytes, count);
        return send_parts(call, parts, 1);
    }
    int length = snprintf(line, sizeof line, "%zx\r\n", count);
    parts[0] = part_of(line, (size_t)length);
    parts[1] = part_of(bytes, count);
    parts[2] = part_of("\r\n", 2);
    return send_parts(call, parts, 3);
}

static int send_end(bl_http_call *call) {
    struct iovec part = part_of("0\r\n\r\n", 5);
    if (!call->order.is_chunked) return 0;
    return send_parts(call, &part, 1);
}

/* Sends what the source gives: all until its end, or just the length. */
static int send_source(bl_http_call *call, char *buffer) {
    const struct bl__http_order *order = &call->order;
    uint64_t left = order->is_chunked ? UINT64_MAX : order->length;
    while (left > 0) {
        size_t bytes = CALL_SOURCE_BYTES;
        if (bytes > left) bytes = (size_t)left;
        bl_ssize count = bl_stream_read(order->source, buffer, bytes);
        if (count < 0) return (int)count;
        call->has_used_source = true;
        if (count == 0 && order->is_chunked) break;
        if (count == 0) {
            return BL_ERR(BL_EHTTP_TRUNCATED,
                          "the source of the body has ended too early");
        }
        int rc = send_piece(call, buffer, (size_t)count);
        if (rc < 0) return rc;
        if (!order->is_chunked) left -= (uint64_t)count;
    }
    return send_end(call);
}

static int send_body(bl_http_call *call) {
    const struct bl__http_order *order = &call->order;
    if (order->source == NULL) {
        struct iovec part = part_of(order->body, order->body_bytes);
        return send_parts(call, &part, order->body_bytes > 0 ? 1 : 0);
    }
    char *buffer = bl__alloc(CALL_SOURCE_BYTES);
    if (buffer == NULL) return BL_ENOMEM;
    int rc = send_source(call, buffer);
    bl__free(buffer);
    return rc;
}

/* ---- the response's head ------------------------------------------------- */

static int read_head(bl_http_call *call) {
    const bl_http_client_options *options = &call->client->options;
    int rc =
        bl__http_read_head(&call->connection->input, options->head_bytes_max,
                           call->items, options->fields_max, &call->head);
    if (rc < 0) return rc;
    /* We have not asked to change to another protocol. */
    return call->head.status == 101 ? BL_EHTTP_MALFORMED : 0;
}

/* A silence is counted from the last time that something came. */
static int body_prepare(bl_http_body *body) {
    body->pace.waited = 0;
    return 0;
}

static void begin_body(bl_http_call *call) {
    const bl__http_head *head = &call->head;
    bl_http_body *body = &call->body;
    bl__http_framing framing = BL__HTTP_UNTIL_CLOSE;
    bool has_none = bl__http_order_is(&call->order, "HEAD") ||
                    head->status == 204 || head->status == 304;
    if (has_none || head->length == 0) {
        framing = BL__HTTP_EMPTY;
    } else if (head->is_chunked) {
        framing = BL__HTTP_CHUNKED;
    } else if (head->length > 0) {
        framing = BL__HTTP_LENGTH;
    }
    bl__http_input_pin(&call->connection->input);
    bl__http_body_init(body, &call->connection->input, framing, head->length);
    body->pace.patience = call->client->options.silence_ns_max;
    body->prepare = body_prepare;
    body->items = call->trailers;
    body->items_max = BL__HTTP_TRAILERS_MAX;
    call->has_head = true;
}

/* Reads heads until one is the response's. */
static int read_heads(bl_http_call *call) {
    for (int i = 0; i < CALL_HEADS_MAX; i++) {
        int rc = read_head(call);
        if (rc < 0) return rc;
        if (call->head.status < 200) continue;
        begin_body(call);
        return 0;
    }
    return BL_ERR(BL_EHTTP_MALFORMED, "more than %d responses of 1xx",
                  CALL_HEADS_MAX);
}

static int receive_head(bl_http_call *call) {
    bl_ns limit = call->client->options.head_ns_max;
    bl_scope scope = { 0 };
    bl_scope_enter_timeout(&scope, limit);
    int rc = bl_scope_exit(&scope, read_heads(call));
    if (rc == BL_ETIMEDOUT && bl_scope_is_expired(&scope)) {
        return BL_ERR(rc, "no response from %s in time", call->url.authority);
    }
    return rc;
}

/*
 * Waits until the server wants the body, or has been asked for long enough.
 * Returns 1 if it has answered without wanting it.
 */
static int await_continue(bl_http_call *call) {
    bl_scope scope = { 0 };
    int rc;
    bl_scope_enter_move_on(&scope, call_continue_ns_max);
    do {
        rc = read_head(call);
    } while (rc == 0 && call->head.status < 200 && call->head.status != 100);
    bool has_come = rc == 0;
    rc = bl_scope_exit(&scope, rc);
    if (rc < 0) return rc;
    if (!has_come || call->head.status == 100) return 0;
    begin_body(call);
    return 1;
}

/* ---- one request --------------------------------------------------------- */

/* Sends the head, and the body unless it is written piece by piece. */
static int send_request(bl_http_call *call, const bl_url *proxy) {
    const struct bl__http_order *order = &call->order;
    bl__http_output output;
    int rc = bl__http_order_compose(order, &call->url, proxy,
                                    call->client->user_agent, &output);
    if (rc < 0) return rc;
    struct iovec parts[2] = { part_of(output.bytes, output.count),
                              part_of(order->body, order->body_bytes) };
    bool has_all = !order->expects_100 && order->source == NULL;
    rc = send_parts(call, parts, has_all && order->body_bytes > 0 ? 2 : 1);
    bl__free(output.bytes);
    if (rc < 0) return rc;
    if (order->expects_100) {
        rc = await_continue(call);
        if (rc != 0) return rc < 0 ? rc : 0;
    }
    if (order->is_written) {
        call->is_writing = true;
        return 0;
    }
    if (!has_all) rc = send_body(call);
    if (rc == 0) call->is_sent = true;
    return rc;
}

/* Whether a connection that fails like this was given up by the server. */
static bool is_lost(int rc) {
    return rc == BL_EPIPE || rc == BL_ECONNRESET || rc == BL_EHTTP_TRUNCATED ||
           rc == BL_ETLSTRUNCATED;
}

/* After `rc`: is there an answer all the same? */
static int look_for_answer(bl_http_call *call, int rc) {
    if (rc != BL_EPIPE && rc != BL_ECONNRESET) return rc;
    int found = receive_head(call);
    return found == BL_ECANCELED || found == 0 ? found : rc;
}

/* Sends the request over the connection, and waits for the response. */
static int converse(bl_http_call *call, const bl_url *proxy) {
    call->has_sent = false;
    call->is_sent = false;
    call->has_head = false;
    call->written = 0;
    int rc = send_request(call, proxy);
    if (rc < 0) return look_for_answer(call, rc);
    if (call->has_head || call->is_writing) return 0;
    return receive_head(call);
}

/* Whether it does no harm that a request is carried out twice. */
static bool is_idempotent(const struct bl__http_order *order) {
    static const char *const methods[] = { "GET",    "HEAD",    "PUT",
                                           "DELETE", "OPTIONS", "TRACE" };
    if (order->may_repeat) return true;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (bl__http_order_is(order, methods[i])) return true;
    }
    return false;
}

static bool may_try_again(const bl_http_call *call, int rc) {
    const struct bl__http_pooled *connection = call->connection;
    if (!connection->is_reused || !is_lost(rc)) return false;
    if (bl__http_input_count(&connection->input) > 0) return false;
    if (call->has_used_source) return false;
    return !call->has_sent || is_idempotent(&call->order);
}

/* Makes one request, for a second time if the connection was stale. */
static int ask_once(bl_http_call *call) {
    bl_http_client *client = call->client;
    const bl_url *proxy = bl__proxy_for(&client->proxies, &call->url);
    const bl_url *handed_to = call->url.is_secure ? NULL : proxy;
    if (call->url.is_secure && client->options.secure == NULL) {
        return BL_ERR(BL_ENOTSUP, "https, and the client was not told how");
    }
    for (bool is_fresh = false;; is_fresh = true) {
        int rc = bl__pool_take(client, &call->url, proxy, is_fresh,
                               &call->connection);
        if (rc < 0) return rc;
        rc = converse(call, handed_to);
        if (rc == 0) return 0;
        bool again = may_try_again(call, rc);
        connection_drop(call);
        if (!again) return rc;
        BL__ASSERT(!is_fresh);
        client->stats.retried++;
    }
}

/* A short body of a redirect is read, so that its connection can be kept. */
static int drain(bl_http_call *call) {
    int64_t length = bl_http_body_length(&call->body);
    if (length > CALL_DRAIN_BYTES) return 0;
    bl_scope scope = { 0 };
    bl_scope_enter_move_on(&scope, call_drain_ns_max);
    int rc = bl__http_body_discard(&call->body, CALL_DRAIN_BYTES);
    rc = bl_scope_exit(&scope, rc);
    return rc == BL_ECANCELED ? rc : 0; /* without it, it is closed */
}

/* Follows the redirects from a response to the one that is none. */
static int follow(bl_http_call *call) {
    for (;;) {
        int rc = bl__http_redirect(call);
        if (rc <= 0) return rc;
        rc = drain(call);
        if (rc < 0) return rc;
        connection_release(call);
        rc = ask_once(call);
        if (rc < 0) return rc;
    }
}

/* ---- opening and closing ------------------------------------------------- */

static int call_new(bl_http_client *client, const char *method, const char *url,
                    const bl_http_call_options *options, bl_http_call **call) {
    size_t items = client->options.fields_max + BL__HTTP_TRAILERS_MAX;
    bl_http_call *made =
        bl__http_new(sizeof *made + items * sizeof made->items[0]);
    if (made == NULL) return BL_ENOMEM;
    int rc = bl_url_parse(url, &made->url);
    if (rc == 0) {
        rc = bl__http_order_init(&made->order, method, made->url.userinfo,
                                 options);
    }
    if (rc < 0) {
        bl_url_done(&made->url);
        bl__free(made);
        return rc;
    }
    made->trailers = made->items + client->options.fields_max;
    made->client = client;
    client->refcount++;
    *call = made;
    return 0;
}

int bl_http_call_open(bl_http_client *client, const char *method,
                      const char *url, const bl_http_call_options *options,
                      bl_http_call **call) {
    static const bl_http_call_options defaults = { .size = sizeof defaults };
    if (client == NULL || method == NULL || url == NULL) return BL_EINVAL;
    if (call == NULL || client->loop != bl_loop_running()) return BL_EINVAL;
    if (options == NULL) options = &defaults;
    bl_http_call *made;
    int rc = call_new(client, method, url, options, &made);
    if (rc < 0) return rc;
    rc = ask_once(made);
    if (rc == 0 && made->has_head) rc = follow(made);
    if (rc < 0) {
        bl_http_call_close(made);
        return rc;
    }
    *call = made;
    return 0;
}

void bl_http_call_close(bl_http_call *call) {
    if (call == NULL) return;
    connection_release(call);
    bl__http_order_done(&call->order);
    bl_url_done(&call->url);
    bl__http_client_unref(call->client);
    bl__free(call);
}

/* ---- a body that is written piece by piece ------------------------------- */

int bl_http_call_write(bl_http_call *call, const void *data, size_t bytes) {
    if (call == NULL || (data == NULL && bytes > 0)) return BL_EINVAL;
    if (call->failure < 0) return call->failure;
    if (!call->is_writing) return BL_EMISUSE;
    const struct bl__http_order *order = &call->order;
    if (!order->is_chunked && bytes > order->length - call->written) {
        return BL_EINVAL;
    }
    if (bytes == 0) return 0; /* an empty chunk would be the end */
    int rc = send_piece(call, data, bytes);
    if (rc == 0) {
        call->written += bytes;
        return 0;
    }
    call->is_writing = false;
    if (rc == BL_EPIPE || rc == BL_ECONNRESET) return rc; /* but maybe a head */
    return call_fail(call, rc);
}

/* Ends what was written.  Returns 0 if the response may be waited for. */
static int end_writing(bl_http_call *call) {
    const struct bl__http_order *order = &call->order;
    call->is_writing = false;
    if (!order->is_chunked && call->written < order->length) {
        return BL_EMISUSE;
    }
    int rc = send_end(call);
    if (rc == 0) call->is_sent = true;
    if (rc == BL_EPIPE || rc == BL_ECONNRESET) rc = 0;
    return rc;
}

int bl_http_call_receive(bl_http_call *call) {
    if (call == NULL) return BL_EINVAL;
    if (call->failure < 0) return call->failure;
    if (call->has_head) return call->head.status;
    int rc = call->is_writing ? end_writing(call) : 0;
    if (rc == 0) rc = receive_head(call);
    if (rc == 0) rc = follow(call);
    if (rc < 0) return call_fail(call, rc);
    return call->head.status;
}

/* ---- asking -------------------------------------------------------------- */

int bl_http_call_status(const bl_http_call *call) {
    return call->has_head ? call->head.status : 0;
}

const char *bl_http_call_reason(const bl_http_call *call) {
    return call->has_head ? call->head.reason : "";
}

const bl_http_fields *bl_http_call_fields(const bl_http_call *call) {
    static const bl_http_fields none = { .count = 0 };
    return call->has_head ? &call->head.fields : &none;
}

bl_http_body *bl_http_call_body(bl_http_call *call) {
    return call->has_head ? &call->body : NULL;
}

const bl_url *bl_http_call_url(const bl_http_call *call) {
    return &call->url;
}
