/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_connection.c - time, order, and how a connection ends
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <string.h>

#include "http/talk.h"
#include "support/famine.h"

static struct talk a_talk;

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* Says the path; "/slow" takes a minute, "/block" for ever. */
static int say_path(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = 0;
    if (strcmp(exchange->path, "/slow") == 0) rc = bl_sleep(SEC(60));
    if (strcmp(exchange->path, "/block") == 0) rc = bl_sleep(BL_FOREVER);
    if (rc < 0) return rc;
    return bl_http_reply(exchange, 200, NULL, exchange->path,
                         strlen(exchange->path));
}

#define OK(length, more, body) \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n" more "\r\n" body

static void begin(size_t limit) {
    talk_init(&a_talk, say_path);
    talk_begin(&a_talk, limit);
}

/* ---- pipelining --------------------------------------------------------- */

PARAM(size_t, piece, 0, 1, 5);

TEST(requests_that_come_together_are_answered_in_order, (piece)) {
    begin(piece);
    talk_send(&a_talk, GET("/a") GET("/bb") "\r\n" GET("/c"));
    talk_send_end(&a_talk);
    CHECK_STR(talk_hear_all(&a_talk),
              OK("2", "", "/a") OK("3", "", "/bb") OK("2", "", "/c"));
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.requests, 3);
}

TEST(what_is_behind_the_last_request_is_not_answered) {
    begin(0);
    talk_send(&a_talk, GET("/a") "GET /b HTTP/1.1\r\nHost: a\r\n"
                                 "Connection: close\r\n\r\n" GET("/c"));
    talk_send_end(&a_talk);
    CHECK_STR(talk_hear_all(&a_talk),
              OK("2", "", "/a") OK("2", "Connection: close\r\n", "/b"));
    CHECK_OK(talk_end(&a_talk));
}

/* So many that their heads wander through the whole buffer. */
TEST(a_thousand_requests_are_answered, .tags = "bulky") {
    static char all[64 * 1024];
    size_t count = 0;
    const char *one = GET("/a");
    begin(0);
    while (count + strlen(one) < sizeof all) {
        memcpy(all + count, one, strlen(one));
        count += strlen(one);
    }
    talk_send_bytes(&a_talk, all, count);
    talk_send_end(&a_talk);
    const char *said = talk_hear_all(&a_talk);
    CHECK_EQ(strlen(said), count / strlen(one) * strlen(OK("2", "", "/a")));
    CHECK_OK(talk_end(&a_talk));
}

static int say_length(bl_http_exchange *exchange, void *arg) {
    char bytes[300];
    char text[32];
    (void)arg;
    bl_ssize count = bl_http_body_read_all(exchange->body, bytes, sizeof bytes);
    if (count < 0) return (int)count;
    snprintf(text, sizeof text, "%zd", count);
    return bl_http_reply(exchange, 200, NULL, text, strlen(text));
}

/* Puts a request of so many bytes in all. */
static size_t put_padded(char *text, size_t bytes) {
    static const char begin_of_it[] = "GET / HTTP/1.1\r\nHost: a\r\nPad: ";
    size_t head = sizeof begin_of_it - 1;
    memcpy(text, begin_of_it, head);
    memset(text + head, 'x', bytes - head - 4);
    memcpy(text + bytes - 4, "\r\n\r\n", 4);
    return bytes;
}

/* The head fills the input to its end; the body comes later. */
TEST(a_body_finds_room_behind_any_head) {
    static char text[20480]; /* by default: 16 KiB for a head, and 4 KiB */
    static const char last[] = "POST / HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: 5\r\n\r\n";
    size_t count = put_padded(text, 10000);
    count += put_padded(text + count, sizeof text - count - sizeof last + 1);
    memcpy(text + count, last, sizeof last - 1);
    talk_init(&a_talk, say_length);
    talk_begin(&a_talk, 0);
    talk_send_bytes(&a_talk, text, sizeof text);
    CHECK_STR(talk_hear(&a_talk), OK("1", "", "0") OK("1", "", "0"));
    talk_send(&a_talk, "hello");
    CHECK_STR(talk_hear(&a_talk), OK("1", "", "5"));
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

/* ---- how it ends -------------------------------------------------------- */

TEST(a_peer_that_closes_at_each_byte_does_no_harm, .tags = "bulky") {
    const char text[] = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                        "chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        T_INFO("cut at %zu", cut);
        begin(0);
        talk_send_bytes(&a_talk, text, cut);
        talk_send_end(&a_talk);
        talk_hear_all(&a_talk);
        int rc = talk_end(&a_talk);
        CHECK(rc == 0 || rc == BL_EHTTP_TRUNCATED);
        CHECK_EQ(rc == 0,
                 cut == 0 || strstr(text, "\r\n\r\n") + 4 <= text + cut);
    }
}

TEST(a_peer_that_aborts_at_each_byte_does_no_harm, .tags = "bulky") {
    const char text[] = GET("/a") GET("/b");
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        T_INFO("cut at %zu", cut);
        begin(1);
        talk_send_bytes(&a_talk, text, cut);
        bl_stream_abort(a_talk.ends[1]);
        a_talk.ends[1] = NULL;
        talk_end(&a_talk);
    }
}

TEST(an_answer_is_not_lost_while_the_peer_is_sending) {
    static char body[200000];
    memset(body, 'x', sizeof body);
    begin(0);
    talk_send(&a_talk, "nonsense\n");
    talk_send_bytes(&a_talk, body, sizeof body);
    CHECK_CONTAINS(talk_hear_all(&a_talk), "HTTP/1.1 400 ");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_peer_that_never_stops_sending_is_left) {
    begin(0);
    talk_send(&a_talk, "nonsense\n");
    TAKES(SEC(2)) {
        CHECK_OK(talk_end(&a_talk));
    }
}

TEST(without_memory_a_connection_ends) {
    struct bl_stream *ends[2];
    REQUIRE_OK(bl_mem_pair(0, ends));
    famine_begin(0);
    CHECK_ERR(bl_http_serve_connection(ends[0], NULL, NULL, say_path, NULL),
              BL_ENOMEM);
    famine_end();
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

/* ---- time (slow loris) -------------------------------------------------- */

TEST(a_peer_that_says_nothing_is_left) {
    begin(0);
    TAKES(SEC(10)) {
        CHECK_STR(talk_hear_all(&a_talk), "");
    }
    CHECK_OK(talk_end(&a_talk));
}

TEST(an_idle_peer_is_left) {
    begin(0);
    talk_send(&a_talk, GET("/a"));
    TAKES(SEC(60)) {
        CHECK_STR(talk_hear_all(&a_talk), OK("2", "", "/a"));
    }
    CHECK_OK(talk_end(&a_talk));
}

TEST(the_watch_follows_the_last_wait) {
    begin(0);
    for (int i = 0; i < 5; i++) {
        talk_send(&a_talk, GET("/a"));
        CHECK_STR(talk_hear(&a_talk), OK("2", "", "/a"));
        CHECK_OK(bl_sleep(SEC(59)));
    }
    TAKES(SEC(1) - US(1)) { /* which hearing has taken */
        CHECK_STR(talk_hear_all(&a_talk), "");
    }
    CHECK_OK(talk_end(&a_talk));
}

/* Sends a text, a byte each second. */
struct dripping {
    const char *text;
    bl_ns pause;
};

static int drip(void *arg) {
    const struct dripping *dripping = arg;
    for (const char *at = dripping->text; *at != '\0'; at++) {
        int rc = bl_stream_write_all(a_talk.ends[1], at, 1, NULL);
        if (rc == BL_EPIPE || rc == BL_ECONNRESET) return 0;
        if (rc == 0) rc = bl_sleep(dripping->pause);
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(a_head_that_comes_a_byte_a_second_is_answered_by_408) {
    struct dripping dripping = { GET("/a"), SEC(1) };
    begin(0);
    CHECK_OK(bl_spawn(&a_talk.group, drip, &dripping));
    TAKES(SEC(10)) {
        CHECK_CONTAINS(talk_hear_all(&a_talk),
                       "HTTP/1.1 408 Request Timeout\r\n");
    }
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.timeouts, 1);
    CHECK_EQ(a_talk.stats.requests, 0);
}

TEST(a_head_that_comes_fast_enough_is_answered) {
    struct dripping dripping = { GET("/a"), MS(100) };
    begin(0);
    CHECK_OK(bl_spawn(&a_talk.group, drip, &dripping));
    CHECK_OK(bl_sleep(SEC(5)));
    CHECK_STR(talk_hear(&a_talk), OK("2", "", "/a"));
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

static int read_body(bl_http_exchange *exchange, void *arg) {
    char bytes[4000];
    (void)arg;
    bl_ssize count = bl_http_body_read_all(exchange->body, bytes, sizeof bytes);
    if (count < 0) return (int)count;
    return bl_http_reply(exchange, 200, NULL, "ok", 2);
}

TEST(a_body_that_comes_a_byte_a_second_is_answered_by_408) {
    char text[200] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n";
    struct dripping dripping = { text + strlen(text), SEC(1) };
    talk_init(&a_talk, read_body);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, text);
    memset(text + strlen(text), 'x', 99);
    CHECK_OK(bl_spawn(&a_talk.group, drip, &dripping));
    TAKES(SEC(30)) {
        CHECK_CONTAINS(talk_hear_all(&a_talk), "HTTP/1.1 408 ");
    }
    CHECK_OK(talk_end(&a_talk));
    CHECK_EQ(a_talk.stats.timeouts, 1);
}

static char much[200000];

static int reply_much(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int rc = bl_http_reply(exchange, 200, NULL, much, sizeof much);
    CHECK_ERR(rc, BL_ETIMEDOUT);
    return rc;
}

static int write_much(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    CHECK_OK(bl_http_begin(exchange, 200, NULL, sizeof much));
    int rc = bl_http_write(exchange, much, sizeof much);
    CHECK_ERR(rc, BL_ETIMEDOUT);
    return rc;
}

static int flush_often(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    int flushed = 0;
    CHECK_OK(bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH));
    while (flushed == 0) {
        CHECK_OK(bl_http_write(exchange, much, 1000));
        flushed = bl_http_flush(exchange);
    }
    CHECK_ERR(flushed, BL_ETIMEDOUT);
    return flushed;
}

PARAM(bl_http_handler *, way_to_say, reply_much, write_much, flush_often);

/* Rigid: what is said about the time holds if nobody is cancelled. */
TEST(a_peer_that_stops_reading_is_left, (way_to_say), .tags = "rigid") {
    talk_init(&a_talk, way_to_say);
    a_talk.options.rate_min = 1000000;
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET("/a"));
    CHECK_NEVER(a_talk.has_ended, SEC(29));
    CHECK_EVENTUALLY(a_talk.has_ended, SEC(2));
    CHECK_ERR(talk_end(&a_talk), BL_ETIMEDOUT);
}

TEST(a_handler_that_takes_too_long_is_answered_by_503) {
    talk_init(&a_talk, say_path);
    a_talk.options.total_ns_max = SEC(5);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, GET("/slow"));
    CHECK_OK(bl_sleep(MS(4999)));
    CHECK_STR(talk_hear(&a_talk), "");
    CHECK_OK(bl_sleep(MS(1)));
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 503 ");
    talk_send_end(&a_talk);
    CHECK_OK(talk_end(&a_talk));
}

/* ---- stopping ----------------------------------------------------------- */

TEST(a_stop_ends_an_idle_connection_at_once) {
    begin(0);
    talk_send(&a_talk, GET("/a"));
    CHECK_STR(talk_hear(&a_talk), OK("2", "", "/a"));
    bl_token_cancel(a_talk.stop, "test");
    TAKES(MS(1)) {
        CHECK_STR(talk_hear_all(&a_talk), "");
    }
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_stop_lets_an_answer_come_to_its_end) {
    begin(0);
    talk_send(&a_talk, GET("/slow") GET("/a"));
    CHECK_STR(talk_hear(&a_talk), "");
    bl_token_cancel(a_talk.stop, "test");
    talk_send_end(&a_talk);
    CHECK_STR(talk_hear_all(&a_talk),
              OK("5", "Connection: close\r\n", "/slow"));
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_request_under_way_at_a_stop_is_answered) {
    begin(0);
    CHECK_OK(bl_settle());
    bl_token_cancel(a_talk.stop, "test");
    talk_send(&a_talk, GET("/a"));
    talk_send_end(&a_talk);
    CHECK_STR(talk_hear_all(&a_talk), OK("2", "Connection: close\r\n", "/a"));
    CHECK_OK(talk_end(&a_talk));
}

TEST(a_head_that_has_begun_is_awaited_after_a_stop) {
    begin(0);
    talk_send(&a_talk, "GET /a HTT");
    CHECK_STR(talk_hear(&a_talk), "");
    bl_token_cancel(a_talk.stop, "test");
    CHECK_STR(talk_hear(&a_talk), "");
    talk_send(&a_talk, "P/1.1\r\nHost: a\r\n\r\n");
    CHECK_STR(talk_hear_all(&a_talk), OK("2", "Connection: close\r\n", "/a"));
    CHECK_OK(talk_end(&a_talk));
}

static int wait_for_stop(bl_http_exchange *exchange, void *arg) {
    bl_http_raw raw;
    bl_scope scope = { 0 };
    (void)arg;
    CHECK(!bl_http_is_stopping(exchange));
    int rc = bl_http_upgrade(exchange, "x", &raw);
    if (rc < 0) return rc;
    bl_scope_options options = { .size = sizeof options,
                                 .token = bl_http_stop_token(exchange) };
    CHECK_OK(bl_scope_enter_with(&scope, &options));
    rc = bl_scope_exit(&scope, bl_sleep(BL_FOREVER));
    CHECK(bl_http_is_stopping(exchange));
    return rc < 0 ? rc : bl_stream_write_all(raw.stream, "bye", 3, NULL);
}

TEST(a_connection_that_was_taken_over_is_told_of_a_stop) {
    talk_init(&a_talk, wait_for_stop);
    talk_begin(&a_talk, 0);
    talk_send(&a_talk, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                       "Upgrade: x\r\n\r\n");
    CHECK_CONTAINS(talk_hear(&a_talk), "HTTP/1.1 101 ");
    bl_token_cancel(a_talk.stop, "test");
    CHECK_STR(talk_hear_all(&a_talk), "bye");
    CHECK_OK(talk_end(&a_talk));
}

/* ---- cancelling --------------------------------------------------------- */

PARAM(const char *, until, "", "GET", GET("/block"),
      "POST /block HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");

TEST(a_cancelled_connection_ends_wherever_it_is, (until)) {
    begin(0);
    talk_send(&a_talk, until);
    CHECK_STR(talk_hear(&a_talk), "");
    bl_group_cancel(&a_talk.group);
    CHECK_ERR(talk_end(&a_talk), BL_ECANCELED);
}

TEST(arguments_of_serving_are_checked) {
    struct bl_stream *ends[2];
    bl_http_options options = { .size = sizeof options };
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_ERR(bl_http_serve_connection(NULL, NULL, NULL, say_path, NULL),
              BL_EINVAL);
    CHECK_ERR(bl_http_serve_connection(ends[0], NULL, NULL, NULL, NULL),
              BL_EINVAL);
    options.size = 1;
    CHECK_ERR(bl_http_serve_connection(ends[0], NULL, NULL, say_path, &options),
              BL_EINVAL);
    options = (bl_http_options){ .size = sizeof options, .head_bytes_max = 10 };
    CHECK_ERR(bl_http_serve_connection(ends[0], NULL, NULL, say_path, &options),
              BL_EINVAL);
    options = (bl_http_options){ .size = sizeof options, .idle_ns_max = -1 };
    CHECK_ERR(bl_http_serve_connection(ends[0], NULL, NULL, say_path, &options),
              BL_EINVAL);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

/* ---- malformed messages ------------------------------------------------- */

/* What a request is mangled with. */
static size_t mangle(bl_test_rng *rng, char *text, size_t count, size_t room) {
    static const char *const bits[] = {
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        ":",
        " ",
        "\t",
        "chunked",
        "0\r\n\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "ffffffff",
        "Expect: 100-continue\r\n",
        "Host: b\r\n",
        "HTTP/1.0",
        "GET / ",
        ";",
        "Connection: upgrade\r\nUpgrade: x\r\n",
        "\x80",
        "%00",
        ",",
    };
    uint64_t changes = 1 + t_rng_below(rng, 4);
    for (uint64_t i = 0; i < changes; i++) {
        size_t at = t_rng_below(rng, count);
        size_t kind = t_rng_below(rng, 4);
        if (kind == 0) {
            text[at] = (char)t_rng_next(rng);
        } else if (kind == 1) {
            count = at + 1;
        } else if (kind == 2) {
            memmove(text + at, text + at + 1, count - at - 1);
            if (count > 1) count--;
        } else {
            size_t which = t_rng_below(rng, sizeof bits / sizeof *bits);
            size_t bytes = strlen(bits[which]);
            if (count + bytes > room) continue;
            memmove(text + at + bytes, text + at, count - at);
            memcpy(text + at, bits[which], bytes);
            count += bytes;
        }
    }
    return count;
}

static int say_or_take(bl_http_exchange *exchange, void *arg) {
    char bytes[64];
    bl_http_raw raw;
    (void)arg;
    int rc = bl_http_upgrade(exchange, "x", &raw);
    if (rc == 0) return 0;
    CHECK_ERR(rc, BL_EPROTO);
    bl_ssize count;
    do {
        count = bl_http_body_read(exchange->body, bytes, sizeof bytes);
    } while (count > 0);
    if (count < 0) return (int)count;
    return bl_http_reply_text(exchange, 200, exchange->path);
}

static void serve_mangled(bl_test_rng *rng, const char *good) {
    char text[1024];
    size_t count = strlen(good);
    memcpy(text, good, count);
    count = mangle(rng, text, count, sizeof text);
    talk_init(&a_talk, say_or_take);
    talk_begin(&a_talk, t_rng_below(rng, 3));
    talk_send_bytes(&a_talk, text, count);
    talk_send_end(&a_talk);
    const char *said = talk_hear_all(&a_talk);
    int rc = talk_end(&a_talk);
    CHECK(rc == 0 || rc == BL_EHTTP_TRUNCATED);
    CHECK(*said == '\0' || strncmp(said, "HTTP/1.1 ", 9) == 0);
}

static const char *const good_messages[] = {
    GET("/a?b=c") GET("/"),
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET("/"),
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "Accept: */*\r\nExpect: 100-continue\r\n\r\n"
    "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" GET("/"),
    "GET http://a/b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET("/"),
};

static void serve_many_mangled(bl_test_rng *rng, int count) {
    for (int i = 0; i < count; i++) {
        T_INFO("message %d", i);
        serve_mangled(rng, good_messages[i % 4]);
    }
}

TEST(malformed_messages_are_survived, (t_rng), .tags = "bulky") {
    serve_many_mangled(t_rng, 2000);
}

/* Run by name: malformed_messages_are_survived_by_the_hundred_thousand. */
TEST(malformed_messages_are_survived_by_the_hundred_thousand, (t_rng),
     .tags = ".bulk", .watchdog = SEC(600), .timeout = BL_FOREVER) {
    serve_many_mangled(t_rng, 100000);
}

FUZZ(any_request_is_survived, .max_len = 500, .corpus = "corpus/head") {
    talk_init(&a_talk, say_or_take);
    talk_begin(&a_talk, size % 2);
    talk_send_bytes(&a_talk, (const char *)data, size);
    talk_send_end(&a_talk);
    talk_hear_all(&a_talk);
    int rc = talk_end(&a_talk);
    CHECK(rc == 0 || rc == BL_EHTTP_TRUNCATED);
}
