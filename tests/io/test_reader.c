/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_reader.c - lines, exact amounts, delimited pieces
 *
 * The other end writes at once or a byte at a time; nothing may differ.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"

PARAM(int, at_once, 0, 1, 3); /* bytes a read gets; 0: all */

/* A reader of 16 bytes, and the end that writes to it. */
struct desk {
    bl_stream *ends[2];
    bl_reader reader;
    char buffer[16];
};

static void desk_open(struct desk *desk, int limit) {
    REQUIRE_OK(bl_mem_pair(0, desk->ends));
    REQUIRE_OK(bl_mem_limit(desk->ends[0], (size_t)limit, 0));
    REQUIRE_OK(bl_reader_init(&desk->reader, desk->ends[0], desk->buffer,
                              sizeof desk->buffer));
}

static void desk_close(struct desk *desk) {
    bl_reader_done(&desk->reader);
    bl_stream_abort(desk->ends[0]);
    bl_stream_abort(desk->ends[1]);
}

static void put(struct desk *desk, const char *text) {
    REQUIRE_OK(bl_stream_write_all(desk->ends[1], text, strlen(text), NULL));
}

TEST(lines_end_with_and_without_a_return, (at_once)) {
    struct desk desk;
    char *line;
    size_t bytes = 77;
    desk_open(&desk, at_once);
    put(&desk, "one\r\ntwo\n\n\r\n a\rb \n");
    CHECK_EQ(bl_reader_line(&desk.reader, &line, &bytes), 1);
    CHECK_STR(line, "one");
    CHECK_EQ(bytes, 3);
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, "two");
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, "");
    CHECK_EQ(bl_reader_line(&desk.reader, &line, &bytes), 1);
    CHECK_STR(line, "");
    CHECK_EQ(bytes, 0);
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, " a\rb ");
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 0);
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 0);
    desk_close(&desk);
}

TEST(a_line_may_contain_nul) {
    struct desk desk;
    char *line;
    size_t bytes;
    desk_open(&desk, 0);
    REQUIRE_OK(bl_stream_write_all(desk.ends[1], "a\0b\n", 4, NULL));
    CHECK_EQ(bl_reader_line(&desk.reader, &line, &bytes), 1);
    CHECK_MEM(line, bytes, "a\0b", 3);
    desk_close(&desk);
}

TEST(the_buffer_is_the_limit_of_a_line, (at_once)) {
    struct desk desk;
    char *line;
    desk_open(&desk, at_once);
    put(&desk, "fifteen bytes..\nsixteen bytes...\n");
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, "fifteen bytes..");
    CHECK_ERR(bl_reader_line(&desk.reader, &line, NULL), BL_EMSGSIZE);
    CHECK_ERR(bl_reader_line(&desk.reader, &line, NULL), BL_EMSGSIZE);
    CHECK_EQ(bl_reader_buffered(&desk.reader), 16); /* nothing was taken */
    CHECK_EQ(bl_reader_skip(&desk.reader, 99), 16);
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, "");
    desk_close(&desk);
}

TEST(a_line_without_an_end_is_not_a_line, (at_once)) {
    struct desk desk;
    char *line = NULL;
    char bytes[8];
    desk_open(&desk, at_once);
    put(&desk, "half");
    CHECK_OK(bl_stream_close(desk.ends[1]));
    desk.ends[1] = NULL;
    CHECK_ERR(bl_reader_line(&desk.reader, &line, NULL), BL_ECONNRESET);
    CHECK(line == NULL);
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, sizeof bytes), 4);
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, sizeof bytes), 0);
    desk_close(&desk);
}

TEST(pieces_end_with_any_delimiter, (at_once)) {
    struct desk desk;
    const char *data;
    desk_open(&desk, at_once);
    put(&desk, "a--b---c-+-d");
    CHECK_EQ(bl_reader_until(&desk.reader, "--", 2, &data), 3);
    CHECK_MEM(data, 3, "a--", 3);
    CHECK_EQ(bl_reader_until(&desk.reader, "---", 3, &data), 4);
    CHECK_MEM(data, 4, "b---", 4);
    CHECK_EQ(bl_reader_until(&desk.reader, "-+-", 3, &data), 4);
    CHECK_MEM(data, 4, "c-+-", 4);
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    CHECK_ERR(bl_reader_until(&desk.reader, "-", 1, &data), BL_ECONNRESET);
    CHECK_EQ(bl_reader_skip(&desk.reader, 1), 1);
    CHECK_EQ(bl_reader_until(&desk.reader, "-", 1, &data), 0);
    desk_close(&desk);
}

TEST(exact_amounts_are_all_or_nothing, (at_once)) {
    struct desk desk;
    char bytes[64];
    size_t done = 77;
    desk_open(&desk, at_once);
    put(&desk, "abcdefghijklmnopqrstuvwxyz0123456789");
    CHECK_OK(bl_reader_exactly(&desk.reader, bytes, 5, &done));
    CHECK_EQ(done, 5);
    CHECK_MEM(bytes, 5, "abcde", 5);
    CHECK_OK(bl_reader_exactly(&desk.reader, NULL, 0, &done));
    CHECK_OK(bl_reader_exactly(&desk.reader, bytes, 27, &done)); /* past it */
    CHECK_EQ(done, 27);
    CHECK_MEM(bytes, 27, "fghijklmnopqrstuvwxyz012345", 27);
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    CHECK_ERR(bl_reader_exactly(&desk.reader, bytes, 5, &done), BL_ECONNRESET);
    CHECK_EQ(done, 0);
    CHECK_ERR(bl_reader_exactly(&desk.reader, bytes, 20, &done), BL_ECONNRESET);
    CHECK_EQ(done, 4); /* what goes past the buffer is gone */
    CHECK_MEM(bytes, 4, "6789", 4);
    desk_close(&desk);
}

TEST(one_can_look_before_one_takes, (at_once)) {
    struct desk desk;
    const void *data;
    desk_open(&desk, at_once);
    put(&desk, "abcdef");
    CHECK_GE(bl_reader_peek(&desk.reader, 4, &data), 4);
    CHECK_MEM(data, 4, "abcd", 4);
    CHECK_EQ(bl_reader_skip(&desk.reader, 2), 2);
    CHECK_GE(bl_reader_peek(&desk.reader, 2, &data), 2);
    CHECK_MEM(data, 2, "cd", 2);
    CHECK_OK(bl_stream_shutdown_write(desk.ends[1]));
    CHECK_EQ(bl_reader_peek(&desk.reader, 16, &data), 4); /* the end came */
    CHECK_ERR(bl_reader_peek(&desk.reader, 17, &data), BL_EMSGSIZE);
    CHECK_EQ(bl_reader_skip(&desk.reader, 4), 4);
    CHECK_EQ(bl_reader_peek(&desk.reader, 1, &data), 0);
    CHECK_EQ(bl_reader_peek(&desk.reader, 0, &data), 0);
    desk_close(&desk);
}

TEST(a_plain_read_takes_the_buffer_first, .tags = "order") {
    struct desk desk;
    const void *data;
    char bytes[64];
    desk_open(&desk, 0);
    put(&desk, "abcdef");
    CHECK_EQ(bl_reader_peek(&desk.reader, 1, &data), 6);
    put(&desk, "ghi");
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, 4), 4);
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, sizeof bytes), 2);
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, 2), 2); /* through it */
    CHECK_EQ(bl_reader_buffered(&desk.reader), 1);
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, 2), 1);
    put(&desk, "jkl");
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, sizeof bytes), 3); /* past */
    CHECK_EQ(bl_reader_read(&desk.reader, bytes, 0), 0);
    desk_close(&desk);
}

/* ---- cancelling -------------------------------------------------------- */

struct call {
    struct desk *desk;
    char *line;
    int rc;
};

static int read_line(void *arg) {
    struct call *call = arg;
    call->rc = bl_reader_line(&call->desk->reader, &call->line, NULL);
    return 0;
}

TEST(a_cancelled_call_has_lost_nothing, (at_once)) {
    struct desk desk;
    struct call call = { .desk = &desk };
    desk_open(&desk, at_once);
    for (int i = 0; i < 3; i++) {
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, read_line, &call));
        put(&desk, "ab");
        t_settle();
        WITHIN(SEC(1)) {
            CHECK_ERR(bl_reader_line(&desk.reader, &call.line, NULL), BL_EBUSY);
            CHECK_ERR(bl_reader_exactly(&desk.reader, "", 0, NULL), BL_EBUSY);
        }
        bl_group_cancel(&group);
        CHECK_OK(bl_group_exit(&group, 0));
        CHECK_ERR(call.rc, BL_ECANCELED);
    }
    put(&desk, "\n");
    CHECK_OK(read_line(&call));
    CHECK_EQ(call.rc, 1);
    CHECK_STR(call.line, "ababab");
    desk_close(&desk);
}

TEST(bad_arguments_are_refused) {
    struct desk desk;
    bl_reader none = BL__ZEROED;
    char *line;
    char byte;
    const void *data;
    const char *piece;
    desk_open(&desk, 0);
    CHECK_ERR(bl_reader_init(NULL, desk.ends[0], NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_reader_init(&none, NULL, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_reader_init(&none, desk.ends[0], NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_reader_line(&none, &line, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_line(NULL, &line, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_line(&desk.reader, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_peek(&none, 1, &data), BL_EINVAL);
    CHECK_ERR(bl_reader_peek(&desk.reader, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_read(&none, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_reader_read(&desk.reader, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_reader_exactly(&none, &byte, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_exactly(&desk.reader, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_reader_until(&desk.reader, NULL, 1, &piece), BL_EINVAL);
    CHECK_ERR(bl_reader_until(&desk.reader, "", 0, &piece), BL_EINVAL);
    CHECK_ERR(bl_reader_until(&desk.reader, "x", 1, NULL), BL_EINVAL);
    CHECK_EQ(bl_reader_buffered(NULL), 0);
    CHECK_EQ(bl_reader_skip(NULL, 1), 0);
    bl_reader_done(NULL);
    bl_reader_done(&none);
    desk_close(&desk);
}

TEST(in_a_cancelled_scope_nothing_is_taken) {
    struct desk desk;
    bl_scope scope;
    char *line;
    char byte;
    const void *data;
    const char *piece;
    desk_open(&desk, 0);
    put(&desk, "a\n");
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_reader_peek(&desk.reader, 1, &data), BL_ECANCELED);
    CHECK_ERR(bl_reader_read(&desk.reader, &byte, 1), BL_ECANCELED);
    CHECK_ERR(bl_reader_exactly(&desk.reader, &byte, 1, NULL), BL_ECANCELED);
    CHECK_ERR(bl_reader_until(&desk.reader, "\n", 1, &piece), BL_ECANCELED);
    CHECK_ERR(bl_reader_line(&desk.reader, &line, NULL), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_EQ(bl_reader_line(&desk.reader, &line, NULL), 1);
    CHECK_STR(line, "a");
    desk_close(&desk);
}

TEST(one_task_at_a_time_uses_a_reader) {
    struct desk desk;
    struct call call = { .desk = &desk };
    char byte;
    const void *data;
    const char *piece;
    desk_open(&desk, 0);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, read_line, &call));
    t_settle();
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_reader_peek(&desk.reader, 1, &data), BL_EBUSY);
        CHECK_ERR(bl_reader_read(&desk.reader, &byte, 1), BL_EBUSY);
        CHECK_ERR(bl_reader_until(&desk.reader, "\n", 1, &piece), BL_EBUSY);
    }
    put(&desk, "whole\n");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_STR(call.line, "whole");
    desk_close(&desk);
}

TEST(a_piece_longer_than_the_buffer_is_refused, (at_once)) {
    struct desk desk;
    const char *piece;
    desk_open(&desk, at_once);
    put(&desk, "sixteen bytes...;");
    CHECK_ERR(bl_reader_until(&desk.reader, ";", 1, &piece), BL_EMSGSIZE);
    desk_close(&desk);
}

TEST(a_buffer_that_it_allocates_begins_a_cache_line) {
    struct desk desk;
    bl_reader readers[40];
    const void *data;
    desk_open(&desk, 0);
    for (size_t i = 0; i < 40; i++) {
        size_t bytes = 1 + i * i * 100; /* from a few to beyond malloc's own */
        REQUIRE_OK(bl_reader_init(&readers[i], desk.ends[0], NULL, bytes));
        put(&desk, "x");
        REQUIRE_EQ(bl_reader_peek(&readers[i], 1, &data), 1);
        CHECK_EQ((uintptr_t)data % 64, 0);
        memset((void *)(uintptr_t)data, 'y', bytes); /* all of it is there */
    }
    for (size_t i = 0; i < 40; i++)
        bl_reader_done(&readers[i]);
    desk_close(&desk);
}

TEST(without_memory_there_is_no_buffer) {
    struct desk desk;
    bl_reader reader;
    desk_open(&desk, 0);
    famine_begin(0);
    CHECK_ERR(bl_reader_init(&reader, desk.ends[0], NULL, 16), BL_ENOMEM);
    famine_end();
    CHECK_ERR(bl_reader_init(&reader, desk.ends[0], NULL, SIZE_MAX), BL_ENOMEM);
    desk_close(&desk);
}

/* ---- everything at every point ----------------------------------------- */

static int write_lines(void *arg) {
    bl_stream *stream = arg;
    int rc = bl_stream_write_all(stream, "one\ntwo\r\n", 9, NULL);
    if (rc == 0) rc = bl_stream_write_all(stream, "three\n", 6, NULL);
    bl_stream_abort(stream);
    return rc;
}

/* Calls again what was cancelled; what comes out is the same. */
static int read_lines(bl_stream *stream) {
    bl_reader reader;
    char *line;
    int rc = bl_reader_init(&reader, stream, NULL, 9);
    if (rc < 0) return rc;
    const char *const expected[] = { "one", "two", "three" };
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = bl_reader_line(&reader, &line, NULL);
        if (rc == 1) CHECK_STR(line, expected[i]);
    }
    if (rc > 0) rc = bl_reader_line(&reader, &line, NULL);
    bl_reader_done(&reader);
    return rc;
}

static void copy_lines(void) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(4, ends);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        return;
    }
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, write_lines, ends[1]);
        if (rc < 0) {
            bl_stream_abort(ends[1]);
            break;
        }
        rc = read_lines(ends[0]);
        bl_stream_abort(ends[0]);
        ends[0] = NULL;
    }
    bl_stream_abort(ends[0]);
    if (!t_injected()) CHECK_OK(rc);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    copy_lines();
}

TEST(shuffled_orders_and_sizes_change_nothing, .schedules = 100) {
    copy_lines();
}
