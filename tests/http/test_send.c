/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_send.c - bodies, and servers that answer before they have
 *                          got all
 *
 *     Legs: sweep valgrind
 *
 * A *desk* is such a server, at the other end of a stream in memory: it reads
 * a head and so much of the body, answers, and then reads on or does not.
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/sockets.h"
#include "support/streams.h"
#include "support/wires.h"

enum {
    BODY_BYTES = 300 * 1024 /* more than a stream in memory holds */
};

static struct wires wires;
static char body[BODY_BYTES];

#define REFUSAL "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
#define WELCOME "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* ---- a server ------------------------------------------------------------ */

struct desk {
    const char *answer;
    size_t reads_first; /* of the body, before it answers */
    bool reads_on;      /* afterwards, to the end of a body of BODY_BYTES */
    bool ends;          /* nothing comes after its answer */
    bool leaves;        /* it closes after its answer */
    bl_stream *stream;
    size_t got; /* of the body, and its framing */
    bool was_reset;
};

/* Reads until there were `bytes` of a body, or it ends. */
static int desk_read(struct desk *desk, size_t bytes) {
    static char part[4096];
    while (desk->got < bytes) {
        size_t most = bytes - desk->got;
        if (most > sizeof part) most = sizeof part;
        bl_ssize count = bl_stream_read(desk->stream, part, most);
        if (count == BL_ECONNRESET) desk->was_reset = true;
        if (count <= 0) return count == BL_ECANCELED ? (int)count : 0;
        desk->got += (size_t)count;
    }
    return 0;
}

static int desk_head(struct desk *desk) {
    char head[1024] = "";
    for (size_t i = 0; i < sizeof head - 1; i++) {
        bl_ssize count = bl_stream_read(desk->stream, head + i, 1);
        if (count <= 0) return count < 0 ? (int)count : BL_EPROTO;
        if (strstr(head, "\r\n\r\n") != NULL) return 0;
    }
    return BL_EMSGSIZE;
}

static int desk_serve(struct desk *desk) {
    int rc = desk_head(desk);
    if (rc == 0) rc = desk_read(desk, desk->reads_first);
    if (rc == 0) {
        rc = bl_stream_write_all(desk->stream, desk->answer,
                                 strlen(desk->answer), NULL);
    }
    if (rc < 0 || desk->leaves) return rc;
    if (desk->ends) rc = bl_stream_shutdown_write(desk->stream);
    if (rc == 0 && desk->reads_on) rc = desk_read(desk, BODY_BYTES);
    if (rc == 0) rc = bl_sleep(BL_SEC(10)); /* reads nothing meanwhile */
    if (rc == 0) rc = desk_read(desk, SIZE_MAX);
    return rc;
}

static int desk_run(void *arg) {
    struct desk *desk = arg;
    int rc = desk_serve(desk);
    bl_stream_abort(desk->stream);
    return rc == BL_ECANCELED ? rc : 0;
}

/* Has it wait for the next connection. */
static int desk_open(bl_group *group, struct desk *desk) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(0, ends);
    if (rc < 0) return rc;
    desk->stream = ends[1];
    rc = bl_spawn(group, desk_run, desk);
    if (rc < 0) {
        bl_stream_abort(ends[0]);
        bl_stream_abort(ends[1]);
        return rc;
    }
    wires_offer(&wires, ends[0]);
    return 0;
}

/* ---- a client ------------------------------------------------------------ */

static int client_open(bl_http_client **client) {
    bl_http_client_options options = { .size = sizeof options,
                                       .dial = wires_dial,
                                       .dial_arg = &wires,
                                       .proxy = "",
                                       .user_agent = "" };
    wires = (struct wires){ 0 };
    return bl_http_client_open(&options, client);
}

/* Closes it, and takes back what it has not dialed. */
static void client_close(bl_http_client **client) {
    bl_http_client_close(*client);
    *client = NULL;
    wires_done(&wires);
}

/* A client that is closed however its block is left. */
#define CLIENT(name) bl_http_client *name BL__CLEANUP(client_close) = NULL

/* ---- ways to send -------------------------------------------------------- */

enum way {
    WHOLE,
    SOURCE,
    SOURCE_IN_CHUNKS,
    WRITTEN,
    WRITTEN_IN_CHUNKS
};
PARAM(int, way, WHOLE, SOURCE, SOURCE_IN_CHUNKS, WRITTEN, WRITTEN_IN_CHUNKS);

static int feed(void *arg) {
    bl_stream *stream = arg;
    int rc = bl_stream_write_all(stream, body, BODY_BYTES, NULL);
    bl_stream_abort(stream);
    return rc == BL_ECANCELED ? rc : 0;
}

/* Makes a source of BODY_BYTES. */
static int source_open(bl_group *group, bl_stream **source) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(0, ends);
    if (rc < 0) return rc;
    rc = bl_spawn(group, feed, ends[1]);
    if (rc < 0) bl_stream_abort(ends[1]);
    if (rc < 0) bl_stream_abort(ends[0]);
    if (rc == 0) *source = ends[0];
    return rc;
}

/* Writes all of it, unless the server wants no more, and waits. */
static int write_pieces(bl_http_call *call) {
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < BODY_BYTES; at += BODY_BYTES / 16)
        rc = bl_http_call_write(call, body + at, BODY_BYTES / 16);
    if (rc == 0 || rc == BL_EHTTP_EARLY) rc = bl_http_call_receive(call);
    return rc < 0 ? rc : 0;
}

/* What a POST of the body came to. */
struct outcome {
    int rc;
    char text[64];              /* "413 no", or the name of a code */
    bl_http_client_stats stats; /* before the client was closed */
};

static int read_answer(bl_http_call *call, struct outcome *outcome) {
    char text[32];
    bl_ssize count =
        bl_http_body_read_all(bl_http_call_body(call), text, sizeof text);
    if (count < 0) return (int)count;
    snprintf(outcome->text, sizeof outcome->text, "%d %.*s",
             bl_http_call_status(call), (int)count, text);
    return 0;
}

static int post_in(bl_group *group, bl_http_client *client, enum way way,
                   struct outcome *outcome) {
    bl_http_call_options options = { .size = sizeof options,
                                     .has_length =
                                         way == SOURCE || way == WRITTEN };
    bool is_source = way == SOURCE || way == SOURCE_IN_CHUNKS;
    bl_http_call *call = NULL;
    int rc = 0;
    if (options.has_length) options.length = BODY_BYTES;
    if (way == WHOLE) {
        options.body = body;
        options.body_bytes = BODY_BYTES;
    } else if (is_source) {
        rc = source_open(group, &options.source);
    } else {
        options.is_written = true;
    }
    if (rc == 0) {
        rc = bl_http_call_open(client, "POST", "http://a/p", &options, &call);
    }
    if (rc == 0 && options.is_written) rc = write_pieces(call);
    if (rc == 0) rc = read_answer(call, outcome);
    bl_http_call_close(call);
    bl_stream_abort(options.source);
    outcome->rc = rc;
    return rc;
}

/* Posts the body to the desk, and closes. */
static struct outcome post_to(struct desk *desk, int way) {
    struct outcome outcome = { .rc = 1 };
    int rc = 0;
    BL_GROUP(group, rc) {
        CLIENT(client);
        rc = client_open(&client);
        if (rc == 0) rc = desk_open(group, desk);
        if (rc == 0) rc = post_in(group, client, (enum way)way, &outcome);
        if (client != NULL) outcome.stats = bl_http_client_stats_of(client);
        if (rc != BL_ECANCELED) rc = 0; /* it is in the outcome */
    }
    CHECK_OK(rc);
    if (outcome.rc < 0) {
        snprintf(outcome.text, sizeof outcome.text, "%s",
                 bl_error_name(outcome.rc));
    }
    return outcome;
}

/* ---- refusals ------------------------------------------------------------ */

TEST(a_refusal_ends_a_body_at_once, (way)) {
    struct desk desk = { .answer = REFUSAL, .reads_first = 1000 };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "413 no");
    CHECK_EQ(bl_now(), BL_SEC(10)); /* when the server looked again */
    CHECK_LT(desk.got, BODY_BYTES);
    CHECK_EQ(outcome.stats.idle, 0u);
    CHECK_EQ(outcome.stats.retried, 0u);
}

TEST(a_refusal_before_any_of_the_body_counts_too, (way)) {
    struct desk desk = { .answer = REFUSAL };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "413 no");
    CHECK_LT(desk.got, BODY_BYTES);
    CHECK_EQ(outcome.stats.idle, 0u);
}

TEST(who_refuses_and_leaves_is_heard, (way)) {
    struct desk desk = { .answer = REFUSAL,
                         .reads_first = 1000,
                         .leaves = true };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "413 no");
    CHECK_EQ(bl_now(), 0);
    CHECK_EQ(outcome.stats.idle, 0u);
}

TEST(heads_of_1xx_do_not_end_a_body, (way)) {
    struct desk desk = { .answer = "HTTP/1.1 100 Continue\r\n\r\n"
                                   "HTTP/1.1 103 Early Hints\r\n\r\n" REFUSAL,
                         .reads_first = 1000 };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "413 no");
}

/* ---- what is no refusal -------------------------------------------------- */

TEST(an_early_welcome_does_not_end_a_body, (way)) {
    struct desk desk = { .answer = WELCOME,
                         .reads_first = 1000,
                         .reads_on = true };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "200 hi");
    CHECK_GE(desk.got, BODY_BYTES);
    CHECK_EQ(outcome.stats.idle, 1u);
}

TEST(who_welcomes_and_leaves_is_heard, (way)) {
    struct desk desk = { .answer = WELCOME,
                         .reads_first = 1000,
                         .leaves = true };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "200 hi");
    CHECK_EQ(outcome.stats.idle, 0u);
}

TEST(who_welcomes_and_reads_no_more_is_not_waited_for_long, (way)) {
    struct desk desk = { .answer = WELCOME, .reads_first = 1000 };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "200 hi");
    CHECK_LT(bl_now(), BL_SEC(61));
}

/* ---- servers that are lost ----------------------------------------------- */

struct loss {
    const char *answer;
    bool leaves;
    const char *code;
};
PARAM(struct loss, loss, { "", false, "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 4", false, "BL_EHTTP_TRUNCATED" },
      { "HTTP/1.1 4", true, NULL },
      { "SSH-2.0-x\r\n", false, "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 101 Switching Protocols\r\n\r\n", false,
        "BL_EHTTP_MALFORMED" });

/* It is not written to until it has been silent for too long. */
TEST(who_will_never_answer_is_given_up_at_once, (way, loss)) {
    struct desk desk = { .answer = loss.answer,
                         .reads_first = 1000,
                         .ends = true,
                         .leaves = loss.leaves };
    struct outcome outcome = post_to(&desk, way);
    CHECK_LT(outcome.rc, 0);
    if (loss.code != NULL) CHECK_STR(outcome.text, loss.code);
    CHECK_LE(bl_now(), BL_SEC(10));
    CHECK_EQ(outcome.stats.idle, 0u);
    CHECK_EQ(outcome.stats.active, 0u);
}

/* ---- pieces -------------------------------------------------------------- */

/* Opens a call to the desk; the body is written. */
static bl_http_call *call_open(bl_group *group, struct desk *desk,
                               bl_http_client *client, bool expects_100) {
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = true,
                                     .expects_100 = expects_100 };
    bl_http_call *call;
    REQUIRE_OK(desk_open(group, desk));
    REQUIRE_OK(
        bl_http_call_open(client, "POST", "http://a/p", &options, &call));
    return call;
}

/* Even where the server's buffers would take them all. */
TEST(a_piece_looks_whether_it_is_wanted, .tags = "order") {
    struct desk desk = { .answer = REFUSAL, .reads_first = 9 };
    CLIENT(client);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    bl_http_call *call = call_open(&group, &desk, client, false);
    CHECK_OK(bl_http_call_write(call, "abcd", 4)); /* a chunk of 9 bytes */
    CHECK_EQ(bl_http_call_status(call), 0);
    t_settle();
    CHECK_ERR(bl_http_call_write(call, "efgh", 4), BL_EHTTP_EARLY);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EHTTP_EARLY)), "413");
    CHECK_ERR(bl_http_call_write(call, "efgh", 4), BL_EHTTP_EARLY);
    CHECK_EQ(bl_http_call_receive(call), 413);
    CHECK_EQ(bl_http_call_receive(call), 413);
    CHECK_ERR(bl_http_call_write(call, "efgh", 4), BL_EHTTP_EARLY);
    bl_http_call_close(call);
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(desk.got, 9u); /* the second was not sent */
}

TEST(who_answers_in_place_of_100_wants_no_piece, .tags = "order") {
    struct desk desk = { .answer = REFUSAL };
    CLIENT(client);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    bl_http_call *call = call_open(&group, &desk, client, true);
    CHECK_EQ(bl_http_call_status(call), 413);
    CHECK_ERR(bl_http_call_write(call, "abcd", 4), BL_EHTTP_EARLY);
    CHECK_EQ(bl_http_call_receive(call), 413);
    bl_http_call_close(call);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(desk.got, 0u);
}

TEST(a_welcome_between_pieces_changes_nothing, .tags = "order") {
    struct desk desk = { .answer = WELCOME, .reads_first = 9 };
    CLIENT(client);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    bl_http_call *call = call_open(&group, &desk, client, false);
    CHECK_OK(bl_http_call_write(call, "abcd", 4));
    t_settle();
    CHECK_OK(bl_http_call_write(call, "efgh", 4));
    CHECK_EQ(bl_http_call_status(call), 200);
    CHECK_OK(bl_http_call_write(call, "ijkl", 4));
    CHECK_EQ(bl_http_call_receive(call), 200);
    CHECK_ERR(bl_http_call_write(call, "m", 1), BL_EMISUSE);
    bl_http_call_close(call);
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(desk.got, 3 * 9u + 5); /* three chunks, and the last */
}

TEST(an_early_redirect_is_followed_by_receiving, .tags = "order") {
    struct desk desk = { .answer = "HTTP/1.1 303 See Other\r\n"
                                   "Location: /done\r\n"
                                   "Content-Length: 0\r\n\r\n",
                         .reads_first = 9 };
    struct desk other = { .answer = WELCOME };
    CLIENT(client);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    bl_http_call *call = call_open(&group, &desk, client, false);
    CHECK_OK(desk_open(&group, &other));
    CHECK_OK(bl_http_call_write(call, "abcd", 4));
    t_settle();
    CHECK_ERR(bl_http_call_write(call, "efgh", 4), BL_EHTTP_EARLY);
    CHECK_EQ(bl_http_call_receive(call), 200);
    CHECK_STR(bl_http_call_url(call)->text, "http://a/done");
    bl_http_call_close(call);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(without_memory_for_a_listener_no_piece_is_sent, .sweep = T_OOM) {
    struct desk desk = { .answer = WELCOME, .reads_on = true };
    struct outcome outcome = post_to(&desk, WRITTEN);
    if (t_injected() && outcome.rc < 0) CHECK_ERR(outcome.rc, BL_ENOMEM);
    if (!t_injected()) CHECK_STR(outcome.text, "200 hi");
}

/* ---- redirects ----------------------------------------------------------- */

TEST(a_body_that_was_refused_is_sent_where_it_is_wanted) {
    struct desk desk = { .answer = "HTTP/1.1 307 There\r\n"
                                   "Location: http://b/p\r\n"
                                   "Content-Length: 0\r\n\r\n",
                         .reads_first = 1000 };
    struct desk other = { .answer = WELCOME, .reads_first = BODY_BYTES };
    struct outcome outcome = { .rc = 1 };
    CLIENT(client);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    REQUIRE_OK(desk_open(&group, &desk));
    REQUIRE_OK(desk_open(&group, &other));
    CHECK_OK(post_in(&group, client, WHOLE, &outcome));
    CHECK_STR(outcome.text, "200 hi");
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_LT(desk.got, BODY_BYTES);
    CHECK_EQ(other.got, BODY_BYTES);
}

/* ---- sources ------------------------------------------------------------- */

/*
 * Posts what the source gives; returns the status, or a code.  It is limited
 * for the sweep, which takes a task that listens away: a source that gives
 * nothing would be waited for.
 */
static int post_from(bl_http_client *client, bl_stream *source) {
    bl_http_call_options options = { .size = sizeof options, .source = source };
    bl_http_answer *answer;
    int rc = bl_wait_for(
        bl_http_send(client, "POST", "http://a/p", &options, &answer),
        BL_SEC(60));
    if (rc < 0) return rc;
    int status = answer->status;
    bl_http_answer_free(answer);
    return status;
}

TEST(a_source_that_gives_nothing_does_not_hold_a_refusal_up) {
    struct desk desk = { .answer = REFUSAL };
    CLIENT(client);
    ENDS(ends);
    char bytes[8];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    REQUIRE_OK(desk_open(&group, &desk));
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_EQ(post_from(client, ends[0]), 413);
    REQUIRE_OK(bl_stream_write_all(ends[1], "later", 5, NULL));
    CHECK_OK(bl_stream_read_exactly(ends[0], bytes, 5, NULL)); /* all there */
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), BL_SEC(10));
}

/* A reset of the source is not one of the connection. */
TEST(a_source_that_breaks_is_told_at_once) {
    struct desk desk = { .answer = REFUSAL, .reads_first = BODY_BYTES };
    CLIENT(client);
    STREAM(source);
    int fds[2];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(client_open(&client));
    REQUIRE_OK(desk_open(&group, &desk));
    tcp_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &source));
    close_by_reset(fds[1]);
    CHECK_ERR(post_from(client, source), BL_ECONNRESET);
    CHECK_EQ(bl_now(), 0);
    client_close(&client);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- a server of ours ---------------------------------------------------- */

struct site {
    bl_listener *listener;
    bl_event stop;
};

static int site_answer(bl_http_exchange *exchange, void *arg) {
    (void)exchange;
    (void)arg;
    return 413; /* and reads nothing */
}

static int site_run(void *arg) {
    struct site *site = arg;
    bl_http_options options = { .size = sizeof options, .stop = &site->stop };
    return bl_http_serve(site->listener, site_answer, &options);
}

static int post_over_tcp(bl_group *group, const bl_addr *address, int way,
                         struct outcome *outcome) {
    CLIENT(client);
    bl_stream *stream;
    int rc = client_open(&client);
    if (rc == 0) rc = bl_connect(address, NULL, &stream);
    if (rc < 0) return rc;
    wires_offer(&wires, stream);
    return post_in(group, client, (enum way)way, outcome);
}

TEST(over_tcp_a_refusal_is_heard_as_well, (way)) {
    struct site site = { .stop = BL_EVENT_INIT };
    struct outcome outcome = { .rc = 1 };
    bl_addr address = loopback();
    REQUIRE_OK(bl_tcp_listen(&address, &site.listener));
    address = bl_listener_address(site.listener);
    BL_GROUP_SCOPED(group);
    int rc = bl_spawn(&group, site_run, &site);
    if (rc < 0) bl_listener_close(site.listener);
    REQUIRE_OK(rc);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(post_over_tcp(&group, &address, way, &outcome));
        CHECK_CONTAINS(outcome.text, "413 ");
    }
    bl_event_set(&site.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- whatever happens ---------------------------------------------------- */

TEST(sending_can_be_given_up_anywhere, (way), .sweep = T_CANCEL | T_OOM) {
    struct desk desk = { .answer = REFUSAL, .reads_first = 100000 };
    struct outcome outcome = post_to(&desk, way);
    CHECK_ALWAYS(outcome.stats.active == 0);
    /* Without a listener, all of it is sent. */
    CHECK_ALWAYS(outcome.stats.idle == 0 || desk.got >= BODY_BYTES);
    if (t_injected()) return;
    CHECK_STR(outcome.text, "413 no");
}

TEST(orders_change_nothing, (way), .schedules = 20) {
    struct desk desk = { .answer = REFUSAL, .reads_first = 100000 };
    struct outcome outcome = post_to(&desk, way);
    CHECK_STR(outcome.text, "413 no");
}
