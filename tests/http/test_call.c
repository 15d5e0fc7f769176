/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_call.c - a request and its response
 *
 *     Legs: valgrind
 *
 * The servers are scripts at the other ends of streams in memory.
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/famine.h"
#include "support/kids.h"
#include "support/wires.h"

#define GET_HEAD(target, host)                      \
    "GET " target " HTTP/1.1\r\nHost: " host "\r\n" \
    "Accept-Encoding: identity\r\n\r\n"
#define POST_HEAD(fields)             \
    "POST /p HTTP/1.1\r\nHost: a\r\n" \
    "Accept-Encoding: identity\r\n" fields "\r\n"

static struct wires wires;

static bl_http_client_options plain_options(void) {
    return (bl_http_client_options){ .size = sizeof(bl_http_client_options),
                                     .dial = wires_dial,
                                     .dial_arg = &wires,
                                     .proxy = "",
                                     .user_agent = "" };
}

static bl_http_client *client_of(const bl_http_client_options *options) {
    bl_http_client *client;
    REQUIRE_OK(bl_http_client_open(options, &client));
    return client;
}

static bl_http_client *plain_client(void) {
    bl_http_client_options options = plain_options();
    return client_of(&options);
}

/* A client that finds `peer` where it connects. */
static bl_http_client *client_to(bl_stream *peer) {
    wires = (struct wires){ 0 };
    wires_offer(&wires, peer);
    return plain_client();
}

/* Closes it, and what it has not connected to. */
static void client_end(bl_http_client *client) {
    bl_http_client_close(client);
    wires_done(&wires);
}

/* Gets `url`; the body, or the name of the code. */
static const char *got(bl_http_client *client, const char *url) {
    static char text[256];
    bl_http_answer *answer;
    int rc = bl_http_get(client, url, &answer);
    if (rc < 0) return bl_error_name(rc);
    snprintf(text, sizeof text, "%d %s", answer->status, answer->body);
    bl_http_answer_free(answer);
    return text;
}

/* Runs one script against one GET of http://a/x. */
#define AGAINST(steps, expected)                                   \
    do {                                                           \
        BL_GROUP_SCOPED(group);                                    \
        bl_http_client *client = client_to(t_peer(&group, steps)); \
        CHECK_STR(got(client, "http://a/x"), expected);            \
        client_end(client);                                        \
        CHECK_OK(bl_group_exit(&group, 0));                        \
    } while (0)

/* ---- responses ----------------------------------------------------------- */

TEST(a_body_with_a_length_is_read) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        T_EXPECT_END(),
    };
    AGAINST(steps, "200 hello");
}

TEST(a_body_in_chunks_is_read) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n"),
        T_EXPECT_END(),
    };
    AGAINST(steps, "200 hello");
}

TEST(a_body_until_the_end_is_read) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.0 200 OK\r\n\r\nhello"),
    };
    AGAINST(steps, "200 hello");
}

TEST(heads_of_1xx_are_read_over) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n"),
        T_SEND("HTTP/1.1 100 Continue\r\n\r\n"
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        T_EXPECT_END(),
    };
    AGAINST(steps, "200 hi");
}

TEST(some_statuses_have_no_body) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 204 No Content\r\n\r\n"),
        T_EXPECT(GET_HEAD("/y", "a")),
        T_SEND("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    CHECK_STR(got(client, "http://a/x"), "204 ");
    CHECK_STR(got(client, "http://a/y"), "304 ");
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(the_response_to_head_has_no_body) {
    static const bl_test_step steps[] = {
        T_EXPECT("HEAD /x HTTP/1.1\r\nHost: a\r\n"
                 "Accept-Encoding: identity\r\n\r\n"),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        T_EXPECT(GET_HEAD("/y", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_answer *answer;
    REQUIRE_OK(bl_http_send(client, "HEAD", "http://a/x", NULL, &answer));
    CHECK_EQ(answer->body_bytes, 0u);
    CHECK_STR(bl_http_fields_get(&answer->fields, "content-length"), "99");
    bl_http_answer_free(answer);
    CHECK_STR(got(client, "http://a/y"), "200 y");
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

struct bad {
    const char *response;
    const char *code;
};

/* After each the server closes. */
PARAM(struct bad, bad, { "", "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 200 OK\r\n", "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n",
        "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhelloX\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "fffffffffffffffff\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "BL_EHTTP_CODING" },
      { "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/2.0 200 OK\r\n\r\n", "BL_EHTTP_VERSION" },
      { "SSH-2.0-OpenSSH_9.2\r\n", "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 20 OK\r\n\r\n", "BL_EHTTP_MALFORMED" });

/* Gets http://a/x from a server that says just that, and closes. */
static const char *answer_to(const char *reply, size_t bytes, bl_ns pause) {
    static char text[256];
    wires =
        (struct wires){ .reply = reply, .reply_bytes = bytes, .pause = pause };
    BL_GROUP_SCOPED(group);
    wires.group = &group;
    bl_http_client *client = plain_client();
    snprintf(text, sizeof text, "%s", got(client, "http://a/x"));
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
    return text;
}

TEST(what_is_not_a_whole_response_is_an_error, (bad)) {
    CHECK_STR(answer_to(bad.response, strlen(bad.response), 0), bad.code);
}

TEST(a_response_cut_at_any_byte_is_never_short) {
    static const char *const whole[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        size_t bytes = strlen(whole[i]);
        for (size_t cut = 0; cut < bytes; cut++) {
            CHECK_STR(answer_to(whole[i], cut, 0), "BL_EHTTP_TRUNCATED");
        }
        CHECK_STR(answer_to(whole[i], bytes, 0), "200 hello");
    }
}

TEST(a_response_in_single_bytes_is_the_same) {
    static const char reply[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    CHECK_STR(answer_to(reply, sizeof reply - 1, BL_US(1)), "200 hello");
}

TEST(a_head_beyond_its_limits_is_refused) {
    static char reply[80 * 1024];
    int length = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nX: ");
    memset(reply + length, 'x', sizeof reply - (size_t)length);
    CHECK_STR(answer_to(reply, sizeof reply, 0), "BL_EHTTP_HEAD_SIZE");
    for (int i = 0; i < 129; i++)
        memcpy(reply + length + i * 6, "\r\nA: b", 6);
    size_t bytes = (size_t)length + 129 * 6;
    memcpy(reply + bytes, "\r\n\r\n", 4);
    CHECK_STR(answer_to(reply, bytes + 4, 0), "BL_EHTTP_HEAD_SIZE");
}

TEST(heads_of_1xx_without_end_are_refused) {
    static char reply[32 * 40];
    reply[0] = '\0';
    for (int i = 0; i < 32; i++)
        strcat(reply, "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK_STR(answer_to(reply, strlen(reply), 0), "BL_EHTTP_MALFORMED");
}

/* ---- time ---------------------------------------------------------------- */

TEST(a_head_that_comes_a_byte_a_second_is_too_late) {
    static const char reply[] =
        "HTTP/1.1 200 OK\r\nX-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "\r\nContent-Length: 0\r\n\r\n";
    CHECK_STR(answer_to(reply, sizeof reply - 1, BL_SEC(1)), "BL_ETIMEDOUT");
    CHECK_GE(bl_now(), BL_SEC(60));
    CHECK_LT(bl_now(), BL_SEC(62));
}

TEST(a_body_may_be_slow_but_not_silent) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na"),
        T_WAIT(BL_SEC(59)),
        T_SEND("b"),
        T_WAIT(BL_SEC(59)),
        T_SEND("c"),
        T_EXPECT_END(),
    };
    AGAINST(steps, "BL_ETIMEDOUT");
    CHECK_EQ(bl_now(), BL_SEC(59 + 59 + 60));
}

TEST(a_server_that_does_not_read_is_not_waited_for) {
    static const bl_test_step steps[] = { T_WAIT(BL_SEC(100)) };
    static char body[200 * 1024];
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .body = body,
                                     .body_bytes = sizeof body };
    bl_http_answer *answer;
    CHECK_ERR(bl_http_send(client, "POST", "http://a/p", &options, &answer),
              BL_ETIMEDOUT);
    CHECK_EQ(bl_now(), BL_SEC(60));
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* Opens a call whose body is written, to somebody who does nothing. */
static bl_http_call *call_to_nobody(bl_http_client *client) {
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = true };
    bl_http_call *call;
    REQUIRE_OK(
        bl_http_call_open(client, "POST", "http://a/p", &options, &call));
    return call;
}

TEST(a_write_has_a_limit_and_can_be_cancelled) {
    static const bl_test_step steps[] = { T_WAIT(BL_SEC(100)) };
    static char body[200 * 1024];
    int rc = 0;
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    wires_offer(&wires, t_peer(&group, steps));
    bl_http_call *call = call_to_nobody(client);
    CHECK_ERR(bl_http_call_write(call, body, sizeof body), BL_ETIMEDOUT);
    CHECK_EQ(bl_now(), BL_SEC(60));
    CHECK_ERR(bl_http_call_receive(call), BL_ETIMEDOUT); /* for good */
    bl_http_call_close(call);

    call = call_to_nobody(client);
    BL_TIMEOUT(rc, BL_SEC(1)) {
        rc = bl_http_call_write(call, body, sizeof body);
        CHECK_ERR(rc, BL_ECANCELED);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_ERR(bl_http_call_write(call, body, 1), BL_ECANCELED); /* likewise */
    bl_http_call_close(call);
    CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_receive_can_be_cancelled) {
    static const bl_test_step steps[] = { T_WAIT(BL_SEC(100)) };
    int rc = 0;
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call *call = call_to_nobody(client);
    BL_TIMEOUT(rc, BL_SEC(1)) {
        rc = bl_http_call_receive(call);
        CHECK_ERR(rc, BL_ECANCELED);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    bl_http_call_close(call);
    CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(the_time_for_the_whole_is_the_scopes) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    int rc = 0;
    wires = (struct wires){ .reply = reply,
                            .reply_bytes = sizeof reply - 1,
                            .pause = BL_SEC(1) };
    BL_GROUP_SCOPED(group);
    wires.group = &group;
    bl_http_client *client = plain_client();
    BL_TIMEOUT(rc, BL_SEC(10)) {
        bl_http_answer *answer;
        rc = bl_http_get(client, "http://a/x", &answer);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_now(), BL_SEC(10));
    bl_http_client_close(client);
    bl_group_cancel(&group);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- bodies that are sent ------------------------------------------------ */

/* Opens, and reads the whole of it; the body, or the name of the code. */
static const char *sent(bl_http_client *client,
                        const bl_http_call_options *options) {
    static char text[256];
    bl_http_answer *answer;
    int rc = bl_http_send(client, "POST", "http://a/p", options, &answer);
    if (rc < 0) return bl_error_name(rc);
    snprintf(text, sizeof text, "%d %s", answer->status, answer->body);
    bl_http_answer_free(answer);
    return text;
}

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

TEST(a_body_is_sent_with_its_length) {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Content-Length: 3\r\n") "abc"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 0\r\n")),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .body = "abc",
                                     .body_bytes = 3 };
    CHECK_STR(sent(client, &options), "200 hi");
    CHECK_STR(sent(client, NULL), "200 hi");
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* A stream that gives `text` and ends. */
static bl_stream *source_of(const char *text) {
    bl_stream *ends[2];
    REQUIRE_OK(bl_mem_pair(0, ends));
    REQUIRE_OK(bl_stream_write_all(ends[1], text, strlen(text), NULL));
    REQUIRE_OK(bl_stream_close(ends[1]));
    return ends[0];
}

TEST(a_source_is_sent_in_chunks_or_with_its_length, .tags = "order") {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD(
            "Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n0\r\n\r\n"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 4\r\n") "hell"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 6\r\n") "hello"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options };
    static const char *const results[] = { "200 hi", "200 hi",
                                           "BL_EHTTP_TRUNCATED" };
    for (int i = 0; i < 3; i++) {
        options.source = source_of("hello");
        CHECK_STR(sent(client, &options), results[i]);
        bl_stream_abort(options.source);
        options.has_length = true;
        options.length = 4 + 2 * (unsigned)i;
    }
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_body_is_written_piece_by_piece, .tags = "order") {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2\r\n"
                                                             "de\r\n0\r\n\r\n"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 4\r\n") "abcd"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = true };
    bl_http_call *call;
    char text[8];
    REQUIRE_OK(
        bl_http_call_open(client, "POST", "http://a/p", &options, &call));
    CHECK_EQ(bl_http_call_status(call), 0);
    CHECK_STR(bl_http_call_reason(call), "");
    CHECK_EQ(bl_http_call_fields(call)->count, 0u);
    CHECK(bl_http_call_body(call) == NULL);
    CHECK_OK(bl_http_call_write(call, "abc", 3));
    CHECK_OK(bl_http_call_write(call, "", 0));
    CHECK_OK(bl_http_call_write(call, "de", 2));
    CHECK_EQ(bl_http_call_receive(call), 200);
    CHECK_EQ(bl_http_call_receive(call), 200);
    CHECK_STR(bl_http_call_reason(call), "OK");
    CHECK_ERR(bl_http_call_write(call, "f", 1), BL_EMISUSE);
    CHECK_EQ(bl_http_body_read_all(bl_http_call_body(call), text, 8), 2);
    bl_http_call_close(call);

    options.has_length = true;
    options.length = 4;
    REQUIRE_OK(
        bl_http_call_open(client, "POST", "http://a/p", &options, &call));
    CHECK_OK(bl_http_call_write(call, "abc", 3));
    CHECK_ERR(bl_http_call_write(call, "de", 2), BL_EINVAL);
    CHECK_OK(bl_http_call_write(call, "d", 1));
    CHECK_EQ(bl_http_call_receive(call), 200);
    bl_http_call_close(call); /* what is there of the body is skipped */
    CHECK_EQ(wires.dialed, 1);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(too_little_that_was_written_is_misuse) {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Content-Length: 4\r\n") "abc"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = true,
                                     .has_length = true,
                                     .length = 4 };
    bl_http_call *call;
    REQUIRE_OK(
        bl_http_call_open(client, "POST", "http://a/p", &options, &call));
    CHECK_OK(bl_http_call_write(call, "abc", 3));
    CHECK_ERR(bl_http_call_receive(call), BL_EMISUSE);
    CHECK_ERR(bl_http_call_receive(call), BL_EMISUSE);
    CHECK_ERR(bl_http_call_write(call, "d", 1), BL_EMISUSE);
    bl_http_call_close(call);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_server_may_refuse_a_body_early) {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Content-Length: 200000\r\n")),
        T_SEND("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"),
    };
    static char body[200000];
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .body = body,
                                     .body_bytes = sizeof body };
    CHECK_STR(sent(client, &options), "413 no");
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_body_may_wait_until_it_is_wanted) {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Content-Length: 3\r\nExpect: 100-continue\r\n")),
        T_WAIT(BL_MS(500)),
        T_SEND("HTTP/1.1 100 Continue\r\n\r\n"),
        T_EXPECT("abc"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 3\r\nExpect: 100-continue\r\n")),
        T_WAIT(BL_MS(1500)), /* it does not know of that */
        T_EXPECT("abc"),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 3\r\nExpect: 100-continue\r\n")),
        T_SEND("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options,
                                     .body = "abc",
                                     .body_bytes = 3,
                                     .expects_100 = true };
    CHECK_STR(sent(client, &options), "200 hi");
    CHECK_STR(sent(client, &options), "200 hi");
    CHECK_STR(sent(client, &options), "401 ");
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u); /* the body is owed */
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- stale connections --------------------------------------------------- */

/*
 * A connection that is lost after it was looked at: it answers once, and is
 * silent until the next request breaks on it.
 */
static bool lost_has_answered;

static bl_ssize lost_read(void *self, const struct iovec *parts, int count) {
    (void)self;
    (void)count;
    if (lost_has_answered) return bl_sleep(BL_FOREVER);
    lost_has_answered = true;
    memcpy(parts[0].iov_base, OK_HI, strlen(OK_HI));
    return (bl_ssize)strlen(OK_HI);
}

static bl_ssize lost_write(void *self, const struct iovec *parts, int count) {
    (void)self;
    (void)count;
    return lost_has_answered ? BL_EPIPE : (bl_ssize)parts[0].iov_len;
}

static int lost_abort(void *self, bool is_cut) {
    (void)self;
    (void)is_cut;
    return 0;
}

/* Looked at, it has nothing to say. */
static bl_ssize lost_try_read(void *self, const struct iovec *parts,
                              int count) {
    (void)self;
    (void)parts;
    return count > 0 ? BL_EAGAIN : 0;
}

static const bl_stream_ops lost_ops = { .size = sizeof lost_ops,
                                        .name = "lost",
                                        .read = lost_read,
                                        .write = lost_write,
                                        .abort = lost_abort,
                                        .try_read = lost_try_read };

/* Leaves one connection, which is lost. */
static bl_http_client *client_with_a_stale_connection(void) {
    bl_stream *stream;
    lost_has_answered = false;
    REQUIRE_OK(bl_stream_new(&lost_ops, NULL, &stream));
    bl_http_client *client = client_to(stream);
    CHECK_STR(got(client, "http://a/x"), "200 hi");
    REQUIRE_EQ(bl_http_client_stats_of(client).idle, 1u);
    return client;
}

TEST(a_get_over_a_stale_connection_is_sent_again) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/y", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_with_a_stale_connection();
    wires_offer(&wires, t_peer(&group, steps));
    CHECK_STR(got(client, "http://a/y"), "200 y");
    CHECK_EQ(bl_http_client_stats_of(client).retried, 1u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_second_failure_is_told) {
    static const bl_test_step steps[] = { T_EXPECT(GET_HEAD("/y", "a")) };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_with_a_stale_connection();
    wires_offer(&wires, t_peer(&group, steps));
    CHECK_STR(got(client, "http://a/y"), "BL_EHTTP_TRUNCATED");
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_post_that_may_have_been_carried_out_is_not_sent_again) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 0\r\n")),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    CHECK_STR(got(client, "http://a/x"), "200 hi");
    CHECK_STR(sent(client, NULL), "BL_EHTTP_TRUNCATED");
    CHECK_EQ(bl_http_client_stats_of(client).retried, 0u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_post_is_sent_again_if_nothing_of_it_was_or_it_may) {
    static const bl_test_step steps[] = {
        T_EXPECT(POST_HEAD("Content-Length: 0\r\n")),
        T_SEND(OK_HI),
        T_EXPECT(POST_HEAD("Content-Length: 0\r\n")),
    };
    static const bl_test_step last[] = {
        T_EXPECT(POST_HEAD("Content-Length: 0\r\n")),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_with_a_stale_connection();
    wires_offer(&wires, t_peer(&group, steps));
    CHECK_STR(sent(client, NULL), "200 hi"); /* the pipe was broken before */
    bl_http_call_options options = { .size = sizeof options,
                                     .may_repeat = true };
    wires_offer(&wires, t_peer(&group, last));
    CHECK_STR(sent(client, &options), "200 hi");
    CHECK_EQ(bl_http_client_stats_of(client).retried, 2u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(what_has_begun_to_come_is_not_asked_for_again) {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND(OK_HI),
        T_EXPECT(GET_HEAD("/y", "a")),
        T_SEND("HTTP/1.1 2"),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    CHECK_STR(got(client, "http://a/x"), "200 hi");
    CHECK_STR(got(client, "http://a/y"), "BL_EHTTP_TRUNCATED");
    CHECK_EQ(wires.dialed, 1);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- connections that are not used again --------------------------------- */

/* Gets something with `reply`, and tells whether the connection was kept. */
static bool is_kept_after(const char *reply, bool is_read) {
    wires = (struct wires){ .reply = reply, .reply_bytes = strlen(reply) };
    BL_GROUP_SCOPED(group);
    wires.group = &group;
    bl_http_client *client = plain_client();
    bl_http_call *call;
    char text[64];
    REQUIRE_OK(bl_http_call_open(client, "GET", "http://a/x", NULL, &call));
    if (is_read) {
        CHECK_GE(
            bl_http_body_read_all(bl_http_call_body(call), text, sizeof text),
            0);
    }
    bl_http_call_close(call);
    bool is_kept = bl_http_client_stats_of(client).idle == 1;
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
    return is_kept;
}

TEST(only_what_was_read_to_its_end_is_used_again, .tags = "order") {
    CHECK(is_kept_after(OK_HI, true));
    CHECK(is_kept_after(OK_HI, false));     /* it is all there */
    CHECK(!is_kept_after(OK_HI "x", true)); /* something that nobody wanted */
    CHECK(!is_kept_after("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi",
                         false));
    CHECK(!is_kept_after("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                         "Connection: close\r\n\r\nhi",
                         true));
    CHECK(
        !is_kept_after("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", true));
    CHECK(is_kept_after("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n"
                        "Connection: keep-alive\r\n\r\nhi",
                        true));
    CHECK(!is_kept_after("HTTP/1.1 200 OK\r\n\r\nhi", true));
    CHECK(!is_kept_after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                         "\r\n2\r\nhi\r\n0\r\n\r\n",
                         false));
}

TEST(closing_never_waits) {
    static const char *const replies[] = {
        OK_HI, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi"
    };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        bl_http_call *call;
        wires = (struct wires){ .reply = replies[i],
                                .reply_bytes = strlen(replies[i]),
                                .group = &group };
        bl_http_client *client = plain_client();
        REQUIRE_OK(bl_http_call_open(client, "GET", "http://a/x", NULL, &call));
        CHECK_NO_CHECKPOINTS {
            bl_http_call_close(call);
            bl_http_client_close(client);
        }
    }
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_connection_may_be_asked_not_to_be_kept) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\n"
                 "Connection: close\r\n\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call_options options = { .size = sizeof options, .is_final = true };
    bl_http_answer *answer;
    REQUIRE_OK(bl_http_send(client, "GET", "http://a/x", &options, &answer));
    bl_http_answer_free(answer);
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- whatever happens ---------------------------------------------------- */

static const char *body_of(const char *target) {
    static char text[64];
    snprintf(text, sizeof text, "200 %s!", target);
    return text;
}

/* A connection that was left in the middle would give a wrong answer later. */
TEST(nobody_gets_the_answer_of_another, .sweep = T_CANCEL | T_OOM) {
    static const char *const targets[] = { "/one", "/two", "/three", "/four" };
    int rc = 0;
    wires = (struct wires){ .capacity = 16 };
    BL_GROUP(group, rc) {
        bl_http_client_options options = plain_options();
        bl_http_client *client = NULL;
        wires.group = group;
        rc = bl_http_client_open(&options, &client);
        for (int i = 0; rc == 0 && i < 4; i++) {
            char url[32];
            bl_http_answer *answer;
            snprintf(url, sizeof url, "http://a%s", targets[i]);
            rc = bl_http_get(client, url, &answer);
            if (rc < 0) {
                if (t_injected() && rc != BL_ECANCELED) rc = 0; /* go on */
                continue;
            }
            char text[64];
            snprintf(text, sizeof text, "%d %s", answer->status, answer->body);
            BL_CHECK_STR(text, body_of(targets[i]));
            bl_http_answer_free(answer);
        }
        bl_http_client_close(client);
    }
    if (!t_injected()) CHECK_OK(rc);
}

TEST(a_body_that_is_written_can_be_given_up, .sweep = T_CANCEL | T_OOM) {
    int rc = 0;
    wires = (struct wires){ .capacity = 16 };
    BL_GROUP(group, rc) {
        bl_http_client_options options = plain_options();
        bl_http_call_options body = { .size = sizeof body,
                                      .is_written = true,
                                      .has_length = true,
                                      .length = 60 };
        bl_http_client *client = NULL;
        bl_http_call *call = NULL;
        static const char text[30] = "all of it";
        wires.group = group;
        rc = bl_http_client_open(&options, &client);
        if (rc == 0) {
            rc = bl_http_call_open(client, "POST", "http://a/p", &body, &call);
        }
        if (rc == 0) rc = bl_http_call_write(call, text, 30);
        if (rc == 0) rc = bl_http_call_write(call, text, 30);
        if (rc == 0) rc = bl_http_call_receive(call);
        if (rc > 0) {
            char got[8];
            bl_ssize count =
                bl_http_body_read_all(bl_http_call_body(call), got, sizeof got);
            rc = count < 0 ? (int)count : 0;
        }
        bl_http_call_close(call);
        bl_http_client_close(client);
    }
    if (!t_injected()) CHECK_OK(rc);
}

TEST(a_cancelled_read_has_lost_nothing, .tags = "order") {
    static const bl_test_step steps[] = {
        T_EXPECT(GET_HEAD("/x", "a")),
        T_SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
        T_WAIT(BL_SEC(10)),
        T_SEND("lo"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client *client = client_to(t_peer(&group, steps));
    bl_http_call *call;
    char text[8] = "";
    int rc = 0;
    REQUIRE_OK(bl_http_call_open(client, "GET", "http://a/x", NULL, &call));
    bl_http_body *body = bl_http_call_body(call);
    CHECK_EQ(bl_http_body_read(body, text, 8), 3);
    BL_TIMEOUT(rc, BL_SEC(1)) {
        rc = (int)bl_http_body_read(body, text + 3, 5);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_http_body_read(body, text + 3, 5), 2);
    CHECK_STR(text, "hello");
    CHECK_EQ(bl_http_body_read(body, text, 5), 0);
    bl_http_call_close(call);
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    client_end(client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- misuse -------------------------------------------------------------- */

TEST(what_cannot_be_sent_is_refused) {
    static const bl_http_field bad_fields[] = {
        { "Content-Length", "1" },
        { "transfer-encoding", "chunked" },
        { "Connection", "close" },
        { "Expect", "100-continue" },
        { "X", "a\r\nB: c" },
        { "X y", "a" },
        { "", "a" },
        { NULL, "a" },
        { "X", NULL },
    };
    bl_stream *source = source_of("");
    bl_http_client *client = plain_client();
    bl_http_call *call;
    bl_http_call_options options = { .size = sizeof options };
#define OPEN(client, method, url) \
    bl_http_call_open(client, method, url, &options, &call)
    wires = (struct wires){ 0 };
    for (size_t i = 0; i < sizeof bad_fields / sizeof *bad_fields; i++) {
        options.fields = &bad_fields[i];
        options.field_count = 1;
        CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    }
    options = (bl_http_call_options){ .size = sizeof options };
    CHECK_ERR(OPEN(NULL, "GET", "http://a/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, NULL, "http://a/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, "GET", NULL), BL_EINVAL);
    CHECK_ERR(bl_http_call_open(client, "GET", "http://a/", NULL, NULL),
              BL_EINVAL);
    CHECK_ERR(OPEN(client, "", "http://a/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, "GET /", "http://a/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, "CONNECT", "http://a/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, "GET", "http://a b/"), BL_EINVAL);
    CHECK_ERR(OPEN(client, "GET", "gopher://a/"), BL_ENOTSUP);
    options.field_count = 1;
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    options.field_count = 0;
    options.body_bytes = 1;
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    options.body = "x";
    options.is_written = true;
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    options.is_written = false;
    options.source = source;
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    options =
        (bl_http_call_options){ .size = sizeof options, .has_length = true };
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    options = (bl_http_call_options){ .size = 0 };
    CHECK_ERR(OPEN(client, "GET", "http://a/"), BL_EINVAL);
    CHECK_EQ(bl_http_client_stats_of(client).opened, 0u);
    CHECK_ERR(bl_http_call_write(NULL, "", 0), BL_EINVAL);
    CHECK_ERR(bl_http_call_receive(NULL), BL_EINVAL);
    bl_http_call_close(NULL);
    bl_http_client_close(client);
    bl_stream_abort(source);
#undef OPEN
}

TEST(https_names_the_option_that_it_lacks) {
    bl_http_call *call = NULL;
    wires = (struct wires){ 0 };
    bl_http_client *client = plain_client();
    CHECK_ERR(bl_http_call_open(client, "GET", "https://a/", NULL, &call),
              BL_ENOTSUP);
    CHECK_CONTAINS(bl_error_text(BL_ENOTSUP), "bl_http_client_options.secure");
    CHECK(call == NULL);
    bl_http_client_close(client);
}

TEST(without_memory_nothing_is_asked) {
    bl_http_call *call = NULL;
    wires = (struct wires){ 0 };
    bl_http_client *client = plain_client();
    famine_begin(0);
    int rc = bl_http_call_open(client, "GET", "http://a/", NULL, &call);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(call == NULL);
    bl_http_client_close(client);
}

static void open_in_callback(void *context) {
    bl_http_call *call;
    CHECK_ERR(bl_http_call_open(context, "GET", "http://a/", NULL, &call),
              BL_ENOTASK);
}

TEST(a_loop_callback_cannot_call) {
    bl_call soon = { 0 };
    wires = (struct wires){ 0 };
    bl_http_client *client = plain_client();
    bl_call_soon(bl_loop_running(), &soon, open_in_callback, client);
    t_settle();
    CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
    bl_http_client_close(client);
}

/* ---- whatever a server says ---------------------------------------------- */

/* Is answered in time, one way or the other; the connection is not used for
 * more than it is good for. */
FUZZ(any_response_is_survived, .max_len = 600, .corpus = "corpus/response",
     .inputs = 200) {
    int rc = 0;
    wires = (struct wires){ .reply = (const char *)data, .reply_bytes = size };
    BL_GROUP(group, rc) {
        bl_http_client *client = plain_client();
        bl_http_answer *answer;
        wires.group = group;
        if (bl_http_get(client, "http://a/x", &answer) == 0) {
            CHECK_GE(answer->status, 200);
            CHECK_EQ(answer->body[answer->body_bytes], '\0');
            bl_http_answer_free(answer);
        }
        bl_http_client_close(client);
    }
    CHECK_OK(rc);
    CHECK_LT(bl_now(), BL_SEC(1));
}
