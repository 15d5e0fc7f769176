/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_bad_peer.c - a peer that is slow, stops, or ends in the middle
 *
 * Each call that reads is made over each carrier, while the other end sends a
 * byte a second, or ends after each byte; each call that writes, while the
 * other end does not read.  A deadline ends the call when it says, no byte that
 * has come is lost, and each end has the code that the reference gives it.
 */
#include <belay/test.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/kids.h"
#include "support/sockets.h"
#include "support/streams.h"

enum carrier {
    MEMORY,
    BYTES, /* in memory, a byte at a time */
    LOCAL,
    TCP,
    PIPE /* one direction: only [1] writes */
};

PARAM(int, carrier, MEMORY, BYTES, LOCAL, TCP, PIPE);

/* A frame of eight bits, and a line. */
#define MESSAGE "\6hello\n"

enum {
    MESSAGE_BYTES = sizeof MESSAGE - 1,
    MUCH = 8 * 1024 * 1024, /* more than any socket takes */
    PIECE = 64 * 1024
};

/* Two ends; [0] is under test, or, where it writes, [1]. */
static void open_ends(int how, bl_stream *ends[2]) {
    int fds[2];
    if (how == MEMORY || how == BYTES) {
        REQUIRE_OK(bl_mem_pair(MESSAGE_BYTES, ends));
        if (how == BYTES) REQUIRE_OK(bl_mem_limit(ends[0], 1, 1));
        if (how == BYTES) REQUIRE_OK(bl_mem_limit(ends[1], 1, 1));
        return;
    }
    if (how == PIPE) {
        pipe_pair(fds);
        REQUIRE_OK(bl_stream_take_pipe(fds[0], -1, &ends[0]));
        REQUIRE_OK(bl_stream_take_pipe(-1, fds[1], &ends[1]));
        return;
    }
    if (how == TCP) {
        tcp_pair(fds);
    } else {
        socket_pair(fds);
    }
    REQUIRE_OK(bl_stream_take_fd(fds[0], &ends[0]));
    REQUIRE_OK(bl_stream_take_fd(fds[1], &ends[1]));
}

/* ---- calls that read ----------------------------------------------------- */

/* Who wants the message, and what he has of it so far. */
struct taker {
    bl_stream *stream;
    bl_reader reader;
    char got[2 * MESSAGE_BYTES];
    size_t count;
};

enum {
    AT_END = 1 /* returned, besides codes: the end, and no message */
};

static int took(struct taker *taker, bl_ssize count) {
    if (count > 0) taker->count += (size_t)count;
    return count > 0 ? 0 : count < 0 ? (int)count : AT_END;
}

static int note_got(struct taker *taker, const void *data, size_t bytes) {
    memcpy(taker->got + taker->count, data, bytes);
    return took(taker, (bl_ssize)bytes);
}

/* One call that waits for more. */
static int take_some(struct taker *taker, char *place, size_t room) {
    return took(taker, bl_stream_read(taker->stream, place, room));
}

static int take_some_in_parts(struct taker *taker, char *place, size_t room) {
    struct iovec parts[2] = { { place, 1 }, { place + 1, room - 1 } };
    return took(taker, bl_stream_readv(taker->stream, parts, room > 1 ? 2 : 1));
}

static int take_when_ready(struct taker *taker, char *place, size_t room) {
    int rc = bl_stream_wait(taker->stream, BL_READABLE);
    return rc < 0 ? rc : take_some(taker, place, room);
}

static int take_buffered(struct taker *taker, char *place, size_t room) {
    return took(taker, bl_reader_read(&taker->reader, place, room));
}

/* Repeats such a call until the message is there. */
static int take_by(struct taker *taker,
                   int (*take)(struct taker *, char *, size_t)) {
    int rc = 0;
    while (rc == 0 && taker->count < MESSAGE_BYTES) {
        rc = take(taker, taker->got + taker->count,
                  MESSAGE_BYTES - taker->count);
    }
    return rc;
}

static int by_read(struct taker *taker) {
    return take_by(taker, take_some);
}

static int by_readv(struct taker *taker) {
    return take_by(taker, take_some_in_parts);
}

static int by_wait(struct taker *taker) {
    return take_by(taker, take_when_ready);
}

static int by_reader(struct taker *taker) {
    return take_by(taker, take_buffered);
}

static int by_read_exactly(struct taker *taker) {
    return bl_stream_read_exactly(taker->stream, taker->got, MESSAGE_BYTES,
                                  &taker->count);
}

static int by_reader_exactly(struct taker *taker) {
    return bl_reader_exactly(&taker->reader, taker->got, MESSAGE_BYTES,
                             &taker->count);
}

static int by_peek(struct taker *taker) {
    const void *data;
    bl_ssize count = bl_reader_peek(&taker->reader, MESSAGE_BYTES, &data);
    if (count < 0) return (int)count;
    if (count < MESSAGE_BYTES) return AT_END;
    bl_reader_skip(&taker->reader, MESSAGE_BYTES);
    return note_got(taker, data, MESSAGE_BYTES);
}

static int by_until(struct taker *taker) {
    const char *data;
    bl_ssize count = bl_reader_until(&taker->reader, "o\n", 2, &data);
    if (count <= 0) return took(taker, count);
    return note_got(taker, data, (size_t)count);
}

static int by_line(struct taker *taker) {
    char *line;
    size_t bytes;
    int rc = bl_reader_line(&taker->reader, &line, &bytes);
    if (rc <= 0) return took(taker, rc);
    line[bytes] = '\n';
    return note_got(taker, line, bytes + 1);
}

static int by_frame(struct taker *taker) {
    const void *data;
    size_t bytes;
    int rc = bl_frame_read(&taker->reader, BL_FRAME_U8, &data, &bytes);
    if (rc <= 0) return took(taker, rc);
    taker->got[taker->count++] = (char)bytes;
    return note_got(taker, data, bytes);
}

/* A call, and what it says to an end in the middle of the message. */
static const struct {
    int (*take)(struct taker *taker);
    int cut_off;
    bool is_cut_off_at_once; /* also before the first byte */
} takes[] = {
    { by_read, AT_END, false },
    { by_readv, AT_END, false },
    { by_wait, AT_END, false },
    { by_read_exactly, BL_ECONNRESET, true },
    { by_reader, AT_END, false },
    { by_reader_exactly, BL_ECONNRESET, true },
    { by_peek, AT_END, false },
    { by_until, BL_ECONNRESET, false },
    { by_line, BL_ECONNRESET, false },
    { by_frame, BL_ECONNRESET, false },
};

PARAM(int, take, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

/* The reader has room for the message and no more. */
static void taker_init(struct taker *taker, bl_stream *stream) {
    *taker = (struct taker){ .stream = stream };
    REQUIRE_OK(bl_reader_init(&taker->reader, stream, NULL, MESSAGE_BYTES));
}

static void taker_done(struct taker *taker) {
    bl_reader_done(&taker->reader);
}

#define TAKER(name) struct taker name BL__CLEANUP(taker_done) = { 0 }

/* Takes what has come and no call has given away yet. */
static void take_rest(struct taker *taker) {
    while (taker->count < MESSAGE_BYTES) {
        char *place = taker->got + taker->count;
        bl_ssize count = bl_wait_for(
            bl_reader_read(&taker->reader, place, MESSAGE_BYTES - taker->count),
            SEC(1) / 4);
        if (count <= 0) return;
        taker->count += (size_t)count;
    }
}

/* ---- a byte a second ----------------------------------------------------- */

static int drip(void *arg) {
    bl_stream *stream = arg;
    for (size_t i = 0; i < MESSAGE_BYTES; i++) {
        int rc = bl_sleep(SEC(1));
        if (rc == 0) rc = bl_stream_write_all(stream, &MESSAGE[i], 1, NULL);
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(a_byte_a_second_is_taken_until_the_deadline_and_after, (carrier, take)) {
    ENDS(ends);
    TAKER(taker);
    open_ends(carrier, ends);
    taker_init(&taker, ends[0]);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, drip, ends[1]));
    TAKES(SEC(7) / 2) {
        CHECK_ERR(bl_wait_for(takes[take].take(&taker), SEC(7) / 2),
                  BL_ETIMEDOUT);
    }
    take_rest(&taker);
    CHECK_MEM(taker.got, taker.count, MESSAGE, 3); /* none lost, none more */
    /* The rest of it is another message, in the eyes of the call. */
    CHECK_OK(bl_group_exit(&group, 0));
    take_rest(&taker);
    CHECK_MEM(taker.got, taker.count, MESSAGE, MESSAGE_BYTES);
}

TEST(a_byte_a_second_is_a_message_after_a_while, (carrier, take)) {
    ENDS(ends);
    TAKER(taker);
    open_ends(carrier, ends);
    taker_init(&taker, ends[0]);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, drip, ends[1]));
    TAKES(SEC(MESSAGE_BYTES)) {
        CHECK_OK(bl_wait_for(takes[take].take(&taker), SEC(60)));
    }
    CHECK_MEM(taker.got, taker.count, MESSAGE, MESSAGE_BYTES);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- an end at each byte ------------------------------------------------- */

TEST(an_end_after_each_byte_is_told, (carrier, take)) {
    for (size_t sent = 0; sent <= MESSAGE_BYTES; sent++) {
        ENDS(ends);
        TAKER(taker);
        bool is_code = sent > 0 || takes[take].is_cut_off_at_once;
        int expected = is_code ? takes[take].cut_off : AT_END;
        T_INFO("after %zu bytes", sent);
        open_ends(carrier, ends);
        taker_init(&taker, ends[0]);
        CHECK_OK(bl_stream_write_all(ends[1], MESSAGE, sent, NULL));
        CHECK_OK(stream_close(&ends[1]));
        CHECK_EQ(takes[take].take(&taker),
                 sent == MESSAGE_BYTES ? 0 : expected);
        take_rest(&taker);
        CHECK_MEM(taker.got, taker.count, MESSAGE, sent);
    }
}

/* A peer that breaks off in a message of its own resets; a local socket and a
 * pipe have no resets. */
TEST(a_reset_after_each_byte_is_told, (take)) {
    for (size_t sent = 1; sent < MESSAGE_BYTES; sent++) {
        ENDS(ends);
        TAKER(taker);
        size_t done = 0;
        T_INFO("after %zu bytes", sent);
        REQUIRE_OK(bl_mem_pair(sent, ends));
        taker_init(&taker, ends[0]);
        CHECK_ERR(bl_wait_for(bl_stream_write_all(ends[1], MESSAGE,
                                                  MESSAGE_BYTES, &done),
                              SEC(1)),
                  BL_ETIMEDOUT);
        CHECK_EQ(done, sent);
        stream_abort(&ends[1]);
        CHECK_ERR(takes[take].take(&taker), BL_ECONNRESET);
        take_rest(&taker);
        CHECK_MEM(taker.got, taker.count, MESSAGE, sent);
    }
}

/* ---- calls that write, to a peer that does not read ---------------------- */

/* Who has much to say, and how much of it was taken. */
struct giver {
    bl_stream *stream;
    bl_writer writer;
    int file;
    size_t done;
};

static char much[MUCH];

static int gave(struct giver *giver, bl_ssize count) {
    if (count > 0) giver->done += (size_t)count;
    return count < 0 ? (int)count : 0;
}

static int by_write(struct giver *giver) {
    int rc = 0;
    while (rc == 0 && giver->done < MUCH) {
        size_t left = MUCH - giver->done;
        rc = gave(giver, bl_stream_write(giver->stream, much + giver->done,
                                         left < PIECE ? left : PIECE));
    }
    return rc;
}

static int by_writev(struct giver *giver) {
    int rc = 0;
    while (rc == 0 && giver->done < MUCH) {
        struct iovec parts[2] = {
            { much + giver->done, 1 },
            { much + giver->done + 1, MUCH - giver->done - 1 },
        };
        rc = gave(giver, bl_stream_writev(giver->stream, parts, 2));
    }
    return rc;
}

static int by_ready(struct giver *giver) {
    int rc = 0;
    while (rc == 0 && giver->done < MUCH) {
        rc = bl_stream_wait(giver->stream, BL_WRITABLE);
        if (rc == 0) {
            rc = gave(giver,
                      bl_stream_write(giver->stream, much + giver->done, 1));
        }
        /* A byte at a time it would take long to fill a socket. */
        if (rc == 0 && giver->done == 1) {
            bl_ssize count = bl_stream_write(giver->stream, much + 1, MUCH - 1);
            rc = gave(giver, count);
        }
    }
    return rc;
}

static int by_write_all(struct giver *giver) {
    return bl_stream_write_all(giver->stream, much, MUCH, &giver->done);
}

static int by_writev_all(struct giver *giver) {
    struct iovec parts[3] = { { much, 1 },
                              { NULL, 0 },
                              { much + 1, MUCH - 1 } };
    return bl_stream_writev_all(giver->stream, parts, 3, &giver->done);
}

static int by_send_file(struct giver *giver) {
    return bl_stream_send_file(giver->stream, giver->file, 0, MUCH,
                               &giver->done);
}

/* These do not tell how far they came. */
static int by_writer(struct giver *giver) {
    return bl_writer_put(&giver->writer, much, MUCH);
}

static int by_frame_write(struct giver *giver) {
    return bl_frame_write(giver->stream, BL_FRAME_U32, much, MUCH);
}

/* A call, whether it tells its progress, and whether half of it cuts. */
static const struct {
    int (*give)(struct giver *giver);
    bool tells_progress;
    bool cuts;
} gives[] = {
    { by_write, true, false },     { by_writev, true, false },
    { by_ready, true, false },     { by_write_all, true, true },
    { by_writev_all, true, true }, { by_send_file, true, true },
    { by_writer, false, true },    { by_frame_write, false, true },
};

PARAM(int, give, 0, 1, 2, 3, 4, 5, 6, 7);

static void giver_init(struct giver *giver, bl_stream *stream) {
    *giver = (struct giver){ .stream = stream, .file = plain_file() };
    REQUIRE_OK(ftruncate(giver->file, MUCH));
    REQUIRE_OK(bl_writer_init(&giver->writer, stream, NULL, PIECE));
}

static void giver_done(struct giver *giver) {
    bl_writer_done(&giver->writer);
    if (giver->file >= 0) close(giver->file);
}

#define GIVER(name) struct giver name BL__CLEANUP(giver_done) = { .file = -1 }

/* How much comes, until nothing does for a moment. */
static size_t count_bytes(bl_stream *stream) {
    static char bytes[PIECE];
    size_t total = 0;
    for (;;) {
        bl_ssize count =
            bl_wait_for(bl_stream_read(stream, bytes, sizeof bytes), SEC(1));
        if (count <= 0) return total;
        total += (size_t)count;
    }
}

TEST(a_peer_that_does_not_read_is_left_at_the_deadline, (carrier, give)) {
    ENDS(ends);
    GIVER(giver);
    open_ends(carrier, ends);
    giver_init(&giver, ends[1]);
    TAKES(SEC(2)) {
        CHECK_ERR(bl_wait_for(gives[give].give(&giver), SEC(2)), BL_ETIMEDOUT);
    }
    CHECK_EQ(bl_stream_is_cut(ends[1]), gives[give].cuts);
    size_t came = count_bytes(ends[0]);
    CHECK_GT(came, 0);
    CHECK_LT(came, MUCH);
    if (gives[give].tells_progress) CHECK_EQ(came, giver.done);
    TAKES(0) {
        CHECK_OK(stream_close(&ends[1])); /* it waits for nobody */
        stream_abort(&ends[0]);
    }
}

TEST(aborting_waits_for_no_peer, (carrier, give)) {
    ENDS(ends);
    GIVER(giver);
    open_ends(carrier, ends);
    giver_init(&giver, ends[1]);
    CHECK_ERR(bl_wait_for(gives[give].give(&giver), SEC(2)), BL_ETIMEDOUT);
    TAKES(0) {
        stream_abort(&ends[1]);
    }
}

/* Whoever writes again where another call was left goes on, or is refused. */
TEST(a_writer_goes_on_where_it_was_left, (carrier)) {
    ENDS(ends);
    GIVER(giver);
    open_ends(carrier, ends);
    giver_init(&giver, ends[1]);
    CHECK_ERR(bl_wait_for(by_write(&giver), SEC(2)), BL_ETIMEDOUT);
    size_t came = count_bytes(ends[0]);
    CHECK_EQ(came, giver.done);
    CHECK_ERR(bl_wait_for(by_write_all(&giver), SEC(2)), BL_ETIMEDOUT);
    CHECK_EQ(count_bytes(ends[0]), giver.done);
    CHECK_ERR(bl_stream_write(ends[1], "x", 1), BL_EMISUSE);
}

/* ---- a peer that reads a byte a second ----------------------------------- */

static int sip(void *arg) {
    bl_stream *stream = arg;
    char byte;
    for (size_t i = 0; i < MESSAGE_BYTES; i++) {
        int rc = bl_sleep(SEC(1));
        if (rc < 0) return rc;
        bl_ssize count = bl_stream_read(stream, &byte, 1);
        if (count <= 0) return (int)count;
        CHECK_EQ(byte, MESSAGE[i]);
    }
    return 0;
}

TEST(a_write_of_all_takes_as_long_as_its_reader) {
    ENDS(ends);
    size_t done;
    REQUIRE_OK(bl_mem_pair(2, ends));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, sip, ends[0]));
    TAKES(SEC(MESSAGE_BYTES - 2)) {
        CHECK_OK(bl_stream_write_all(ends[1], MESSAGE, MESSAGE_BYTES, &done));
    }
    CHECK_EQ(done, MESSAGE_BYTES);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- a peer that leaves while it is written to --------------------------- */

struct quitter {
    bl_stream **stream;
    size_t wants;
};

static int quit(void *arg) {
    const struct quitter *quitter = arg;
    char bytes[MESSAGE_BYTES];
    int rc =
        bl_stream_read_exactly(*quitter->stream, bytes, quitter->wants, NULL);
    stream_abort(quitter->stream);
    return rc;
}

TEST(a_peer_that_leaves_at_each_byte_breaks_the_pipe) {
    for (size_t wants = 0; wants < MESSAGE_BYTES - 1; wants++) {
        ENDS(ends);
        size_t done;
        T_INFO("after %zu bytes", wants);
        REQUIRE_OK(bl_mem_pair(1, ends));
        struct quitter quitter = { &ends[0], wants };
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, quit, &quitter));
        CHECK_ERR(bl_stream_write_all(ends[1], MESSAGE, MESSAGE_BYTES, &done),
                  BL_EPIPE);
        CHECK_GE(done, wants);
        CHECK_LE(done, wants + 1); /* one may still lie between them */
        CHECK_EQ(bl_stream_is_cut(ends[1]), done > 0);
        CHECK_OK(bl_group_exit(&group, 0));
    }
}

/* ---- in any order, in any pieces ----------------------------------------- */

static int send_message(void *arg) {
    bl_stream **stream = arg;
    int rc = bl_stream_write_all(*stream, MESSAGE, MESSAGE_BYTES, NULL);
    int ended = stream_close(stream);
    return rc < 0 ? rc : ended;
}

/* How much each call moves is chosen by the order of the run. */
TEST(pieces_of_any_size_are_the_same_message, (take), .schedules = 30) {
    ENDS(ends);
    TAKER(taker);
    REQUIRE_OK(bl_mem_pair(3, ends));
    taker_init(&taker, ends[0]);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_message, &ends[1]));
    CHECK_OK(takes[take].take(&taker));
    CHECK_MEM(taker.got, taker.count, MESSAGE, MESSAGE_BYTES);
    CHECK_OK(bl_group_exit(&group, 0));
}
