/* SPDX-License-Identifier: MIT */
/*
 * io/stream_fd.c - streams over descriptors: sockets, pipes, terminals
 *
 * A descriptor is watched once, edge-triggered, for as long as the stream
 * lives.  Two flags tell in which directions a system call is worth trying;
 * the watch raises them, a call that would block lowers them.  For TCP a read
 * that returns less than there was room for has emptied the socket and lowers
 * the flag too, which saves one call per request.  It does not count once the
 * peer has closed, or has sent urgent bytes: then more may be left, and no
 * further edge may come.
 *
 * A socket has one descriptor and one watch for both directions.  Everything
 * else is a *pipe* here: a descriptor per direction, or one for both, tried as
 * io/fd.h does, so that flags which others share are left alone.  What cannot
 * be watched, a plain file, is always worth trying.
 *
 * Invariant: waits[d] != NULL <-> a task is parked in that direction.
 */
#include <belay/park.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"
#include "base/sigpipe.h"
#include "io/fd.h"
#include "io/socket.h"
#include "io/stream.h"
#include "sys/driver.h"
#include "sys/seam.h"

/* A task that waits, on its stack; it forgets itself when it is cancelled. */
struct fd_wait {
    bl_park park;
    struct fd_wait **place;
};

struct fd_stream {
    bl_stream frame;
    /* What every request touches stands together. */
    unsigned ready; /* BL_READABLE, BL_WRITABLE: worth trying */
    int fds[2];     /* -1: that direction is closed */
    bool is_tcp;
    bool has_hung_up; /* or urgent bytes: a short read proves nothing */
    bool is_untried;  /* nobody has read yet, or was told that he could */
    bool is_borrowed; /* the descriptors stay open */
    bool has_tls;     /* by the kernel: closing it may raise a signal */
    struct fd_wait *waits[2];
    bl_watch watches[2];
    enum bl__fd_way ways[2];
};

static const unsigned fd_events[2] = { BL_READABLE, BL_WRITABLE };
static const char *const fd_nouns[2] = { "stream read", "stream write" };

static struct fd_stream *fd_self(bl_stream *stream) {
    return bl__container_of(stream, struct fd_stream, frame);
}

/* ---- readiness --------------------------------------------------------- */

static void fd_wake(struct fd_stream *self, enum bl__direction direction,
                    int rc) {
    struct fd_wait *wait = self->waits[direction];
    if (wait == NULL) return;
    self->waits[direction] = NULL;
    bl_park_wake(&wait->park, rc);
}

static void fd_stream_on_ready(void *context, unsigned events) {
    struct fd_stream *self = context;
    self->ready |= events & (BL_READABLE | BL_WRITABLE);
    if (events & BL__HANGUP) self->has_hung_up = true;
    if (events & BL_READABLE) fd_wake(self, BL__READING, 0);
    if (events & BL_WRITABLE) fd_wake(self, BL__WRITING, 0);
}

/* The descriptor stays watched; only this task's interest ends. */
static bl_abort fd_wait_on_abort(bl_park *park) {
    struct fd_wait *wait = bl__container_of(park, struct fd_wait, park);
    BL__ASSERT(*wait->place == wait);
    *wait->place = NULL;
    return BL_ABORTED;
}

/* Waits until the direction is worth trying. */
static BL__INLINE int fd_park(struct fd_stream *self,
                              enum bl__direction direction) {
    struct fd_wait wait = { .place = &self->waits[direction] };
    BL__ASSERT((self->ready & fd_events[direction]) == 0);
    BL__ASSERT(self->waits[direction] == NULL);
    bl_park_init(&wait.park, fd_nouns[direction], self, fd_wait_on_abort);
    self->waits[direction] = &wait;
    /* A socket has one watch; for a pipe it would not be worth the while. */
    self->watches[0]._fetch[0] = &wait;
    self->watches[0]._fetch[1] = wait.park._task;
    self->frame.credit = BL__STREAM_CREDIT_BYTES;
    int rc = bl_park_wait(&wait.park);
    return self->frame.is_closed ? BL_ECLOSED : rc;
}

/* ---- sockets ----------------------------------------------------------- */

/* One buffer, and nobody in between: the usual case of a try in short. */
static BL__INLINE bool socket_is_plain(int count) {
    return !BL__HARD && BL__LIKELY(count == 1) &&
           BL__LIKELY(bl__sys_seam == NULL);
}

static BL__INLINE ssize_t socket_receive(int fd, const struct iovec *parts,
                                         int count) {
    enum bl__fd_way way = BL__FD_AS_SOCKET;
    if (socket_is_plain(count)) {
        ssize_t moved = recv(fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT);
        if (BL__LIKELY(moved >= 0 || errno != EINTR)) return moved;
    }
    return bl__fd_try_read(fd, parts, count, &way);
}

static BL__INLINE ssize_t socket_send(int fd, const struct iovec *parts,
                                      int count) {
    enum bl__fd_way way = BL__FD_AS_SOCKET;
    if (socket_is_plain(count)) {
        ssize_t moved = send(fd, parts->iov_base, parts->iov_len,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (BL__LIKELY(moved >= 0 || errno != EINTR)) return moved;
    }
    return bl__fd_try_write(fd, parts, count, &way);
}

/* Reads what is there; BL_EAGAIN with the flag lowered if nothing is. */
static BL__INLINE bl_ssize socket_try_read(struct fd_stream *self,
                                           const struct iovec *parts,
                                           int count) {
    ssize_t moved = socket_receive(self->fds[0], parts, count);
    self->is_untried = false;
    if (BL__LIKELY(moved > 0)) {
        bool is_drained = count == 1 && (size_t)moved < parts->iov_len &&
                          self->is_tcp && !self->has_hung_up;
        if (BL__UNLIKELY(bl__sys_seam != NULL)) is_drained = false;
        if (is_drained) self->ready &= ~(unsigned)BL_READABLE;
        bl__stream_spend(&self->frame, (size_t)moved);
        return moved;
    }
    if (moved == 0) return 0;
    if (errno != EAGAIN) return bl__fd_error();
    self->ready &= ~(unsigned)BL_READABLE;
    return BL_EAGAIN;
}

BL__INLINED bl_ssize bl__socket_read(bl_stream *stream,
                                     const struct iovec *parts, int count) {
    struct fd_stream *self = fd_self(stream);
    for (;;) {
        if (self->ready & BL_READABLE) {
            bl_ssize moved = socket_try_read(self, parts, count);
            if (BL__LIKELY(moved != BL_EAGAIN)) return moved;
        }
        int rc = fd_park(self, BL__READING);
        if (rc < 0) return rc;
    }
}

/* A lowered flag is no proof: the system may know more than was reported. */
static bl_ssize socket_try_read_now(void *self, const struct iovec *parts,
                                    int count) {
    return socket_try_read(self, parts, count);
}

static BL__INLINE bl_ssize socket_try_write(struct fd_stream *self,
                                            const struct iovec *parts,
                                            int count) {
    ssize_t moved = socket_send(self->fds[0], parts, count);
    if (BL__LIKELY(moved >= 0)) {
        bl__stream_spend(&self->frame, (size_t)moved);
        return moved;
    }
    if (errno != EAGAIN) return bl__fd_error();
    self->ready &= ~(unsigned)BL_WRITABLE;
    return BL_EAGAIN;
}

BL__INLINED bl_ssize bl__socket_write(bl_stream *stream,
                                      const struct iovec *parts, int count) {
    struct fd_stream *self = fd_self(stream);
    for (;;) {
        if (self->ready & BL_WRITABLE) {
            bl_ssize moved = socket_try_write(self, parts, count);
            if (BL__LIKELY(moved != BL_EAGAIN)) return moved;
        }
        int rc = fd_park(self, BL__WRITING);
        if (rc < 0) return rc;
    }
}

static bl_ssize socket_read(void *self, const struct iovec *parts, int count) {
    return bl__socket_read(self, parts, count);
}

static bl_ssize socket_write(void *self, const struct iovec *parts, int count) {
    return bl__socket_write(self, parts, count);
}

/* sendfile() has no flag against blocking; only the socket itself has. */
static bool socket_blocks(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_NONBLOCK) == 0;
}

static bl_ssize socket_send_file(void *context, int file_fd, int64_t offset,
                                 size_t bytes) {
    struct fd_stream *self = context;
    if (socket_blocks(self->fds[0])) return BL_ENOTSUP;
    for (;;) {
        if (self->ready & BL_WRITABLE) {
            bl_ssize moved =
                bl__sys_send_file(self->fds[0], file_fd, offset, bytes);
            if (moved != BL_EAGAIN) return moved;
            self->ready &= ~(unsigned)BL_WRITABLE;
        }
        int rc = fd_park(self, BL__WRITING);
        if (rc < 0) return rc;
    }
}

static int socket_shutdown_write(void *self) {
    const struct fd_stream *stream = self;
    int fd = stream->fds[BL__WRITING];
    if (bl__sys_fails(BL_IO_SHUTDOWN, fd, NULL)) return bl__fd_error();
    return shutdown(fd, SHUT_WR) == 0 ? 0 : bl__fd_error();
}

/* ---- pipes ------------------------------------------------------------- */

/* The read may have come before the loop's report, so the system is asked.
 * Leaves errno as it is. */
static bool pipe_has_hung_up(const struct fd_stream *self) {
    struct pollfd item = { .fd = self->fds[BL__READING], .events = POLLIN };
    int saved_errno = errno;
    bool has_hung_up = self->has_hung_up;
    if (poll(&item, 1, 0) > 0 && (item.revents & POLLHUP)) has_hung_up = true;
    errno = saved_errno;
    return has_hung_up;
}

/* Reads what is there; BL_EAGAIN with the flag lowered if nothing is. */
static bl_ssize pipe_try_read(void *context, const struct iovec *parts,
                              int count) {
    struct fd_stream *self = context;
    if (self->fds[BL__READING] < 0) return 0;
    ssize_t moved = bl__fd_try_read(self->fds[BL__READING], parts, count,
                                    &self->ways[BL__READING]);
    self->is_untried = false;
    if (moved >= 0) {
        bl__stream_spend(&self->frame, (size_t)moved);
        return moved;
    }
    /* What a terminal says once its other side is closed. */
    if (errno == EIO && pipe_has_hung_up(self)) return 0;
    if (errno != EAGAIN) return bl__fd_error();
    self->ready &= ~(unsigned)BL_READABLE;
    return BL_EAGAIN;
}

static bl_ssize pipe_read(void *context, const struct iovec *parts, int count) {
    struct fd_stream *self = context;
    if (self->fds[BL__READING] < 0) return 0;
    for (;;) {
        if (self->ready & BL_READABLE) {
            bl_ssize moved = pipe_try_read(self, parts, count);
            if (moved != BL_EAGAIN) return moved;
        }
        int rc = fd_park(self, BL__READING);
        if (rc < 0) return rc;
    }
}

static ssize_t pipe_try_write(struct fd_stream *self, const struct iovec *parts,
                              int count) {
    struct bl__sigpipe held;
    bl__sigpipe_hold(&held);
    ssize_t moved = bl__fd_try_write(self->fds[BL__WRITING], parts, count,
                                     &self->ways[BL__WRITING]);
    int error = errno;
    bl__sigpipe_drop(&held, moved < 0 ? error : 0);
    errno = error;
    return moved;
}

static bl_ssize pipe_write(void *context, const struct iovec *parts,
                           int count) {
    struct fd_stream *self = context;
    for (;;) {
        if (self->fds[BL__WRITING] < 0) return BL_EPIPE;
        if (self->ready & BL_WRITABLE) {
            ssize_t moved = pipe_try_write(self, parts, count);
            if (moved >= 0) {
                bl__stream_spend(&self->frame, (size_t)moved);
                return moved;
            }
            if (errno != EAGAIN) return bl__fd_error();
            self->ready &= ~(unsigned)BL_WRITABLE;
        }
        int rc = fd_park(self, BL__WRITING);
        if (rc < 0) return rc;
    }
}

static int fd_close(struct fd_stream *self, enum bl__direction direction) {
    struct bl__sigpipe held;
    if (!self->has_tls) return bl_watch_close(&self->watches[direction]);
    bl__sigpipe_hold(&held);
    int rc = bl_watch_close(&self->watches[direction]);
    bl__sigpipe_drop(&held, EPIPE);
    return rc;
}

/* Ends one direction.  Returns what closing its descriptor said. */
static int pipe_let_go(struct fd_stream *self, enum bl__direction direction) {
    int fd = self->fds[direction];
    if (fd < 0) return 0;
    self->fds[direction] = -1;
    if (!self->is_borrowed) return fd_close(self, direction);
    bl_watch_stop(&self->watches[direction]);
    return 0;
}

static int pipe_shutdown_write(void *context) {
    struct fd_stream *self = context;
    if (self->fds[BL__READING] == self->fds[BL__WRITING]) return BL_ENOTSUP;
    if (self->is_borrowed) return BL_ENOTSUP;
    return pipe_let_go(self, BL__WRITING);
}

/* ---- both -------------------------------------------------------------- */

static int fd_fd(const void *context) {
    const struct fd_stream *self = context;
    int fd = self->fds[BL__READING];
    return fd >= 0 ? fd : self->fds[BL__WRITING];
}

/*
 * A lowered flag is right: what came since would have raised it.  A raised one
 * is only a hint, for somebody else may have tried and not lowered it; but what
 * is reported of a new stream nobody can have taken.
 */
static BL__INLINE int fd_wait(struct fd_stream *self, unsigned event) {
    enum bl__direction direction =
        event == BL_READABLE ? BL__READING : BL__WRITING;
    struct pollfd item = {
        .fd = self->fds[direction],
        .events = event == BL_READABLE ? POLLIN : POLLOUT,
    };
    if (item.fd < 0) return BL_ENOTSUP;
    bool is_sure = self->is_untried && event == BL_READABLE;
    if (event == BL_READABLE) self->is_untried = false;
    if (self->ready & event) {
        if (is_sure || poll(&item, 1, 0) != 0) return 0;
    }
    self->ready &= ~event;
    return fd_park(self, direction);
}

static int fd_wait_ready(void *self, unsigned event) {
    return fd_wait(self, event);
}

BL__INLINED int bl__socket_wait(bl_stream *stream, unsigned event) {
    return fd_wait(fd_self(stream), event);
}

static int fd_abort(void *context, bool is_cut) {
    struct fd_stream *self = context;
    if (is_cut) {
        /* The peer must not take the half of a message for its end. */
        struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
        BL_IGNORE(setsockopt(self->fds[BL__WRITING], SOL_SOCKET, SO_LINGER,
                             &at_once, sizeof at_once) < 0); /* a pipe */
    }
    fd_wake(self, BL__READING, BL_ECLOSED);
    fd_wake(self, BL__WRITING, BL_ECLOSED);
    if (self->fds[BL__READING] == self->fds[BL__WRITING]) {
        self->fds[BL__WRITING] = -1;
    }
    int first = pipe_let_go(self, BL__READING);
    int second = pipe_let_go(self, BL__WRITING);
    return first < 0 ? first : second;
}

static const bl_stream_ops socket_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .shutdown_write = socket_shutdown_write,
    .abort = fd_abort,
    .free = bl_free,
    .fd = fd_fd,
    .wait = fd_wait_ready,
    .try_read = socket_try_read_now,
    .send_file = socket_send_file,
};

static const bl_stream_ops pipe_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .shutdown_write = pipe_shutdown_write,
    .abort = fd_abort,
    .free = bl_free,
    .fd = fd_fd,
    .wait = fd_wait_ready,
    .try_read = pipe_try_read,
};

/* ---- opening ----------------------------------------------------------- */

static int fd_make(const bl_stream_ops *ops, int read_fd, int write_fd,
                   struct fd_stream **made) {
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    struct fd_stream *self = bl__alloc(sizeof *self);
    if (self == NULL) return BL_ENOMEM;
    *self =
        (struct fd_stream){ .fds = { read_fd, write_fd }, .is_untried = true };
    bl__stream_init(&self->frame, ops, self, loop);
    bl_watch_init(&self->watches[0], read_fd, fd_stream_on_ready, self);
    bl_watch_init(&self->watches[1], write_fd, fd_stream_on_ready, self);
    *made = self;
    return 0;
}

/* A plain file cannot be watched: it is always worth trying. */
static int fd_start(struct fd_stream *self, enum bl__direction place,
                    unsigned events) {
    if (self->fds[place] < 0) return 0;
    int rc = bl_watch_start(self->frame.loop, &self->watches[place],
                            events | BL_EDGE | BL__HANGUP);
    if (rc != BL_EPERM) return rc;
    self->ready |= events;
    self->ways[place] = BL__FD_POLL_FIRST;
    return 0;
}

/*
 * Turns off the delay of small segments, which only costs a program that
 * writes whole messages.  Only a TCP socket has the option.
 */
static int socket_set_nodelay(int fd, bool *is_tcp) {
    int on = 1;
    *is_tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    if (*is_tcp) return 0;
    if (errno == EBADF) return BL_EBADF;
    return errno == ENOTSOCK ? BL_EINVAL : 0;
}

int bl_stream_take_fd(int fd, bl_stream **stream) {
    bool is_tcp;
    if (stream == NULL) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    int rc = socket_set_nodelay(fd, &is_tcp);
    return rc < 0 ? rc : bl__stream_take_socket(fd, is_tcp, stream);
}

void bl_stream_note_kernel_tls(bl_stream *stream) {
    if (bl_stream_is_socket(stream)) fd_self(stream)->has_tls = true;
}

int bl__stream_take_socket(int fd, bool is_tcp, bl_stream **stream) {
    struct fd_stream *self;
    int rc = fd_make(&socket_ops, fd, fd, &self);
    if (rc < 0) return rc;

    self->frame.is_socket = true;
    self->is_tcp = is_tcp;
    self->ready = BL_WRITABLE; /* a new one has room; if not, it says so */
    rc = fd_start(self, BL__READING, BL_READABLE | BL_WRITABLE | BL__SOCKET);
    if (rc < 0) {
        bl__free(self);
        return rc;
    }
    *stream = &self->frame;
    return 0;
}

static int pipe_open(int read_fd, int write_fd, bool is_borrowed,
                     bl_stream **stream) {
    struct fd_stream *self;
    int rc = fd_make(&pipe_ops, read_fd, write_fd, &self);
    if (rc < 0) return rc;
    self->is_borrowed = is_borrowed;

    if (read_fd == write_fd) {
        rc = fd_start(self, BL__READING, BL_READABLE | BL_WRITABLE);
    } else {
        rc = fd_start(self, BL__READING, BL_READABLE);
        if (rc == 0) rc = fd_start(self, BL__WRITING, BL_WRITABLE);
    }
    if (rc < 0) {
        bl_watch_stop(&self->watches[BL__READING]);
        bl__free(self);
        return rc;
    }
    *stream = &self->frame;
    return 0;
}

int bl_stream_take_pipe(int read_fd, int write_fd, bl_stream **stream) {
    if (stream == NULL) return BL_EINVAL;
    if (read_fd < -1 || write_fd < -1) return BL_EBADF;
    if (read_fd == -1 && write_fd == -1) return BL_EINVAL;
    return pipe_open(read_fd, write_fd, false, stream);
}

int bl_stream_open_stdio(bl_stream **stream) {
    if (stream == NULL) return BL_EINVAL;
    return pipe_open(STDIN_FILENO, STDOUT_FILENO, true, stream);
}
