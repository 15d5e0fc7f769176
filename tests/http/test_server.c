/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_server.c - a server on a port, from its start to its end
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>

#include <belay.h>
#include <belay/http.h>

#include "support/failing.h"
#include "support/host.h"

/* A server under test, run by a task. */
struct house {
    bl_listener *listener;
    bl_addr address;
    bl_http_handler *handler;
    bl_http_options options;
    bl_http_stats stats;
    bl_event stop;
    bl_event may_answer; /* "/wait" does then */
    bl_stream *inside;   /* what secure() puts in the stream's place */
    int rc;
    int errors;
    int last_error;
    bool has_peer; /* the last error had one */
};

static void on_error(const bl_http_exchange *exchange, const bl_addr *peer,
                     int rc, void *arg) {
    struct house *house = arg;
    (void)exchange;
    house->errors++;
    house->last_error = rc;
    house->has_peer = peer != NULL && bl_addr_is_loopback(peer);
}

static int say_path(bl_http_exchange *exchange, void *arg) {
    struct house *house = arg;
    if (strcmp(exchange->path, "/fail") == 0) {
        int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
        if (rc == 0) rc = bl_http_write(exchange, "half", 4);
        if (rc == 0) rc = bl_http_flush(exchange);
        return rc < 0 ? rc : BL_ERR(BL_EIO, "failed");
    }
    if (strcmp(exchange->path, "/wait") == 0) {
        int rc = bl_event_wait(&house->may_answer);
        if (rc < 0) return rc;
    }
    CHECK(bl_addr_is_loopback(exchange->peer));
    return bl_http_reply(exchange, 200, NULL, exchange->path,
                         strlen(exchange->path));
}

static void house_init(struct house *house) {
    bl_addr any;
    *house = (struct house){ .handler = say_path };
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    REQUIRE_OK(bl_tcp_listen(&any, &house->listener));
    house->address = bl_listener_address(house->listener);
    bl_event_init(&house->stop);
    bl_event_init(&house->may_answer);
    house->options = (bl_http_options){
        .size = sizeof house->options,
        .arg = house,
        .stop = &house->stop,
        .on_error = on_error,
        .stats = &house->stats,
    };
}

static int house_run(void *arg) {
    struct house *house = arg;
    house->rc = bl_http_serve(house->listener, house->handler, &house->options);
    return house->rc == BL_ECANCELED ? house->rc : 0;
}

static bl_stream *visit(const struct house *house) {
    bl_stream *stream;
    REQUIRE_OK(bl_connect(&house->address, NULL, &stream));
    return stream;
}

static void ask(bl_stream *stream, const char *path) {
    char text[100];
    int bytes =
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    REQUIRE_OK(bl_stream_write_all(stream, text, (size_t)bytes, NULL));
}

/* Reads one answer, without its body.  Returns its text, of one time. */
static const char *hear(bl_stream *stream, char *text, size_t room) {
    size_t count = 0;
    text[0] = '\0';
    while (strstr(text, "\r\n\r\n/") == NULL && count + 1 < room) {
        bl_ssize got = bl_stream_read(stream, text + count, 1);
        if (got <= 0) break;
        count++;
        text[count] = '\0';
    }
    return text;
}

static void swallow(bl_stream *stream, size_t bytes) {
    char text[16];
    REQUIRE_OK(bl_stream_read_exactly(stream, text, bytes, NULL));
}

/* What waits for the next request is the server, and no call of the handler. */
TEST(an_idle_connection_shows_no_call_of_the_handler) {
    struct house house;
    char text[512];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream, "/wait");
    t_settle();
    CHECK_CONTAINS(t_task_tree(), "bl_event_wait(&house->may_answer)");
    bl_event_set(&house.may_answer);
    CHECK_CONTAINS(hear(stream, text, sizeof text), "200 OK");
    t_settle();
    CHECK_CONTAINS(t_task_tree(), "connection: waits for stream read\n");
    CHECK_OK(bl_stream_close(stream));
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
}

TEST(requests_are_served_on_kept_connections) {
    struct house house;
    char text[400];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *streams[2] = { visit(&house), visit(&house) };
    for (int i = 0; i < 6; i++) {
        ask(streams[i % 2], "/ab");
        CHECK_CONTAINS(hear(streams[i % 2], text, sizeof text),
                       "HTTP/1.1 200 OK\r\nDate: ");
        CHECK_CONTAINS(text, " GMT\r\nContent-Length: 3\r\n\r\n/");
        swallow(streams[i % 2], 2);
    }
    CHECK_EQ(house.stats.requests, 6);
    CHECK_EQ(house.stats.connections.accepted, 2);
    CHECK_EQ(house.errors, 0);
    bl_event_set(&house.stop);
    CHECK_EQ(bl_stream_read(streams[0], text, 1), 0);
    CHECK_EQ(bl_stream_read(streams[1], text, 1), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.drained, 2);
    CHECK_EQ(house.stats.cut, 0);
    bl_stream_abort(streams[0]);
    bl_stream_abort(streams[1]);
}

TEST(a_stop_waits_for_answers_and_says_close) {
    struct house house;
    char text[400];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream, "/wait");
    CHECK_EVENTUALLY(house.stats.requests == 1, SEC(1));
    bl_event_set(&house.stop);
    CHECK_OK(bl_settle());
    CHECK_ERR(bl_connect(&house.address, NULL, &stream), BL_ECONNREFUSED);
    bl_event_set(&house.may_answer);
    CHECK_CONTAINS(hear(stream, text, sizeof text), "Connection: close\r\n");
    swallow(stream, 4);
    CHECK_EQ(bl_stream_read(stream, text, 1), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(house.stats.drained, 1);
    CHECK_EQ(house.stats.cut, 0);
    bl_stream_abort(stream);
}

TEST(answers_that_take_too_long_are_cut) {
    struct house house;
    char text[400];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    house.options.grace = SEC(2);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream, "/wait");
    CHECK_EVENTUALLY(house.stats.requests == 1, SEC(1));
    bl_event_set(&house.stop);
    TAKES(SEC(2)) {
        CHECK_OK(bl_group_exit(&group, 0));
    }
    CHECK_STR(hear(stream, text, sizeof text), "");
    CHECK_EQ(house.stats.drained, 0);
    CHECK_EQ(house.stats.cut, 1);
    bl_stream_abort(stream);
}

TEST(a_cancelled_server_cancels_its_connections) {
    struct house house;
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream, "/wait");
    CHECK_EVENTUALLY(house.stats.requests == 1, SEC(1));
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(house.rc, BL_ECANCELED);
    CHECK_EQ(house.stats.connections.active, 0);
    bl_stream_abort(stream);
}

/* An end would be taken for that of the answer. */
TEST(an_answer_that_ends_with_the_connection_is_cut_off_by_a_reset) {
    struct house house;
    char bytes[400];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    const char *text = "GET /fail HTTP/1.0\r\n\r\n";
    REQUIRE_OK(bl_stream_write_all(stream, text, strlen(text), NULL));
    bl_ssize count;
    do {
        count = bl_stream_read(stream, bytes, sizeof bytes);
    } while (count > 0);
    CHECK_ERR(count, BL_ECONNRESET);
    CHECK_EVENTUALLY(house.stats.connections.failed == 1, SEC(1));
    CHECK_EQ(house.errors, 1); /* once, although it went through two hands */
    CHECK_EQ(house.last_error, BL_EIO);
    CHECK(house.has_peer);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
}

TEST(what_is_wrong_with_a_connection_is_told) {
    struct house house;
    BL_GROUP_SCOPED(group);
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    REQUIRE_OK(bl_stream_write_all(stream, "GET /", 5, NULL));
    CHECK_OK(bl_stream_close(stream));
    CHECK_EVENTUALLY(house.errors == 1, SEC(1));
    CHECK_EQ(house.last_error, BL_EHTTP_TRUNCATED);
    CHECK(house.has_peer);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* Puts a stream in memory in the place of the socket. */
static int put_memory(bl_connection *connection, void *arg) {
    struct house *house = arg;
    bl_stream *ends[2];
    int rc = bl_mem_pair(0, ends);
    if (rc < 0) return rc;
    bl_stream_abort(connection->stream);
    connection->stream = ends[0];
    house->inside = ends[1];
    return 0;
}

TEST(a_stream_can_be_secured_first) {
    struct house house;
    char text[400];
    BL_GROUP_SCOPED(group);
    house_init(&house);
    house.options.secure = put_memory;
    house.options.secure_arg = &house;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_EVENTUALLY(house.inside != NULL, SEC(1));
    ask(house.inside, "/ab");
    CHECK_CONTAINS(hear(house.inside, text, sizeof text), "HTTP/1.1 200 ");
    bl_stream_abort(house.inside);
    bl_stream_abort(stream);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

static int never_secure(bl_connection *connection, void *arg) {
    (void)connection;
    (void)arg;
    return bl_sleep(BL_FOREVER);
}

TEST(securing_it_has_to_be_done_in_time) {
    struct house house;
    char byte;
    BL_GROUP_SCOPED(group);
    house_init(&house);
    house.options.secure = never_secure;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0);
    CHECK_EQ(house.last_error, BL_ETIMEDOUT);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
}

static int serve_without_loop(void *arg) {
    struct house *house = arg;
    bl_stream *stream = house->inside;
    CHECK_ERR(bl_http_serve(house->listener, say_path, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_http_serve_connection(stream, NULL, NULL, say_path, NULL),
              BL_ENOLOOP);
    return 0;
}

/* ---- accepting that fails ----------------------------------------------- */

/* The first five have to be waited for; the others have had their turn. */
PARAM(int, trouble, BL_EMFILE, -ENFILE, BL_ENOMEM, -ENOBUFS, BL_EPERM,
      -ECONNABORTED, BL_EPROTO);

static bool costs_time(int rc) {
    return rc != -ECONNABORTED && rc != BL_EPROTO;
}

static int serve_with_trouble(void *arg) {
    const struct failing *failing = arg;
    struct house house;
    char text[400];
    bl_group group = BL__ZEROED;
    int waited = costs_time(failing->code) ? failing->left : 0;
    REQUIRE_OK(bl_group_enter(&group));
    house_init(&house);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_ns begun = bl_now();
    bl_stream *stream = visit(&house);
    ask(stream, "/ab");
    CHECK_CONTAINS(hear(stream, text, sizeof text), "HTTP/1.1 200 OK\r\n");
    CHECK_EQ(bl_now() - begun, waited > 0 ? MS(5 + 10 + 20) : 0);
    CHECK_EQ(failing->left, 0);
    CHECK_EQ(house.stats.connections.accept_errors, waited);
    CHECK_EQ(house.errors, waited);
    if (waited > 0) CHECK_ERR(house.last_error, failing->code);
    CHECK(!house.has_peer);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    bl_stream_abort(stream);
    return 0;
}

TEST(trouble_with_accepting_is_waited_out, (trouble)) {
    struct failing failing = { BL_IO_ACCEPT, trouble, 3 };
    bl_loop_options options = failing_options(&failing);
    CHECK_OK(run_elsewhere(serve_with_trouble, &failing, &options));
}

TEST(arguments_of_a_server_are_checked) {
    struct house house;
    bl_stream *ends[2];
    house_init(&house);
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_ERR(bl_http_serve(NULL, say_path, NULL), BL_EINVAL);
    CHECK_ERR(bl_http_serve(house.listener, NULL, NULL), BL_EINVAL);
    house.options.grace = -1;
    CHECK_ERR(bl_http_serve(house.listener, say_path, &house.options),
              BL_EINVAL);
    house.inside = ends[0];
    CHECK_OK(bl_to_thread(serve_without_loop, &house));
    bl_listener_close(house.listener);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}
