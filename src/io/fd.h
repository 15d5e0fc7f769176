/* SPDX-License-Identifier: MIT */
/*
 * io/fd.h - one try at a descriptor, which never blocks
 *
 * Whether a descriptor blocks is up to its owner, and may be shared with other
 * processes; so a try must not depend on it, and not change it.
 */
#ifndef BL__IO_FD_H
#define BL__IO_FD_H

#include <sys/uio.h>

#include <belay/base.h>

/* How a descriptor is tried without blocking; found out by trying. */
enum bl__fd_way {
    BL__FD_AS_SOCKET,  /* MSG_DONTWAIT */
    BL__FD_NOWAIT,     /* RWF_NOWAIT */
    BL__FD_POLL_FIRST, /* poll(), then at most what that promises */
};

/*
 * Reads or writes what is possible now; not to be called with nothing to move.
 *
 * Return the bytes moved, or -1 with errno; EAGAIN means to wait, EINTR is not
 * returned.
 */
ssize_t bl__fd_try_read(int fd, const struct iovec *parts, int count,
                        enum bl__fd_way *way);
ssize_t bl__fd_try_write(int fd, const struct iovec *parts, int count,
                         enum bl__fd_way *way);

/* The code for errno.  A cancellation that is not ours is an I/O error. */
int bl__fd_error(void);

#endif
