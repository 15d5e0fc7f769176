/* SPDX-License-Identifier: MIT */
/*
 * http/send.c - sending a request, as long as the server wants it
 *
 * A server may answer before it has got the whole body: it is too large, or
 * the client is not known.  So while the task of the call sends what belongs
 * to a body, another one listens for the head of the response:
 *
 *     the call's task    write ... write ... write ... called off
 *     the listener       read .................. 413 --^
 *
 * An answer of 2xx, early as it is, is no refusal: there are servers that
 * answer while they read.  Then the body is sent to its end.
 *
 * A body that is written by the user comes in pieces, and nobody listens
 * between them: so each one first looks at what has come since.
 *
 * Invariants:
 *   is_sent -> the server was sent all that was announced to it;
 *   is_broken -> nothing more is sent over the connection.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/scope.h>
#include <belay/task.h>

#include <stdio.h>

#include "base/alloc.h"
#include "http/client.h"

enum {
    SEND_SOURCE_BYTES = 32768,
    SEND_CHUNK_BYTES = 20 /* the line in front of a chunk */
};

/* ---- listening meanwhile ------------------------------------------------- */

struct listener {
    bl_group group;
    bl_http_call *call;
    bl_error *error; /* why there will be no response; NULL */
};

/* Whether there is a response, and the server takes no more of the request. */
static bool is_refused(const bl_http_call *call) {
    if (!call->has_head) return false;
    return call->is_broken || call->head.status >= 300;
}

static int listener_run(void *arg) {
    struct listener *listener = arg;
    bl_task_set_name("early answer");
    int rc = bl__http_receive_by(listener->call, bl__http_input_fill);
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) listener->error = bl_error_take(rc);
    if (rc < 0 || is_refused(listener->call)) {
        bl_group_cancel_because(&listener->group, "the server wants no more");
    }
    return 0;
}

typedef int send_fn(bl_http_call *call, void *arg);

/* Calls `send`, which is called off if the listener knows better. */
static int send_with_listener(bl_http_call *call, send_fn *send, void *arg) {
    struct listener listener = { .call = call };
    int rc = bl_group_enter(&listener.group);
    if (rc < 0) return rc;
    rc = bl_spawn(&listener.group, listener_run, &listener);
    if (rc == 0) rc = send(call, arg);
    bl_group_cancel(&listener.group); /* whoever receives it reads on */
    int left = bl_group_exit(&listener.group, rc == BL_ECANCELED ? rc : 0);
    if (rc == BL_ECANCELED || left < 0) rc = left; /* 0: the listener's doing */
    if (rc == 0 && listener.error != NULL) {
        return bl_error_restore(listener.error);
    }
    bl_error_unref(listener.error);
    return rc;
}

/*
 * Sends a part of a body by `send`.  Returns 0 if that was sent, or the server
 * has refused it: is_refused.
 */
static int send_listening(bl_http_call *call, send_fn *send, void *arg) {
    int rc =
        call->has_head ? send(call, arg) : send_with_listener(call, send, arg);
    if (rc < 0 && rc != BL_ECANCELED && call->is_broken && call->has_head) {
        return 0;
    }
    return rc;
}

/* Looks whether the response has come, and does not wait for it. */
static int look(bl_http_call *call) {
    if (call->has_head) return 0;
    int rc = bl__http_receive_by(call, bl__http_input_try_fill);
    /* A stream that cannot be tried is listened to, once it has to wait. */
    return rc == BL_EAGAIN || rc == BL_ENOTSUP ? 0 : rc;
}

/* ---- writing ------------------------------------------------------------- */

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
        if (rc < 0 && rc != BL_ECANCELED) call->is_broken = true;
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

struct piece {
    const void *bytes;
    size_t count;
};

/* Sends a piece of a body, as a chunk if that is how it is sent. */
static int send_piece(bl_http_call *call, void *arg) {
    const struct piece *piece = arg;
    char line[SEND_CHUNK_BYTES];
    struct iovec parts[3];
    if (!call->order.is_chunked) {
        parts[0] = part_of(piece->bytes, piece->count);
        return send_parts(call, parts, 1);
    }
    int length = snprintf(line, sizeof line, "%zx\r\n", piece->count);
    parts[0] = part_of(line, (size_t)length);
    parts[1] = part_of(piece->bytes, piece->count);
    parts[2] = part_of("\r\n", 2);
    return send_parts(call, parts, 3);
}

static int send_last_chunk(bl_http_call *call, void *arg) {
    struct iovec part = part_of("0\r\n\r\n", 5);
    BL__ASSERT(arg == NULL);
    int rc = send_parts(call, &part, 1);
    if (rc == 0) call->is_sent = true;
    return rc;
}

/* ---- whole bodies -------------------------------------------------------- */

/* Sends the head with a body that is in memory. */
static int send_whole(bl_http_call *call, void *arg) {
    int rc = send_parts(call, arg, 2);
    if (rc == 0) call->is_sent = true;
    return rc;
}

static int send_body(bl_http_call *call, void *arg) {
    const struct bl__http_order *order = &call->order;
    struct iovec part = part_of(order->body, order->body_bytes);
    BL__ASSERT(arg == NULL);
    int rc = send_parts(call, &part, 1);
    if (rc == 0) call->is_sent = true;
    return rc;
}

/* Sends what the source gives: all until its end, or just the length. */
static int send_source(bl_http_call *call, void *arg) {
    const struct bl__http_order *order = &call->order;
    char *buffer = arg;
    uint64_t left = order->is_chunked ? UINT64_MAX : order->length;
    while (left > 0) {
        size_t bytes = SEND_SOURCE_BYTES;
        if (bytes > left) bytes = (size_t)left;
        bl_ssize count = bl_stream_read(order->source, buffer, bytes);
        if (count < 0) return (int)count;
        call->has_used_source = true;
        if (count == 0 && order->is_chunked) break;
        if (count == 0) {
            return BL_ERR(BL_EHTTP_TRUNCATED,
                          "the source of the body has ended too early");
        }
        struct piece piece = { .bytes = buffer, .count = (size_t)count };
        int rc = send_piece(call, &piece);
        if (rc < 0) return rc;
        if (!order->is_chunked) left -= (uint64_t)count;
    }
    if (order->is_chunked) return send_last_chunk(call, NULL);
    call->is_sent = true;
    return 0;
}

/* Sends the body behind a head that was sent. */
static int send_rest(bl_http_call *call) {
    const struct bl__http_order *order = &call->order;
    if (order->source == NULL) return send_listening(call, send_body, NULL);
    char *buffer = bl__alloc(SEND_SOURCE_BYTES);
    if (buffer == NULL) return BL_ENOMEM;
    int rc = send_listening(call, send_source, buffer);
    bl__free(buffer);
    return rc;
}

/* Sends the head, and a body in memory that nobody has to be asked about. */
static int send_head(bl_http_call *call, const bl_url *proxy, bool has_all) {
    const struct bl__http_order *order = &call->order;
    bl__http_output output;
    int rc = bl__http_order_compose(order, &call->url, proxy,
                                    call->client->user_agent, &output);
    if (rc < 0) return rc;
    struct iovec parts[2] = { part_of(output.bytes, output.count),
                              part_of(order->body, order->body_bytes) };
    if (has_all && order->body_bytes > 0) {
        rc = send_listening(call, send_whole, parts);
    } else {
        rc = send_parts(call, parts, 1);
        if (rc == 0) call->is_sent = has_all;
    }
    bl__free(output.bytes);
    return rc;
}

int bl__http_send_request(bl_http_call *call, const bl_url *proxy) {
    const struct bl__http_order *order = &call->order;
    bool has_all =
        !order->expects_100 && order->source == NULL && !order->is_written;
    int rc = send_head(call, proxy, has_all);
    if (rc < 0 || has_all) return rc;
    if (order->expects_100) rc = bl__http_receive_continue(call);
    if (rc < 0) return rc;
    if (order->is_written) {
        call->is_writing = rc == 0;
        call->is_early = rc == 1;
        return 0;
    }
    return rc == 1 ? 0 : send_rest(call);
}

/* ---- bodies that are written piece by piece ------------------------------ */

/* After the server has been sent `rc` worth of a piece: does it want more? */
static int send_result(bl_http_call *call, int rc) {
    if (rc < 0 || !is_refused(call)) return rc;
    call->is_early = true;
    return BL_ERR(BL_EHTTP_EARLY, "%s answers %d before it has got all",
                  call->url.authority, call->head.status);
}

int bl__http_send_piece(bl_http_call *call, const void *bytes, size_t count) {
    struct piece piece = { .bytes = bytes, .count = count };
    int rc = look(call);
    if (rc < 0 || is_refused(call)) return send_result(call, rc);
    rc = send_listening(call, send_piece, &piece);
    if (rc < 0 && rc != BL_ECANCELED && call->is_broken && look(call) == 0 &&
        call->has_head) {
        rc = 0; /* it has said why, before it left */
    }
    return send_result(call, rc);
}

int bl__http_send_end(bl_http_call *call) {
    if (call->order.is_chunked) {
        return send_listening(call, send_last_chunk, NULL);
    }
    call->is_sent = true;
    return 0;
}
