/* SPDX-License-Identifier: MIT */
/*
 * http/call.c - a request and its response
 *
 *     take a connection -> send -> read the head -> a redirect?  again
 *           ^                |          |
 *           +-- once more ---+----------+  it was a stale one, and no harm done
 *
 * A server may answer, and close, before it has read the whole request.  That
 * is noticed while a body is sent (send.c); and when sending fails, the answer
 * is looked for before the failure is told.
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

#include "base/alloc.h"
#include "http/client.h"

enum {
    CALL_DRAIN_BYTES = 8192 /* of a redirect: cheaper than to connect */
};

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

/* ---- one request --------------------------------------------------------- */

/* Whether a server to which one writes so has closed. */
static bool is_gone(int rc) {
    return rc == BL_EPIPE || rc == BL_ECONNRESET;
}

/* Whether a connection that fails like this was given up by the server. */
static bool is_lost(int rc) {
    return is_gone(rc) || rc == BL_EHTTP_TRUNCATED || rc == BL_ETLSTRUNCATED;
}

/* After `rc`: is there an answer all the same? */
static int look_for_answer(bl_http_call *call, int rc) {
    if (!call->is_broken || !is_gone(rc)) return rc;
    int found = bl__http_receive(call);
    return found == BL_ECANCELED || found == 0 ? found : rc;
}

/* Sends the request over the connection, and waits for the response. */
static int converse(bl_http_call *call, const bl_url *proxy) {
    call->has_sent = false;
    call->is_sent = false;
    call->is_broken = false;
    call->has_head = false;
    call->written = 0;
    int rc = bl__http_send_request(call, proxy);
    if (rc < 0) return look_for_answer(call, rc);
    if (call->has_head || call->is_writing) return 0;
    return bl__http_receive(call);
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
        return BL_ERR(BL_ENOTSUP,
                      "https, and the client has no "
                      "bl_http_client_options.secure, such as bl_tls_secure");
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

/* The response has come, and is the user's unless it leads elsewhere. */
static int settle(bl_http_call *call) {
    int rc = follow(call);
    if (rc == 0) call->is_settled = true;
    return rc;
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
    if (rc == 0 && made->has_head) rc = settle(made);
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
    if (call->is_early) return BL_EHTTP_EARLY;
    if (!call->is_writing) return BL_EMISUSE;
    const struct bl__http_order *order = &call->order;
    if (!order->is_chunked && bytes > order->length - call->written) {
        return BL_EINVAL;
    }
    if (bytes == 0) return 0; /* an empty chunk would be the end */
    int rc = bl__http_send_piece(call, data, bytes);
    if (rc == 0) {
        call->written += bytes;
        return 0;
    }
    call->is_writing = false;
    if (rc == BL_EHTTP_EARLY) return rc;
    if (call->is_broken && is_gone(rc)) return rc; /* but maybe a head */
    return call_fail(call, rc);
}

/* Ends what was written.  Returns 0 if the response may be waited for. */
static int end_writing(bl_http_call *call) {
    const struct bl__http_order *order = &call->order;
    call->is_writing = false;
    if (!order->is_chunked && call->written < order->length) {
        return BL_EMISUSE;
    }
    int rc = bl__http_send_end(call);
    return call->is_broken && is_gone(rc) ? 0 : rc;
}

int bl_http_call_receive(bl_http_call *call) {
    if (call == NULL) return BL_EINVAL;
    if (call->failure < 0) return call->failure;
    if (call->is_settled) return call->head.status;
    int rc = call->is_writing ? end_writing(call) : 0;
    if (rc == 0 && !call->has_head) rc = bl__http_receive(call);
    if (rc == 0) rc = settle(call);
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
