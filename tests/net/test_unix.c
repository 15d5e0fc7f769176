/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_unix.c - descriptors and credentials over local streams
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

TEST(descriptors_go_along_with_bytes) {
    bl_stream *ends[2];
    int pipes[2];
    int got[4];
    size_t count = 4;
    char bytes[16];
    pipe_pair(pipes);
    REQUIRE_OK(bl_unix_pair(ends));
    CHECK_EQ(bl_unix_send_fds(ends[0], "two", 3, pipes, 2), 3);
    close(pipes[0]); /* they have gone */
    close(pipes[1]);
    CHECK_EQ(bl_unix_recv_fds(ends[1], bytes, sizeof bytes, got, &count), 3);
    REQUIRE_EQ(count, 2);
    CHECK_MEM(bytes, 3, "two", 3);
    CHECK_NE(fcntl(got[0], F_GETFD) & FD_CLOEXEC, 0);
    say(got[1], "through");
    CHECK_STR(heard(got[0]), "through");
    close(got[0]);
    close(got[1]);
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(bl_stream_close(ends[1]));
}

TEST(what_there_is_no_room_for_is_closed_and_counted) {
    bl_stream *ends[2];
    int files[3] = { plain_file(), plain_file(), plain_file() };
    int got[1];
    size_t count = 1;
    char byte;
    REQUIRE_OK(bl_unix_pair(ends));
    CHECK_EQ(bl_unix_send_fds(ends[0], "x", 1, files, 3), 1);
    CHECK_EQ(bl_unix_recv_fds(ends[1], &byte, 1, got, &count), 1);
    CHECK_EQ(count, 3);
    CHECK(is_open(got[0]));
    close(got[0]);
    for (int i = 0; i < 3; i++)
        close(files[i]);
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(bl_stream_close(ends[1])); /* and no descriptor has leaked */
}

struct taking {
    bl_stream *stream;
    int fd;
    size_t count;
    char bytes[8];
    bl_ssize result;
};

static int take(void *arg) {
    struct taking *taking = arg;
    taking->count = 1;
    taking->result = bl_unix_recv_fds(taking->stream, taking->bytes, 8,
                                      &taking->fd, &taking->count);
    return 0;
}

TEST(receiving_waits_and_can_be_cancelled) {
    bl_stream *ends[2];
    int file = plain_file();
    REQUIRE_OK(bl_unix_pair(ends));
    struct taking taking = { .stream = ends[1] };
    for (int round = 0; round < 2; round++) {
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, take, &taking));
        t_settle();
        if (round == 0) bl_group_cancel(&group);
        if (round == 1) {
            CHECK_EQ(bl_unix_send_fds(ends[0], "x", 1, &file, 1), 1);
        }
        CHECK_OK(bl_group_exit(&group, 0));
        if (round == 0) CHECK_ERR(taking.result, BL_ECANCELED);
    }
    CHECK_EQ(taking.result, 1);
    REQUIRE_EQ(taking.count, 1);
    close(taking.fd);
    /* Bytes alone bring nothing; and then the end. */
    CHECK_OK(bl_stream_write_all(ends[0], "bye", 3, NULL));
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(take(&taking));
    CHECK_EQ(taking.result, 3);
    CHECK_EQ(taking.count, 0);
    CHECK_OK(take(&taking));
    CHECK_EQ(taking.result, 0);
    CHECK_OK(bl_stream_close(ends[1]));
    close(file);
}

struct giving {
    bl_stream *stream;
    int fd;
    bl_ssize result;
    bool has_ended;
};

static int give(void *arg) {
    struct giving *giving = arg;
    giving->result = bl_unix_send_fds(giving->stream, "x", 1, &giving->fd, 1);
    giving->has_ended = true;
    return 0;
}

TEST(sending_waits_for_room) {
    bl_stream *ends[2];
    REQUIRE_OK(bl_unix_pair(ends));
    struct giving giving = { .stream = ends[0], .fd = plain_file() };
    fill(bl_stream_fd(ends[0]));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, give, &giving));
    t_settle();
    CHECK(!giving.has_ended);
    CHECK_GT(drain(bl_stream_fd(ends[1])), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(giving.result, 1);
    close(giving.fd);
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(bl_stream_close(ends[1]));
}

TEST(the_kernel_says_who_is_there) {
    bl_stream *ends[2];
    bl_unix_peer peer;
    REQUIRE_OK(bl_unix_pair(ends));
    CHECK_OK(bl_unix_get_peer(ends[0], &peer));
    CHECK_EQ(peer.pid, getpid());
    CHECK_EQ(peer.uid, geteuid());
    CHECK_EQ(peer.gid, getegid());
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(bl_stream_close(ends[1]));
}

static void pair_without_loop(void *arg) {
    CHECK_ERR(bl_unix_pair(arg), BL_ENOLOOP);
}

TEST(bad_arguments_are_refused) {
    bl_stream *ends[2] = { NULL, NULL };
    bl_stream *tcp;
    bl_stream *memory[2];
    bl_unix_peer peer;
    int fds[2];
    int fd = 0;
    size_t none = 0;
    size_t one = 1;
    char byte;
    CHECK_ERR(bl_unix_pair(NULL), BL_EINVAL);
    on_thread(pair_without_loop, ends);
    REQUIRE_OK(bl_unix_pair(ends));
    tcp_pair(fds);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &tcp));
    REQUIRE_OK(bl_mem_pair(0, memory));
    CHECK_ERR(bl_unix_send_fds(NULL, "x", 1, &fd, 1), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(ends[0], NULL, 1, &fd, 1), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 0, &fd, 1), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 1, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 1, &fd, 0), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 1, &fd, BL_UNIX_FDS_MAX + 1),
              BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(tcp, "x", 1, &fd, 1), BL_EINVAL);
    CHECK_ERR(bl_unix_send_fds(memory[0], "x", 1, &fd, 1), BL_EINVAL);
    fd = 999;
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 1, &fd, 1), BL_EBADF);
    CHECK_ERR(bl_unix_recv_fds(ends[0], &byte, 1, &fd, NULL), BL_EINVAL);
    CHECK_ERR(bl_unix_recv_fds(ends[0], &byte, 1, &fd, &none), BL_EINVAL);
    CHECK_ERR(bl_unix_recv_fds(ends[0], &byte, 0, &fd, &one), BL_EINVAL);
    CHECK_ERR(bl_unix_recv_fds(tcp, &byte, 1, &fd, &one), BL_EINVAL);
    CHECK_ERR(bl_unix_get_peer(NULL, &peer), BL_EINVAL);
    CHECK_ERR(bl_unix_get_peer(ends[0], NULL), BL_EINVAL);
    CHECK_ERR(bl_unix_get_peer(tcp, &peer), BL_EINVAL);
    bl_stream_abort(tcp);
    close(fds[1]);
    for (int i = 0; i < 2; i++) {
        bl_stream_abort(ends[i]);
        bl_stream_abort(memory[i]);
    }
}

TEST(without_a_descriptor_left_no_pair_is_made) {
    bl_stream *first[2];
    bl_stream *ends[2] = { NULL, NULL };
    REQUIRE_OK(bl_unix_pair(first)); /* the driver is open */
    limit_descriptors(1);
    int rc = bl_unix_pair(ends);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(ends[0] == NULL);
    bl_stream_abort(first[0]);
    bl_stream_abort(first[1]);
}

/* The kernel installs those for which there is room in the process, and says no
 * more than that there were others. */
TEST(without_room_for_all_descriptors_none_is_handed_over) {
    for (int spare = 0; spare < 2; spare++) {
        bl_stream *ends[2];
        int files[2] = { plain_file(), plain_file() };
        int got[2] = { -1, -1 };
        size_t count = 2;
        char bytes[4];
        REQUIRE_OK(bl_unix_pair(ends));
        CHECK_EQ(bl_unix_send_fds(ends[0], "lost", 4, files, 2), 4);
        limit_descriptors(spare);
        bl_ssize rc = bl_unix_recv_fds(ends[1], bytes, 4, got, &count);
        int next = dup(0); /* where the one was that is closed again */
        unlimit_descriptors();
        CHECK_ERR(rc, BL_EMFILE);
        CHECK_EQ(count, 2); /* as it was */
        CHECK_EQ(got[0], -1);
        CHECK_EQ(next >= 0, spare > 0);
        if (next >= 0) close(next);
        /* The stream goes on with what was sent next. */
        CHECK_EQ(bl_unix_send_fds(ends[0], "next", 4, files, 2), 4);
        CHECK_EQ(bl_unix_recv_fds(ends[1], bytes, 4, got, &count), 4);
        CHECK_MEM(bytes, 4, "next", 4);
        REQUIRE_EQ(count, 2);
        for (int i = 0; i < 2; i++) {
            close(got[i]);
            close(files[i]);
            bl_stream_abort(ends[i]);
        }
    }
}

/* They come first, in the room for what comes along. */
TEST(credentials_that_come_along_take_no_room_from_descriptors) {
    enum {
        MANY = 253 /* as many as the kernel passes at once */
    };
    int fds[2];
    int on = 1;
    int got[1];
    size_t count = 1;
    char byte = 0;
    bl_stream *stream;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(MANY * sizeof(int))];
    } control;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    REQUIRE_EQ(
        setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, (socklen_t)sizeof on),
        0);
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET,
        .cmsg_type = SCM_RIGHTS,
        .cmsg_len = CMSG_LEN(MANY * sizeof(int)),
    };
    for (size_t i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fds[1],
               sizeof(int));
    REQUIRE_EQ(sendmsg(fds[1], &message, 0), 1);
    CHECK_EQ(bl_unix_recv_fds(stream, &byte, 1, got, &count), 1);
    CHECK_EQ(count, MANY);
    CHECK(is_open(got[0]));
    close(got[0]);
    close(fds[1]);
    bl_stream_abort(stream);
}

TEST(in_a_cancelled_scope_or_without_memory_nothing_is_passed) {
    bl_stream *ends[2];
    bl_stream *others[2] = { NULL, NULL };
    bl_scope scope;
    int fd = 0;
    size_t count = 1;
    char byte;
    REQUIRE_OK(bl_unix_pair(ends));
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_unix_send_fds(ends[0], "x", 1, &fd, 1), BL_ECANCELED);
    CHECK_ERR(bl_unix_recv_fds(ends[0], &byte, 1, &fd, &count), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    for (int spare = 0; spare < 2; spare++) {
        famine_begin(spare);
        CHECK_ERR(bl_unix_pair(others), BL_ENOMEM);
        famine_end();
    }
    CHECK(others[0] == NULL);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    bl_stream *ends[2] = { NULL, NULL };
    int file = plain_file();
    int got = -1;
    size_t count = 1;
    char byte;
    int rc = bl_unix_pair(ends);
    if (rc == 0) rc = (int)bl_unix_send_fds(ends[0], "x", 1, &file, 1);
    if (rc > 0) rc = (int)bl_unix_recv_fds(ends[1], &byte, 1, &got, &count);
    if (!t_injected()) CHECK_EQ(rc, 1);
    if (rc > 0) close(got);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
    close(file);
}
