/* SPDX-License-Identifier: MIT */
/*
 * net/unix.c - descriptors and credentials over local streams
 *
 * The system calls are made here, on the stream's descriptor; waiting is the
 * stream's.  Descriptors ride on the first byte of a write, so a write that
 * moved anything has passed them.  Receiving never leaves any behind: there is
 * room for as many as the kernel passes at once, and what the caller has no
 * room for is closed.
 *
 * The kernel installs what it can and drops the others, of which it tells by a
 * flag and not how many they were.  Some of a set are of no use to anybody who
 * does not know which, so then none is handed out.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/unix.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "sys/seam.h"

enum {
    UNIX_KERNEL_FDS_MAX = 253, /* SCM_MAX_FD */

    /* Credentials come in front of them, if the owner of the descriptor has
     * asked the kernel for any. */
    UNIX_CONTROL_BYTES = CMSG_SPACE(UNIX_KERNEL_FDS_MAX * sizeof(int)) +
                         CMSG_SPACE(sizeof(struct ucred))
};

static int unix_error(void) {
    return errno == ECANCELED ? BL_EIO : -errno;
}

static bool is_local(const bl_stream *stream) {
    int domain = 0;
    socklen_t length = sizeof domain;
    int fd = bl_stream_fd(stream);
    if (fd < 0) return false;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) {
        return false;
    }
    return domain == AF_UNIX;
}

static int unix_check(const bl_stream *stream, const void *data, size_t bytes,
                      const int *fds, size_t count) {
    if (stream == NULL || data == NULL || fds == NULL) return BL_EINVAL;
    if (bytes == 0 || count == 0) return BL_EINVAL;
    if (count > BL_UNIX_FDS_MAX) return BL_EINVAL;
    return is_local(stream) ? 0 : BL_EINVAL;
}

/* ---- sending ----------------------------------------------------------- */

static bl_ssize unix_try_send(bl_stream *stream, const void *data, size_t bytes,
                              const int *fds, size_t count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(BL_UNIX_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = { .iov_len = bytes };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };
    memset(&control, 0, sizeof control);
    memcpy(&part.iov_base, &data, sizeof data); /* it has no const */
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    int fd = bl_stream_fd(stream);
    ssize_t moved;
    do {
        moved = -1;
        if (bl__sys_fails(BL_IO_WRITE, fd, &part.iov_len)) continue;
        moved = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    return moved >= 0 ? moved : unix_error();
}

bl_ssize bl_unix_send_fds(bl_stream *stream, const void *data, size_t bytes,
                          const int *fds, size_t count) {
    int rc = unix_check(stream, data, bytes, fds, count);
    if (rc < 0) return rc;
    for (;;) {
        rc = bl_stream_wait(stream, BL_WRITABLE);
        if (rc < 0) return rc;
        bl_ssize moved = unix_try_send(stream, data, bytes, fds, count);
        if (moved != BL_EAGAIN) return moved;
    }
}

/* ---- receiving --------------------------------------------------------- */

/* Gives the caller what there is room for, and closes the rest. */
static void unix_take(const struct cmsghdr *header, int *fds, size_t room,
                      size_t *count) {
    size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < passed; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        if (*count < room) {
            fds[*count] = fd;
        } else {
            close(fd);
        }
        ++*count;
    }
}

/* Does so with all that came.  Returns how many there were. */
static size_t unix_take_all(struct msghdr *message, int *fds, size_t room) {
    size_t count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    for (; header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type != SCM_RIGHTS) continue;
        unix_take(header, fds, room, &count);
    }
    return count;
}

static bl_ssize unix_try_recv(bl_stream *stream, void *buffer, size_t bytes,
                              int *fds, size_t room, size_t *count) {
    union {
        struct cmsghdr header;
        char bytes[UNIX_CONTROL_BYTES];
    } control;
    struct iovec part = { .iov_base = buffer, .iov_len = bytes };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    int fd = bl_stream_fd(stream);
    ssize_t moved;
    do {
        moved = -1;
        if (bl__sys_fails(BL_IO_READ, fd, &part.iov_len)) continue;
        moved = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (moved < 0 && errno == EINTR);
    if (moved < 0) return unix_error();

    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        unix_take_all(&message, NULL, 0);
        return BL_ERR(BL_EMFILE,
                      "descriptors came that the process could not take");
    }
    *count = unix_take_all(&message, fds, room);
    return moved;
}

bl_ssize bl_unix_recv_fds(bl_stream *stream, void *buffer, size_t bytes,
                          int *fds, size_t *count) {
    if (count == NULL) return BL_EINVAL;
    size_t room = *count;
    int rc = unix_check(stream, buffer, bytes, fds, room);
    if (rc < 0) return rc;
    for (;;) {
        rc = bl_stream_wait(stream, BL_READABLE);
        if (rc < 0) return rc;
        bl_ssize moved = unix_try_recv(stream, buffer, bytes, fds, room, count);
        if (moved != BL_EAGAIN) return moved;
    }
}

/* ---- the rest ---------------------------------------------------------- */

int bl_unix_get_peer(const bl_stream *stream, bl_unix_peer *peer) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (stream == NULL || peer == NULL) return BL_EINVAL;
    if (!is_local(stream)) return BL_EINVAL;
    if (getsockopt(bl_stream_fd(stream), SOL_SOCKET, SO_PEERCRED, &credentials,
                   &length) < 0) {
        return unix_error();
    }
    *peer = (bl_unix_peer){
        .pid = credentials.pid,
        .uid = credentials.uid,
        .gid = credentials.gid,
    };
    return 0;
}

int bl_unix_pair(bl_stream *ends[2]) {
    bl_stream *made[2];
    int fds[2];
    if (ends == NULL) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (socketpair(AF_UNIX, type, 0, fds) < 0) return unix_error();
    int rc = bl_stream_take_fd(fds[0], &made[0]);
    if (rc < 0) goto close_both;
    rc = bl_stream_take_fd(fds[1], &made[1]);
    if (rc < 0) goto abort_first;
    ends[0] = made[0];
    ends[1] = made[1];
    return 0;

abort_first:
    bl_stream_abort(made[0]);
    close(fds[1]);
    return rc;
close_both:
    close(fds[0]);
    close(fds[1]);
    return rc;
}
