/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_events.c - server-sent events
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include "http/talk.h"

static struct talk a_talk;

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream" \
    "\r\nTransfer-Encoding: chunked\r\n"                 \
    "Cache-Control: no-store\r\n\r\n"

static int send_events(bl_http_exchange *exchange, void *arg) {
    const bl_http_event full = {
        .id = "7", .name = "tick", .data = "a\nb\r\nc\rd", .retry = SEC(3)
    };
    const bl_http_event bare = { .data = "" };
    (void)arg;
    CHECK_OK(bl_http_events_begin(exchange));
    CHECK_OK(bl_http_event_send(exchange, &full));
    CHECK_OK(bl_http_event_send(exchange, &bare));
    return bl_http_event_comment(exchange, "still\nhere");
}

TEST(events_are_lines) {
    CHECK_STR(talk_once(&a_talk, send_events, GET),
              HEAD "3f\r\nid: 7\nevent: tick\nretry: 3000\n"
                   "data: a\ndata: b\ndata: c\ndata: d\n\n\r\n"
                   "8\r\ndata: \n\n\r\n"
                   "10\r\n: still\n: here\n\n\r\n"
                   "0\r\n\r\n");
}

static int wait_between_events(bl_http_exchange *exchange, void *arg) {
    const bl_http_event event = { .data = "x" };
    (void)arg;
    int rc = bl_http_events_begin(exchange);
    for (int i = 0; rc == 0 && i < 3; i++) {
        rc = bl_http_event_send(exchange, &event);
        if (rc == 0) rc = bl_sleep(SEC(1));
    }
    return rc;
}

TEST(each_event_is_sent_at_once) {
    talk_init(&a_talk, wait_between_events);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    CHECK_STR(talk_hear(&a_talk), HEAD "9\r\ndata: x\n\n\r\n");
    CHECK_OK(bl_sleep(SEC(1)));
    CHECK_STR(talk_hear(&a_talk), "9\r\ndata: x\n\n\r\n");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_client_that_has_gone_ends_it) {
    talk_init(&a_talk, wait_between_events);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    CHECK_STR(talk_hear(&a_talk), HEAD "9\r\ndata: x\n\n\r\n");
    bl_stream_abort(a_talk.ends[1]);
    a_talk.ends[1] = NULL;
    int rc = talk_end(&a_talk);
    CHECK(rc == BL_EPIPE || rc == BL_ECONNRESET);
}

/* Event injection. */
static int send_bad_events(bl_http_exchange *exchange, void *arg) {
    const bl_http_event bad_id = { .id = "1\ndata: x" };
    const bl_http_event bad_name = { .name = "a\r" };
    const bl_http_event good = { .data = "x" };
    (void)arg;
    CHECK_ERR(bl_http_event_send(exchange, &good), BL_EMISUSE);
    CHECK_ERR(bl_http_event_comment(exchange, "x"), BL_EMISUSE);
    CHECK_OK(bl_http_events_begin(exchange));
    CHECK_ERR(bl_http_events_begin(exchange), BL_EMISUSE);
    CHECK_ERR(bl_http_event_send(exchange, &bad_id), BL_EINVAL);
    CHECK_ERR(bl_http_event_send(exchange, &bad_name), BL_EINVAL);
    CHECK_ERR(bl_http_event_send(exchange, NULL), BL_EINVAL);
    CHECK_ERR(bl_http_event_send(NULL, &good), BL_EINVAL);
    CHECK_ERR(bl_http_event_comment(exchange, NULL), BL_EINVAL);
    CHECK_ERR(bl_http_event_comment(NULL, "x"), BL_EINVAL);
    return 0;
}

TEST(nothing_breaks_out_of_its_event) {
    CHECK_STR(talk_once(&a_talk, send_bad_events, GET), HEAD "0\r\n\r\n");
}
