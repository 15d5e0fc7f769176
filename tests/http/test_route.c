/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_route.c - which of several handlers answers
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "http/talk.h"

static struct talk a_talk;

static int say(bl_http_exchange *exchange, void *arg) {
    return bl_http_reply(exchange, 200, NULL, arg, strlen(arg));
}

static const bl_http_route routes[] = {
    { "GET", "/", say, "root" },       { "GET", "/a", say, "get" },
    { "PUT", "/a", say, "put" },       { NULL, "/any", say, "any" },
    { "GET", "/files/*", say, "all" }, { "GET", "/files/one", say, "one" },
};

static int dispatch(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    CHECK_ERR(bl_http_dispatch(NULL, routes, 6), BL_EINVAL);
    CHECK_ERR(bl_http_dispatch(exchange, NULL, 6), BL_EINVAL);
    return bl_http_dispatch(exchange, routes, sizeof routes / sizeof *routes);
}

static const char *ask(const char *method, const char *path) {
    char text[200];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method,
             path);
    return talk_once(&a_talk, dispatch, text);
}

TEST(the_first_route_that_fits_answers) {
    CHECK_CONTAINS(ask("GET", "/"), "\r\n\r\nroot");
    CHECK_CONTAINS(ask("GET", "/a?b"), "\r\n\r\nget");
    CHECK_CONTAINS(ask("PUT", "/a"), "\r\n\r\nput");
    CHECK_CONTAINS(ask("PATCH", "/any"), "\r\n\r\nany");
    CHECK_CONTAINS(ask("GET", "/files/"), "\r\n\r\nall");
    CHECK_CONTAINS(ask("GET", "/files/one"), "\r\n\r\nall");
}

TEST(what_fits_none_is_not_found) {
    CHECK_CONTAINS(ask("GET", "/b"), "HTTP/1.1 404 ");
    CHECK_CONTAINS(ask("GET", "/a/"), "HTTP/1.1 404 ");
    CHECK_CONTAINS(ask("GET", "/files"), "HTTP/1.1 404 ");
}

TEST(a_wrong_method_is_told_the_right_ones) {
    const char *said = ask("DELETE", "/a");
    CHECK_CONTAINS(said, "HTTP/1.1 405 Method Not Allowed\r\n");
    CHECK_CONTAINS(said, "\r\nAllow: GET, PUT\r\n");
}

TEST(get_is_for_head_too) {
    const char *said = ask("HEAD", "/a");
    CHECK_CONTAINS(said, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n");
}

static int block(bl_http_exchange *exchange, void *arg) {
    (void)exchange;
    (void)arg;
    return bl_sleep(BL_FOREVER);
}

static int dispatch_and_block(bl_http_exchange *exchange, void *arg) {
    static const bl_http_route only[] = { { NULL, "/", block, NULL } };
    (void)arg;
    int rc = bl_http_dispatch(exchange, only, 1);
    CHECK_ERR(rc, BL_ECANCELED);
    return rc;
}

TEST(a_handler_can_be_cancelled) {
    talk_init(&a_talk, dispatch_and_block);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_STR(talk_hear(&a_talk), "");
    bl_group_cancel(&a_talk.group);
    CHECK_ERR(talk_end(&a_talk), BL_ECANCELED);
}
