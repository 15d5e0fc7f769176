/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_frame.c - messages with their length in front
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/inputs.h"
#include "support/kids.h"

PARAM(int, kind, BL_FRAME_U8, BL_FRAME_U16, BL_FRAME_U32, BL_FRAME_U64,
      BL_FRAME_VARINT);
PARAM(int, at_once, 0, 1);

enum {
    BUFFER_BYTES = 300
};

struct desk {
    bl_stream *ends[2];
    bl_reader reader;
};

static void desk_open(struct desk *desk, int limit) {
    REQUIRE_OK(bl_mem_pair(0, desk->ends));
    REQUIRE_OK(bl_mem_limit(desk->ends[0], (size_t)limit, 0));
    REQUIRE_OK(
        bl_reader_init(&desk->reader, desk->ends[0], NULL, BUFFER_BYTES));
}

static void desk_close(struct desk *desk) {
    bl_reader_done(&desk->reader);
    bl_stream_abort(desk->ends[0]);
    bl_stream_abort(desk->ends[1]);
}

static int read_frame(struct desk *desk, int how, const void **data,
                      size_t *bytes) {
    return bl_frame_read(&desk->reader, (bl_frame_kind)how, data, bytes);
}

static int write_frame(struct desk *desk, int how, const void *data,
                       size_t bytes) {
    return bl_frame_write(desk->ends[1], (bl_frame_kind)how, data, bytes);
}

TEST(messages_come_out_as_they_went_in, (kind, at_once)) {
    struct desk desk;
    const void *data;
    size_t bytes;
    char long_one[200];
    memset(long_one, 'x', sizeof long_one);
    desk_open(&desk, at_once);
    CHECK_OK(write_frame(&desk, kind, "hello", 5));
    CHECK_OK(write_frame(&desk, kind, NULL, 0));
    CHECK_OK(write_frame(&desk, kind, long_one, sizeof long_one));
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    CHECK_EQ(read_frame(&desk, kind, &data, &bytes), 1);
    CHECK_MEM(data, bytes, "hello", 5);
    CHECK_EQ(read_frame(&desk, kind, &data, &bytes), 1);
    CHECK_EQ(bytes, 0);
    CHECK_EQ(read_frame(&desk, kind, &data, &bytes), 1);
    CHECK_MEM(data, bytes, long_one, sizeof long_one);
    CHECK_EQ(read_frame(&desk, kind, &data, &bytes), 0);
    desk_close(&desk);
}

static void put(struct desk *desk, const char *bytes, size_t count) {
    REQUIRE_OK(bl_stream_write_all(desk->ends[1], bytes, count, NULL));
}

TEST(lengths_are_written_as_said) {
    struct desk desk;
    char text[200] = { 0 };
    char bytes[16];
    desk_open(&desk, 0);
    CHECK_OK(bl_frame_write(desk.ends[0], BL_FRAME_U16, "ab", 2));
    CHECK_OK(bl_stream_read_exactly(desk.ends[1], bytes, 4, NULL));
    CHECK_MEM(bytes, 4, "\0\2ab", 4);
    CHECK_OK(bl_frame_write(desk.ends[0], BL_FRAME_U32, "a", 1));
    CHECK_OK(bl_stream_read_exactly(desk.ends[1], bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "\0\0\0\1a", 5);
    CHECK_OK(bl_frame_write(desk.ends[0], BL_FRAME_VARINT, text, 200));
    CHECK_OK(bl_stream_read_exactly(desk.ends[1], bytes, 2, NULL));
    CHECK_MEM(bytes, 2, "\xc8\x01", 2);
    desk_close(&desk);
}

TEST(a_message_longer_than_the_buffer_is_refused_at_its_length, (at_once)) {
    struct desk desk;
    const void *data;
    size_t bytes;
    desk_open(&desk, at_once);
    put(&desk, "\0\0\1\x29", 4); /* 297 and 4 is one too many */
    CHECK_ERR(read_frame(&desk, BL_FRAME_U32, &data, &bytes), BL_EMSGSIZE);
    CHECK_EQ(bl_reader_skip(&desk.reader, 4), 4); /* nothing was taken */
    put(&desk, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    CHECK_ERR(read_frame(&desk, BL_FRAME_U64, &data, &bytes), BL_EMSGSIZE);
    desk_close(&desk);
}

TEST(a_length_has_one_spelling, (at_once)) {
    static const struct {
        const char *bytes;
        size_t count;
    } bad[] = {
        { "\x80\x00", 2 },                                  /* 0 in two */
        { "\x85\x80\x00", 3 },                              /* 5 in three */
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10 }, /* 65 bits */
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 10 }, /* no end */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct desk desk;
        const void *data;
        size_t bytes;
        desk_open(&desk, at_once);
        put(&desk, bad[i].bytes, bad[i].count);
        CHECK_ERR(read_frame(&desk, BL_FRAME_VARINT, &data, &bytes), BL_EPROTO);
        desk_close(&desk);
    }
}

TEST(an_end_inside_a_message_is_a_reset, (kind, at_once), .tags = "order") {
    char whole[16];
    struct desk desk;
    const void *data;
    size_t bytes;
    desk_open(&desk, 0);
    CHECK_OK(bl_frame_write(desk.ends[0], (bl_frame_kind)kind, "abc", 3));
    bl_ssize length = bl_stream_read(desk.ends[1], whole, sizeof whole);
    REQUIRE_GT(length, 3);
    desk_close(&desk);
    for (bl_ssize cut = 1; cut < length; cut++) {
        desk_open(&desk, at_once);
        put(&desk, whole, (size_t)cut);
        CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
        CHECK_ERR(read_frame(&desk, kind, &data, &bytes), BL_ECONNRESET);
        desk_close(&desk);
    }
}

TEST(what_cannot_be_written_is_refused) {
    static char much[70000];
    struct desk desk;
    const void *data;
    size_t bytes;
    desk_open(&desk, 0);
    CHECK_ERR(write_frame(&desk, BL_FRAME_U8, much, 256), BL_EMSGSIZE);
    CHECK_OK(write_frame(&desk, BL_FRAME_U8, much, 255));
    CHECK_ERR(write_frame(&desk, BL_FRAME_U16, much, 65536), BL_EMSGSIZE);
    CHECK_ERR(write_frame(&desk, 99, "x", 1), BL_EINVAL);
    CHECK_ERR(write_frame(&desk, BL_FRAME_U8, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_frame_write(NULL, BL_FRAME_U8, "x", 1), BL_EINVAL);
    CHECK_ERR(read_frame(&desk, 99, &data, &bytes), BL_EINVAL);
    CHECK_ERR(read_frame(&desk, BL_FRAME_U8, NULL, &bytes), BL_EINVAL);
    CHECK_ERR(read_frame(&desk, BL_FRAME_U8, &data, NULL), BL_EINVAL);
    CHECK_ERR(bl_frame_read(NULL, BL_FRAME_U8, &data, &bytes), BL_EINVAL);
    desk_close(&desk);
}

TEST(in_a_cancelled_scope_nothing_is_moved) {
    struct desk desk;
    bl_scope scope;
    const void *data;
    size_t bytes;
    desk_open(&desk, 0);
    CHECK_OK(write_frame(&desk, BL_FRAME_U8, "a", 1));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(read_frame(&desk, BL_FRAME_U8, &data, &bytes), BL_ECANCELED);
    CHECK_ERR(write_frame(&desk, BL_FRAME_U8, "b", 1), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_EQ(read_frame(&desk, BL_FRAME_U8, &data, &bytes), 1);
    CHECK_MEM(data, bytes, "a", 1);
    desk_close(&desk);
}

/* ---- any bytes at all --------------------------------------------------- */

/* How many bytes a length takes. */
static size_t head_bytes(int how, size_t bytes) {
    static const size_t widths[] = {
        [BL_FRAME_U8] = 1,
        [BL_FRAME_U16] = 2,
        [BL_FRAME_U32] = 4,
        [BL_FRAME_U64] = 8,
    };
    if (how == BL_FRAME_VARINT) return bytes > 0x7f ? 2 : 1;
    return widths[how];
}

/*
 * Reads what the bytes are taken for, and writes it again: it must be the same,
 * for a message has one spelling, and whatever is refused stays.
 */
static void check_bytes(int how, int limit, const void *data, size_t size) {
    struct desk desk;
    char again[BUFFER_BYTES + 16];
    const void *message;
    size_t bytes;
    size_t at = 0; /* the next message begins here */
    int rc;
    desk_open(&desk, limit);
    put(&desk, data, size);
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    while ((rc = read_frame(&desk, how, &message, &bytes)) == 1) {
        CHECK_OK(
            bl_frame_write(desk.ends[0], (bl_frame_kind)how, message, bytes));
        size_t count = head_bytes(how, bytes) + bytes;
        REQUIRE_LE(count, size - at);
        REQUIRE_OK(bl_stream_read_exactly(desk.ends[1], again, count, NULL));
        CHECK_MEM(again, count, (const char *)data + at, count);
        at += count;
    }
    CHECK(rc == 0 || rc == BL_EMSGSIZE || rc == BL_EPROTO ||
          rc == BL_ECONNRESET);
    CHECK_EQ(rc == 0, at == size);
    bl_ssize left = 0;
    do {
        at += (size_t)left;
        left = bl_reader_read(&desk.reader, again, sizeof again);
    } while (left > 0);
    CHECK_EQ(at, size);
    desk_close(&desk);
}

/* The first byte says how lengths are written, the second how much comes at
 * once. */
FUZZ(any_bytes_are_messages_or_refused, .max_len = 400,
     .corpus = "corpus/frame") {
    if (size < 2) return;
    check_bytes(data[0] % 5, data[1], data + 2, size - 2);
}

/* 100,000 of them: BELAY_TEST_INPUTS=100000 and the name of this test. */
TEST(many_spoilt_messages_are_read_or_refused, (t_rng), .tags = "bulky large",
     .watchdog = SEC(3600)) {
    static const struct {
        bl_frame_kind kind;
        size_t count;
        const char *bytes;
    } good[] = {
        { BL_FRAME_U8, 9, "\5hello\0\1x" },
        { BL_FRAME_U16, 13, "\0\5hello\0\0\0\2hi" },
        { BL_FRAME_U32, 14, "\0\0\0\5hello\0\0\0\1x" },
        { BL_FRAME_U64, 21, "\0\0\0\0\0\0\0\5hello\0\0\0\0\0\0\0\0" },
        { BL_FRAME_VARINT, 11, "\5hello\3abc\0" },
    };
    for (int i = inputs_wanted(5000); i > 0; i--) {
        char bytes[64];
        int which = i % 5;
        size_t count = good[which].count;
        T_INFO("input %d", i);
        memcpy(bytes, good[which].bytes, count);
        count = spoil_bytes(t_rng, bytes, count, sizeof bytes);
        check_bytes((int)good[which].kind, (int)t_rng_below(t_rng, 4), bytes,
                    count);
    }
}

/* ---- everything at every point ----------------------------------------- */

static int send_some(void *arg) {
    bl_stream *stream = arg;
    int rc = bl_frame_write(stream, BL_FRAME_VARINT, "first", 5);
    if (rc == 0) rc = bl_frame_write(stream, BL_FRAME_VARINT, "second", 6);
    bl_stream_abort(stream);
    return rc;
}

static int receive_some(bl_stream *stream) {
    bl_reader reader;
    const void *data;
    size_t bytes;
    int rc = bl_reader_init(&reader, stream, NULL, 8);
    if (rc < 0) return rc;
    rc = bl_frame_read(&reader, BL_FRAME_VARINT, &data, &bytes);
    if (rc == 1) CHECK_MEM(data, bytes, "first", 5);
    if (rc == 1) rc = bl_frame_read(&reader, BL_FRAME_VARINT, &data, &bytes);
    if (rc == 1) CHECK_MEM(data, bytes, "second", 6);
    if (rc == 1) rc = bl_frame_read(&reader, BL_FRAME_VARINT, &data, &bytes);
    bl_reader_done(&reader);
    return rc;
}

static void exchange(void) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(3, ends);
    if (rc < 0) return;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, send_some, ends[1]);
        if (rc < 0) {
            bl_stream_abort(ends[1]);
            break;
        }
        rc = receive_some(ends[0]);
        bl_stream_abort(ends[0]);
        ends[0] = NULL;
    }
    bl_stream_abort(ends[0]);
    if (!t_injected()) CHECK_OK(rc);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    exchange();
}

TEST(shuffled_orders_and_sizes_change_nothing, .schedules = 100) {
    exchange();
}
