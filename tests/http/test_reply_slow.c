/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_reply_slow.c - answers to a peer that stops reading
 */
#include <belay/test.h>

#include <string.h>

#include "http/talk.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define UPGRADE                                        \
    "GET /up HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n" \
    "Connection: upgrade\r\n\r\n"

enum {
    STREAM_BYTES = 64 * 1024, /* between the two */
    BIT_BYTES = 1000
};

static struct talk a_talk;
static char much[STREAM_BYTES];
static int last; /* what the call that waited has returned */

/* Asks, reads nothing, and waits until the server has given up. */
static void ask_and_read_nothing(bl_http_handler *handler, const char *text) {
    last = 0;
    talk_init(&a_talk, handler);
    a_talk.options.rate_min = 1000000;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, text);
    CHECK_EVENTUALLY(a_talk.has_ended, SEC(40));
    CHECK_ERR(talk_end(&a_talk), BL_ETIMEDOUT);
}

static int write_on(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    while (rc == 0)
        rc = last = bl_http_write(exchange, much, sizeof much);
    return rc;
}

TEST(a_write_has_a_limit) {
    ask_and_read_nothing(write_on, GET);
    CHECK_ERR(last, BL_ETIMEDOUT);
}

static int flush_on(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    while (rc == 0) {
        rc = bl_http_write(exchange, much, BIT_BYTES); /* it has room */
        CHECK_OK(rc);
        if (rc == 0) rc = last = bl_http_flush(exchange);
    }
    return rc;
}

TEST(a_flush_has_a_limit) {
    ask_and_read_nothing(flush_on, GET);
    CHECK_ERR(last, BL_ETIMEDOUT);
}

/* First fills the stream almost, then has no room for the 101. */
static int fill_and_upgrade(bl_http_exchange *exchange, void *arg) {
    bl_http_raw raw;
    (void)arg;
    if (strcmp(exchange->path, "/up") != 0) {
        return bl_http_reply(exchange, 200, NULL, much, STREAM_BYTES - 140);
    }
    return last = bl_http_upgrade(exchange, "echo", &raw);
}

TEST(taking_over_has_a_limit) {
    ask_and_read_nothing(fill_and_upgrade, GET UPGRADE);
    CHECK_ERR(last, BL_ETIMEDOUT);
}
