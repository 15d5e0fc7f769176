/* SPDX-License-Identifier: MIT */
/*
 * support/wires.c - a network for HTTP clients: streams in memory
 */
#include "support/wires.h"

#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/kids.h"

enum {
    REQUEST_BYTES_MAX = 4096
};

void wires_offer(struct wires *wires, bl_stream *stream) {
    REQUIRE_LT(wires->count, WIRES_MAX);
    wires->offered[wires->count++] = stream;
}

void wires_done(struct wires *wires) {
    while (wires->dialed < wires->count) {
        bl_stream_abort(wires->offered[wires->dialed++]);
    }
}

/* ---- a small server ------------------------------------------------------ */

struct service {
    struct wires *wires;
    bl_stream *stream;
};

/* Answers a request for "/x" with "/x", in two chunks. */
static int answer(struct service *service, char *head) {
    char *target = strchr(head, ' ');
    char text[REQUEST_BYTES_MAX + 200];
    if (target == NULL) return BL_EPROTO;
    target++;
    target[strcspn(target, " ")] = '\0';
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                          "\r\n%zx\r\n%s\r\n1\r\n!\r\n0\r\n\r\n",
                          strlen(target), target);
    service->wires->served++;
    return bl_stream_write_all(service->stream, text, (size_t)length, NULL);
}

static int serve(bl_reader *reader, struct service *service) {
    for (;;) {
        const char *data;
        char head[REQUEST_BYTES_MAX + 1];
        bl_ssize count = bl_reader_until(reader, "\r\n\r\n", 4, &data);
        if (count <= 0) return (int)count;
        memcpy(head, data, (size_t)count);
        head[count] = '\0';
        const char *length = strstr(head, "Content-Length: ");
        if (length != NULL) {
            char body[REQUEST_BYTES_MAX];
            size_t bytes = strtoul(length + 16, NULL, 10);
            int rc = bl_reader_exactly(reader, body, bytes, NULL);
            if (rc < 0) return rc;
        }
        int rc = answer(service, head);
        if (rc < 0) return rc;
    }
}

static int reply_slowly(struct service *service) {
    const struct wires *wires = service->wires;
    for (size_t i = 0; i < wires->reply_bytes; i++) {
        int rc = bl_sleep(wires->pause);
        if (rc < 0) return rc;
        rc = bl_stream_write_all(service->stream, wires->reply + i, 1, NULL);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Says what was prepared, whatever it is. */
static int reply(bl_reader *reader, struct service *service) {
    const struct wires *wires = service->wires;
    const char *data;
    bl_ssize count = bl_reader_until(reader, "\r\n\r\n", 4, &data);
    if (count <= 0) return (int)count;
    int rc;
    if (wires->pause > 0) {
        rc = reply_slowly(service);
    } else {
        rc = bl_stream_write_all(service->stream, wires->reply,
                                 wires->reply_bytes, NULL);
    }
    /* An end and no reset: all of it arrives. */
    return rc < 0 ? rc : bl_stream_shutdown_write(service->stream);
}

static int service_run(void *arg) {
    struct service service = *(struct service *)arg;
    bool is_prepared = service.wires->reply != NULL;
    bl_reader reader;
    int rc = bl_reader_init(&reader, service.stream, NULL, REQUEST_BYTES_MAX);
    if (rc == 0) {
        rc = is_prepared ? reply(&reader, &service) : serve(&reader, &service);
        bl_reader_done(&reader);
    }
    bl_stream_abort(service.stream);
    if (rc == BL_ECANCELED) return rc;
    return 0; /* however it has ended: the client is what is tested */
}

static int service_begin(struct wires *wires, bl_stream **stream) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(wires->capacity, ends);
    if (rc < 0) return rc;
    struct service service = { .wires = wires, .stream = ends[1] };
    bl_spawn_options options = { .size = sizeof options,
                                 .name = "service",
                                 .copy_bytes = sizeof service };
    rc = bl_spawn_with(wires->group, service_run, &service, &options, NULL);
    if (rc < 0) {
        bl_stream_abort(ends[0]);
        bl_stream_abort(ends[1]);
        return rc;
    }
    *stream = ends[0];
    return 0;
}

/* ---- connecting ---------------------------------------------------------- */

int wires_dial(void *arg, const char *host_and_port, bl_stream **stream) {
    struct wires *wires = arg;
    note("%s", host_and_port);
    int rc = wires->delay > 0 ? bl_sleep(wires->delay) : bl_checkpoint();
    if (rc < 0) return rc;
    if (wires->dialed < wires->count) {
        *stream = wires->offered[wires->dialed++];
        return 0;
    }
    return wires->group == NULL ? BL_ECONNREFUSED
                                : service_begin(wires, stream);
}
