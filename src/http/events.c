/* SPDX-License-Identifier: MIT */
/*
 * http/events.c - server-sent events, the sending half
 *
 * An event is a few lines, "name: value", and an empty one.  It is measured
 * first and then put, so that it is one chunk.
 */
#include <belay/http/events.h>

#include <stdio.h>

#include "http/server.h"

/* Where the lines go; without a connection they are only counted. */
struct lines {
    bl__http_connection *connection;
    size_t bytes;
    int rc; /* the first thing that went wrong */
};

static void put(struct lines *lines, const char *text, size_t bytes) {
    lines->bytes += bytes;
    if (lines->connection == NULL || lines->rc < 0) return;
    lines->rc = bl__http_reply_put(lines->connection, text, bytes);
}

static void put_line(struct lines *lines, const char *name, const char *value,
                     size_t bytes) {
    put(lines, name, strlen(name));
    put(lines, ": ", 2);
    put(lines, value, bytes);
    put(lines, "\n", 1);
}

/* A line for each line of the text: each kind of break is one. */
static void put_text(struct lines *lines, const char *name, const char *text) {
    for (;;) {
        size_t bytes = strcspn(text, "\r\n");
        put_line(lines, name, text, bytes);
        text += bytes;
        if (*text == '\0') return;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
}

static void put_event(struct lines *lines, const bl_http_event *event) {
    if (event->id != NULL) {
        put_line(lines, "id", event->id, strlen(event->id));
    }
    if (event->name != NULL) {
        put_line(lines, "event", event->name, strlen(event->name));
    }
    if (event->retry > 0) {
        char text[24];
        int bytes = snprintf(text, sizeof text, "%lld",
                             (long long)(event->retry / BL_MS(1)));
        put_line(lines, "retry", text, (size_t)bytes);
    }
    if (event->data != NULL) put_text(lines, "data", event->data);
    put(lines, "\n", 1);
}

static void put_comment(struct lines *lines, const char *text) {
    put_text(lines, "", text);
    put(lines, "\n", 1);
}

static void put_all(struct lines *lines, const bl_http_event *event,
                    const char *comment) {
    if (event != NULL) {
        put_event(lines, event);
    } else {
        put_comment(lines, comment);
    }
}

/* Sends an event, or a comment if there is none, as one part of the body. */
static int send_now(bl__http_connection *connection, const bl_http_event *event,
                    const char *comment) {
    struct lines measured = { .connection = NULL };
    struct lines lines = { .connection = connection };
    put_all(&measured, event, comment);
    int rc = bl__http_reply_part(connection, measured.bytes);
    if (rc < 0) return rc;
    put_all(&lines, event, comment);
    if (lines.rc < 0) return lines.rc;
    BL__ASSERT(lines.bytes == measured.bytes);
    rc = bl__http_reply_part_end(connection, lines.bytes);
    return rc < 0 ? rc : bl__http_connection_flush(connection);
}

static int send_lines(bl_http_exchange *exchange, const bl_http_event *event,
                      const char *comment) {
    bl__http_connection *connection = exchange->_connection;
    int rc = bl__http_reply_enter(connection);
    if (rc < 0) return rc;
    rc = send_now(connection, event, comment);
    return bl__http_reply_leave(connection, rc);
}

int bl_http_events_begin(bl_http_exchange *exchange) {
    int rc = bl_http_add_field(exchange, "Cache-Control", "no-store");
    if (rc == 0) {
        rc = bl_http_begin(exchange, 200, "text/event-stream",
                           BL_HTTP_UNKNOWN_LENGTH);
    }
    return rc < 0 ? rc : bl_http_flush(exchange);
}

static bool is_one_line(const char *text) {
    return text == NULL || strpbrk(text, "\r\n") == NULL;
}

int bl_http_event_send(bl_http_exchange *exchange, const bl_http_event *event) {
    if (exchange == NULL || event == NULL) return BL_EINVAL;
    if (!is_one_line(event->id) || !is_one_line(event->name)) return BL_EINVAL;
    return send_lines(exchange, event, NULL);
}

int bl_http_event_comment(bl_http_exchange *exchange, const char *text) {
    if (exchange == NULL || text == NULL) return BL_EINVAL;
    return send_lines(exchange, NULL, text);
}
