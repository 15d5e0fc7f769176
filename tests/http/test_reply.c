/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_reply.c - answers: at once, bit by bit, files, takeovers
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "http/talk.h"

static struct talk a_talk;

#define GET   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD  "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OLD   "GET / HTTP/1.0\r\n\r\n"
#define OLD_2 "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

/* ---- at once ------------------------------------------------------------ */

static int reply_with_fields(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    CHECK_OK(bl_http_add_field(exchange, "X-One", "1"));
    CHECK_OK(bl_http_add_field(exchange, "Set-Cookie", "a=b"));
    CHECK_OK(bl_http_add_field(exchange, "Set-Cookie", "c=d"));
    return bl_http_reply_text(exchange, 201, "made");
}

TEST(an_answer_has_its_fields) {
    CHECK_STR(talk_once(&a_talk, reply_with_fields, GET GET),
              "HTTP/1.1 201 Created\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Length: 4\r\n"
              "X-One: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nmade"
              "HTTP/1.1 201 Created\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Length: 4\r\n"
              "X-One: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nmade");
}

static int add_bad_fields(bl_http_exchange *exchange, void *arg) {
    static char large[5000];
    (void)arg;
    memset(large, 'x', sizeof large - 1);
    CHECK_ERR(bl_http_add_field(exchange, "A", "b\r\nC: d"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "A\r\nB", "b"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "", "b"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "connection", "b"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "Content-Length", "1"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "Transfer-Encoding", "a"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "Date", "today"), BL_EINVAL);
    CHECK_ERR(bl_http_add_field(exchange, "A", large), BL_EMSGSIZE);
    CHECK_ERR(bl_http_reply(exchange, 200, "a\r\nb", NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_http_reply(exchange, 200, large, NULL, 0), BL_EMSGSIZE);
    CHECK_ERR(bl_http_reply(exchange, 199, NULL, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_http_reply(exchange, 600, NULL, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_http_reply(exchange, 200, NULL, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_http_reply_text(exchange, 200, NULL), BL_EINVAL);
    CHECK_ERR(bl_http_reply_file(exchange, 200, NULL, 0, -1, 1), BL_EINVAL);
    CHECK_ERR(bl_http_begin(exchange, 200, NULL, -2), BL_EINVAL);
    CHECK_OK(bl_http_add_field(exchange, "Fine", ""));
    return bl_http_reply(exchange, 200, NULL, "", 0);
}

/* Header injection. */
TEST(nothing_breaks_out_of_its_line) {
    CHECK_STR(talk_once(&a_talk, add_bad_fields, GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nFine: \r\n\r\n");
}

static int reply_twice(bl_http_exchange *exchange, void *arg) {
    bl_http_raw raw;
    (void)arg;
    CHECK_ERR(bl_http_write(exchange, "a", 1), BL_EMISUSE);
    CHECK_ERR(bl_http_end(exchange, NULL, 0), BL_EMISUSE);
    CHECK_OK(bl_http_reply(exchange, 200, NULL, "a", 1));
    CHECK_ERR(bl_http_reply(exchange, 200, NULL, "b", 1), BL_EMISUSE);
    CHECK_ERR(bl_http_reply_text(exchange, 200, "b"), BL_EMISUSE);
    CHECK_ERR(bl_http_reply_file(exchange, 200, NULL, 0, 0, 1), BL_EMISUSE);
    CHECK_ERR(bl_http_begin(exchange, 200, NULL, 1), BL_EMISUSE);
    CHECK_ERR(bl_http_write(exchange, "a", 1), BL_EMISUSE);
    CHECK_ERR(bl_http_end(exchange, NULL, 0), BL_EMISUSE);
    CHECK_ERR(bl_http_add_field(exchange, "a", "b"), BL_EMISUSE);
    CHECK_ERR(bl_http_upgrade(exchange, "x", &raw), BL_EMISUSE);
    return 404; /* too late */
}

TEST(a_request_is_answered_once) {
    CHECK_STR(talk_once(&a_talk, reply_twice, GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
}

static int reply_without_body(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int status = exchange->path[1] == '2' ? 204 : 304;
    return bl_http_reply(exchange, status, NULL, "ignored", 7);
}

TEST(some_answers_have_no_body) {
    CHECK_STR(talk_once(&a_talk, reply_without_body,
                        "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
              "HTTP/1.1 204 No Content\r\n\r\n"
              "HTTP/1.1 304 Not Modified\r\n\r\n");
}

static int reply_hello(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply(exchange, 200, NULL, "hello", 5);
}

TEST(a_head_is_answered_without_the_body) {
    CHECK_STR(talk_once(&a_talk, reply_hello, HEAD GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

TEST(an_old_peer_keeps_its_connection_if_it_asks) {
    CHECK_STR(talk_once(&a_talk, reply_hello, OLD_2 OLD OLD),
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
              "Connection: keep-alive\r\n\r\nhello"
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
              "Connection: close\r\n\r\nhello");
}

static int reply_and_end(bl_http_exchange *exchange, void *arg) {
    bl_http_end_connection(exchange);
    return reply_hello(exchange, arg);
}

TEST(a_handler_may_end_the_connection) {
    CHECK_STR(talk_once(&a_talk, reply_and_end, GET GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
              "Connection: close\r\n\r\nhello");
}

static int end_meanwhile(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    CHECK_OK(bl_http_begin(exchange, 200, NULL, 2));
    bl_http_end_connection(exchange);
    return bl_http_write(exchange, "ab", 2) < 0 ? BL_EIO : 0;
}

TEST(a_handler_that_ends_it_too_late_to_say_so_ends_it) {
    CHECK_STR(talk_once(&a_talk, end_meanwhile, GET GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
}

static char much[100000];

static int reply_much(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply(exchange, 200, NULL, much, sizeof much);
}

TEST(a_long_answer_comes_whole) {
    memset(much, 'm', sizeof much);
    const char *said = talk_once(&a_talk, reply_much, GET);
    const char *body = strstr(said, "\r\n\r\n");
    REQUIRE(body != NULL);
    CHECK_MEM(body + 4, strlen(body + 4), much, sizeof much);
}

/* ---- bit by bit --------------------------------------------------------- */

static int write_bits(bl_http_exchange *exchange, void *arg) {
    static const bl_http_field trailers[] = { { "Sum", "12" } };
    (void)arg;
    int64_t length = exchange->path[1] == 'l' ? 6 : BL_HTTP_UNKNOWN_LENGTH;
    CHECK_OK(bl_http_begin(exchange, 200, "a/b", length));
    CHECK_OK(bl_http_write(exchange, "ab", 2));
    CHECK_OK(bl_http_write(exchange, NULL, 0));
    CHECK_OK(bl_http_flush(exchange));
    CHECK_OK(bl_http_write(exchange, "cdef", 4));
    if (length >= 0) CHECK_ERR(bl_http_write(exchange, "g", 1), BL_EMSGSIZE);
    CHECK_ERR(bl_http_write(exchange, NULL, 1), BL_EINVAL);
    return bl_http_end(exchange, trailers, 1);
}

TEST(an_answer_in_chunks_has_its_trailers) {
    CHECK_STR(talk_once(&a_talk, write_bits, GET),
              "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
              "Transfer-Encoding: chunked\r\n\r\n"
              "2\r\nab\r\n4\r\ncdef\r\n0\r\nSum: 12\r\n\r\n");
}

TEST(an_answer_of_a_length_has_that) {
    CHECK_STR(
        talk_once(&a_talk, write_bits, "GET /l HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
        "Content-Length: 6\r\n\r\nabcdef");
}

TEST(to_an_old_peer_the_end_is_that_of_the_connection) {
    CHECK_STR(talk_once(&a_talk, write_bits, OLD_2 OLD),
              "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
              "Connection: close\r\n\r\nabcdef");
}

TEST(the_head_alone_is_the_same) {
    CHECK_STR(talk_once(&a_talk, write_bits, HEAD),
              "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
              "Transfer-Encoding: chunked\r\n\r\n");
}

static int end_too_early(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    CHECK_OK(bl_http_begin(exchange, 200, NULL, 6));
    CHECK_OK(bl_http_write(exchange, "abc", 3));
    CHECK_ERR(bl_http_end(exchange, NULL, 0), BL_EMISUSE);
    return 0;
}

TEST(an_answer_that_is_too_short_is_cut_off) {
    talk_once(&a_talk, end_too_early, GET);
    CHECK_ERR(a_talk.result, BL_EMISUSE);
}

static int end_by_returning(bl_http_exchange *exchange, void *arg) {
    static char large[20000];
    (void)arg;
    const bl_http_field bad[] = { { "A", "b\r\n" } };
    const bl_http_field ours[] = { { "Content-Length", "1" } };
    memset(large, 'x', sizeof large - 1);
    const bl_http_field long_one[] = { { "A", large } };
    CHECK_OK(bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH));
    CHECK_ERR(bl_http_end(exchange, bad, 1), BL_EINVAL);
    CHECK_ERR(bl_http_end(exchange, ours, 1), BL_EINVAL);
    CHECK_ERR(bl_http_end(exchange, long_one, 1), BL_EMSGSIZE);
    return bl_http_write(exchange, "a", 1);
}

TEST(a_handler_that_returns_has_ended_its_answer) {
    CHECK_STR(talk_once(&a_talk, end_by_returning, GET),
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "1\r\na\r\n0\r\n\r\n");
}

static int write_many(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    for (int i = 0; rc == 0 && i < 3000; i++)
        rc = bl_http_write(exchange, "0123456789", 10);
    return rc;
}

TEST(many_bits_come_whole, .tags = "bulky") {
    const char *said = talk_once(&a_talk, write_many, GET);
    size_t chunks = 0;
    const char *at = said;
    while ((at = strstr(at, "\r\na\r\n0123456789\r\n")) != NULL) {
        chunks++;
        at += 13;
    }
    CHECK_EQ(chunks, 3000);
    CHECK_CONTAINS(said, "\r\n0\r\n\r\n");
}

/* ---- files -------------------------------------------------------------- */

static int reply_file(bl_http_exchange *exchange, void *arg) {
    const int *fd = arg;
    return bl_http_reply_file(exchange, 200, "a/b", *fd, 2, 5);
}

TEST(a_file_is_sent, (t_tmpdir)) {
    char path[512];
    snprintf(path, sizeof path, "%s/file", t_tmpdir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE_GE(fd, 0);
    REQUIRE_EQ(write(fd, "--hello--", 9), 9);
    talk_init(&a_talk, reply_file);
    a_talk.options.arg = &fd;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, HEAD GET GET);
    talk_send_end(&a_talk);
    CHECK_STR(talk_hear_all(&a_talk), "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
                                      "Content-Length: 5\r\n\r\n"
                                      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
                                      "Content-Length: 5\r\n\r\nhello"
                                      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
                                      "Content-Length: 5\r\n\r\nhello");
    CHECK_OK(talk_end(&a_talk));
    REQUIRE_EQ(ftruncate(fd, 4), 0);
    talk_init(&a_talk, reply_file);
    a_talk.options.arg = &fd;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    talk_hear_all(&a_talk);
    CHECK_ERR(talk_end(&a_talk), BL_EIO);
    close(fd);
    talk_init(&a_talk, reply_file);
    a_talk.options.arg = &fd;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    talk_hear_all(&a_talk);
    CHECK_ERR(talk_end(&a_talk), BL_EBADF);
}

/* ---- another protocol --------------------------------------------------- */

#define UPGRADE                            \
    "GET / HTTP/1.1\r\nHost: a\r\n"        \
    "Connection: Upgrade\r\nUpgrade: echo" \
    "\r\n\r\n"

static int echo_raw(bl_http_exchange *exchange, void *arg) {
    bl_http_raw raw;
    char bytes[64];
    bool is_connect = exchange->method == BL_HTTP_CONNECT;
    (void)arg;
    CHECK_ERR(bl_http_upgrade(exchange, "echo", NULL), BL_EINVAL);
    CHECK_ERR(bl_http_upgrade(exchange, "e\r\n", &raw), BL_EINVAL);
    CHECK_ERR(bl_http_upgrade(exchange, "", &raw), BL_EINVAL);
    CHECK_OK(bl_http_add_field(exchange, "X-Key", "1"));
    int rc = bl_http_upgrade(exchange, is_connect ? NULL : "echo", &raw);
    if (rc == BL_EPROTO) return 426;
    if (rc < 0) return rc;
    rc = bl_stream_write_all(raw.stream, raw.bytes, raw.count, NULL);
    bl_ssize count = 1;
    while (rc == 0 && count > 0) {
        count = bl_stream_read(raw.stream, bytes, sizeof bytes);
        if (count < 0) rc = (int)count;
        if (count > 0) {
            rc = bl_stream_write_all(raw.stream, bytes, (size_t)count, NULL);
        }
    }
    return rc;
}

TEST(a_handler_takes_the_connection_over) {
    talk_init(&a_talk, echo_raw);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, UPGRADE "early");
    CHECK_STR(talk_hear(&a_talk),
              "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
              "Upgrade: echo\r\nX-Key: 1\r\n\r\nearly");
    talk_send(&a_talk, "late");
    CHECK_STR(talk_hear(&a_talk), "late");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.upgraded, 1);
}

TEST(connect_is_taken_over_too) {
    talk_init(&a_talk, echo_raw);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nearly");
    CHECK_STR(talk_hear(&a_talk), "HTTP/1.1 200 OK\r\nX-Key: 1\r\n\r\nearly");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(what_was_not_asked_for_is_not_taken_over) {
    CHECK_CONTAINS(talk_once(&a_talk, echo_raw, GET), "HTTP/1.1 426 ");
    CHECK_CONTAINS(talk_once(&a_talk, echo_raw,
                             "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n"
                             "\r\n"),
                   "HTTP/1.1 426 ");
    CHECK_CONTAINS(talk_once(&a_talk, echo_raw,
                             "POST / HTTP/1.1\r\nHost: a\r\n"
                             "Connection: upgrade\r\nUpgrade: echo\r\n"
                             "Content-Length: 1\r\n\r\nx"),
                   "HTTP/1.1 426 ");
}

/* ---- cancellation ------------------------------------------------------- */

/* Each call in a scope that is cancelled already. */
static void try_all(bl_http_exchange *exchange) {
    const bl_http_event event = { .data = "x" };
    bl_http_raw raw;
    CHECK_ERR(bl_http_reply(exchange, 200, NULL, "a", 1), BL_ECANCELED);
    CHECK_ERR(bl_http_reply_text(exchange, 200, "a"), BL_ECANCELED);
    CHECK_ERR(bl_http_reply_file(exchange, 200, NULL, 0, 0, 1), BL_ECANCELED);
    CHECK_ERR(bl_http_begin(exchange, 200, NULL, 1), BL_ECANCELED);
    CHECK_ERR(bl_http_events_begin(exchange), BL_ECANCELED);
    CHECK_ERR(bl_http_upgrade(exchange, "x", &raw), BL_ECANCELED);
    CHECK_ERR(bl_http_write(exchange, "a", 1), BL_ECANCELED);
    CHECK_ERR(bl_http_flush(exchange), BL_ECANCELED);
    CHECK_ERR(bl_http_end(exchange, NULL, 0), BL_ECANCELED);
    CHECK_ERR(bl_http_event_send(exchange, &event), BL_ECANCELED);
    CHECK_ERR(bl_http_event_comment(exchange, "x"), BL_ECANCELED);
}

static int reply_after_cancelling(bl_http_exchange *exchange, void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "test");
    try_all(exchange);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    return bl_http_reply(exchange, 200, NULL, "fine", 4);
}

TEST(each_call_notices_a_cancellation_and_has_done_nothing) {
    const char *said = talk_once(&a_talk, reply_after_cancelling, UPGRADE);
    CHECK_CONTAINS(said, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n");
    CHECK_CONTAINS(said, "\r\n\r\nfine");
}

/* Writes more than the peer takes, and does not care. */
static int write_and_give_up(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, sizeof much);
    if (rc < 0) return rc;
    BL_MOVE_ON(rc, SEC(1)) {
        rc = bl_http_write(exchange, much, sizeof much);
    }
    CHECK_OK(rc);
    CHECK_ERR(bl_http_flush(exchange), BL_EMISUSE);
    return 0;
}

TEST(an_answer_with_a_hole_is_the_last) {
    talk_init(&a_talk, write_and_give_up);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET GET);
    CHECK_OK(bl_sleep(SEC(2)));
    const char *said = talk_hear_all(&a_talk);
    CHECK_LT(strlen(said), sizeof much);
    CHECK_LT(talk_end(&a_talk), 0);
    CHECK_EQ(a_talk.stats.requests, 1);
}

/* Two tasks write at once. */
static int write_much(void *arg) {
    bl_http_exchange *exchange = arg;
    return bl_http_write(exchange, much, sizeof much);
}

static int write_by_two(bl_http_exchange *exchange, void *arg) {
    bl_http_raw raw;
    int group_rc = 0;
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, sizeof much);
    if (rc < 0) return rc;
    BL_GROUP(group, group_rc) {
        group_rc = bl_spawn(group, write_much, exchange);
        CHECK_OK(bl_settle());
        CHECK_ERR(bl_http_write(exchange, "a", 1), BL_EBUSY);
        CHECK_ERR(bl_http_flush(exchange), BL_EBUSY);
        CHECK_ERR(bl_http_end(exchange, NULL, 0), BL_EBUSY);
        CHECK_ERR(bl_http_reply(exchange, 200, NULL, NULL, 0), BL_EBUSY);
        CHECK_ERR(bl_http_upgrade(exchange, "x", &raw), BL_EBUSY);
    }
    return group_rc;
}

TEST(one_task_writes_at_a_time) {
    memset(much, 'm', sizeof much);
    talk_init(&a_talk, write_by_two);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    talk_send_end(&a_talk);
    CHECK_OK(bl_sleep(SEC(1)));
    const char *said = talk_hear_all(&a_talk);
    const char *body = strstr(said, "\r\n\r\n");
    CHECK(body != NULL);
    if (body != NULL) {
        CHECK_MEM(body + 4, strlen(body + 4), much, sizeof much);
    }
    CHECK_OK(talk_end(&a_talk));
}

/* The turn of the one may end in the middle of a call; the other is refused. */
static int other_rc;
static int calls_before;

static int write_much_or_not(void *arg) {
    other_rc = write_much(arg);
    return 0;
}

static int write_as_the_turn_ends(bl_http_exchange *exchange, void *arg) {
    int group_rc = 0;
    int one_rc = 0;
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, sizeof much + 1);
    if (rc < 0) return rc;
    BL_GROUP(group, group_rc) {
        CHECK_OK(bl_yield()); /* from here it has a whole turn */
        group_rc = bl_spawn(group, write_much_or_not, exchange);
        for (int i = 0; i < calls_before; i++)
            CHECK_OK(bl_checkpoint());
        one_rc = bl_http_write(exchange, "a", 1);
    }
    if (one_rc == BL_EBUSY) one_rc = bl_http_write(exchange, "a", 1);
    if (other_rc == BL_EBUSY) other_rc = write_much(exchange);
    CHECK_OK(one_rc);
    CHECK_OK(other_rc);
    return group_rc;
}

PARAM(int, calls, 0, 126, 127, 128);

TEST(nobody_else_writes_when_a_turn_ends_in_a_call, (calls)) {
    memset(much, 'm', sizeof much);
    calls_before = calls;
    talk_init(&a_talk, write_as_the_turn_ends);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET);
    talk_send_end(&a_talk);
    CHECK_OK(bl_sleep(SEC(1)));
    const char *body = strstr(talk_hear_all(&a_talk), "\r\n\r\n");
    CHECK(body != NULL);
    if (body != NULL) CHECK_EQ(strlen(body), 4 + sizeof much + 1);
    CHECK_OK(talk_end(&a_talk));
}

/* One task reads the body while the other answers. */
static int read_beside(void *arg) {
    bl_http_exchange *exchange = arg;
    char bytes[1000];
    bl_ssize count;
    do {
        count = bl_http_body_read(exchange->body, bytes, sizeof bytes);
    } while (count > 0);
    return (int)count;
}

static int read_and_write(bl_http_exchange *exchange, void *arg) {
    int group_rc = 0;
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, sizeof much);
    if (rc < 0) return rc;
    BL_GROUP(group, group_rc) {
        group_rc = bl_spawn(group, write_much, exchange);
        if (group_rc == 0) group_rc = bl_spawn(group, read_beside, exchange);
    }
    return group_rc;
}

TEST(one_task_may_read_while_another_writes) {
    memset(much, 'm', sizeof much);
    talk_init(&a_talk, read_and_write);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk,
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    CHECK_OK(bl_settle());
    talk_send_bytes(&a_talk, much, 50000);
    CHECK_OK(bl_sleep(SEC(1)));
    talk_send_bytes(&a_talk, much, 50000);
    talk_send_end(&a_talk);
    CHECK_GT(strlen(talk_hear_all(&a_talk)), sizeof much);
    CHECK_OK(talk_end(&a_talk));
}

/* The peer takes nothing for a while; what was gathered is not lost. */
static int flush_twice(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_begin(exchange, 200, NULL, 4);
    if (rc == 0) rc = bl_http_write(exchange, "late", 4);
    if (rc < 0) return rc;
    BL_MOVE_ON(rc, 0) {
        rc = bl_http_flush(exchange);
    }
    CHECK_OK(rc);
    return bl_http_flush(exchange);
}

TEST(a_flush_that_was_cancelled_can_be_made_again) {
    CHECK_STR(talk_once(&a_talk, flush_twice, GET),
              "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
}

static int fill_and_read(bl_http_exchange *exchange, void *arg) {
    char bytes[8];
    (void)arg;
    bl_ssize count = bl_http_body_read_all(exchange->body, bytes, sizeof bytes);
    if (count < 0) return (int)count;
    return bl_http_reply(exchange, 200, NULL, much, 5000);
}

/* The output is full of answers when leave to send has to be given. */
TEST(leave_to_send_finds_room) {
    static char text[4000];
    memset(much, 'm', sizeof much);
    for (int i = 0; i < 3; i++)
        strcat(text, GET);
    strcat(text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                 "Expect: 100-continue\r\n\r\n");
    talk_init(&a_talk, fill_and_read);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, text);
    CHECK_CONTAINS(talk_hear(&a_talk), "mHTTP/1.1 100 Continue\r\n\r\n");
    talk_send(&a_talk, "hello");
    talk_send_end(&a_talk);
    CHECK_CONTAINS(talk_hear_all(&a_talk), "HTTP/1.1 200 OK\r\n");
    CHECK_OK(talk_end(&a_talk));
}
