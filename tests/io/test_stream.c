/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_stream.c - streams: reading, writing, closing, and who may
 * meanwhile
 *
 * One side is a stream, used by tasks; the other is a plain socket, used by the
 * test itself, so that it is known what was sent and what has come.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

enum {
    MUCH = 8 * 1024 * 1024
}; /* more than any socket takes */

/* A stream and the plain socket at its other end. */
struct line {
    bl_stream *stream;
    int peer;
};

PARAM(bool, is_tcp, false, true);

static struct line open_line(bool tcp) {
    struct line line;
    int fds[2];
    if (tcp) {
        tcp_pair(fds);
    } else {
        socket_pair(fds);
    }
    REQUIRE_OK(bl_stream_take_fd(fds[0], &line.stream));
    line.peer = fds[1];
    return line;
}

static void close_line(struct line *line) {
    CHECK_OK(bl_stream_close(line->stream));
    close(line->peer);
}

/* A task with one call, and what came of it. */
struct op {
    bl_stream *stream;
    char *bytes;
    size_t count;
    size_t done;
    bl_ssize result;
    bool has_ended;
};

static struct op op_on(bl_stream *stream, char *bytes, size_t count) {
    return (struct op){ .stream = stream, .bytes = bytes, .count = count };
}

static char much[MUCH];

static int op_read(void *arg) {
    struct op *op = arg;
    op->result = bl_stream_read(op->stream, op->bytes, op->count);
    op->has_ended = true;
    return 0;
}

static int op_read_exactly(void *arg) {
    struct op *op = arg;
    op->result =
        bl_stream_read_exactly(op->stream, op->bytes, op->count, &op->done);
    op->has_ended = true;
    return 0;
}

static int op_write(void *arg) {
    struct op *op = arg;
    op->result = bl_stream_write(op->stream, op->bytes, op->count);
    op->has_ended = true;
    return 0;
}

static int op_write_all(void *arg) {
    struct op *op = arg;
    op->result =
        bl_stream_write_all(op->stream, op->bytes, op->count, &op->done);
    op->has_ended = true;
    return 0;
}

/* ---- reading ----------------------------------------------------------- */

TEST(a_read_returns_what_is_there, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[16];
    say(line.peer, "hello");
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    close_line(&line);
}

TEST(a_read_waits_for_the_first_byte, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[16];
    for (int i = 0; i < 3; i++) {
        struct op op = op_on(line.stream, bytes, sizeof bytes);
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, op_read, &op));
        t_settle();
        CHECK(!op.has_ended);
        say(line.peer, "hello");
        CHECK_OK(bl_group_exit(&group, 0));
        CHECK_EQ(op.result, 5);
    }
    close_line(&line);
}

TEST(small_reads_take_a_message_apart, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[2];
    say(line.peer, "abcde");
    CHECK_EQ(bl_stream_read(line.stream, bytes, 2), 2);
    CHECK_EQ(bl_stream_read(line.stream, bytes, 2), 2);
    CHECK_EQ(bytes[1], 'd');
    CHECK_EQ(bl_stream_read(line.stream, bytes, 2), 1);
    CHECK_EQ(bytes[0], 'e');
    close_line(&line);
}

TEST(the_end_is_zero_as_often_as_one_asks, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[16];
    say(line.peer, "bye");
    shutdown(line.peer, SHUT_WR);
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 3);
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 0);
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 0);
    CHECK_EQ(bl_stream_write(line.stream, "still", 5), 5);
    CHECK_STR(heard(line.peer), "still");
    close_line(&line);
}

/* The end comes with the bytes, in one report, and the read is a short one:
 * that must not hide the end. */
TEST(an_end_that_came_with_bytes_is_not_missed, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[16];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    say(line.peer, "bye");
    shutdown(line.peer, SHUT_WR);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 3);
    WITHIN(BL_SEC(1)) {
        CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 0);
    }
    close_line(&line);
}

/* Urgent bytes end a read early although more is there. */
TEST(bytes_after_an_urgent_one_are_not_missed) {
    struct line line = open_line(true);
    char bytes[16];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK_EQ(send(line.peer, "abc", 3, 0), 3);
    CHECK_EQ(send(line.peer, "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(line.peer, "def", 3, 0), 3);
    CHECK_OK(bl_group_exit(&group, 0));
    size_t total = (size_t)op.result;
    WITHIN(BL_SEC(1)) {
        while (total < 6) {
            bl_ssize count = bl_stream_read(line.stream, bytes, sizeof bytes);
            if (count <= 0) break;
            total += (size_t)count;
        }
    }
    CHECK_EQ(total, 6);
    close_line(&line);
}

/* A descriptor that is passed along splits a local stream's bytes. */
TEST(bytes_after_a_passed_descriptor_are_not_missed) {
    struct line line = open_line(false);
    char bytes[16];
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec part = { .iov_base = bytes, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &line.peer, sizeof(int));

    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK_EQ(sendmsg(line.peer, &message, 0), 1);
    say(line.peer, "abc");
    CHECK_OK(bl_group_exit(&group, 0));
    size_t total = (size_t)op.result;
    WITHIN(BL_SEC(1)) {
        while (total < 4) {
            bl_ssize count = bl_stream_read(line.stream, bytes, sizeof bytes);
            if (count <= 0) break;
            total += (size_t)count;
        }
    }
    CHECK_EQ(total, 4);
    close_line(&line);
}

TEST(reading_exactly_gathers, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[10];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read_exactly, &op));
    say(line.peer, "abc");
    t_settle();
    say(line.peer, "defg");
    t_settle();
    CHECK(!op.has_ended);
    say(line.peer, "hijkl");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    CHECK_EQ(op.done, 10);
    CHECK_MEM(bytes, 10, "abcdefghij", 10);
    CHECK_EQ(bl_stream_read(line.stream, bytes, 10), 2); /* what is left */
    close_line(&line);
}

TEST(an_early_end_of_an_exact_read_is_a_reset) {
    struct line line = open_line(true);
    char bytes[10];
    size_t done = 77;
    say(line.peer, "abc");
    shutdown(line.peer, SHUT_WR);
    CHECK_ERR(bl_stream_read_exactly(line.stream, bytes, 10, &done),
              BL_ECONNRESET);
    CHECK_EQ(done, 3);
    close_line(&line);
}

TEST(a_cancelled_exact_read_tells_how_far_it_came) {
    struct line line = open_line(true);
    char bytes[10];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read_exactly, &op));
    say(line.peer, "abc");
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_EQ(op.done, 3);
    close_line(&line);
}

TEST(a_cancelled_read_has_read_nothing, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[10];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    say(line.peer, "abc");
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 3);
    close_line(&line);
}

static bl_group *group_to_cancel;

static void cancel_group(void *context) {
    (void)context;
    bl_group_cancel(group_to_cancel);
}

TEST(a_read_that_was_woken_is_complete_whatever_comes_next, (is_tcp)) {
    struct line line = open_line(is_tcp);
    bl_timer timer;
    char bytes[10];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    /* I/O is harvested before timers: woken first, cancelled second. */
    group_to_cancel = &group;
    bl_timer_init(&timer, cancel_group, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    say(line.peer, "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 5);
    close_line(&line);
}

TEST(a_reset_is_an_error_then_the_end) {
    struct line line = open_line(true);
    char bytes[10];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    close_by_reset(line.peer);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECONNRESET);
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 0);
    CHECK_OK(bl_stream_close(line.stream));
}

/* ---- writing ----------------------------------------------------------- */

TEST(a_write_that_fits_does_not_wait, (is_tcp)) {
    struct line line = open_line(is_tcp);
    CHECK_EQ(bl_stream_write(line.stream, "hello", 5), 5);
    CHECK_OK(bl_stream_write_all(line.stream, " you", 4, NULL));
    CHECK_STR(heard(line.peer), "hello you");
    CHECK_EQ(bl_stream_write(line.stream, NULL, 0), 0);
    CHECK_OK(bl_stream_write_all(line.stream, NULL, 0, NULL));
    close_line(&line);
}

TEST(writing_all_waits_for_the_peer_to_read, (is_tcp)) {
    struct line line = open_line(is_tcp);
    struct op op = op_on(line.stream, much, MUCH);
    size_t total = 0;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write_all, &op));
    while (total < MUCH) {
        t_settle();
        size_t count = drain(line.peer);
        REQUIRE_GT(count, 0); /* the writer was waiting for room */
        total += count;
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    CHECK_EQ(op.done, MUCH);
    CHECK_EQ(total, MUCH);
    close_line(&line);
}

TEST(a_large_write_is_written_in_part, (is_tcp)) {
    struct line line = open_line(is_tcp);
    bl_ssize count = bl_stream_write(line.stream, much, MUCH);
    CHECK_GT(count, 0);
    CHECK_LT(count, MUCH);
    CHECK_EQ(drain(line.peer), (size_t)count);
    close_line(&line);
}

TEST(a_cancelled_write_has_written_nothing, (is_tcp)) {
    struct line line = open_line(is_tcp);
    size_t filled = fill(bl_stream_fd(line.stream));
    struct op op = op_on(line.stream, much, 100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    CHECK(!op.has_ended);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    t_settle();
    CHECK_EQ(drain(line.peer), filled);
    close_line(&line);
}

/* Fills a stream with a write that is then cut short. */
static size_t cut(struct line *line) {
    struct op op = op_on(line->stream, much, MUCH);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write_all, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_GT(op.done, 0);
    CHECK_LT(op.done, MUCH);
    return op.done;
}

TEST(a_write_cut_short_tells_how_far_it_came) {
    struct line line = open_line(true);
    size_t done = cut(&line);
    CHECK_EQ(drain(line.peer), done);
    close_line(&line);
}

TEST(aborting_in_the_middle_of_a_message_resets) {
    struct line line = open_line(true);
    char byte;
    cut(&line);
    bl_stream_abort(line.stream);
    while (recv(line.peer, &byte, 1, MSG_DONTWAIT) > 0) {}
    CHECK_EQ(errno, ECONNRESET); /* not a clean end of half a message */
    close(line.peer);
}

TEST(aborting_between_messages_does_not_reset) {
    struct line line = open_line(true);
    CHECK_OK(bl_stream_write_all(line.stream, "whole", 5, NULL));
    bl_stream_abort(line.stream);
    CHECK_STR(heard(line.peer), "whole");
    CHECK(is_at_end(line.peer));
    close(line.peer);
}

TEST(writing_to_a_closed_peer_is_a_broken_pipe) {
    struct line line = open_line(false);
    close(line.peer);
    CHECK_ERR(bl_stream_write(line.stream, "x", 1), BL_EPIPE);
    size_t done = 77;
    CHECK_ERR(bl_stream_write_all(line.stream, "x", 1, &done), BL_EPIPE);
    CHECK_EQ(done, 0);
    CHECK_OK(bl_stream_close(line.stream));
}

TEST(a_writer_that_waits_learns_that_the_peer_closed, (is_tcp)) {
    struct line line = open_line(is_tcp);
    fill(bl_stream_fd(line.stream));
    struct op op = op_on(line.stream, much, 100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    close(line.peer);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK(op.result == BL_EPIPE || op.result == BL_ECONNRESET);
    CHECK_OK(bl_stream_close(line.stream));
}

TEST(after_the_shutdown_the_peer_reads_to_the_end, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[8];
    CHECK_EQ(bl_stream_write(line.stream, "bye", 3), 3);
    CHECK_OK(bl_stream_shutdown_write(line.stream));
    CHECK_STR(heard(line.peer), "bye");
    CHECK(is_at_end(line.peer));
    CHECK_ERR(bl_stream_write(line.stream, "x", 1), BL_EPIPE);
    say(line.peer, "ok");
    CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 2);
    close_line(&line);
}

/* ---- two tasks --------------------------------------------------------- */

TEST(one_task_may_read_while_another_writes, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[8];
    fill(bl_stream_fd(line.stream));
    struct op reads = op_on(line.stream, bytes, sizeof bytes);
    struct op writes = op_on(line.stream, much, 100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write, &writes));
    t_settle();
    CHECK(!reads.has_ended);
    CHECK(!writes.has_ended);
    say(line.peer, "abc");
    t_settle();
    CHECK_EQ(reads.result, 3);
    CHECK(!writes.has_ended);
    drain(line.peer);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_GT(writes.result, 0);
    close_line(&line);
}

TEST(a_second_task_in_a_direction_is_refused) {
    struct line line = open_line(true);
    char bytes[8];
    fill(bl_stream_fd(line.stream));
    struct op reads = op_on(line.stream, bytes, sizeof bytes);
    struct op writes = op_on(line.stream, much, 100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write, &writes));
    t_settle();
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_stream_read(line.stream, bytes, 1), BL_EBUSY);
        CHECK_ERR(bl_stream_read_exactly(line.stream, bytes, 1, NULL),
                  BL_EBUSY);
    }
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_stream_write(line.stream, bytes, 1), BL_EBUSY);
        CHECK_ERR(bl_stream_write_all(line.stream, bytes, 1, NULL), BL_EBUSY);
    }
    /* Nor may anybody wait for the bare descriptor. */
    CHECK_ERR(bl_fd_wait(bl_stream_fd(line.stream), BL_READABLE), BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    close_line(&line);
}

TEST(a_writer_keeps_its_turn_until_all_is_written) {
    struct line line = open_line(true);
    struct op op = op_on(line.stream, much, MUCH);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write_all, &op));
    while (!op.has_ended) {
        t_settle();
        if (op.has_ended) break;
        /* Between two parts, too, nobody gets a word in. */
        CHECK_ERR(bl_stream_write(line.stream, "x", 1), BL_EBUSY);
        drain(line.peer);
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    close_line(&line);
}

/* ---- closing ----------------------------------------------------------- */

TEST(closing_sends_those_who_wait_away, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[8];
    fill(bl_stream_fd(line.stream));
    struct op reads = op_on(line.stream, bytes, sizeof bytes);
    struct op writes = op_on(line.stream, much, 100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write, &writes));
    t_settle();
    CHECK_OK(bl_stream_close(line.stream));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_ERR(writes.result, BL_ECLOSED);
    close(line.peer);
}

TEST(aborting_sends_away_who_is_in_the_middle, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[8];
    struct op reads = op_on(line.stream, bytes, sizeof bytes);
    struct op writes = op_on(line.stream, much, MUCH);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read_exactly, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write_all, &writes));
    say(line.peer, "abc");
    t_settle();
    CHECK_NO_CHECKPOINTS bl_stream_abort(line.stream);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_EQ(reads.done, 3);
    CHECK_ERR(writes.result, BL_ECLOSED);
    CHECK_GT(writes.done, 0);
    close(line.peer);
}

/* Runs in the iteration in which the reader was woken, before it runs. */
static void abort_stream(void *context) {
    bl_stream_abort(context);
}

TEST(a_woken_reader_does_not_touch_a_stream_that_is_gone, (is_tcp)) {
    struct line line = open_line(is_tcp);
    bl_timer timer;
    char bytes[8];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    bl_timer_init(&timer, abort_stream, line.stream);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    say(line.peer, "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    close(line.peer);
}

TEST(a_cancelled_reader_does_not_touch_a_stream_that_is_gone, (is_tcp)) {
    struct line line = open_line(is_tcp);
    char bytes[8];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    bl_group_cancel(&group); /* readied, but it has not run yet */
    bl_stream_abort(line.stream);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    close(line.peer);
}

/* In a cancelled scope every call first lets others run: one of them ends the
 * stream that the call is about to use. */
TEST(a_stream_may_end_while_a_call_notices_its_cancellation, .tags = "order") {
    struct line line = open_line(true);
    char bytes[8];
    struct op op = op_on(line.stream, bytes, sizeof bytes);
    bl_task *reader;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, op_read, &op, &reader));
    bl_task_cancel(reader);
    CHECK_OK(bl_yield()); /* the reader is inside its checkpoint now */
    CHECK(!op.has_ended);
    bl_stream_abort(line.stream);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    bl_task_unref(reader);
    close(line.peer);
}

TEST(closing_sends_the_end_at_once, (is_tcp)) {
    struct line line = open_line(is_tcp);
    CHECK_EQ(bl_stream_write(line.stream, "bye", 3), 3);
    CHECK_OK(bl_stream_close(line.stream));
    CHECK_STR(heard(line.peer), "bye");
    CHECK(is_at_end(line.peer));
    close(line.peer);
}

TEST(closing_works_in_a_cancelled_scope) {
    struct line line = open_line(true);
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_OK(bl_stream_close(line.stream));
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK(is_at_end(line.peer));
    close(line.peer);
}

TEST(nothing_can_be_closed_and_aborted) {
    CHECK_OK(bl_stream_close(NULL));
    bl_stream_abort(NULL);
    CHECK_EQ(bl_stream_fd(NULL), -1);
}

/* ---- making one -------------------------------------------------------- */

TEST(a_tcp_stream_does_not_delay_small_segments) {
    struct line line = open_line(true);
    int value = 0;
    socklen_t length = sizeof value;
    CHECK_OK(getsockopt(bl_stream_fd(line.stream), IPPROTO_TCP, TCP_NODELAY,
                        &value, &length));
    CHECK_EQ(value, 1);
    close_line(&line);
}

TEST(what_is_no_open_socket_is_refused) {
    bl_stream *stream = NULL;
    int fd = plain_file();
    CHECK_ERR(bl_stream_take_fd(fd, NULL), BL_EINVAL);
    CHECK_ERR(bl_stream_take_fd(fd, &stream), BL_EINVAL);
    CHECK(is_open(fd)); /* it is still the caller's */
    close(fd);
    CHECK_ERR(bl_stream_take_fd(fd, &stream), BL_EBADF);
    CHECK(stream == NULL);
}

TEST(bad_arguments_are_refused) {
    struct line line = open_line(true);
    char byte;
    size_t done = 77;
    CHECK_ERR(bl_stream_read(NULL, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_read(line.stream, NULL, 1), BL_EINVAL);
    CHECK_EQ(bl_stream_read(line.stream, NULL, 0), 0);
    CHECK_ERR(bl_stream_read_exactly(NULL, &byte, 1, &done), BL_EINVAL);
    CHECK_EQ(done, 0);
    CHECK_ERR(bl_stream_read_exactly(line.stream, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_stream_write(NULL, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_write(line.stream, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_write_all(NULL, &byte, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_stream_write_all(line.stream, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_stream_shutdown_write(NULL), BL_EINVAL);
    close_line(&line);
}

static int use_elsewhere(void *arg) {
    char byte;
    CHECK_ERR(bl_stream_read(arg, &byte, 1), BL_ETHREAD);
    CHECK_ERR(bl_stream_read_exactly(arg, &byte, 1, NULL), BL_ETHREAD);
    CHECK_ERR(bl_stream_write(arg, &byte, 1), BL_ETHREAD);
    CHECK_ERR(bl_stream_write_all(arg, &byte, 1, NULL), BL_ETHREAD);
    return 0;
}

TEST(another_loop_may_not_use_it) {
    struct line line = open_line(true);
    CHECK_OK(run_elsewhere(use_elsewhere, line.stream, NULL));
    close_line(&line);
}

static void use_without_loop(void *arg) {
    char byte;
    bl_stream *stream;
    int fds[2];
    socket_pair(fds);
    CHECK_ERR(bl_stream_take_fd(fds[0], &stream), BL_ENOLOOP);
    CHECK_ERR(bl_stream_read(arg, &byte, 1), BL_ENOLOOP);
    CHECK_ERR(bl_stream_read_exactly(arg, &byte, 1, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_stream_write(arg, &byte, 1), BL_ENOLOOP);
    CHECK_ERR(bl_stream_write_all(arg, &byte, 1, NULL), BL_ENOLOOP);
    close(fds[0]);
    close(fds[1]);
}

TEST(without_a_loop_nothing_waits) {
    struct line line = open_line(true);
    on_thread(use_without_loop, line.stream);
    close_line(&line);
}

static void use_in_callback(void *context) {
    struct line *line = context;
    char byte;
    CHECK_ERR(bl_stream_read(line->stream, &byte, 1), BL_ENOTASK);
    CHECK_ERR(bl_stream_read_exactly(line->stream, &byte, 1, NULL), BL_ENOTASK);
    CHECK_ERR(bl_stream_write(line->stream, &byte, 1), BL_ENOTASK);
    CHECK_ERR(bl_stream_write_all(line->stream, &byte, 1, NULL), BL_ENOTASK);
    CHECK_OK(bl_stream_close(line->stream)); /* that needs no task */
    line->stream = NULL;
}

TEST(in_a_callback_nothing_waits) {
    struct line line = open_line(true);
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, use_in_callback, &line);
    while (line.stream != NULL)
        CHECK_OK(bl_sleep(1));
    CHECK(is_at_end(line.peer));
    close(line.peer);
}

static bl_stream *left_behind;

static int leave_behind(void *arg) {
    return bl_stream_take_fd(*(int *)arg, &left_behind);
}

TEST(a_stream_left_behind_by_its_loop_can_still_be_closed, .no_loop = true) {
    int fds[2];
    bl_loop *loop;
    tcp_pair(fds);
    REQUIRE_OK(bl_loop_open(NULL, &loop));
    int rc = bl_loop_run(loop, leave_behind, &fds[0]);
    bl_loop_close(loop);
    if (rc < 0) close(fds[0]);
    REQUIRE_OK(rc);
    CHECK(!is_at_end(fds[1]));
    CHECK_ERR(bl_stream_close(left_behind), BL_ENOLOOP);
    CHECK(is_at_end(fds[1])); /* it is closed all the same */
    close(fds[1]);
}

/* ---- fairness ---------------------------------------------------------- */

static bool is_ticking;
static int ticks;

static int tick(void *arg) {
    (void)arg;
    while (is_ticking) {
        ticks++;
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    return 0;
}

/* Both ends are ready all the time, so that no call ever has to wait. */
TEST(a_busy_connection_lets_others_run, .tags = "order") {
    struct line line = open_line(true);
    char bytes[1024];
    BL_GROUP_SCOPED(group);
    is_ticking = true;
    ticks = 0;
    REQUIRE_OK(bl_spawn(&group, tick, NULL));
    for (int i = 0; i < 160; i++) {
        CHECK_EQ(bl_stream_write(line.stream, "x", 1), 1);
    }
    CHECK_GE(ticks, 9); /* every 16 calls or so */
    CHECK_LE(ticks, 12);
    drain(line.peer);

    ticks = 0;
    for (int i = 0; i < 100; i++) {
        say(line.peer, "x");
        CHECK_EQ(bl_stream_read(line.stream, bytes, sizeof bytes), 1);
    }
    CHECK_GT(ticks, 0);
    is_ticking = false;
    CHECK_OK(bl_group_exit(&group, 0));
    close_line(&line);
}

/* ---- everything at every point ----------------------------------------- */

/* Whatever becomes of it, the other side reads an end and does not hang. */
static int echo(void *arg) {
    bl_stream *stream = arg;
    char bytes[64];
    bl_ssize count;
    int rc = 0;
    while ((count = bl_stream_read(stream, bytes, sizeof bytes)) > 0) {
        rc = bl_stream_write_all(stream, bytes, (size_t)count, NULL);
        if (rc < 0) break;
    }
    if (bl_stream_shutdown_write(stream) < 0) {
        /* Cut in the middle of something: the owner will abort it. */
        shutdown(bl_stream_fd(stream), SHUT_RDWR);
    }
    return count < 0 ? (int)count : rc;
}

static int converse(bl_stream *stream) {
    char bytes[16];
    for (int i = 0; i < 3; i++) {
        int rc = bl_stream_write_all(stream, "hello", 5, NULL);
        if (rc < 0) return rc;
        rc = bl_stream_read_exactly(stream, bytes, 5, NULL);
        if (rc < 0) return rc;
        if (memcmp(bytes, "hello", 5) != 0) return BL_EIO;
    }
    return bl_stream_shutdown_write(stream);
}

TEST(cancelled_or_without_memory_nothing_leaks, (is_tcp),
     .sweep = T_CANCEL | T_OOM) {
    bl_stream *streams[2] = { NULL, NULL };
    int fds[2];
    int rc = 0;
    if (is_tcp) {
        tcp_pair(fds);
    } else {
        socket_pair(fds);
    }
    for (int i = 0; i < 2; i++) {
        int made = bl_stream_take_fd(fds[i], &streams[i]);
        CHECK_ALWAYS(made == 0 || made == BL_ENOMEM);
        if (made < 0) CHECK_ALWAYS(bl_fd_close(fds[i]) == 0);
    }
    if (streams[0] != NULL && streams[1] != NULL) {
        BL_GROUP(group, rc) {
            rc = bl_spawn(group, echo, streams[1]);
            if (rc < 0) break;
            rc = converse(streams[0]);
        }
        if (!t_injected()) CHECK_OK(rc);
    }
    bl_stream_abort(streams[0]);
    bl_stream_abort(streams[1]);
}

TEST(shuffled_orders_change_nothing, (is_tcp), .schedules = 30) {
    bl_stream *streams[2];
    int fds[2];
    if (is_tcp) {
        tcp_pair(fds);
    } else {
        socket_pair(fds);
    }
    REQUIRE_OK(bl_stream_take_fd(fds[0], &streams[0]));
    REQUIRE_OK(bl_stream_take_fd(fds[1], &streams[1]));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, echo, streams[1]));
    CHECK_OK(converse(streams[0]));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_stream_close(streams[0]));
    CHECK_OK(bl_stream_close(streams[1]));
}
