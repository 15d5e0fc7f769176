/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_stream_ops.c - vectors, cut streams, and kinds of one's own
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"
#include "support/streams.h"

enum {
    MUCH = 4 * 1024 * 1024
};

static char much[MUCH];

/* ---- vectors ----------------------------------------------------------- */

#define PART(text) \
    { .iov_base = (text), .iov_len = sizeof(text) - 1 }

TEST(a_vector_is_written_in_order) {
    int fds[2];
    bl_stream *stream;
    struct iovec parts[] = { PART("one "), PART(""), PART("two "),
                             PART("three") };
    size_t done;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    CHECK_EQ(bl_stream_writev(stream, parts, 4), 13);
    CHECK_STR(heard(fds[1]), "one two three");
    CHECK_OK(bl_stream_writev_all(stream, parts + 1, 3, &done));
    CHECK_EQ(done, 9);
    CHECK_STR(heard(fds[1]), "two three");
    CHECK_EQ(bl_stream_writev(stream, parts + 1, 1), 0); /* nothing in it */
    CHECK_EQ(bl_stream_writev(stream, NULL, 0), 0);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

TEST(a_vector_is_filled_in_order) {
    int fds[2];
    bl_stream *stream;
    char first[3];
    char second[8];
    struct iovec parts[] = {
        { .iov_base = NULL, .iov_len = 0 },
        { .iov_base = first, .iov_len = sizeof first },
        { .iov_base = second, .iov_len = sizeof second },
    };
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    say(fds[1], "abcdef");
    CHECK_EQ(bl_stream_readv(stream, parts, 3), 6);
    CHECK_MEM(first, 3, "abc", 3);
    CHECK_MEM(second, 3, "def", 3);
    CHECK_EQ(bl_stream_readv(stream, parts, 1), 0); /* no room */
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

struct gathering {
    bl_stream *stream;
    struct iovec parts[100];
    size_t done;
    int rc;
    bool has_ended;
};

static int gather(void *arg) {
    struct gathering *gathering = arg;
    gathering->rc = bl_stream_writev_all(gathering->stream, gathering->parts,
                                         100, &gathering->done);
    gathering->has_ended = true;
    return 0;
}

static struct gathering gathering_on(bl_stream *stream, size_t part_bytes) {
    struct gathering gathering = { .stream = stream };
    for (int i = 0; i < 100; i++) {
        gathering.parts[i].iov_base = much + (size_t)i * part_bytes;
        gathering.parts[i].iov_len = part_bytes;
    }
    return gathering;
}

TEST(a_long_vector_is_written_whole) {
    int fds[2];
    bl_stream *stream;
    static char got[MUCH];
    size_t total = 0;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i % 253);
    struct gathering gathering = gathering_on(stream, 40009);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, gather, &gathering));
    while (total < gathering.done || !gathering.has_ended) {
        t_settle();
        ssize_t count =
            recv(fds[1], got + total, sizeof got - total, MSG_DONTWAIT);
        if (count > 0) total += (size_t)count;
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(gathering.rc);
    CHECK_EQ(gathering.done, 4000900);
    CHECK_EQ(total, 4000900);
    CHECK(memcmp(got, much, total) == 0);
    CHECK_EQ(gathering.parts[50].iov_len, 40009); /* left as they were */
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

/* ---- trying -------------------------------------------------------------- */

enum kind {
    SOCKET,
    TCP,
    PIPE,
    MEMORY
};
PARAM(int, kind, SOCKET, TCP, PIPE, MEMORY);

/* Two streams, of which the first reads what the second writes. */
static void open_ends(enum kind kind, bl_stream *ends[2]) {
    int fds[2];
    if (kind == MEMORY) {
        REQUIRE_OK(bl_mem_pair(0, ends));
    } else if (kind == PIPE) {
        pipe_pair(fds);
        REQUIRE_OK(bl_stream_take_pipe(fds[0], -1, &ends[0]));
        REQUIRE_OK(bl_stream_take_pipe(-1, fds[1], &ends[1]));
    } else {
        if (kind == SOCKET) socket_pair(fds);
        if (kind == TCP) tcp_pair(fds);
        REQUIRE_OK(bl_stream_take_fd(fds[0], &ends[0]));
        REQUIRE_OK(bl_stream_take_fd(fds[1], &ends[1]));
    }
}

TEST(trying_to_read_finds_what_is_there, (kind)) {
    bl_stream *ends[2];
    char bytes[8];
    open_ends((enum kind)kind, ends);
    CHECK_ERR(bl_stream_try_read(ends[0], bytes, 8), BL_EAGAIN);
    CHECK_EQ(bl_stream_try_read(ends[0], NULL, 0), 0); /* no room */
    REQUIRE_OK(bl_stream_write_all(ends[1], "abc", 3, NULL));
    /* The loop was not asked: no other task has run, and none will. */
    CHECK_GT(bl_stream_try_read(ends[0], bytes, 1), 0);
    CHECK_EQ(bytes[0], 'a');
    CHECK_GT(bl_stream_try_read(ends[0], bytes, 1), 0);
    CHECK_EQ(bytes[0], 'b');
    CHECK_EQ(bl_stream_read(ends[0], bytes, 8), 1); /* as ever */
    CHECK_ERR(bl_stream_try_read(ends[0], bytes, 8), BL_EAGAIN);
    CHECK_OK(bl_stream_close(ends[1]));
    CHECK_EQ(bl_stream_try_read(ends[0], bytes, 8), 0);
    CHECK_EQ(bl_stream_try_read(ends[0], bytes, 8), 0);
    CHECK_OK(bl_stream_close(ends[0]));
}

TEST(who_waits_after_a_try_is_woken, (kind), .schedules = 10) {
    bl_stream *ends[2];
    char byte;
    open_ends((enum kind)kind, ends);
    struct stream_op op = { .stream = ends[0], .bytes = &byte, .count = 1 };
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(bl_stream_try_read(ends[0], &byte, 1), BL_EAGAIN);
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, stream_op_read, &op));
        t_settle();
        CHECK_ERR(bl_stream_try_read(ends[0], &byte, 1), BL_EBUSY);
        REQUIRE_OK(bl_stream_write_all(ends[1], "x", 1, NULL));
        CHECK_OK(bl_group_exit(&group, 0));
        CHECK_EQ(op.result, 1);
    }
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(trying_works_in_a_cancelled_scope_and_is_not_counted, (kind)) {
    bl_stream *ends[2];
    char byte = '\0';
    bl_scope scope;
    open_ends((enum kind)kind, ends);
    REQUIRE_OK(bl_stream_write_all(ends[1], "x", 1, NULL));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_stream_try_read(ends[0], &byte, 1), 1);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_EQ(byte, 'x');
    for (int i = 0; i < 200000; i++) { /* never waits, however often */
        if (bl_stream_try_read(ends[0], &byte, 1) != BL_EAGAIN) break;
        if (i == 199999) byte = 'y';
    }
    CHECK_EQ(byte, 'y');
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(a_reset_is_found_by_trying) {
    int fds[2];
    bl_stream *stream;
    char byte;
    tcp_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    close_by_reset(fds[1]);
    CHECK_ERR(bl_stream_try_read(stream, &byte, 1), BL_ECONNRESET);
    bl_stream_abort(stream);
}

TEST(vectors_that_are_not_valid_are_refused) {
    int fds[2];
    bl_stream *stream;
    struct iovec bad = { .iov_base = NULL, .iov_len = 1 };
    size_t done = 77;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    CHECK_ERR(bl_stream_readv(stream, &bad, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_readv(stream, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_readv(stream, &bad, -1), BL_EINVAL);
    CHECK_ERR(bl_stream_readv(NULL, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_stream_writev(stream, &bad, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_writev(stream, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_writev(stream, NULL, BL_STREAM_PARTS_MAX + 1),
              BL_EINVAL);
    CHECK_ERR(bl_stream_writev(NULL, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_stream_writev_all(stream, &bad, 1, &done), BL_EINVAL);
    CHECK_EQ(done, 0);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

/* ---- who may, and when ------------------------------------------------- */

static int use_elsewhere(void *arg) {
    char byte;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    int file = plain_file();
    CHECK_ERR(bl_stream_readv(arg, &part, 1), BL_ETHREAD);
    CHECK_ERR(bl_stream_try_read(arg, &byte, 1), BL_ETHREAD);
    CHECK_ERR(bl_stream_writev(arg, &part, 1), BL_ETHREAD);
    CHECK_ERR(bl_stream_writev_all(arg, &part, 1, NULL), BL_ETHREAD);
    CHECK_ERR(bl_stream_send_file(arg, file, 0, 0, NULL), BL_ETHREAD);
    CHECK_ERR(bl_stream_wait(arg, BL_READABLE), BL_ETHREAD);
    CHECK_ERR(bl_stream_shutdown_write(arg), BL_ETHREAD);
    close(file);
    return 0;
}

static void use_without_loop(void *arg) {
    char byte;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    CHECK_ERR(bl_stream_readv(arg, &part, 1), BL_ENOLOOP);
    CHECK_ERR(bl_stream_try_read(arg, &byte, 1), BL_ENOLOOP);
    CHECK_ERR(bl_stream_writev(arg, &part, 1), BL_ENOLOOP);
    CHECK_ERR(bl_stream_writev_all(arg, &part, 1, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_stream_wait(arg, BL_READABLE), BL_ENOLOOP);
    CHECK_ERR(bl_stream_shutdown_write(arg), BL_ENOLOOP);
}

TEST(only_its_own_loop_uses_a_stream) {
    int fds[2];
    bl_stream *stream;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    CHECK_OK(run_elsewhere(use_elsewhere, stream, NULL));
    on_thread(use_without_loop, stream);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

TEST(in_a_cancelled_scope_nothing_is_moved) {
    int fds[2];
    bl_stream *stream;
    char byte = 'x';
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    bl_scope scope;
    socket_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    say(fds[1], "y");
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_stream_readv(stream, &part, 1), BL_ECANCELED);
    CHECK_ERR(bl_stream_writev(stream, &part, 1), BL_ECANCELED);
    CHECK_ERR(bl_stream_writev_all(stream, &part, 1, NULL), BL_ECANCELED);
    CHECK_ERR(bl_stream_wait(stream, BL_READABLE), BL_ECANCELED);
    CHECK(!bl_stream_is_cut(stream));
    CHECK_OK(bl_stream_shutdown_write(stream)); /* never waits */
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK(is_at_end(fds[1]));
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 1);
    CHECK_EQ(byte, 'y');
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

static int wait_for_bare(void *arg) {
    return bl_fd_wait(*(int *)arg, BL_READABLE) == BL_READABLE ? 0 : BL_EIO;
}

/* Rigid: if nobody waits for it, it is taken. */
TEST(a_descriptor_that_a_task_waits_for_is_not_taken, .tags = "rigid") {
    int fds[2];
    bl_stream *stream = NULL;
    socket_pair(fds);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, wait_for_bare, &fds[0]));
    t_settle();
    CHECK_ERR(bl_stream_take_fd(fds[0], &stream), BL_EBUSY);
    CHECK_ERR(bl_stream_take_pipe(fds[0], -1, &stream), BL_EBUSY);
    CHECK(stream == NULL);
    say(fds[1], "x"); /* and the task is not disturbed */
    CHECK_OK(bl_group_exit(&group, 0));
    close(fds[0]);
    close(fds[1]);
}

/* ---- cut --------------------------------------------------------------- */

TEST(a_cut_stream_takes_no_more_and_does_not_end_well) {
    int fds[2];
    bl_stream *stream;
    char byte;
    tcp_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    struct gathering gathering = gathering_on(stream, 40000);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, gather, &gathering));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(gathering.rc, BL_ECANCELED);
    CHECK_GT(gathering.done, 0);
    CHECK(bl_stream_is_cut(stream));
    drain(fds[1]);
    CHECK_ERR(bl_stream_write(stream, "x", 1), BL_EMISUSE);
    CHECK_ERR(bl_stream_write_all(stream, "x", 1, NULL), BL_EMISUSE);
    CHECK_ERR(bl_stream_writev_all(stream, NULL, 0, NULL), BL_EMISUSE);
    CHECK_ERR(bl_stream_shutdown_write(stream), BL_EMISUSE);
    say(fds[1], "x"); /* reading is another matter */
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 1);
    CHECK_OK(bl_stream_close(stream));
    while (recv(fds[1], &byte, 1, MSG_DONTWAIT) > 0) {}
    CHECK_EQ(errno, ECONNRESET);
    close(fds[1]);
    CHECK(!bl_stream_is_cut(NULL));
}

/* ---- kinds of one's own ------------------------------------------------ */

/* A stream that shouts: what is written goes on in capitals; and it says
 * goodbye.  It stands on another stream, as TLS does. */
struct shout {
    bl_stream *below;
    bool is_freed;
    bool was_cut;
    int aborts;
};

static bl_ssize shout_read(void *self, const struct iovec *parts, int count) {
    struct shout *shout = self;
    REQUIRE_GT(parts[0].iov_len, 0);
    return bl_stream_readv(shout->below, parts, count);
}

static bl_ssize shout_write(void *self, const struct iovec *parts, int count) {
    struct shout *shout = self;
    char loud[4];
    REQUIRE_GT(count, 0);
    size_t bytes =
        parts[0].iov_len < sizeof loud ? parts[0].iov_len : sizeof loud;
    for (size_t i = 0; i < bytes; i++) {
        loud[i] = (char)(((const char *)parts[0].iov_base)[i] & ~32);
    }
    int rc = bl_stream_write_all(shout->below, loud, bytes, NULL);
    return rc < 0 ? rc : (bl_ssize)bytes;
}

static int shout_shutdown_write(void *self) {
    struct shout *shout = self;
    int rc = bl_stream_write_all(shout->below, ".", 1, NULL);
    if (rc < 0) return rc;
    return bl_stream_shutdown_write(shout->below);
}

static int shout_close(void *self) {
    struct shout *shout = self;
    return bl_stream_write_all(shout->below, "BYE", 3, NULL);
}

static int shout_abort(void *self, bool is_cut) {
    struct shout *shout = self;
    shout->was_cut = is_cut;
    shout->aborts++;
    bl_stream_abort(shout->below);
    return 0;
}

static void shout_free(void *self) {
    struct shout *shout = self;
    CHECK_EQ(shout->aborts, 1);
    shout->is_freed = true;
}

static int shout_fd(const void *self) {
    const struct shout *shout = self;
    return bl_stream_fd(shout->below);
}

static const bl_stream_ops shout_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "shout",
    .read = shout_read,
    .write = shout_write,
    .shutdown_write = shout_shutdown_write,
    .close = shout_close,
    .abort = shout_abort,
    .free = shout_free,
    .fd = shout_fd,
};

static bl_stream *open_shout(struct shout *shout, int *peer) {
    int fds[2];
    bl_stream *stream;
    socket_pair(fds);
    *shout = (struct shout){ 0 };
    REQUIRE_OK(bl_stream_take_fd(fds[0], &shout->below));
    REQUIRE_OK(bl_stream_new(&shout_ops, shout, &stream));
    *peer = fds[1];
    return stream;
}

TEST(only_a_socket_itself_is_one) {
    struct shout shout;
    bl_stream *memory[2];
    bl_stream *pipe;
    int peer;
    int fds[2];
    bl_stream *stream = open_shout(&shout, &peer);
    pipe_pair(fds);
    REQUIRE_OK(bl_stream_take_pipe(fds[0], fds[1], &pipe));
    REQUIRE_OK(bl_mem_pair(0, memory));
    CHECK(bl_stream_is_socket(shout.below));
    CHECK_GE(bl_stream_fd(stream), 0); /* it shows the socket's */
    CHECK(!bl_stream_is_socket(stream));
    CHECK(!bl_stream_is_socket(pipe));
    CHECK(!bl_stream_is_socket(memory[0]));
    CHECK(!bl_stream_is_socket(NULL));
    bl_stream_abort(stream);
    bl_stream_abort(pipe);
    bl_stream_abort(memory[0]);
    bl_stream_abort(memory[1]);
    close(peer);
}

TEST(a_kind_of_ones_own_is_a_stream_like_any_other) {
    struct shout shout;
    int peer;
    char bytes[16];
    struct iovec parts[] = { PART("hel"), PART("lo you") };
    bl_stream *stream = open_shout(&shout, &peer);
    CHECK_EQ(bl_stream_write(stream, "abcdef", 6), 4);
    CHECK_OK(bl_stream_write_all(stream, "ghijk", 5, NULL));
    CHECK_STR(heard(peer), "ABCDGHIJK");
    CHECK_OK(bl_stream_writev_all(stream, parts, 2, NULL));
    CHECK_CONTAINS(heard(peer), "HELLO");
    say(peer, "soft");
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 4, NULL));
    CHECK_EQ(bl_stream_fd(stream), bl_stream_fd(shout.below));
    CHECK(bl_stream_self(stream, &shout_ops) == &shout);
    CHECK(bl_stream_self(shout.below, &shout_ops) == NULL);
    CHECK(bl_stream_self(NULL, &shout_ops) == NULL);
    CHECK_ERR(bl_stream_wait(stream, BL_READABLE), BL_ENOTSUP);
    CHECK_OK(bl_stream_close(stream));
    CHECK_STR(heard(peer), "BYE");
    CHECK(is_at_end(peer));
    CHECK(shout.is_freed);
    CHECK(!shout.was_cut);
    close(peer);
}

TEST(a_kind_ends_one_direction_in_its_own_way) {
    struct shout shout;
    int peer;
    bl_stream *stream = open_shout(&shout, &peer);
    CHECK_OK(bl_stream_shutdown_write(stream));
    CHECK_STR(heard(peer), ".");
    CHECK(is_at_end(peer));
    bl_stream_abort(stream);
    CHECK(shout.is_freed);
    close(peer);
}

TEST(its_memory_stays_until_who_waits_inside_has_left) {
    struct shout shout;
    int peer;
    bl_stream *stream = open_shout(&shout, &peer);
    char byte;
    struct stream_op op = { .stream = stream, .bytes = &byte, .count = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &op));
    t_settle();
    bl_stream_abort(stream);
    CHECK_EQ(shout.aborts, 1);
    CHECK(!shout.is_freed); /* the reader is still inside */
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    CHECK(shout.is_freed);
    close(peer);
}

static int op_close(void *arg) {
    struct stream_op *op = arg;
    op->result = bl_stream_close(op->stream);
    return 0;
}

/* Rigid: if nobody is closing it, it is closed here. */
TEST(a_goodbye_that_waits_can_be_cancelled, .tags = "rigid") {
    struct shout shout;
    int peer;
    struct stream_op op = { .stream = open_shout(&shout, &peer) };
    char byte;
    fill(bl_stream_fd(shout.below));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_close, &op));
    t_settle();
    CHECK(!shout.is_freed);
    CHECK_ERR(bl_stream_read(op.stream, &byte, 1), BL_ECLOSED);
    CHECK_ERR(bl_stream_try_read(op.stream, &byte, 1), BL_ECLOSED);
    CHECK_ERR(bl_stream_shutdown_write(op.stream), BL_ECLOSED);
    CHECK_ERR(bl_stream_close(op.stream), BL_EALREADY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK(shout.is_freed);
    close(peer);
}

/* Rigid: if nobody is closing it, it is freed here. */
TEST(aborting_ends_a_goodbye, .tags = "rigid") {
    struct shout shout;
    int peer;
    struct stream_op op = { .stream = open_shout(&shout, &peer) };
    fill(bl_stream_fd(shout.below));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_close, &op));
    t_settle();
    bl_stream_abort(op.stream);
    CHECK(!shout.is_freed);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    CHECK(shout.is_freed);
    close(peer);
}

static bl_ssize refuse(void *self, const struct iovec *parts, int count) {
    (void)self;
    (void)parts;
    return count > 0 ? BL_ENOTSUP : 0;
}

static int forget(void *self, bool is_cut) {
    (void)self;
    return is_cut ? BL_EIO : -ENOSPC;
}

static void new_without_loop(void *arg) {
    bl_stream *stream;
    CHECK_ERR(bl_stream_new(&shout_ops, arg, &stream), BL_ENOLOOP);
}

TEST(a_kind_may_lack_what_is_optional) {
    bl_stream *stream;
    char byte;
    bl_stream_ops ops = { .size = sizeof ops, .read = refuse, .write = refuse };
    CHECK_ERR(bl_stream_new(NULL, NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_stream_new(&ops, NULL, &stream), BL_EINVAL); /* no abort */
    ops.abort = forget;
    CHECK_ERR(bl_stream_new(&ops, NULL, NULL), BL_EINVAL);
    ops.size = 0;
    CHECK_ERR(bl_stream_new(&ops, NULL, &stream), BL_EINVAL);
    ops.size = sizeof ops;
    on_thread(new_without_loop, NULL);
    REQUIRE_OK(bl_stream_new(&ops, NULL, &stream));
    CHECK_EQ(bl_stream_fd(stream), -1);
    CHECK_ERR(bl_stream_read(stream, &byte, 1), BL_ENOTSUP);
    CHECK_ERR(bl_stream_try_read(stream, &byte, 1), BL_ENOTSUP);
    CHECK_ERR(bl_stream_try_read(NULL, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_try_read(stream, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_stream_shutdown_write(stream), BL_ENOTSUP);
    CHECK_ERR(bl_stream_close(stream), -ENOSPC); /* as abort says */
}

TEST(a_frame_needs_memory) {
    struct shout shout = { 0 };
    bl_stream *stream = NULL;
    famine_begin(0);
    CHECK_ERR(bl_stream_new(&shout_ops, &shout, &stream), BL_ENOMEM);
    famine_end();
    CHECK(stream == NULL);
}

TEST(without_memory_a_kind_is_not_made, .sweep = T_OOM) {
    struct shout shout = { 0 };
    int fds[2];
    bl_stream *stream = NULL;
    socket_pair(fds);
    int rc = bl_stream_take_fd(fds[0], &shout.below);
    if (rc < 0) {
        close(fds[0]);
    } else {
        rc = bl_stream_new(&shout_ops, &shout, &stream);
        if (rc < 0) bl_stream_abort(shout.below);
    }
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM);
    bl_stream_abort(stream);
    close(fds[1]);
}
