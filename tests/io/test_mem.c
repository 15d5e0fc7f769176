/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_mem.c - streams in memory
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"
#include "support/streams.h"

TEST(bytes_go_both_ways, .tags = "order") {
    ENDS(ends);
    char bytes[8];
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_OK(bl_stream_write_all(ends[0], "hello", 5, NULL));
    CHECK_OK(bl_stream_write_all(ends[1], "you", 3, NULL));
    CHECK_EQ(bl_stream_read(ends[1], bytes, sizeof bytes), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    CHECK_EQ(bl_stream_read(ends[0], bytes, 2), 2);
    CHECK_EQ(bl_stream_read(ends[0], bytes, 2), 1);
    CHECK_EQ(bytes[0], 'u');
    CHECK_EQ(bl_stream_fd(ends[0]), -1);
    CHECK_OK(stream_close(&ends[0]));
    CHECK_OK(stream_close(&ends[1]));
}

TEST(vectors_go_around_the_ring, .tags = "order") {
    ENDS(ends);
    char first[3];
    char second[4];
    struct iovec out[] = { { .iov_base = "abc", .iov_len = 3 },
                           { .iov_base = NULL, .iov_len = 0 },
                           { .iov_base = "defg", .iov_len = 4 } };
    struct iovec in[] = { { .iov_base = first, .iov_len = 3 },
                          { .iov_base = second, .iov_len = 4 } };
    REQUIRE_OK(bl_mem_pair(8, ends));
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(bl_stream_writev(ends[0], out, 3), 7);
        CHECK_EQ(bl_stream_readv(ends[1], in, 2), 7);
        CHECK_MEM(first, 3, "abc", 3);
        CHECK_MEM(second, 4, "defg", 4);
    }
    CHECK_OK(stream_close(&ends[0]));
    CHECK_OK(stream_close(&ends[1]));
}

TEST(a_full_end_makes_its_writer_wait) {
    ENDS(ends);
    char text[] = "0123456789abcdef";
    char bytes[32];
    size_t total = 0;
    REQUIRE_OK(bl_mem_pair(5, ends));
    struct stream_op op = { .stream = ends[0], .bytes = text, .count = 16 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &op));
    while (total < 16) {
        t_settle();
        CHECK_EQ(op.has_ended, total >= 11);
        bl_ssize count = bl_wait_for(
            bl_stream_read(ends[1], bytes + total, 32 - total), SEC(1));
        REQUIRE_GT(count, 0);
        CHECK_LE(count, 5);
        total += (size_t)count;
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    CHECK_MEM(bytes, total, text, 16);
    CHECK_OK(stream_close(&ends[0]));
    CHECK_OK(stream_close(&ends[1]));
}

TEST(a_read_waits_and_can_be_cancelled) {
    ENDS(ends);
    char bytes[8];
    REQUIRE_OK(bl_mem_pair(0, ends));
    struct stream_op op = { .stream = ends[0], .bytes = bytes, .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &op));
    t_settle();
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_stream_read(ends[0], bytes, 1), BL_EBUSY);
        CHECK_ERR(bl_stream_wait(ends[0], BL_READABLE), BL_EBUSY);
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_OK(bl_stream_wait(ends[0], BL_WRITABLE));
    REQUIRE_OK(bl_stream_write_all(ends[1], "late", 4, NULL));
    CHECK_OK(bl_stream_wait(ends[0], BL_READABLE));
    CHECK_OK(bl_stream_read_exactly(ends[0], bytes, 4, NULL));
    CHECK_MEM(bytes, 4, "late", 4);
}

TEST(a_direction_ends_by_itself) {
    ENDS(ends);
    char bytes[8];
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_OK(bl_stream_write_all(ends[0], "bye", 3, NULL));
    CHECK_OK(bl_stream_shutdown_write(ends[0]));
    CHECK_ERR(bl_stream_write(ends[0], "x", 1), BL_EPIPE);
    CHECK_OK(bl_stream_read_exactly(ends[1], bytes, 3, NULL));
    CHECK_EQ(bl_stream_read(ends[1], bytes, 8), 0);
    CHECK_EQ(bl_stream_read(ends[1], bytes, 8), 0);
    REQUIRE_OK(bl_stream_write_all(ends[1], "ok", 2, NULL));
    CHECK_OK(bl_stream_read_exactly(ends[0], bytes, 2, NULL));
    CHECK_OK(stream_close(&ends[0]));
    CHECK_OK(stream_close(&ends[1]));
}

TEST(closing_is_an_end_for_the_reader_and_a_broken_pipe_for_the_writer) {
    ENDS(ends);
    char bytes[8];
    REQUIRE_OK(bl_mem_pair(4, ends));
    struct stream_op reads = { .stream = ends[0], .bytes = bytes, .count = 8 };
    struct stream_op writes = { .stream = ends[0], .bytes = bytes, .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &writes));
    t_settle();
    CHECK_OK(stream_close(&ends[1]));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(reads.result, 0);
    CHECK_ERR(writes.result, BL_EPIPE);
    CHECK_EQ(writes.done, 4);
    CHECK_OK(stream_close(&ends[0]));
}

TEST(breaking_off_in_the_middle_is_a_reset) {
    ENDS(ends);
    char bytes[8] = { 0 };
    REQUIRE_OK(bl_mem_pair(4, ends));
    struct stream_op op = { .stream = ends[0], .bytes = bytes, .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.done, 4);
    stream_abort(&ends[0]);
    CHECK_OK(bl_stream_read_exactly(ends[1], bytes, 4, NULL));
    CHECK_ERR(bl_stream_read(ends[1], bytes, 8), BL_ECONNRESET);
}

TEST(aborting_sends_its_own_tasks_away) {
    ENDS(ends);
    char bytes[8] = { 0 };
    REQUIRE_OK(bl_mem_pair(4, ends));
    struct stream_op reads = { .stream = ends[0], .bytes = bytes, .count = 8 };
    struct stream_op writes = { .stream = ends[0], .bytes = bytes, .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &writes));
    t_settle();
    stream_abort(&ends[0]);
    stream_abort(&ends[1]); /* and its memory stays for them */
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_ERR(writes.result, BL_ECLOSED);
}

TEST(a_limit_takes_messages_apart, .tags = "order") {
    ENDS(ends);
    STREAM(other);
    char bytes[8];
    int fds[2];
    REQUIRE_OK(bl_mem_pair(0, ends));
    CHECK_OK(bl_mem_limit(ends[0], 0, 2));
    CHECK_OK(bl_mem_limit(ends[1], 1, 0));
    CHECK_EQ(bl_stream_write(ends[0], "abcd", 4), 2);
    CHECK_EQ(bl_stream_read(ends[1], bytes, 8), 1);
    CHECK_EQ(bl_stream_read(ends[1], bytes, 8), 1);
    CHECK_OK(bl_stream_write_all(ends[0], "abcd", 4, NULL));
    CHECK_OK(bl_stream_read_exactly(ends[1], bytes, 4, NULL));
    CHECK_MEM(bytes, 4, "abcd", 4);
    CHECK_OK(bl_mem_limit(ends[0], 0, 0));
    CHECK_EQ(bl_stream_write(ends[0], "abcd", 4), 4);
    CHECK_ERR(bl_mem_limit(NULL, 1, 1), BL_EINVAL);
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &other));
    CHECK_ERR(bl_mem_limit(other, 1, 1), BL_EINVAL);
    CHECK_OK(stream_close(&other));
    bl_fd_close(fds[1]);
    CHECK_OK(stream_close(&ends[0]));
    CHECK_OK(stream_close(&ends[1]));
}

static void pair_without_loop(void *arg) {
    CHECK_ERR(bl_mem_pair(0, arg), BL_ENOLOOP);
}

TEST(bad_arguments_are_refused) {
    bl_stream *ends[2] = { NULL, NULL };
    CHECK_ERR(bl_mem_pair(0, NULL), BL_EINVAL);
    CHECK_ERR(bl_mem_pair(SIZE_MAX, ends), BL_EINVAL);
    on_thread(pair_without_loop, ends);
    CHECK(ends[0] == NULL);
}

TEST(without_memory_no_pair_is_made) {
    bl_stream *ends[2] = { NULL, NULL };
    for (int spare = 0; spare < 3; spare++) {
        famine_begin(spare);
        CHECK_ERR(bl_mem_pair(0, ends), BL_ENOMEM);
        famine_end();
    }
    CHECK(ends[0] == NULL);
}

/* ---- everything at every point ----------------------------------------- */

static int echo(void *arg) {
    bl_stream *stream = arg;
    char bytes[7];
    bl_ssize count;
    int rc = 0;
    while ((count = bl_stream_read(stream, bytes, sizeof bytes)) > 0) {
        rc = bl_stream_write_all(stream, bytes, (size_t)count, NULL);
        if (rc < 0) break;
    }
    bl_stream_abort(stream);
    return count < 0 ? (int)count : rc;
}

static int converse(bl_stream *stream) {
    char bytes[16];
    for (int i = 0; i < 3; i++) {
        int rc = bl_stream_write_all(stream, "hello", 5, NULL);
        if (rc < 0) return rc;
        rc = bl_stream_read_exactly(stream, bytes, 5, NULL);
        if (rc < 0) return rc;
        CHECK_MEM(bytes, 5, "hello", 5);
    }
    return 0;
}

static void talk(void) {
    bl_stream *ends[2];
    int rc = bl_mem_pair(3, ends);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        return;
    }
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, echo, ends[1]);
        if (rc < 0) {
            bl_stream_abort(ends[1]);
            break;
        }
        rc = converse(ends[0]);
        bl_stream_abort(ends[0]);
        ends[0] = NULL;
    }
    bl_stream_abort(ends[0]);
    if (!t_injected()) CHECK_OK(rc);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    talk();
}

TEST(shuffled_orders_and_sizes_change_nothing, .schedules = 50) {
    talk();
}
