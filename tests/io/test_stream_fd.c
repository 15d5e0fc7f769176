/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_stream_fd.c - streams over pipes, terminals, files
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"
#include "support/streams.h"

enum {
    MUCH = 1024 * 1024
};

static char much[MUCH];

/* Reads, and has to wait until the text comes from the other end. */
static void read_waiting(bl_stream *stream, int other, const char *text) {
    char bytes[8];
    struct stream_op op = { .stream = stream,
                            .bytes = bytes,
                            .count = sizeof bytes };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &op));
    t_settle();
    CHECK(!op.has_ended);
    say(other, text);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, strlen(text));
}

/* ---- pipes ------------------------------------------------------------- */

TEST(a_pipe_is_read_to_its_end) {
    int fds[2];
    bl_stream *stream;
    char bytes[8];
    pipe_pair(fds);
    REQUIRE_OK(bl_stream_take_pipe(fds[0], -1, &stream));
    read_waiting(stream, fds[1], "hello");
    say(fds[1], "bye");
    close(fds[1]);
    CHECK_EQ(bl_stream_read(stream, bytes, sizeof bytes), 3);
    CHECK_EQ(bl_stream_read(stream, bytes, sizeof bytes), 0);
    CHECK_ERR(bl_stream_write(stream, "x", 1), BL_EPIPE); /* has no such end */
    CHECK_EQ(bl_stream_fd(stream), fds[0]);
    CHECK_OK(bl_stream_close(stream));
    CHECK(!is_open(fds[0]));
}

TEST(a_full_pipe_makes_its_writer_wait) {
    int fds[2];
    bl_stream *stream;
    size_t total = 0;
    pipe_pair(fds);
    REQUIRE_OK(bl_stream_take_pipe(-1, fds[1], &stream));
    CHECK_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    struct stream_op op = { .stream = stream, .bytes = much, .count = MUCH };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &op));
    while (!op.has_ended) {
        t_settle();
        total += drain(fds[0]);
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    total += drain(fds[0]);
    CHECK_EQ(total, MUCH);
    CHECK_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    char byte;
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0); /* it has no such end */
    CHECK_OK(bl_stream_close(stream));
    close(fds[0]);
}

TEST(a_broken_pipe_is_a_code_and_no_signal) {
    int fds[2];
    bl_stream *stream;
    signal(SIGPIPE, SIG_DFL); /* it would end this process */
    pipe_pair(fds);
    REQUIRE_OK(bl_stream_take_pipe(-1, fds[1], &stream));
    close(fds[0]);
    CHECK_ERR(bl_stream_write(stream, "x", 1), BL_EPIPE);
    sigset_t pending;
    CHECK_OK(sigpending(&pending));
    CHECK(!sigismember(&pending, SIGPIPE));
    CHECK_OK(pthread_sigmask(SIG_BLOCK, NULL, &pending));
    CHECK(!sigismember(&pending, SIGPIPE)); /* and the mask is as it was */
    CHECK_OK(bl_stream_close(stream));
}

TEST(two_pipes_are_one_stream) {
    int in[2];
    int out[2];
    bl_stream *stream;
    char bytes[8];
    pipe_pair(in);
    pipe_pair(out);
    REQUIRE_OK(bl_stream_take_pipe(in[0], out[1], &stream));
    say(in[1], "question");
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 8, NULL));
    CHECK_OK(bl_stream_write_all(stream, "answer", 6, NULL));
    CHECK_STR(heard(out[0]), "answer");

    CHECK_OK(bl_stream_shutdown_write(stream));
    CHECK(!is_open(out[1]));
    CHECK_EQ(read(out[0], bytes, 1), 0);
    CHECK_ERR(bl_stream_write(stream, "x", 1), BL_EPIPE);
    CHECK_OK(bl_stream_shutdown_write(stream)); /* has happened already */
    say(in[1], "more");
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 4, NULL));
    bl_stream_abort(stream);
    CHECK(!is_open(in[0]));
    close(in[1]);
    close(out[0]);
}

TEST(closing_a_pipe_sends_both_sides_away) {
    int in[2];
    int out[2];
    bl_stream *stream;
    char byte;
    pipe_pair(in);
    pipe_pair(out);
    fill(out[1]);
    REQUIRE_OK(bl_stream_take_pipe(in[0], out[1], &stream));
    struct stream_op reads = { .stream = stream, .bytes = &byte, .count = 1 };
    struct stream_op writes = { .stream = stream, .bytes = much, .count = 100 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &writes));
    t_settle();
    CHECK(!reads.has_ended);
    CHECK(!writes.has_ended);
    CHECK_ERR(bl_stream_shutdown_write(stream), BL_EBUSY);
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_ERR(writes.result, BL_ECLOSED);
    close(in[1]);
    close(out[0]);
}

/* ---- terminals and files ----------------------------------------------- */

/* Blocks until the text is there: a terminal passes it on a little later. */
static void hear(int fd, const char *text) {
    char bytes[8];
    size_t count = 0;
    while (count < strlen(text)) {
        ssize_t some = read(fd, bytes + count, strlen(text) - count);
        REQUIRE_GT(some, 0);
        count += (size_t)some;
    }
    CHECK_MEM(bytes, count, text, strlen(text));
}

TEST(a_terminal_is_read_and_written) {
    int master;
    int slave;
    STREAM(stream);
    char bytes[8];
    tty_pair(&master, &slave);
    REQUIRE_OK(bl_stream_take_pipe(slave, slave, &stream));
    read_waiting(stream, master, "typed");
    REQUIRE_OK(bl_stream_write_all(stream, "shown", 5, NULL));
    hear(master, "shown");
    CHECK_EQ(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    CHECK_ERR(bl_stream_shutdown_write(stream), BL_ENOTSUP);
    close(master);
    WITHIN(BL_SEC(1)) {
        CHECK_EQ(bl_stream_read(stream, bytes, sizeof bytes), 0);
    }
    CHECK_OK(stream_close(&stream));
    CHECK(!is_open(slave));
}

TEST(a_plain_file_is_a_stream_too) {
    int fd = plain_file();
    bl_stream *stream;
    char bytes[8];
    REQUIRE_OK(bl_stream_take_pipe(-1, fd, &stream));
    CHECK_OK(bl_stream_write_all(stream, "kept", 4, NULL));
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    int again = dup(fd);
    CHECK_OK(bl_stream_close(stream));
    REQUIRE_OK(bl_stream_take_pipe(again, -1, &stream));
    CHECK_EQ(bl_stream_read(stream, bytes, sizeof bytes), 4);
    CHECK_EQ(bl_stream_read(stream, bytes, sizeof bytes), 0);
    CHECK_OK(bl_stream_close(stream));
}

/* ---- standard input and output ----------------------------------------- */

static void replace(int fd, int with, int *kept) {
    *kept = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    REQUIRE_GE(*kept, 0);
    REQUIRE_GE(dup2(with, fd), 0);
    close(with);
}

static void restore(int fd, int kept) {
    REQUIRE_GE(dup2(kept, fd), 0);
    close(kept);
}

TEST(standard_input_and_output_are_a_stream_that_leaves_them_open) {
    int in[2];
    int out[2];
    int kept[2];
    STREAM(stream);
    STREAM(second);
    char bytes[8] = "";
    fflush(stdout);
    pipe_pair(in);
    pipe_pair(out);
    replace(0, in[0], &kept[0]);
    replace(1, out[1], &kept[1]);
    int opened = bl_stream_open_stdio(&stream);
    int refused = bl_stream_open_stdio(&second);
    say(in[1], "hello");
    bl_ssize got = bl_stream_read(stream, bytes, sizeof bytes);
    int rc = bl_stream_write_all(stream, bytes, 5, NULL);
    int ended = bl_stream_shutdown_write(stream);
    int closed = stream_close(&stream);
    bool is_left = is_open(0) && is_open(1);
    restore(0, kept[0]);
    restore(1, kept[1]);
    CHECK_OK(opened);
    CHECK_ERR(refused, BL_EBUSY);
    CHECK_EQ(got, 5);
    CHECK_OK(rc);
    CHECK_ERR(ended, BL_ENOTSUP); /* it is not ours to close */
    CHECK_OK(closed);
    CHECK(is_left);
    CHECK_STR(heard(out[0]), "hello");
    close(in[1]);
    close(out[0]);
}

/* ---- waiting ----------------------------------------------------------- */

struct waiting {
    bl_stream *stream;
    unsigned event;
    int rc;
    bool has_ended;
};

static int wait_for(void *arg) {
    struct waiting *waiting = arg;
    waiting->rc = bl_stream_wait(waiting->stream, waiting->event);
    waiting->has_ended = true;
    return 0;
}

TEST(one_can_wait_for_either_direction) {
    int fds[2];
    bl_stream *stream;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    CHECK_OK(bl_stream_wait(stream, BL_WRITABLE));
    fill(fds[0]);
    struct waiting reads = { .stream = stream, .event = BL_READABLE };
    struct waiting writes = { .stream = stream, .event = BL_WRITABLE };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, wait_for, &reads));
    REQUIRE_OK(bl_spawn(&group, wait_for, &writes));
    t_settle();
    CHECK(!reads.has_ended);
    CHECK(!writes.has_ended);
    CHECK_ERR(bl_wait_for(bl_stream_wait(stream, BL_READABLE), SEC(1)),
              BL_EBUSY);
    say(fds[1], "x");
    t_settle();
    CHECK(reads.has_ended);
    CHECK(!writes.has_ended);
    drain(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(reads.rc);
    CHECK_OK(writes.rc);
    CHECK_ERR(bl_stream_wait(stream, 0), BL_EINVAL);
    CHECK_ERR(bl_stream_wait(stream, BL_READABLE | BL_WRITABLE), BL_EINVAL);
    CHECK_ERR(bl_stream_wait(NULL, BL_READABLE), BL_EINVAL);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

/* Waits to read, until something comes from the other end. */
static void wait_to_read(bl_stream *stream, int other) {
    struct waiting reads = { .stream = stream, .event = BL_READABLE };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, wait_for, &reads));
    t_settle();
    CHECK(!reads.has_ended);
    say(other, "!");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(reads.rc);
}

/* Makes a stream of which something was reported, and takes that away. */
static void open_and_take(int fds[2], bl_stream **stream) {
    char byte;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], stream));
    say(fds[1], "x");
    t_settle();
    CHECK_EQ(recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
}

/* What was reported is not asked about, unless somebody may have taken it. */
TEST(a_report_of_a_new_stream_is_believed_once) {
    int fds[2];
    bl_stream *stream;
    open_and_take(fds, &stream);
    CHECK_OK(bl_stream_wait(stream, BL_READABLE)); /* worth a try, he thinks */
    wait_to_read(stream, fds[1]);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

TEST(a_stream_that_was_tried_is_asked_before_a_report_is_believed) {
    int fds[2];
    char byte;
    bl_stream *stream;
    open_and_take(fds, &stream);
    CHECK_ERR(bl_stream_try_read(stream, &byte, 1), BL_EAGAIN);
    say(fds[1], "y");
    t_settle();
    CHECK_EQ(recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
    wait_to_read(stream, fds[1]);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

/* ---- making one -------------------------------------------------------- */

static void open_without_loop(void *arg) {
    bl_stream *stream;
    CHECK_ERR(bl_stream_take_pipe(*(int *)arg, -1, &stream), BL_ENOLOOP);
    CHECK_ERR(bl_stream_open_stdio(&stream), BL_ENOLOOP);
}

TEST(what_cannot_be_a_stream_is_refused) {
    int fds[2];
    bl_stream *stream = NULL;
    pipe_pair(fds);
    CHECK_ERR(bl_stream_take_pipe(fds[0], fds[1], NULL), BL_EINVAL);
    CHECK_ERR(bl_stream_take_pipe(-1, -1, &stream), BL_EINVAL);
    CHECK_ERR(bl_stream_take_pipe(-2, fds[1], &stream), BL_EBADF);
    CHECK_ERR(bl_stream_open_stdio(NULL), BL_EINVAL);
    on_thread(open_without_loop, &fds[0]);
    close(fds[1]);
    CHECK_ERR(bl_stream_take_pipe(fds[0], 999, &stream), BL_EBADF);
    CHECK(stream == NULL);
    CHECK(is_open(fds[0])); /* it is still the caller's, and not watched */
    REQUIRE_OK(bl_stream_take_pipe(fds[0], -1, &stream));
    bl_stream *second = NULL;
    CHECK_ERR(bl_stream_take_pipe(fds[0], -1, &second), BL_EBUSY);
    CHECK(second == NULL);
    CHECK_OK(bl_stream_close(stream));
}

TEST(without_memory_no_stream_is_made) {
    int fds[2];
    bl_stream *stream = NULL;
    pipe_pair(fds);
    famine_begin(0);
    CHECK_ERR(bl_stream_take_pipe(fds[0], fds[1], &stream), BL_ENOMEM);
    CHECK_ERR(bl_stream_open_stdio(&stream), BL_ENOMEM);
    famine_end();
    CHECK(stream == NULL);
    CHECK(is_open(fds[0])); /* they are still the caller's */
    close(fds[0]);
    close(fds[1]);
}

TEST(without_standard_input_there_is_no_stream_of_it) {
    bl_stream *stream = NULL;
    int fds[2];
    bl_stream *first;
    pipe_pair(fds);
    REQUIRE_OK(bl_stream_take_pipe(fds[0], fds[1], &first)); /* the driver */
    int kept = fcntl(0, F_DUPFD_CLOEXEC, 10);
    REQUIRE_GE(kept, 0);
    close(0);
    int rc = bl_stream_open_stdio(&stream);
    restore(0, kept);
    CHECK_ERR(rc, BL_EBADF);
    CHECK(stream == NULL);
    bl_stream_abort(first);
}

static int copy_all(void *arg) {
    bl_stream *const *streams = arg;
    char bytes[16];
    bl_ssize count;
    int rc = 0;
    while ((count = bl_stream_read(streams[0], bytes, sizeof bytes)) > 0) {
        rc = bl_stream_write_all(streams[1], bytes, (size_t)count, NULL);
        if (rc < 0) break;
    }
    BL_IGNORE(bl_stream_shutdown_write(streams[1]) < 0); /* cut, if it was */
    return count < 0 ? (int)count : rc;
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    int in[2];
    int out[2];
    bl_stream *streams[2] = { NULL, NULL };
    int rc = 0;
    pipe_pair(in);
    pipe_pair(out);
    say(in[1], "twenty bytes of text");
    close(in[1]);
    int made = bl_stream_take_pipe(in[0], -1, &streams[0]);
    CHECK_ALWAYS(made == 0 || made == BL_ENOMEM);
    if (made < 0) close(in[0]);
    made = bl_stream_take_pipe(-1, out[1], &streams[1]);
    CHECK_ALWAYS(made == 0 || made == BL_ENOMEM);
    if (made < 0) close(out[1]);
    if (streams[0] != NULL && streams[1] != NULL) {
        BL_GROUP(group, rc) {
            rc = bl_spawn(group, copy_all, streams);
        }
        if (!t_injected()) CHECK_OK(rc);
        if (!t_injected()) CHECK_STR(heard(out[0]), "twenty bytes of text");
    }
    bl_stream_abort(streams[0]);
    bl_stream_abort(streams[1]);
    close(out[0]);
}
