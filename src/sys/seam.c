/* SPDX-License-Identifier: MIT */
/*
 * sys/seam.c - where a test gets between us and the system
 *
 * A failure that only says "not now" promises a report of readiness later, and
 * an edge-triggered registration has given its report already.  So it is made
 * to give another one.
 */
#include "sys/seam.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <belay/error.h>

#include "base/hard.h"
#include "base/sigpipe.h"

__thread const struct bl__sys_seam *bl__sys_seam;

/* A part of a message or of a record would not be the same as all of it. */
static bool is_byte_stream(int fd) {
    struct stat status;
    int type = 0;
    socklen_t length = sizeof type;
    if (fstat(fd, &status) < 0) return false;
    if (S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode)) return true;
    if (!S_ISSOCK(status.st_mode)) return false;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return false;
    return type == SOCK_STREAM;
}

bool bl__sys_ask(bl_io_call call, int fd, size_t *bytes) {
    const struct bl__sys_seam *seam = bl__sys_seam;
    bool can_be_short = bytes != NULL && *bytes > 1 && is_byte_stream(fd);
    bl_ssize rc =
        seam->on_io(seam->context, call, fd, can_be_short ? *bytes : 0);
    if (rc < 0) {
        if (rc == BL_EAGAIN) seam->report_again(seam->loop, fd);
        errno = (int)-rc;
        return true;
    }
    if (rc > 0 && can_be_short && (size_t)rc < *bytes) *bytes = (size_t)rc;
    return false;
}

int bl__sys_connect(int fd, const struct sockaddr *address, socklen_t length) {
    bool fails = bl__sys_fails(BL_IO_CONNECT, fd, NULL);
    if (fails && errno != EINTR) return -1;
    int rc = connect(fd, address, length);
    if (!fails || (rc < 0 && errno != EINPROGRESS)) return rc;
    errno = EINTR; /* and it goes on all the same */
    return -1;
}

int bl__sys_close(int fd) {
    int error = 0;
    if (bl__sys_fails(BL_IO_CLOSE, fd, NULL)) error = errno;
    int rc = close(fd);
    if (error == 0 || rc < 0) return rc;
    errno = error;
    return -1;
}

/* It has no flag against the signal, as send() has, and raises it also where it
 * has moved some pages before. */
static ssize_t send_file_quietly(int socket, int file, off_t offset,
                                 size_t bytes) {
    struct bl__sigpipe held;
    bl__sigpipe_hold(&held);
    ssize_t moved = sendfile(socket, file, &offset, bytes);
    int error = errno;
    bl__sigpipe_drop(&held, EPIPE);
    errno = error;
    return moved;
}

/* A cancellation that is not ours is an I/O error. */
static int code_of_send_file(int error) {
    bool is_refused = error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
    if (is_refused) return BL_ENOTSUP;
    return error == ECANCELED ? BL_EIO : -error;
}

bl_ssize bl__sys_send_file(int socket, int file, int64_t offset, size_t bytes) {
    ssize_t moved;
    bytes = bl__hard_part(bytes);
    do {
        moved = -1;
        if (bl__hard_interrupts()) continue;
        if (bl__sys_fails(BL_IO_WRITE, socket, &bytes)) continue;
        moved = send_file_quietly(socket, file, (off_t)offset, bytes);
    } while (moved < 0 && errno == EINTR);
    return moved < 0 ? code_of_send_file(errno) : moved;
}
