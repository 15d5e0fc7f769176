/* SPDX-License-Identifier: MIT */
/*
 * io/io.c - waiting for plain descriptors, and reading and writing them
 *
 * A call tries first, and waits only when the system says that it would block.
 * The try itself must never block, whatever flags the descriptor has, for they
 * belong to its owner and may be shared with other processes:
 *
 *   sockets           MSG_DONTWAIT
 *   pipes, files      RWF_NOWAIT, where the kernel knows it for them
 *   everything else   poll() first, and a write so that it takes a part
 *
 * Files that cannot be waited for are read and written directly.
 *
 * While a task uses a descriptor and may be suspended, its watch stays in the
 * loop's table, so that bl_fd_close finds it: after that the number may name
 * something else already, and the task must not touch it any more.
 */
#include <belay/error.h>
#include <belay/io.h>
#include <belay/park.h>
#include <belay/task.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"
#include "io/fd.h"
#include "sys/seam.h"

/* Between two tries where the system offers nothing to wait for. */
#define FD_RETRY_NS BL_MS(1)

/* One task's use of one direction of a descriptor; on its stack. */
struct fd_use {
    bl_park park;
    bl_watch watch;
    unsigned events; /* asked for */
    unsigned ready;  /* reported since the last try */
    bool is_watching;
    bool is_parked;
    bool is_closed; /* bl_fd_close was here: the number is not ours */
};

int bl__fd_error(void) {
    BL__ASSERT(errno > 0);
    return errno == ECANCELED ? BL_EIO : -errno;
}

/* ---- waiting ----------------------------------------------------------- */

static void fd_on_ready(void *context, unsigned events) {
    struct fd_use *use = context;
    if (events == 0) use->is_closed = true;
    use->ready |= events;
    if (!use->is_parked || bl_park_is_woken(&use->park)) return;
    bl_park_wake(&use->park, 0);
}

static bl_abort fd_on_abort(bl_park *park) {
    struct fd_use *use = bl__container_of(park, struct fd_use, park);
    use->is_parked = false;
    return BL_ABORTED;
}

static void fd_use_begin(struct fd_use *use, int fd, unsigned events) {
    *use = (struct fd_use){ .events = events };
    bl_watch_init(&use->watch, fd, fd_on_ready, use);
}

static void fd_use_end(struct fd_use *use) {
    bl_watch_stop(&use->watch);
}

/*
 * Waits until the descriptor is ready.  Readiness that came before a
 * cancellation counts: the caller tries, and returns what it got.
 *
 * Returns 0; BL_EPERM if the file cannot be waited for.
 */
static int fd_use_wait(struct fd_use *use) {
    if (!use->is_watching) {
        int rc = bl_watch_start(bl_loop_running(), &use->watch, use->events);
        if (rc < 0) return rc;
        use->is_watching = true;
    }
    bl_park_init(&use->park, "descriptor", use, fd_on_abort);
    use->ready = 0;
    use->is_parked = true;
    int rc = bl_park_wait(&use->park);
    use->is_parked = false;
    return use->is_closed ? BL_ECLOSED : rc;
}

int bl_fd_wait(int fd, unsigned events) {
    const unsigned known = BL_READABLE | BL_WRITABLE;
    if (events == 0) return BL_EINVAL;
    if ((events & ~known) != 0) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    struct fd_use use;
    fd_use_begin(&use, fd, events);
    rc = fd_use_wait(&use);
    fd_use_end(&use);
    if (rc == BL_EPERM) return (int)events; /* a plain file never blocks */
    if (rc < 0) return rc;
    BL__ASSERT((use.ready & events) != 0);
    return (int)(use.ready & events);
}

/* ---- trying ------------------------------------------------------------ */

/* Whether read() or write() would go on without waiting, now. */
static bool fd_is_ready(int fd, short events) {
    struct pollfd item = { .fd = fd, .events = events };
    return poll(&item, 1, 0) != 0; /* failed: let the call itself say why */
}

static bool fd_lacks_nowait(void) {
    return errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
}

/* What a seam may have failed, or shortened: then `*parts` is a copy of the
 * first one. */
static bool fd_fails(bl_io_call call, int fd, const struct iovec **parts,
                     int *count, struct iovec *first) {
    if (bl__hard_interrupts()) return true;
    if (BL__LIKELY(bl__sys_seam == NULL)) return false;
    *first = **parts;
    *parts = first;
    *count = 1;
    return bl__sys_fails(call, fd, &first->iov_len);
}

/* recv() is a little cheaper than recvmsg(), and almost always enough. */
static ssize_t fd_receive(int fd, const struct iovec *parts, int count) {
    if (count == 1) {
        return recv(fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT);
    }
    struct msghdr message = { .msg_iovlen = (size_t)count };
    memcpy(&message.msg_iov, &parts, sizeof parts); /* it has no const */
    return recvmsg(fd, &message, MSG_DONTWAIT);
}

static ssize_t fd_read_once(int fd, const struct iovec *parts, int count,
                            enum bl__fd_way *way) {
    ssize_t moved;
    if (*way == BL__FD_AS_SOCKET) {
        moved = fd_receive(fd, parts, count);
        if (moved >= 0 || errno != ENOTSOCK) return moved;
        *way = BL__FD_NOWAIT;
    }
    if (*way == BL__FD_NOWAIT) {
        moved = preadv2(fd, parts, count, -1, RWF_NOWAIT);
        if (moved >= 0 || !fd_lacks_nowait()) return moved;
        *way = BL__FD_POLL_FIRST;
    }
    if (!fd_is_ready(fd, POLLIN)) {
        errno = EAGAIN;
        return -1;
    }
    return readv(fd, parts, count);
}

ssize_t bl__fd_try_read(int fd, const struct iovec *parts, int count,
                        enum bl__fd_way *way) {
    struct iovec first;
    ssize_t moved;
    do {
        moved = -1;
        if (fd_fails(BL_IO_READ, fd, &parts, &count, &first)) continue;
        moved = fd_read_once(fd, parts, count, way);
    } while (BL__UNLIKELY(moved < 0 && errno == EINTR));
    return moved;
}

/*
 * Some calls block unless the descriptor itself says not to.  Its flag is set
 * for the length of one system call; nobody else of this loop runs meanwhile.
 *
 * Returns the flags to restore, 0 if there is nothing to do.  (What is open
 * for writing, as every socket is, has flags that are not 0.)
 */
static int fd_unblock(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK)) return 0;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return 0;
    return flags;
}

static void fd_reblock(int fd, int flags) {
    int error = errno;
    if (flags != 0) BL_IGNORE(fcntl(fd, F_SETFL, flags) < 0); /* as it was */
    errno = error;
}

/* Opened anew, a terminal or a pipe is the same; other devices may not be,
 * and the master of a terminal is not: that makes another terminal. */
static bool fd_can_be_twinned(int fd, mode_t mode) {
    unsigned number;
    if (S_ISFIFO(mode)) return true;
    return isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

/* Returns a descriptor of ours for the same file that does not block, or -1. */
static int fd_open_twin(int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/*
 * A terminal, or a pipe of an older kernel, that is ready takes a part of what
 * is written and then blocks for the rest.  The flag against that is shared
 * with every process that has the terminal, so it is opened anew for this one
 * write.  Where that cannot be, the flag is set while we write.
 */
static ssize_t fd_write_ready(int fd, const struct iovec *parts, int count) {
    struct stat status;
    if (!fd_is_ready(fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    if (fstat(fd, &status) < 0) return -1;
    bool may_block = S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode);
    if (!may_block) return writev(fd, parts, count);

    int twin = -1;
    if (fd_can_be_twinned(fd, status.st_mode)) twin = fd_open_twin(fd);
    if (twin < 0) {
        int flags = fd_unblock(fd);
        ssize_t moved = writev(fd, parts, count);
        fd_reblock(fd, flags);
        return moved;
    }
    ssize_t moved = writev(twin, parts, count);
    int error = errno;
    close(twin);
    errno = error;
    return moved;
}

static ssize_t fd_send(int fd, const struct iovec *parts, int count) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1) return send(fd, parts->iov_base, parts->iov_len, flags);
    struct msghdr message = { .msg_iovlen = (size_t)count };
    memcpy(&message.msg_iov, &parts, sizeof parts); /* it has no const */
    return sendmsg(fd, &message, flags);
}

static ssize_t fd_write_once(int fd, const struct iovec *parts, int count,
                             enum bl__fd_way *way) {
    ssize_t moved;
    if (*way == BL__FD_AS_SOCKET) {
        moved = fd_send(fd, parts, count);
        if (moved >= 0 || errno != ENOTSOCK) return moved;
        *way = BL__FD_NOWAIT;
    }
    if (*way == BL__FD_NOWAIT) {
        moved = pwritev2(fd, parts, count, -1, RWF_NOWAIT);
        if (moved >= 0 || !fd_lacks_nowait()) return moved;
        *way = BL__FD_POLL_FIRST;
    }
    return fd_write_ready(fd, parts, count);
}

ssize_t bl__fd_try_write(int fd, const struct iovec *parts, int count,
                         enum bl__fd_way *way) {
    struct iovec first;
    ssize_t moved;
    do {
        moved = -1;
        if (fd_fails(BL_IO_WRITE, fd, &parts, &count, &first)) continue;
        moved = fd_write_once(fd, parts, count, way);
    } while (BL__UNLIKELY(moved < 0 && errno == EINTR));
    return moved;
}

/* ---- reading and writing ----------------------------------------------- */

/* What reading and writing have in common: try, wait, try again. */
struct fd_transfer {
    int fd;
    unsigned events;
    struct iovec part;
    enum bl__fd_way way;
};

static ssize_t fd_try_transfer(struct fd_transfer *transfer) {
    if (transfer->events == BL_READABLE) {
        return bl__fd_try_read(transfer->fd, &transfer->part, 1,
                               &transfer->way);
    }
    return bl__fd_try_write(transfer->fd, &transfer->part, 1, &transfer->way);
}

/* The way of those who have to wait. */
static bl_ssize fd_transfer_slowly(struct fd_transfer *transfer) {
    struct fd_use use;
    bl_ssize result;
    fd_use_begin(&use, transfer->fd, transfer->events);
    for (;;) {
        int rc = fd_use_wait(&use);
        /* A plain file: what would block is the disk, and that is allowed. */
        if (rc == BL_EPERM) transfer->way = BL__FD_POLL_FIRST;
        if (rc < 0 && rc != BL_EPERM) {
            result = rc;
            break;
        }
        result = fd_try_transfer(transfer);
        if (result >= 0) break;
        if (errno != EAGAIN) {
            result = bl__fd_error();
            break;
        }
        result = bl_checkpoint();
        if (use.is_closed) result = BL_ECLOSED;
        if (result < 0) break;
    }
    fd_use_end(&use);
    return result;
}

static bl_ssize fd_transfer_all_ways(struct fd_transfer *transfer) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    /* A socket would wait for data even if there is no room for any. */
    if (transfer->part.iov_len == 0 && transfer->events == BL_READABLE) {
        return 0;
    }
    ssize_t count = fd_try_transfer(transfer);
    if (count >= 0) return count;
    if (errno != EAGAIN) return bl__fd_error();
    return fd_transfer_slowly(transfer);
}

bl_ssize bl_fd_read(int fd, void *buffer, size_t bytes) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    struct fd_transfer transfer = {
        .fd = fd,
        .events = BL_READABLE,
        .part = { .iov_base = buffer, .iov_len = bytes },
    };
    return fd_transfer_all_ways(&transfer);
}

bl_ssize bl_fd_write(int fd, const void *buffer, size_t bytes) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    struct fd_transfer transfer = {
        .fd = fd,
        .events = BL_WRITABLE,
        .part = { .iov_len = bytes },
    };
    memcpy(&transfer.part.iov_base, &buffer, sizeof buffer); /* no const */
    return fd_transfer_all_ways(&transfer);
}

/* ---- accepting and connecting ------------------------------------------ */

static int fd_try_accept(int fd, struct sockaddr *address, socklen_t *length) {
    int flags = fd_unblock(fd);
    int accepted;
    do {
        accepted = -1;
        if (bl__sys_fails(BL_IO_ACCEPT, fd, NULL)) continue;
        accepted = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (accepted < 0 && bl__accept_may_go_on(errno));
    fd_reblock(fd, flags);
    return accepted >= 0 ? accepted : bl__fd_error();
}

int bl_fd_accept(int fd, struct sockaddr *address, socklen_t *length) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = fd_try_accept(fd, address, length);
    if (rc != BL_EAGAIN) return rc;

    struct fd_use use;
    fd_use_begin(&use, fd, BL_READABLE);
    for (;;) {
        rc = fd_use_wait(&use);
        if (rc < 0) break;
        rc = fd_try_accept(fd, address, length);
        if (rc != BL_EAGAIN) break;
        rc = bl_checkpoint(); /* another process was faster */
        if (use.is_closed) rc = BL_ECLOSED;
        if (rc < 0) break;
    }
    fd_use_end(&use);
    return rc;
}

/* Returns 0 once connected, BL_EALREADY while it is under way, or the error. */
static int fd_connect_state(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
        return bl__fd_error();
    }
    if (error != 0) {
        errno = error;
        return bl__fd_error();
    }
    struct sockaddr_storage peer;
    length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0) return 0;
    return errno == ENOTCONN ? BL_EALREADY : bl__fd_error();
}

static int fd_connect_wait(int fd) {
    struct fd_use use;
    int rc;
    fd_use_begin(&use, fd, BL_WRITABLE);
    for (;;) {
        rc = fd_use_wait(&use);
        if (rc < 0) break;
        rc = fd_connect_state(fd);
        if (rc != BL_EALREADY) break;
        rc = bl_checkpoint();
        if (use.is_closed) rc = BL_ECLOSED;
        if (rc < 0) break;
    }
    fd_use_end(&use);
    return rc;
}

int bl_fd_connect(int fd, const struct sockaddr *address, socklen_t length) {
    for (;;) {
        int rc = bl_checkpoint();
        if (rc < 0) return rc;
        int flags = fd_unblock(fd);
        rc = bl__sys_connect(fd, address, length);
        fd_reblock(fd, flags);
        if (rc == 0) return 0;
        if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR) {
            return fd_connect_wait(fd);
        }
        if (errno != EAGAIN) return bl__fd_error();
        /* The queue of a local listener is full, and it does not tell when it
         * no longer is. */
        rc = bl_sleep(FD_RETRY_NS);
        if (rc < 0) return rc;
    }
}

int bl_fd_close(int fd) {
    bl_watch watch;
    bl_watch_init(&watch, fd, NULL, NULL);
    return bl_watch_close(&watch);
}
