/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_exchange.c - one request: what is asked, read and answered
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/talk.h"

static struct talk a_talk;

PARAM(size_t, piece, 0, 1, 3); /* bytes that a read or write moves; 0: all */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define CLOSE(path) \
    "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"

/* Says what it was asked for. */
static int say_request(bl_http_exchange *exchange, void *arg) {
    char text[512];
    (void)arg;
    snprintf(text, sizeof text, "%s %s q=%s h=%s v=%d n=%zu\n",
             exchange->method_name, exchange->path,
             exchange->query != NULL ? exchange->query : "-", exchange->host,
             exchange->version, exchange->fields.count);
    return bl_http_reply(exchange, 200, NULL, text, strlen(text));
}

/* Says the body again. */
static int say_body(bl_http_exchange *exchange, void *arg) {
    char *data;
    size_t bytes;
    (void)arg;
    int rc = bl_http_body_take(exchange->body, 100000, &data, &bytes);
    if (rc < 0) return rc;
    rc = bl_http_reply(exchange, 200, NULL, data, bytes);
    bl_free(data);
    return rc;
}

/* Answers without a look at the body. */
static int say_ok(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply(exchange, 200, NULL, "ok", 2);
}

/* ---- what is asked ------------------------------------------------------ */

TEST(a_target_has_a_path_and_a_query) {
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("/a/b?c=d?e")),
                   "GET /a/b q=c=d?e h=a v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("/?")),
                   "GET / q= h=a v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("/")),
                   "GET / q=- h=a v=11 n=1\n");
}

TEST(an_absolute_target_names_the_host) {
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http://b.org:80/x?y")),
                   "GET /x q=y h=b.org:80 v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("HTTPS://b")),
                   "GET / q=- h=b v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http://b?y")),
                   "GET / q=y h=b v=11 n=1\n");
}

TEST(the_star_is_for_options) {
    CHECK_CONTAINS(talk_once(&a_talk, say_request,
                             "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
                   "OPTIONS * q=- h=a v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("*")), "HTTP/1.1 400 ");
}

TEST(connect_names_an_authority) {
    CHECK_CONTAINS(talk_once(&a_talk, say_request,
                             "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
                   "CONNECT b:443 q=- h=b:443 v=11 n=1\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_request,
                             "CONNECT /b HTTP/1.1\r\nHost: a\r\n\r\n"),
                   "HTTP/1.1 400 ");
}

TEST(targets_of_no_form_are_refused) {
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("a/b")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("ftp://a/b")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http://u@a/b")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http:///b")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http://a,b/c")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("http://a\\b/c")),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request,
                             "CONNECT a,b:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
                   "HTTP/1.1 400 ");
    CHECK_CONTAINS(talk_once(&a_talk, say_request, GET("/a#b")),
                   "HTTP/1.1 400 ");
}

/* ---- statuses ----------------------------------------------------------- */

static int say_too_large(bl_http_exchange *exchange, void *arg) {
    (void)exchange;
    (void)arg;
    return 413;
}

/* Whether a POST of so many bytes, which nobody reads, is the last one. */
static bool is_last(const char *length) {
    char text[200];
    snprintf(text, sizeof text,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n",
             length);
    const char *said = talk_once(&a_talk, say_too_large, text);
    CHECK_CONTAINS(said, "HTTP/1.1 413 ");
    return strstr(said, "Connection: close\r\n") != NULL;
}

/* What is not skipped is announced: who goes on would meet a closed end. */
TEST(an_answer_to_a_long_body_that_nobody_reads_is_the_last) {
    CHECK(!is_last("100"));
    CHECK(!is_last("65536"));
    CHECK(is_last("65537"));
    CHECK(is_last("100000000"));
}

TEST(what_is_refused_is_answered_by_its_status) {
    static const struct {
        const char *text;
        const char *answer;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
        { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 " },
        { "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 501 " },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked"
          "\r\n\r\n",
          "HTTP/1.1 501 " },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
          "Expect: miracles\r\n\r\nx",
          "HTTP/1.1 417 " },
        { "\x16\x03\x01\x02", "HTTP/1.1 400 " },
        { "GET / HTTP/1.1\n", "HTTP/1.1 400 " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        T_INFO("%s", cases[i].text);
        const char *said = talk_once(&a_talk, say_ok, cases[i].text);
        CHECK_CONTAINS(said, cases[i].answer);
        CHECK_CONTAINS(said, "Connection: close\r\n");
        CHECK_EQ(a_talk.stats.refused, 1);
        CHECK_EQ(a_talk.stats.requests, 0);
        CHECK_EQ(a_talk.result, 0);
    }
}

TEST(the_target_and_the_head_are_bounded) {
    static char text[40000];
    memset(text, 'x', sizeof text);
    memcpy(text, "GET /", 5);
    strcpy(text + 9000, " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_CONTAINS(talk_once(&a_talk, say_ok, text), "HTTP/1.1 414 ");
    memset(text + 9000, 'x', 24);
    text[sizeof text - 1] = '\0';
    CHECK_CONTAINS(talk_once(&a_talk, say_ok, text), "HTTP/1.1 414 ");
    memcpy(text + 5, " HTTP/1.1\r\nHost: a\r\nX: ", 23);
    CHECK_CONTAINS(talk_once(&a_talk, say_ok, text), "HTTP/1.1 431 ");
}

TEST(the_number_of_fields_is_bounded) {
    talk_init(&a_talk, say_ok);
    a_talk.options.fields_max = 2;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n");
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 200 ");
    talk_send(&a_talk, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC:\r\n\r\n");
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 431 ");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

/* ---- bodies ------------------------------------------------------------- */

TEST(a_body_is_said_again, (piece)) {
    talk_init(&a_talk, say_body);
    talk_begin(&a_talk, piece);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nwor\r\n2\r\nld\r\n0\r\nA: b\r\n\r\n" CLOSE("/"));
    CHECK_STR(talk_hear_all(&a_talk),
              OK("5") "\r\nhello" OK("5") "\r\nworld" OK(
                  "0") "Connection: close\r\n\r\n");
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.requests, 3);
}

TEST(a_body_that_nobody_reads_is_skipped, (piece)) {
    talk_init(&a_talk, say_ok);
    talk_begin(&a_talk, piece);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /"
              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nabc\r\n0\r\n\r\n" CLOSE("/"));
    CHECK_STR(talk_hear_all(&a_talk), OK("2") "\r\nok" OK("2") "\r\nok" OK(
                                          "2") "Connection: close\r\n\r\nok");
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_long_body_that_nobody_reads_closes_the_connection) {
    static char body[200000];
    memset(body, 'x', sizeof body);
    talk_init(&a_talk, say_ok);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    talk_send_bytes(&a_talk, body, sizeof body);
    talk_send_end(&a_talk);
    CHECK_CONTAINS(talk_hear_all(&a_talk), "\r\n\r\nok");
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.requests, 1);
}

TEST(a_body_that_is_too_large_is_answered_by_413) {
    talk_init(&a_talk, say_body);
    a_talk.options.body_bytes_max = 4;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const char *said = talk_hear(&a_talk);
    CHECK_CONTAINS(said, "HTTP/1.1 413 Content Too Large\r\n");
    CHECK_CONTAINS(said, "Connection: close\r\n");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.failed, 1);
}

static int say_a_long_body(bl_http_exchange *exchange, void *arg) {
    bl_http_limit_body(exchange, 10);
    return say_body(exchange, arg);
}

TEST(a_handler_may_set_the_limit) {
    talk_init(&a_talk, say_a_long_body);
    a_talk.options.body_bytes_max = 4;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    CHECK_STR(talk_hear(&a_talk), OK("5") "\r\nhello");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_body_with_bad_chunks_is_answered_by_400) {
    const char *said = talk_once(
        &a_talk, say_body,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "zz\r\n" GET("/smuggled"));
    CHECK_CONTAINS(said, "HTTP/1.1 400 ");
    CHECK_EQ(a_talk.stats.requests, 1);
}

TEST(bad_chunks_that_nobody_reads_end_the_connection) {
    const char *said = talk_once(
        &a_talk, say_ok,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "zz\r\n" GET("/smuggled"));
    CHECK_STR(said, OK("2") "\r\nok");
    CHECK_EQ(a_talk.stats.requests, 1);
}

TEST(a_body_that_is_cut_off_is_not_answered) {
    const char *said =
        talk_once(&a_talk, say_body,
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    CHECK_STR(said, "");
    CHECK_ERR(a_talk.result, BL_EHTTP_TRUNCATED);
}

static int say_trailers(bl_http_exchange *exchange, void *arg) {
    char bytes[100];
    (void)arg;
    bl_ssize count = bl_http_body_read_all(exchange->body, bytes, sizeof bytes);
    if (count < 0) return (int)count;
    return bl_http_reply_text(
        exchange, 200,
        bl_http_fields_get(bl_http_body_trailers(exchange->body), "sum"));
}

TEST(trailers_of_a_request_are_there, (piece)) {
    talk_init(&a_talk, say_trailers);
    talk_begin(&a_talk, piece);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nabc\r\n0\r\nSum: 6\r\n\r\n" CLOSE("/"));
    CHECK_CONTAINS(talk_hear_all(&a_talk), "\r\n\r\n6HTTP/1.1 500 ");
    CHECK_OK(talk_end(&a_talk));
}

/* ---- Expect: 100-continue ----------------------------------------------- */

#define EXPECT                                            \
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" \
    "Expect: 100-continue\r\n\r\n"

TEST(leave_to_send_is_given_when_the_body_is_read) {
    talk_init(&a_talk, say_body);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, EXPECT);
    CHECK_STR(talk_hear(&a_talk), "HTTP/1.1 100 Continue\r\n\r\n");
    talk_send(&a_talk, "hello");
    CHECK_STR(talk_hear(&a_talk), OK("5") "\r\nhello");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(leave_is_not_given_to_a_body_that_has_come, .tags = "order") {
    talk_init(&a_talk, say_body);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, EXPECT "hello");
    CHECK_STR(talk_hear(&a_talk), OK("5") "\r\nhello");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(without_leave_the_connection_is_closed) {
    talk_init(&a_talk, say_ok);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, EXPECT);
    CHECK_STR(talk_hear(&a_talk), OK("2") "Connection: close\r\n\r\nok");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_body_that_is_too_large_gets_no_leave) {
    talk_init(&a_talk, say_body);
    a_talk.options.body_bytes_max = 4;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, EXPECT);
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 413 ");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(an_old_peer_does_not_expect) {
    talk_init(&a_talk, say_body);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, "POST / HTTP/1.0\r\nContent-Length: 5\r\n"
                       "Expect: 100-continue\r\n\r\n");
    CHECK_STR(talk_hear(&a_talk), "");
    talk_send(&a_talk, "hello");
    CHECK_STR(talk_hear(&a_talk), OK("5") "Connection: close\r\n\r\nhello");
    CHECK_OK(talk_end(&a_talk));
}

/* ---- what a handler returns --------------------------------------------- */

static int return_path_number(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return atoi(exchange->path + 1);
}

TEST(a_status_that_is_returned_is_answered) {
    talk_init(&a_talk, return_path_number);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET("/404"));
    CHECK_STR(talk_hear(&a_talk),
              "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
              "Content-Length: 14\r\n\r\n404 Not Found\n");
    CHECK_EQ(a_talk.stats.failed, 0);
    talk_send(&a_talk, GET("/0"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 500 ");
    talk_send(&a_talk, GET("/199"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 500 ");
    talk_send(&a_talk, GET("/600"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 500 ");
    CHECK_EQ(a_talk.stats.failed, 3);
    talk_send(&a_talk, GET("/-10207"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 413 ");
    talk_send(&a_talk, GET("/-12"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 500 ");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.requests, 6);
}

static int fail_in_the_middle(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    if (rc == 0) rc = bl_http_write(exchange, "half", 4);
    if (rc == 0) rc = bl_http_flush(exchange);
    return rc < 0 ? rc : BL_EIO;
}

TEST(an_answer_that_fails_in_the_middle_is_cut_off) {
    const char *said = talk_once(&a_talk, fail_in_the_middle, GET("/"));
    CHECK_STR(said, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "4\r\nhalf\r\n");
    CHECK_ERR(a_talk.result, BL_EIO);
}

static int fail_after_all(bl_http_exchange *exchange, void *arg) {
    int rc = say_ok(exchange, arg);
    return rc < 0 ? rc : BL_EIO;
}

TEST(a_handler_that_fails_after_its_answer_ends_the_connection) {
    talk_once(&a_talk, fail_after_all, GET("/") GET("/"));
    CHECK_ERR(a_talk.result, BL_EIO);
    CHECK_EQ(a_talk.stats.requests, 1);
    CHECK_EQ(a_talk.stats.failed, 1);
}

struct told {
    int count;
    int rc;
    bool has_exchange;
};

static void on_error(const bl_http_exchange *exchange, const bl_addr *peer,
                     int rc, void *arg) {
    struct told *told = arg;
    CHECK(peer == NULL);
    told->count++;
    told->rc = rc;
    told->has_exchange = exchange != NULL;
}

TEST(a_program_is_told_what_has_failed) {
    struct told told = { 0 };
    talk_init(&a_talk, return_path_number);
    a_talk.options.on_error = on_error;
    a_talk.options.arg = &told;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET("/-5"));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 500 ");
    CHECK_EQ(told.count, 1);
    CHECK_EQ(told.rc, BL_EIO);
    CHECK(told.has_exchange);
    talk_send(&a_talk, "nonsense\n");
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 400 ");
    CHECK_EQ(told.count, 2);
    CHECK_EQ(told.rc, BL_EHTTP_MALFORMED);
    CHECK(!told.has_exchange);
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}
