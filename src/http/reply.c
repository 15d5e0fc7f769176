/* SPDX-License-Identifier: MIT */
/*
 * http/reply.c - answers
 *
 * The head is put into the output as soon as its status is known, behind the
 * answers that still wait there.  With it is decided how the body ends:
 *
 *     length known        Content-Length
 *     unknown, HTTP/1.1   in chunks
 *     unknown, HTTP/1.0   with the connection
 *
 * and whether the connection goes on.  What handlers add in between was
 * checked when it was added.
 *
 * Invariant: stage == ANSWERING <-> a head was put, and its body is not yet
 * complete.
 */
#include <belay/park.h>

#include <strings.h>

#include "http/server.h"

enum {
    HEAD_EXTRA_BYTES = 256, /* of a head, besides the fields that were added */
    CHUNK_LINE_BYTES = 20
};

/* ---- heads -------------------------------------------------------------- */

/* Fields that decide where a message ends are nobody else's. */
static bool is_ours(const char *name) {
    static const char *const ours[] = { "Connection", "Content-Length", "Date",
                                        "Transfer-Encoding" };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (strcasecmp(name, ours[i]) == 0) return true;
    }
    return false;
}

int bl_http_add_field(bl_http_exchange *exchange, const char *name,
                      const char *value) {
    bl__http_connection *connection = exchange->_connection;
    if (connection->reply.stage != BL__HTTP_UNANSWERED) return BL_EMISUSE;
    if (!bl_http_field_is_valid(name, value)) return BL_EINVAL;
    if (is_ours(name)) return BL_EINVAL;
    bl__http_output *fields = &connection->fields;
    size_t before = fields->count;
    int rc = bl__http_put_field(fields, name, value);
    if (rc == 0 && fields->is_full) rc = BL_EMSGSIZE;
    if (rc == 0) return 0;
    fields->count = before;
    fields->is_full = false;
    return rc;
}

/* Whether another request can follow, so far as is known now. */
static bool may_persist(const bl__http_connection *connection) {
    const bl_http_body *body = &connection->body;
    if (!bl__http_head_persists(&connection->head)) return false;
    if (connection->must_end || body->failure < 0) return false;
    /* A handler that answers before it reads mostly wants none of it.  How long
     * a chunked body is nobody knows yet: most are short, and to announce an
     * end for their sake would cost those their connections. */
    bool is_long =
        body->framing == BL__HTTP_LENGTH && body->left > BL__HTTP_DISCARD_BYTES;
    if (is_long && !body->was_asked_for) return false;
    /* A peer that waits for leave may send its body, or may not. */
    if (connection->head.expects_continue && !body->is_done) return false;
    return !bl__http_is_stopping(connection);
}

static bool has_no_body(int status) {
    return status < 200 || status == 204 || status == 304;
}

/* Says how the body ends, and prepares for it. */
static void put_framing(bl__http_connection *connection, int status,
                        int64_t length) {
    bl__http_output *output = &connection->output;
    bl__http_reply *reply = &connection->reply;
    bool is_head = connection->exchange.method == BL_HTTP_HEAD;
    reply->is_silent = is_head || has_no_body(status);
    if (length >= 0) {
        reply->framing = BL__HTTP_LENGTH;
        reply->left = (uint64_t)length;
        if (has_no_body(status)) return;
        bl__http_put_literal(output, "Content-Length: ");
        bl__http_put_number(output, (uint64_t)length);
        bl__http_put_literal(output, "\r\n");
        return;
    }
    reply->framing = BL__HTTP_UNTIL_CLOSE;
    reply->left = UINT64_MAX;
    if (has_no_body(status)) return;
    if (connection->head.minor > 0) {
        reply->framing = BL__HTTP_CHUNKED;
        bl__http_put_literal(output, "Transfer-Encoding: chunked\r\n");
    } else if (!is_head) {
        connection->persists = false;
    }
}

static void put_head(bl__http_connection *connection, int status,
                     const char *type, int64_t length) {
    bl__http_output *output = &connection->output;
    bl__http_put_status(output, status);
    bl__http_put(output, bl__http_date(connection->server),
                 BL__HTTP_DATE_BYTES - 1);
    if (type != NULL) {
        bl__http_put_literal(output, "Content-Type: ");
        bl__http_put_text(output, type);
        bl__http_put_literal(output, "\r\n");
    }
    put_framing(connection, status, length);
    if (!connection->persists) {
        bl__http_put_literal(output, "Connection: close\r\n");
    } else if (connection->head.minor == 0) {
        bl__http_put_literal(output, "Connection: keep-alive\r\n");
    }
    bl__http_put(output, connection->fields.bytes, connection->fields.count);
    bl__http_put_literal(output, "\r\n");
}

/* Sends what is gathered, unless there is room for `bytes` more. */
static int make_room(bl__http_connection *connection, size_t bytes) {
    const bl__http_output *output = &connection->output;
    if (bytes <= output->capacity - output->count) return 0;
    return bl__http_connection_flush(connection);
}

static int check_head(const bl__http_connection *connection, int status,
                      const char *type, int64_t length) {
    if (connection->reply.stage != BL__HTTP_UNANSWERED) return BL_EMISUSE;
    if (status < 200 || status > 599) return BL_EINVAL;
    if (length < BL_HTTP_UNKNOWN_LENGTH) return BL_EINVAL;
    if (type == NULL) return 0;
    size_t bytes = strlen(type);
    if (!bl__http_is(type, bytes, BL__HTTP_VALUE)) return BL_EINVAL;
    return bytes <= BL__HTTP_REPLY_FIELDS ? 0 : BL_EMSGSIZE;
}

static int begin(bl__http_connection *connection, int status, const char *type,
                 int64_t length) {
    int rc = check_head(connection, status, type, length);
    if (rc < 0) return rc;
    size_t bytes = connection->fields.count + HEAD_EXTRA_BYTES;
    if (type != NULL) bytes += strlen(type);
    rc = make_room(connection, bytes);
    if (rc < 0) return rc;
    connection->persists = may_persist(connection);
    put_head(connection, status, type, length);
    BL__ASSERT(!connection->output.is_full);
    connection->reply.stage = BL__HTTP_ANSWERING;
    return 0;
}

/* ---- bodies ------------------------------------------------------------- */

int bl__http_reply_part(bl__http_connection *connection, size_t bytes) {
    bl__http_reply *reply = &connection->reply;
    if (reply->stage != BL__HTTP_ANSWERING) return BL_EMISUSE;
    if (bytes > reply->left) return BL_EMSGSIZE;
    if (reply->framing == BL__HTTP_LENGTH) reply->left -= bytes;
    bool is_chunk = reply->framing == BL__HTTP_CHUNKED && bytes > 0;
    if (!is_chunk || reply->is_silent) return 0;
    int rc = make_room(connection, CHUNK_LINE_BYTES);
    if (rc < 0) return rc;
    bl__http_put_hex(&connection->output, bytes);
    bl__http_put_literal(&connection->output, "\r\n");
    return 0;
}

int bl__http_reply_put(bl__http_connection *connection, const void *data,
                       size_t bytes) {
    if (connection->reply.is_silent || bytes == 0) return 0;
    return bl__http_connection_put(connection, data, bytes);
}

int bl__http_reply_part_end(bl__http_connection *connection, size_t bytes) {
    const bl__http_reply *reply = &connection->reply;
    bool is_chunk = reply->framing == BL__HTTP_CHUNKED && bytes > 0;
    if (!is_chunk || reply->is_silent) return 0;
    return bl__http_connection_put(connection, "\r\n", 2);
}

static int write_part(bl__http_connection *connection, const void *data,
                      size_t bytes) {
    int rc = bl__http_reply_part(connection, bytes);
    if (rc == 0) rc = bl__http_reply_put(connection, data, bytes);
    if (rc == 0) rc = bl__http_reply_part_end(connection, bytes);
    return rc;
}

/* The last chunk, and what comes behind it. */
static int put_end(bl__http_connection *connection,
                   const bl_http_field *trailers, size_t count) {
    bl__http_output *output = &connection->output;
    size_t bytes = sizeof "0\r\n\r\n";
    for (size_t i = 0; i < count; i++) {
        const bl_http_field *field = &trailers[i];
        if (!bl_http_field_is_valid(field->name, field->value)) {
            return BL_EINVAL;
        }
        if (is_ours(field->name)) return BL_EINVAL;
        bytes += strlen(field->name) + strlen(field->value) + 4;
    }
    if (bytes > output->capacity) return BL_EMSGSIZE;
    int rc = make_room(connection, bytes);
    if (rc < 0) return rc;
    bl__http_put_literal(output, "0\r\n");
    for (size_t i = 0; i < count; i++) {
        rc = bl__http_put_field(output, trailers[i].name, trailers[i].value);
        BL__ASSERT(rc == 0);
    }
    bl__http_put_literal(output, "\r\n");
    return 0;
}

static int end(bl__http_connection *connection, const bl_http_field *trailers,
               size_t count) {
    bl__http_reply *reply = &connection->reply;
    if (reply->stage != BL__HTTP_ANSWERING) return BL_EMISUSE;
    bool is_short = reply->framing == BL__HTTP_LENGTH && reply->left > 0;
    if (is_short && !reply->is_silent) return BL_EMISUSE;
    if (reply->framing == BL__HTTP_CHUNKED && !reply->is_silent) {
        int rc = put_end(connection, trailers, count);
        if (rc < 0) return rc;
    }
    reply->stage = BL__HTTP_ANSWERED;
    return 0;
}

/* ---- what handlers call ------------------------------------------------- */

int bl__http_reply_enter(bl__http_connection *connection) {
    if (connection->reply.is_used) return BL_EBUSY;
    connection->reply.is_used = true; /* before others may run */
    int rc = bl_checkpoint();
    if (rc < 0) connection->reply.is_used = false;
    return rc;
}

int bl__http_reply_leave(bl__http_connection *connection, int rc) {
    BL__ASSERT(connection->reply.is_used);
    connection->reply.is_used = false;
    return rc;
}

static int reply_now(bl__http_connection *connection, int status,
                     const char *type, const void *body, size_t bytes) {
    int rc = begin(connection, status, type, (int64_t)bytes);
    if (rc == 0) rc = write_part(connection, body, bytes);
    return rc < 0 ? rc : end(connection, NULL, 0);
}

int bl_http_reply(bl_http_exchange *exchange, int status, const char *type,
                  const void *body, size_t bytes) {
    bl__http_connection *connection = exchange->_connection;
    if (body == NULL && bytes > 0) return BL_EINVAL;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = reply_now(connection, status, type, body, bytes);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_reply_text(bl_http_exchange *exchange, int status,
                       const char *text) {
    if (text == NULL) return BL_EINVAL;
    return bl_http_reply(exchange, status, "text/plain; charset=utf-8", text,
                         strlen(text));
}

int bl__http_reply_status(bl__http_connection *connection, int status) {
    char text[64];
    bl__http_output line = { .bytes = text, .capacity = sizeof text };
    bl__http_put_number(&line, (uint64_t)status);
    bl__http_put_literal(&line, " ");
    bl__http_put_text(&line, bl_http_reason(status));
    bl__http_put_literal(&line, "\n");
    BL__ASSERT(!line.is_full);
    return bl_http_reply(&connection->exchange, status, "text/plain", text,
                         line.count);
}

/* The file goes right behind the head: nothing may be gathered before it. */
static int send_file(bl__http_connection *connection, int file_fd,
                     int64_t offset, size_t bytes) {
    const bl_http_options *options = &connection->server->options;
    if (connection->reply.is_silent || bytes == 0) return 0;
    int rc = bl__http_connection_flush(connection);
    if (rc < 0) return rc;
    bl__http_pace pace = { .patience = options->write_ns_max,
                           .rate = options->rate_min,
                           .moved = bytes };
    bl_scope scope;
    bl_scope_enter_timeout(&scope, bl__http_pace_left(&pace));
    rc = bl_stream_send_file(connection->stream, file_fd, offset, bytes, NULL);
    if (rc < 0) connection->is_broken = true;
    return bl_scope_exit(&scope, rc);
}

static int reply_file_now(bl__http_connection *connection, int status,
                          const char *type, int file_fd, int64_t offset,
                          size_t bytes) {
    int rc = begin(connection, status, type, (int64_t)bytes);
    if (rc == 0) rc = bl__http_reply_part(connection, bytes);
    if (rc == 0) rc = send_file(connection, file_fd, offset, bytes);
    return rc < 0 ? rc : end(connection, NULL, 0);
}

int bl_http_reply_file(bl_http_exchange *exchange, int status, const char *type,
                       int file_fd, int64_t offset, size_t bytes) {
    bl__http_connection *connection = exchange->_connection;
    if (offset < 0) return BL_EINVAL;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = reply_file_now(connection, status, type, file_fd, offset, bytes);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_begin(bl_http_exchange *exchange, int status, const char *type,
                  int64_t length) {
    bl__http_connection *connection = exchange->_connection;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = begin(connection, status, type, length);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_write(bl_http_exchange *exchange, const void *data, size_t bytes) {
    bl__http_connection *connection = exchange->_connection;
    if (data == NULL && bytes > 0) return BL_EINVAL;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = write_part(connection, data, bytes);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_flush(bl_http_exchange *exchange) {
    bl__http_connection *connection = exchange->_connection;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = bl__http_connection_flush(connection);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_end(bl_http_exchange *exchange, const bl_http_field *trailers,
                size_t count) {
    bl__http_connection *connection = exchange->_connection;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = end(connection, trailers, count);
    return bl__http_reply_leave(connection, rc);
}

/* ---- another protocol --------------------------------------------------- */

static void put_upgrade(bl__http_connection *connection, const char *protocol) {
    bl__http_output *output = &connection->output;
    bl__http_put_status(output, protocol != NULL ? 101 : 200);
    if (protocol != NULL) {
        bl__http_put_literal(output, "Connection: Upgrade\r\nUpgrade: ");
        bl__http_put_text(output, protocol);
        bl__http_put_literal(output, "\r\n");
    }
    bl__http_put(output, connection->fields.bytes, connection->fields.count);
    bl__http_put_literal(output, "\r\n");
    BL__ASSERT(!output->is_full);
}

/* Whether the peer has asked for it, and sends nothing else any more. */
static bool may_upgrade(const bl__http_connection *connection,
                        const char *protocol) {
    const bl__http_head *head = &connection->head;
    if (!connection->body.is_done) return false;
    if (protocol == NULL) return head->method == BL_HTTP_CONNECT;
    if (head->minor == 0 || !head->says_upgrade) return false;
    return bl_http_fields_get(&head->fields, "Upgrade") != NULL;
}

static int upgrade_now(bl__http_connection *connection, const char *protocol,
                       bl_http_raw *raw) {
    if (connection->reply.stage != BL__HTTP_UNANSWERED) return BL_EMISUSE;
    if (!may_upgrade(connection, protocol)) return BL_EPROTO;
    int rc = make_room(connection, connection->fields.count + HEAD_EXTRA_BYTES);
    if (rc < 0) return rc;
    connection->persists = false;
    put_upgrade(connection, protocol);
    connection->reply.stage = BL__HTTP_TAKEN;
    connection->server->stats->upgraded++;
    rc = bl__http_connection_flush(connection);
    if (rc < 0) return rc;
    const bl__http_input *input = &connection->input;
    *raw = (bl_http_raw){
        .stream = connection->stream,
        .bytes = input->bytes + input->start,
        .count = bl__http_input_count(input),
    };
    return 0;
}

int bl_http_upgrade(bl_http_exchange *exchange, const char *protocol,
                    bl_http_raw *raw) {
    bl__http_connection *connection = exchange->_connection;
    size_t bytes = protocol != NULL ? strlen(protocol) : 1;
    if (raw == NULL || bytes == 0 || bytes > HEAD_EXTRA_BYTES / 2) {
        return BL_EINVAL;
    }
    if (protocol != NULL && !bl__http_is(protocol, bytes, BL__HTTP_VALUE)) {
        return BL_EINVAL;
    }
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = upgrade_now(connection, protocol, raw);
    return bl__http_reply_leave(connection, rc);
}
