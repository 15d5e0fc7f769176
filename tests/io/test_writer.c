/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_writer.c - small writes that are gathered
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"

struct desk {
    bl_stream *ends[2];
    bl_writer writer;
    char buffer[16];
};

static void desk_open(struct desk *desk, size_t capacity) {
    REQUIRE_OK(bl_mem_pair(capacity, desk->ends));
    REQUIRE_OK(bl_writer_init(&desk->writer, desk->ends[0], desk->buffer,
                              sizeof desk->buffer));
}

static void desk_close(struct desk *desk) {
    bl_writer_done(&desk->writer);
    bl_stream_abort(desk->ends[0]);
    bl_stream_abort(desk->ends[1]);
}

/* What has come to the other end; "" if it would have to wait. */
static const char *got(struct desk *desk) {
    static char text[64];
    size_t total = 0;
    bl_ssize count;
    bl_scope scope;
    bl_scope_enter_move_on(&scope, 1);
    do {
        count = bl_stream_read(desk->ends[1], text + total,
                               sizeof text - 1 - total);
        if (count > 0) total += (size_t)count;
    } while (count > 0);
    CHECK_GE(bl_scope_exit(&scope, (int)count), 0);
    text[total] = '\0';
    return text;
}

TEST(small_writes_go_out_together) {
    struct desk desk;
    desk_open(&desk, 0);
    CHECK_OK(bl_writer_put(&desk.writer, "one ", 4));
    CHECK_OK(bl_writer_put(&desk.writer, "two ", 4));
    CHECK_OK(bl_writer_put(&desk.writer, NULL, 0));
    CHECK_OK(bl_writer_printf(&desk.writer, "%d", 333));
    CHECK_EQ(bl_writer_buffered(&desk.writer), 11);
    CHECK_STR(got(&desk), "");
    CHECK_OK(bl_writer_flush(&desk.writer));
    CHECK_STR(got(&desk), "one two 333");
    CHECK_OK(bl_writer_flush(&desk.writer)); /* nothing to do */
    CHECK_EQ(bl_writer_buffered(&desk.writer), 0);
    desk_close(&desk);
}

TEST(what_does_not_fit_goes_out_with_what_was_before_it, .tags = "order") {
    struct desk desk;
    desk_open(&desk, 0);
    CHECK_OK(bl_writer_put(&desk.writer, "0123456789", 10));
    CHECK_OK(bl_writer_put(&desk.writer, "abcdef", 6)); /* just fits */
    CHECK_STR(got(&desk), "");
    CHECK_OK(bl_writer_put(&desk.writer, "!", 1));
    CHECK_STR(got(&desk), "0123456789abcdef!");
    CHECK_OK(bl_writer_put(&desk.writer, "0123456789", 10));
    CHECK_OK(bl_writer_printf(&desk.writer, "%s", "abcdef"));
    CHECK_STR(got(&desk), "0123456789"); /* its NUL has no room */
    CHECK_EQ(bl_writer_buffered(&desk.writer), 6);
    CHECK_OK(bl_writer_flush(&desk.writer));
    CHECK_STR(got(&desk), "abcdef");
    desk_close(&desk);
}

TEST(a_large_piece_does_not_wait_for_a_flush) {
    static char large[BL_WRITER_DIRECT_BYTES];
    bl_stream *ends[2];
    bl_writer writer;
    REQUIRE_OK(bl_mem_pair(0, ends));
    REQUIRE_OK(bl_writer_init(&writer, ends[0], NULL, sizeof large * 2));
    CHECK_OK(bl_writer_put(&writer, "x", 1));
    CHECK_OK(bl_writer_put(&writer, large, sizeof large));
    CHECK_EQ(bl_writer_buffered(&writer), 0);
    bl_writer_done(&writer);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(a_text_longer_than_the_buffer_is_refused) {
    struct desk desk;
    desk_open(&desk, 0);
    CHECK_ERR(bl_writer_printf(&desk.writer, "%s", "sixteen bytes..."),
              BL_EMSGSIZE);
    CHECK_EQ(bl_writer_buffered(&desk.writer), 0);
    CHECK_OK(bl_writer_printf(&desk.writer, "%s", "fifteen bytes.."));
    CHECK_EQ(bl_writer_buffered(&desk.writer), 15);
    desk_close(&desk);
}

struct call {
    bl_writer *writer;
    int rc;
};

static int flush(void *arg) {
    struct call *call = arg;
    call->rc = bl_writer_flush(call->writer);
    return 0;
}

TEST(a_flush_that_was_cancelled_before_it_began_can_be_repeated,
     .tags = "order") {
    struct desk desk;
    desk_open(&desk, 4);
    CHECK_OK(bl_stream_write_all(desk.ends[0], "full", 4, NULL));
    CHECK_OK(bl_writer_put(&desk.writer, "abc", 3));
    struct call call = { .writer = &desk.writer };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, flush, &call));
    t_settle();
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_writer_put(&desk.writer, "x", 1), BL_EBUSY);
        CHECK_ERR(bl_writer_printf(&desk.writer, "x"), BL_EBUSY);
        CHECK_ERR(bl_writer_flush(&desk.writer), BL_EBUSY);
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(call.rc, BL_ECANCELED);
    CHECK(!bl_stream_is_cut(desk.ends[0]));
    CHECK_STR(got(&desk), "full");
    WITHIN(SEC(1)) {
        CHECK_OK(bl_writer_flush(&desk.writer));
    }
    CHECK_STR(got(&desk), "abc");
    desk_close(&desk);
}

TEST(a_flush_that_was_cut_short_ends_the_stream) {
    struct desk desk;
    desk_open(&desk, 4);
    CHECK_OK(bl_writer_put(&desk.writer, "abcdef", 6));
    struct call call = { .writer = &desk.writer };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, flush, &call));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(call.rc, BL_ECANCELED);
    CHECK(bl_stream_is_cut(desk.ends[0]));
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_writer_flush(&desk.writer), BL_EMISUSE);
    }
    desk_close(&desk);
}

TEST(bad_arguments_are_refused) {
    struct desk desk;
    bl_writer none = BL__ZEROED;
    desk_open(&desk, 0);
    CHECK_ERR(bl_writer_init(NULL, desk.ends[0], NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_writer_init(&none, NULL, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_writer_init(&none, desk.ends[0], NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_writer_put(&none, "x", 1), BL_EINVAL);
    CHECK_ERR(bl_writer_put(NULL, "x", 1), BL_EINVAL);
    CHECK_ERR(bl_writer_put(&desk.writer, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_writer_printf(&none, "x"), BL_EINVAL);
    CHECK_ERR(bl_writer_flush(&none), BL_EINVAL);
    CHECK_ERR(bl_writer_flush(NULL), BL_EINVAL);
    CHECK_EQ(bl_writer_buffered(NULL), 0);
    bl_writer_done(NULL);
    bl_writer_done(&none);
    desk_close(&desk);
}

TEST(in_a_cancelled_scope_nothing_is_added) {
    struct desk desk;
    bl_scope scope;
    desk_open(&desk, 0);
    CHECK_OK(bl_writer_put(&desk.writer, "a", 1));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_writer_put(&desk.writer, "b", 1), BL_ECANCELED);
    CHECK_ERR(bl_writer_printf(&desk.writer, "c"), BL_ECANCELED);
    CHECK_ERR(bl_writer_flush(&desk.writer), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_OK(bl_writer_flush(&desk.writer));
    CHECK_STR(got(&desk), "a");
    desk_close(&desk);
}

TEST(without_memory_there_is_no_buffer) {
    struct desk desk;
    bl_writer writer;
    desk_open(&desk, 0);
    famine_begin(0);
    CHECK_ERR(bl_writer_init(&writer, desk.ends[0], NULL, 16), BL_ENOMEM);
    famine_end();
    desk_close(&desk);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    bl_stream *ends[2];
    bl_writer writer = BL__ZEROED;
    int rc = bl_mem_pair(64, ends);
    if (rc < 0) return;
    rc = bl_writer_init(&writer, ends[0], NULL, 8);
    for (int i = 0; i < 5 && rc == 0; i++) {
        rc = bl_writer_printf(&writer, "item %d", i);
        if (rc == 0) rc = bl_writer_put(&writer, "\n", 1);
    }
    if (rc == 0) rc = bl_writer_flush(&writer);
    if (!t_injected()) CHECK_OK(rc);
    bl_writer_done(&writer);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}
