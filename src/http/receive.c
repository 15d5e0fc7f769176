/* SPDX-License-Identifier: MIT */
/*
 * http/receive.c - the heads of responses
 *
 * Heads of 1xx are read over until one is the response's.  A read that is
 * cancelled leaves what has come in the input, where the next one finds it; so
 * a head may be looked for while the request is still being sent.
 */
#include <belay/error.h>
#include <belay/scope.h>

#include "http/client.h"

enum {
    RECEIVE_HEADS_MAX = 16 /* with those of 1xx */
};

static const bl_ns receive_continue_ns_max = BL_SEC(1);

/* ---- one head ------------------------------------------------------------ */

/* Whoever speaks another protocol may wait for us, and is not waited for. */
static bool may_be_response(const char *bytes, size_t count) {
    static const char prefix[] = "HTTP/";
    if (count > sizeof prefix - 1) count = sizeof prefix - 1;
    return memcmp(bytes, prefix, count) == 0;
}

int bl__http_read_head(bl__http_input *input, bl__http_fill *fill,
                       size_t head_bytes_max, bl_http_field *items,
                       size_t items_max, bl__http_head *head) {
    size_t searched = 0;
    BL__ASSERT(input->pin == 0);
    /* Behind a head, which is kept, there has to be room for a body. */
    bl__http_input_compact(input);
    for (;;) {
        char *bytes = input->bytes + input->start;
        size_t count = bl__http_input_count(input);
        if (!may_be_response(bytes, count)) return BL_EHTTP_MALFORMED;
        bl_ssize length =
            bl__http_head_find(BL__HTTP_RESPONSE, bytes, count, &searched);
        if (length < 0) return (int)length;
        size_t known = length > 0 ? (size_t)length : count;
        if (known > head_bytes_max) return BL_EHTTP_HEAD_SIZE;
        if (length > 0) {
            int rc = bl__http_head_parse(BL__HTTP_RESPONSE, bytes, known, items,
                                         items_max, head);
            if (rc == 0) bl__http_input_skip(input, known);
            return rc;
        }
        bl_ssize came = fill(input);
        if (came == BL_EMSGSIZE) return BL_EHTTP_HEAD_SIZE;
        if (came < 0) return (int)came;
        if (came == 0) {
            return BL_ERR(BL_EHTTP_TRUNCATED,
                          "the connection ended before the response");
        }
    }
}

static int read_head(bl_http_call *call, bl__http_fill *fill) {
    const bl_http_client_options *options = &call->client->options;
    int rc = bl__http_read_head(&call->connection->input, fill,
                                options->head_bytes_max, call->items,
                                options->fields_max, &call->head);
    if (rc < 0) return rc;
    /* We have not asked to change to another protocol. */
    return call->head.status == 101 ? BL_EHTTP_MALFORMED : 0;
}

/* ---- the response's ------------------------------------------------------ */

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

int bl__http_receive_by(bl_http_call *call, bl__http_fill *fill) {
    for (int i = 0; i < RECEIVE_HEADS_MAX; i++) {
        int rc = read_head(call, fill);
        if (rc < 0) return rc;
        if (call->head.status < 200) continue;
        begin_body(call);
        return 0;
    }
    return BL_ERR(BL_EHTTP_MALFORMED, "more than %d responses of 1xx",
                  RECEIVE_HEADS_MAX);
}

int bl__http_receive(bl_http_call *call) {
    bl_ns limit = call->client->options.head_ns_max;
    bl_scope scope = { 0 };
    bl_scope_enter_timeout(&scope, limit);
    int rc = bl__http_receive_by(call, bl__http_input_fill);
    rc = bl_scope_exit(&scope, rc);
    if (rc == BL_ETIMEDOUT && bl_scope_is_expired(&scope)) {
        return BL_ERR(rc, "no response from %s in time", call->url.authority);
    }
    return rc;
}

int bl__http_receive_continue(bl_http_call *call) {
    bl_scope scope = { 0 };
    int rc;
    bl_scope_enter_move_on(&scope, receive_continue_ns_max);
    do {
        rc = read_head(call, bl__http_input_fill);
    } while (rc == 0 && call->head.status < 200 && call->head.status != 100);
    bool has_come = rc == 0;
    rc = bl_scope_exit(&scope, rc);
    if (rc < 0) return rc;
    if (!has_come || call->head.status == 100) return 0;
    begin_body(call);
    return 1;
}
