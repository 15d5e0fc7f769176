/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_bad_peer.c - peers that do not come, do not answer, are slow,
 * do not listen, or leave in the middle
 *
 * A deadline ends each call when it says; what came too late for one call is
 * there for the next, and a server outlives each such peer.  What a stream does
 * with them is in tests/io/test_bad_peer.c.
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/kids.h"
#include "support/sockets.h"

/* ---- peers that do not come or answer ------------------------------------ */

TEST(accepting_ends_at_the_deadline_and_loses_nobody) {
    bl_listener *listener;
    bl_stream *stream = NULL;
    bl_stream *guest;
    bl_addr where = loopback();
    REQUIRE_OK(bl_tcp_listen(&where, &listener));
    where = bl_listener_address(listener);
    for (int i = 0; i < 3; i++) {
        TAKES(SEC(2)) {
            CHECK_ERR(bl_wait_for(bl_listener_accept(listener, &stream, NULL),
                                  SEC(2)),
                      BL_ETIMEDOUT);
        }
        CHECK(stream == NULL);
        REQUIRE_OK(bl_tcp_connect(&where, &guest));
        CHECK_OK(
            bl_wait_for(bl_listener_accept(listener, &stream, NULL), SEC(2)));
        bl_stream_abort(guest);
        bl_stream_abort(stream);
        stream = NULL;
    }
    bl_listener_close(listener);
}

static int connect_at_once(const bl_addr *address, bl_stream **stream) {
    return bl_tcp_connect(address, stream);
}

static int connect_with_options(const bl_addr *address, bl_stream **stream) {
    bl_connect_options options = { .size = sizeof options };
    return bl_connect(address, &options, stream);
}

static int connect_by_name(const bl_addr *address, bl_stream **stream) {
    char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, text, sizeof text);
    return bl_connect_name(text, NULL, stream);
}

static int (*const connects[])(const bl_addr *, bl_stream **) = {
    connect_at_once,
    connect_with_options,
    connect_by_name,
};

PARAM(int, way, 0, 1, 2);

/* And no descriptor is left open. */
TEST(connecting_ends_at_the_deadline, (way)) {
    struct full_queue full;
    bl_stream *stream = NULL;
    full_queue_open(&full);
    for (int i = 0; i < 3; i++) {
        TAKES(SEC(2)) {
            CHECK_ERR(
                bl_wait_for(connects[way](&full.address, &stream), SEC(2)),
                BL_ETIMEDOUT);
        }
    }
    CHECK(stream == NULL);
    full_queue_close(&full);
}

static int resolve_late(void *context, const char *host_and_port,
                        bl_addr *addresses, size_t capacity) {
    (void)context;
    (void)host_and_port;
    (void)addresses;
    (void)capacity;
    int rc = bl_sleep(HOUR);
    return rc < 0 ? rc : BL_EIO;
}

TEST(a_name_that_is_not_found_in_time_is_left) {
    bl_connect_options options = { .size = sizeof options,
                                   .resolve = resolve_late };
    bl_stream *stream = NULL;
    TAKES(SEC(2)) {
        CHECK_ERR(
            bl_wait_for(bl_connect_name("a:1", &options, &stream), SEC(2)),
            BL_ETIMEDOUT);
    }
    CHECK(stream == NULL);
}

/* ---- datagrams ----------------------------------------------------------- */

static bl_datagram *open_local(const char *name, const bl_addr *remote) {
    bl_datagram_options options = { .size = sizeof options, .remote = remote };
    char text[64];
    bl_addr address;
    bl_datagram *datagram;
    snprintf(text, sizeof text, "unix:@belay-bad-%s-%d", name, (int)getpid());
    REQUIRE_OK(bl_addr_parse(text, &address));
    REQUIRE_OK(bl_datagram_open(&address, &options, &datagram));
    return datagram;
}

static int receive(bl_datagram *datagram, bool is_batch, char *byte) {
    bl_message message = { .data = byte, .bytes = 1 };
    if (is_batch) return bl_datagram_recv_many(datagram, &message, 1);
    return (int)bl_datagram_recv(datagram, byte, 1, NULL);
}

PARAM(bool, is_batch, false, true);

TEST(receiving_ends_at_the_deadline_and_loses_nothing, (is_batch)) {
    bl_datagram *here = open_local("here", NULL);
    bl_addr to = bl_datagram_address(here);
    char byte = '?';
    for (int i = 0; i < 3; i++) {
        char sent = (char)('a' + i);
        TAKES(SEC(2)) {
            CHECK_ERR(bl_wait_for(receive(here, is_batch, &byte), SEC(2)),
                      BL_ETIMEDOUT);
        }
        CHECK_OK(bl_datagram_send(here, &sent, 1, &to));
        CHECK_EQ(bl_wait_for(receive(here, is_batch, &byte), SEC(2)), 1);
        CHECK_EQ(byte, sent);
    }
    bl_datagram_close(here);
}

/* Returns how many were sent before the deadline. */
static int send_until(bl_datagram *datagram, bool is_batch, bl_ns limit) {
    int sent = 0;
    int rc = 0;
    BL_TIMEOUT(rc, limit) {
        while (rc >= 0) {
            unsigned char number = (unsigned char)sent;
            bl_message message = { .data = &number, .bytes = 1 };
            rc = is_batch ? bl_datagram_send_many(datagram, &message, 1)
                          : bl_datagram_send(datagram, &number, 1, NULL);
            if (rc >= 0) sent++;
        }
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    return sent;
}

/* A local peer that does not receive holds its sender up; none is lost. */
TEST(sending_ends_at_the_deadline, (is_batch)) {
    bl_datagram *there = open_local("there", NULL);
    bl_addr remote = bl_datagram_address(there);
    bl_datagram *here = open_local("here", &remote);
    int sent = 0;
    int came = 0;
    TAKES(SEC(2)) {
        sent = send_until(here, is_batch, SEC(2));
    }
    CHECK_GT(sent, 0);
    for (;;) {
        unsigned char number = 0;
        bl_ssize count =
            bl_wait_for(bl_datagram_recv(there, &number, 1, NULL), SEC(1));
        if (count < 0) break;
        CHECK_EQ(number, came % 256);
        came++;
    }
    CHECK_EQ(came, sent);
    CHECK_OK(bl_datagram_send(here, "x", 1, NULL)); /* there is room again */
    TAKES(0) {
        bl_datagram_close(here);
        bl_datagram_close(there);
    }
}

/* ---- descriptors over a local stream ------------------------------------- */

TEST(waiting_for_descriptors_ends_at_the_deadline) {
    bl_stream *ends[2];
    int file = plain_file();
    int got = -1;
    size_t count = 1;
    char byte;
    REQUIRE_OK(bl_unix_pair(ends));
    TAKES(SEC(2)) {
        CHECK_ERR(bl_wait_for(bl_unix_recv_fds(ends[0], &byte, 1, &got, &count),
                              SEC(2)),
                  BL_ETIMEDOUT);
    }
    CHECK_EQ(bl_unix_send_fds(ends[1], "x", 1, &file, 1), 1);
    CHECK_EQ(bl_unix_recv_fds(ends[0], &byte, 1, &got, &count), 1);
    REQUIRE_EQ(count, 1);
    close(got);
    close(file);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(passing_descriptors_ends_at_the_deadline_and_passes_none) {
    static char bytes[65536];
    bl_stream *ends[2];
    int file = plain_file();
    int got[1];
    size_t count = 1;
    REQUIRE_OK(bl_unix_pair(ends));
    size_t filled = fill(bl_stream_fd(ends[0]));
    TAKES(SEC(2)) {
        CHECK_ERR(
            bl_wait_for(bl_unix_send_fds(ends[0], "x", 1, &file, 1), SEC(2)),
            BL_ETIMEDOUT);
    }
    CHECK(!bl_stream_is_cut(ends[0]));
    for (size_t came = 0; came < filled;) {
        bl_ssize some =
            bl_unix_recv_fds(ends[1], bytes, sizeof bytes, got, &count);
        REQUIRE_GT(some, 0);
        CHECK_EQ(count, 0);
        count = 1;
        came += (size_t)some;
    }
    CHECK_EQ(bl_unix_send_fds(ends[0], "x", 1, &file, 1), 1);
    CHECK_EQ(bl_unix_recv_fds(ends[1], bytes, 1, got, &count), 1);
    REQUIRE_EQ(count, 1);
    close(got[0]);
    close(file);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

/* ---- a server ------------------------------------------------------------ */

/* It answers each message with so many of its bytes as it asks for. */
struct house {
    bl_listener *listener;
    bl_addr address;
    bl_event stop;
    bl_serve_stats stats;
    int last_error;
};

enum {
    LIMIT_S = 10, /* for a message to come, and for its answer to go */
    SHORT_BYTES = 5,
    LONG_BYTES = 8 * 1024 * 1024 /* more than any socket takes */
};

static char answer[LONG_BYTES];

static int answer_one(bl_connection *connection, bl_reader *reader) {
    const void *data;
    size_t bytes;
    int rc = bl_wait_for(bl_frame_read(reader, BL_FRAME_U8, &data, &bytes),
                         SEC(LIMIT_S));
    if (rc <= 0) return rc;
    bool is_long = memcmp(data, "long!", bytes) == 0;
    rc = bl_wait_for(bl_stream_write_all(connection->stream, answer,
                                         is_long ? LONG_BYTES : SHORT_BYTES,
                                         NULL),
                     SEC(LIMIT_S));
    return rc < 0 ? rc : 1;
}

static int answer_all(bl_connection *connection) {
    char room[64];
    bl_reader reader;
    int rc = bl_reader_init(&reader, connection->stream, room, sizeof room);
    if (rc == 0) rc = 1;
    while (rc > 0) {
        if (bl_reader_buffered(&reader) == 0) {
            rc = bl_connection_wait(connection);
        }
        if (rc > 0) rc = answer_one(connection, &reader);
    }
    bl_reader_done(&reader);
    return rc;
}

static void note_error(const bl_connection *connection, int rc, void *arg) {
    struct house *house = arg;
    (void)connection;
    house->last_error = rc;
}

static int house_run(void *arg) {
    struct house *house = arg;
    bl_serve_options options = {
        .size = sizeof options,
        .arg = house,
        .stop = &house->stop,
        .on_error = note_error,
        .stats = &house->stats,
    };
    return bl_serve(house->listener, answer_all, &options);
}

FIXTURE(struct house *, house) {
    struct house made = { .stop = BL_EVENT_INIT };
    bl_addr any = loopback();
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_tcp_listen(&any, &made.listener));
    made.address = bl_listener_address(made.listener);
    REQUIRE_OK(bl_spawn(&group, house_run, &made));
    YIELD(&made);
    bl_event_set(&made.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(made.stats.active, 0);
}

static bl_stream *visit(const struct house *house) {
    bl_stream *stream;
    REQUIRE_OK(bl_tcp_connect(&house->address, &stream));
    return stream;
}

/* Whether the server is well. */
static void ask(const struct house *house) {
    char bytes[SHORT_BYTES];
    bl_stream *stream = visit(house);
    CHECK_OK(bl_frame_write(stream, BL_FRAME_U8, "short", 5));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, sizeof bytes, NULL));
    CHECK_OK(bl_stream_close(stream));
}

TEST(a_server_hears_a_byte_a_second_as_long_as_it_wants, (house)) {
    static const char message[] = "\5short";
    bl_stream *stream = visit(house);
    char bytes[SHORT_BYTES];
    for (size_t i = 0; i < sizeof message - 1; i++) {
        CHECK_OK(bl_stream_write_all(stream, message + i, 1, NULL));
        CHECK_OK(bl_sleep(SEC(1)));
    }
    CHECK_OK(bl_stream_read_exactly(stream, bytes, sizeof bytes, NULL));
    CHECK_OK(bl_stream_write_all(stream, "\5", 1, NULL));
    TAKES(SEC(LIMIT_S)) {
        CHECK_EQ(bl_stream_read(stream, bytes, 1), 0); /* it has left */
    }
    CHECK_ERR(house->last_error, BL_ETIMEDOUT);
    CHECK_EQ(house->stats.failed, 1);
    bl_stream_abort(stream);
    ask(house);
}

TEST(a_server_survives_an_end_at_each_byte, (house)) {
    static const char message[] = "\5short";
    for (size_t sent = 0; sent < sizeof message - 1; sent++) {
        bl_stream *stream = visit(house);
        T_INFO("after %zu bytes", sent);
        house->last_error = 0;
        CHECK_OK(bl_stream_write_all(stream, message, sent, NULL));
        CHECK_OK(bl_stream_close(stream));
        t_settle();
        CHECK_EQ(house->last_error, sent > 0 ? BL_ECONNRESET : 0);
        ask(house);
    }
    CHECK_EQ(house->stats.failed, sizeof message - 2);
}

/* Does not close, but resets. */
TEST(a_server_survives_a_reset_at_each_byte, (house)) {
    static const char message[] = "\5short";
    for (size_t sent = 0; sent < sizeof message; sent++) {
        bl_stream *stream = visit(house);
        T_INFO("after %zu bytes", sent);
        CHECK_OK(bl_stream_write_all(stream, message, sent, NULL));
        int fd = dup(bl_stream_fd(stream));
        REQUIRE_GE(fd, 0);
        bl_stream_abort(stream);
        close_by_reset(fd);
        t_settle();
        CHECK_EQ(house->stats.active, 0);
        ask(house);
    }
}

TEST(a_server_leaves_a_peer_that_stops_reading, (house)) {
    bl_stream *stream = visit(house);
    const int room = 64 * 1024; /* and not as much as there is to come */
    REQUIRE_OK(setsockopt(bl_stream_fd(stream), SOL_SOCKET, SO_RCVBUF, &room,
                          sizeof room));
    CHECK_OK(bl_frame_write(stream, BL_FRAME_U8, "long!", 5));
    CHECK_OK(bl_sleep(SEC(LIMIT_S) - 1));
    CHECK_EQ(house->stats.failed, 0);
    CHECK_OK(bl_sleep(2));
    CHECK_ERR(house->last_error, BL_ETIMEDOUT);
    CHECK_EQ(house->stats.active, 0);
    ask(house);
    bl_stream_abort(stream);
}
