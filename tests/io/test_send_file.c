/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_send_file.c - files into streams, by the kernel and by copying
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/sockets.h"
#include "support/streams.h"

enum {
    FILE_BYTES = 3 * 1024 * 1024
};

/* Into what: a socket the kernel can send to, one that blocks, a pipe. */
enum target {
    TO_SOCKET,
    TO_BLOCKING_SOCKET,
    TO_PIPE
};

PARAM(int, target, TO_SOCKET, TO_BLOCKING_SOCKET, TO_PIPE);

struct sending {
    bl_stream *stream;
    int peer;
    int file;
    int64_t offset;
    size_t bytes;
    size_t done;
    int rc;
    bool has_ended;
};

static char pattern(size_t place) {
    return (char)(place % 251);
}

static int make_file(size_t bytes) {
    int fd = plain_file();
    char chunk[4096];
    for (size_t at = 0; at < bytes; at += sizeof chunk) {
        for (size_t i = 0; i < sizeof chunk; i++) {
            chunk[i] = pattern(at + i);
        }
        REQUIRE_EQ(write(fd, chunk, sizeof chunk), (ssize_t)sizeof chunk);
    }
    return fd;
}

static struct sending begin(int kind, bool is_tcp) {
    struct sending sending = { .file = make_file(FILE_BYTES) };
    int fds[2];
    if (kind == TO_PIPE) {
        pipe_pair(fds);
        REQUIRE_OK(bl_stream_take_pipe(-1, fds[1], &sending.stream));
        sending.peer = fds[0];
        return sending;
    }
    if (is_tcp) {
        tcp_pair(fds);
    } else {
        socket_pair(fds);
    }
    if (kind == TO_SOCKET) REQUIRE_OK(fcntl(fds[1], F_SETFL, O_NONBLOCK));
    REQUIRE_OK(bl_stream_take_fd(fds[1], &sending.stream));
    sending.peer = fds[0];
    return sending;
}

static void end(struct sending *sending) {
    CHECK_OK(bl_stream_close(sending->stream));
    close(sending->peer);
    close(sending->file);
}

static int send_file(void *arg) {
    struct sending *sending = arg;
    sending->rc =
        bl_stream_send_file(sending->stream, sending->file, sending->offset,
                            sending->bytes, &sending->done);
    sending->has_ended = true;
    return 0;
}

/* Reads what is there and compares it; returns where that ends. */
static size_t compare(int fd, size_t place) {
    static char bytes[65536];
    ssize_t count;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((count = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (bytes[i] != pattern(place)) t_fail("wrong byte");
            place++;
        }
    }
    return place;
}

TEST(a_file_arrives_whole, (target)) {
    struct sending sending = begin(target, true);
    size_t place = 100;
    sending.offset = 100;
    sending.bytes = FILE_BYTES - 100;
    CHECK_EQ(lseek(sending.file, 7, SEEK_SET), 7);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_file, &sending));
    while (!sending.has_ended) {
        t_settle();
        place = compare(sending.peer, place);
    }
    CHECK_OK(bl_group_exit(&group, 0));
    place = compare(sending.peer, place);
    CHECK_OK(sending.rc);
    CHECK_EQ(sending.done, sending.bytes);
    CHECK_EQ(place, FILE_BYTES);
    CHECK_EQ(lseek(sending.file, 0, SEEK_CUR), 7); /* not moved */
    CHECK(!bl_stream_is_cut(sending.stream));
    end(&sending);
}

TEST(a_cancelled_send_tells_how_far_it_came, (target)) {
    struct sending sending = begin(target, false);
    sending.bytes = FILE_BYTES;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_file, &sending));
    t_settle();
    CHECK(!sending.has_ended);
    CHECK_ERR(bl_stream_write(sending.stream, "x", 1), BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(sending.rc, BL_ECANCELED);
    CHECK_GT(sending.done, 0);
    CHECK_EQ(compare(sending.peer, 0), sending.done);
    CHECK(bl_stream_is_cut(sending.stream));
    end(&sending);
}

TEST(a_peer_that_is_gone_is_a_code_and_no_signal) {
    struct sending sending = begin(TO_SOCKET, true);
    signal(SIGPIPE, SIG_DFL);
    sending.bytes = FILE_BYTES;
    REQUIRE_OK(shutdown(bl_stream_fd(sending.stream), SHUT_WR));
    CHECK_OK(send_file(&sending));
    CHECK_ERR(sending.rc, BL_EPIPE);
    CHECK_EQ(sending.done, 0);
    end(&sending);
}

/* The reset comes while the first pages are sent: the call has moved these, and
 * has raised the signal all the same. */
TEST(a_peer_that_leaves_in_the_middle_is_no_signal_either) {
    struct sending sending = begin(TO_SOCKET, true);
    signal(SIGPIPE, SIG_DFL);
    sending.bytes = FILE_BYTES;
    close(sending.peer);
    sending.peer = -1;
    CHECK_OK(send_file(&sending));
    CHECK(sending.rc == BL_EPIPE || sending.rc == BL_ECONNRESET);
    CHECK_LT(sending.done, FILE_BYTES);
    end(&sending);
}

TEST(a_part_of_a_file_is_what_the_socket_takes) {
    struct sending sending = begin(TO_SOCKET, false);
    bl_stream *stream = sending.stream;
    int file = sending.file;
    bl_ssize moved = bl_stream_send_file_some(stream, file, 7, 100);
    CHECK_GE(moved, 1);
    CHECK_LE(moved, 100);
    CHECK_EQ(compare(sending.peer, 7), 7 + moved);
    moved = bl_stream_send_file_some(stream, file, 0, FILE_BYTES);
    CHECK_GE(moved, 1);
    CHECK_LE(moved, 256 * 1024); /* then it is the others' turn */
    CHECK(!bl_stream_is_cut(stream));
    CHECK_EQ(bl_stream_send_file_some(stream, file, FILE_BYTES, 1), 0);
    CHECK_ERR(bl_stream_send_file_some(stream, -1, 0, 1), BL_EBADF);
    CHECK_ERR(bl_stream_send_file_some(NULL, file, 0, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_send_file_some(stream, file, -1, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_send_file_some(stream, file, 0, 0), BL_EINVAL);
    end(&sending);
}

static int send_parts(void *arg) {
    struct sending *sending = arg;
    bl_ssize moved;
    do {
        moved = bl_stream_send_file_some(sending->stream, sending->file,
                                         (int64_t)sending->done,
                                         FILE_BYTES - sending->done);
        if (moved > 0) sending->done += (size_t)moved;
    } while (moved > 0);
    sending->rc = (int)moved;
    sending->has_ended = true;
    return 0;
}

TEST(a_part_that_is_cancelled_has_moved_nothing) {
    struct sending sending = begin(TO_SOCKET, false);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_parts, &sending));
    t_settle();
    REQUIRE(!sending.has_ended); /* there is no room */
    CHECK_ERR(bl_stream_send_file_some(sending.stream, sending.file, 0, 1),
              BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(sending.rc, BL_ECANCELED);
    CHECK_GT(sending.done, 0);
    CHECK(!bl_stream_is_cut(sending.stream));
    CHECK_EQ(compare(sending.peer, 0), sending.done);
    bl_ssize moved = /* the stream goes on */
        bl_stream_send_file_some(sending.stream, sending.file, 0, 9);
    CHECK_GT(moved, 0);
    CHECK_LE(moved, 9);
    CHECK_EQ(compare(sending.peer, 0), moved);
    end(&sending);
}

/* Who stands on such a stream copies by itself. */
TEST(a_part_of_a_file_is_not_copied) {
    struct sending blocking = begin(TO_BLOCKING_SOCKET, false);
    struct sending pipe = begin(TO_PIPE, false);
    CHECK_ERR(bl_stream_send_file_some(blocking.stream, blocking.file, 0, 1),
              BL_ENOTSUP);
    CHECK_ERR(bl_stream_send_file_some(pipe.stream, pipe.file, 0, 1),
              BL_ENOTSUP);
    end(&blocking);
    end(&pipe);
}

TEST(only_a_socket_is_told_of_the_tls_of_the_kernel) {
    struct sending socket = begin(TO_SOCKET, true);
    struct sending pipe = begin(TO_PIPE, false);
    bl_stream_note_kernel_tls(NULL);
    bl_stream_note_kernel_tls(pipe.stream);
    bl_stream_note_kernel_tls(socket.stream);
    CHECK_OK(bl_stream_write_all(socket.stream, "a", 1, NULL));
    end(&socket);
    end(&pipe);
}

TEST(what_is_not_there_cannot_be_sent) {
    struct sending sending = begin(TO_SOCKET, true);
    size_t done = 77;
    CHECK_ERR(bl_stream_send_file(NULL, sending.file, 0, 1, &done), BL_EINVAL);
    CHECK_EQ(done, 0);
    CHECK_ERR(bl_stream_send_file(sending.stream, sending.file, -1, 1, NULL),
              BL_EINVAL);
    CHECK_ERR(bl_stream_send_file(sending.stream, -1, 0, 1, NULL), BL_EBADF);
    CHECK_ERR(bl_stream_send_file(sending.stream, sending.file, FILE_BYTES - 5,
                                  6, NULL),
              BL_EIO);
    CHECK_ERR(bl_stream_send_file(sending.stream, sending.file, FILE_BYTES + 1,
                                  0, NULL),
              BL_EIO);
    int blind = open("/dev/null", O_WRONLY | O_CLOEXEC);
    REQUIRE_GE(blind, 0);
    CHECK_ERR(bl_stream_send_file(sending.stream, blind, 0, 1, NULL), BL_EBADF);
    close(blind);
    CHECK_EQ(compare(sending.peer, 0), 0); /* nothing was sent */
    CHECK_OK(bl_stream_send_file(sending.stream, sending.file, 0, 0, NULL));
    CHECK(!bl_stream_is_cut(sending.stream));
    end(&sending);
}

/* /proc has files without a size; the kernel sends what there is of them. */
TEST(a_file_that_ends_early_cuts_the_stream, .tags = "native") {
    struct sending sending = begin(TO_PIPE, false);
    int endless = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    size_t done;
    REQUIRE_GE(endless, 0);
    int rc = bl_stream_send_file(sending.stream, endless, 0, 10, &done);
    CHECK_ERR(rc, BL_EIO); /* its size says that it is empty */
    CHECK_EQ(done, 0);
    close(endless);
    endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    REQUIRE_GE(endless, 0);
    CHECK_OK(bl_stream_send_file(sending.stream, endless, 0, 10, &done));
    CHECK_EQ(done, 10);
    close(endless);
    end(&sending);
}

TEST(in_a_cancelled_scope_or_without_memory_nothing_is_sent) {
    struct sending sending = begin(TO_PIPE, false);
    bl_stream *stream = sending.stream;
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_stream_send_file(stream, sending.file, 0, 9, NULL),
              BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    famine_begin(0);
    CHECK_ERR(bl_stream_send_file(stream, sending.file, 0, 9, NULL), BL_ENOMEM);
    famine_end();
    CHECK_EQ(compare(sending.peer, 0), 0);
    CHECK(!bl_stream_is_cut(stream));
    end(&sending);
}

TEST(a_copy_that_finds_no_memory_sends_nothing, .sweep = T_CANCEL | T_OOM) {
    int fds[2];
    int file = make_file(8192);
    bl_stream *stream;
    size_t done = 0;
    pipe_pair(fds);
    int rc = bl_stream_take_pipe(-1, fds[1], &stream);
    if (rc < 0) {
        close(fds[1]);
    } else {
        rc = bl_stream_send_file(stream, file, 0, 8192, &done);
        if (rc == BL_ENOMEM) CHECK_ALWAYS(done == 0);
        bl_stream_abort(stream);
    }
    if (!t_injected()) CHECK_OK(rc);
    CHECK_ALWAYS(drain(fds[0]) == done);
    close(fds[0]);
    close(file);
}

/* ---- kinds of one's own ------------------------------------------------ */

/* A kind that notes what it is asked for.  It sends a file in small parts, into
 * nothing, and is done with that after a while. */
struct post {
    char bytes[100];
    size_t sent;    /* by send_file */
    size_t written; /* behind it */
    size_t limit;   /* of what is sent */
    int then;       /* what it says beyond */
    bl_scope *cancels;
};

static bl_ssize post_read(void *self, const struct iovec *parts, int count) {
    (void)self;
    (void)parts;
    (void)count;
    return 0;
}

static bl_ssize post_write(void *self, const struct iovec *parts, int count) {
    struct post *post = self;
    size_t bytes = parts[0].iov_len < 7 ? parts[0].iov_len : 7;
    REQUIRE_GT(count, 0);
    REQUIRE_LE(post->sent + post->written + bytes, sizeof post->bytes);
    memcpy(post->bytes + post->sent + post->written, parts[0].iov_base, bytes);
    post->written += bytes;
    return (bl_ssize)bytes;
}

static bl_ssize post_send_file(void *self, int file_fd, int64_t offset,
                               size_t bytes) {
    struct post *post = self;
    size_t left = post->limit - post->sent;
    if (left == 0) return post->then;
    if (bytes > left) bytes = left;
    if (bytes > 9) bytes = 9;
    CHECK_EQ(post->written, 0);
    CHECK_EQ(pread(file_fd, post->bytes + post->sent, bytes, offset),
             (ssize_t)bytes);
    post->sent += bytes;
    if (post->cancels != NULL) bl_scope_cancel(post->cancels, NULL);
    return (bl_ssize)bytes;
}

static int post_abort(void *self, bool is_cut) {
    (void)self;
    (void)is_cut;
    return 0;
}

static const bl_stream_ops post_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "post",
    .read = post_read,
    .write = post_write,
    .abort = post_abort,
    .send_file = post_send_file,
};

static struct sending begin_post(struct post *post, size_t bytes) {
    struct sending sending = { .file = make_file(4096),
                               .offset = 5,
                               .bytes = bytes };
    REQUIRE_OK(bl_stream_new(&post_ops, post, &sending.stream));
    return sending;
}

static void send_by_post(struct sending *sending, const struct post *post) {
    CHECK_OK(send_file(sending));
    CHECK_EQ(sending->done, post->sent + post->written);
    for (size_t i = 0; i < sending->done; i++) {
        CHECK_EQ(post->bytes[i], pattern(5 + i));
    }
}

static void end_post(struct sending *sending) {
    CHECK_OK(bl_stream_close(sending->stream));
    close(sending->file);
}

PARAM(int, limit, 0, 1, 20, 100);

TEST(a_kind_sends_what_it_can_and_the_rest_is_written, (limit)) {
    struct post post = { .limit = (size_t)limit, .then = BL_ENOTSUP };
    struct sending sending = begin_post(&post, 100);
    send_by_post(&sending, &post);
    CHECK_OK(sending.rc);
    CHECK_EQ(post.sent, (size_t)limit);
    CHECK_EQ(sending.done, 100);
    CHECK(!bl_stream_is_cut(sending.stream));
    end_post(&sending);
}

TEST(a_kind_that_finds_the_end_of_the_file_is_cut) {
    struct post post = { .limit = 20 };
    struct sending sending = begin_post(&post, 21);
    send_by_post(&sending, &post);
    CHECK_ERR(sending.rc, BL_EIO);
    CHECK_EQ(sending.done, 20);
    CHECK(bl_stream_is_cut(sending.stream));
    end_post(&sending);
}

TEST(a_kind_that_fails_says_why) {
    struct post post = { .then = BL_ECONNRESET };
    struct sending sending = begin_post(&post, 21);
    send_by_post(&sending, &post);
    CHECK_ERR(sending.rc, BL_ECONNRESET);
    CHECK_EQ(sending.done, 0);
    CHECK(!bl_stream_is_cut(sending.stream));
    end_post(&sending);
}

TEST(a_send_is_cancelled_between_two_parts) {
    bl_scope scope;
    struct post post = { .limit = 100, .cancels = &scope };
    struct sending sending = begin_post(&post, 100);
    bl_scope_enter(&scope);
    send_by_post(&sending, &post);
    CHECK_OK(bl_scope_exit(&scope, sending.rc));
    CHECK_ERR(sending.rc, BL_ECANCELED);
    CHECK_EQ(sending.done, 9);
    CHECK(bl_stream_is_cut(sending.stream));
    end_post(&sending);
}

/* ---- faults ------------------------------------------------------------ */

/* Sends, and ends the stream in any case: somebody reads to its end. */
static int send_and_end(void *arg) {
    struct sending *sending = arg;
    int rc = send_file(sending);
    bl_stream_abort(sending->stream);
    sending->stream = NULL;
    return rc;
}

/* Reads to the end; returns how many bytes of the file came. */
static size_t read_file(bl_stream *stream) {
    char bytes[1000];
    size_t total = 0;
    bl_ssize count;
    while ((count = bl_stream_read(stream, bytes, sizeof bytes)) > 0) {
        for (bl_ssize i = 0; i < count; i++) {
            CHECK_ALWAYS(bytes[i] == pattern(total + (size_t)i));
        }
        total += (size_t)count;
    }
    return total;
}

TEST(a_file_arrives_or_the_sender_knows, .sweep = T_IO | T_CANCEL | T_OOM) {
    ENDS(ends);
    struct sending sending = { .file = make_file(8192), .bytes = 8192 };
    int rc = bl_unix_pair(ends);
    if (rc < 0) {
        CHECK_OK(rc);
        close(sending.file);
        return;
    }
    size_t came = 0;
    sending.stream = ends[1];
    ends[1] = NULL; /* its task ends it */
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, send_and_end, &sending);
        if (rc < 0) break;
        came = read_file(ends[0]);
        if (sending.has_ended) CHECK_ALWAYS(came <= sending.done);
    }
    if (!t_injected()) CHECK_OK(sending.rc);
    if (!t_injected()) CHECK_EQ(came, 8192);
    bl_error_handled();
    bl_stream_abort(sending.stream);
    close(sending.file);
}
