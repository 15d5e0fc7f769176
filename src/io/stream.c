/* SPDX-License-Identifier: MIT */
/*
 * io/stream.c - streams: a socket, and what is known of its readiness
 *
 * The descriptor is watched once, edge-triggered, for as long as the stream
 * lives.  Two flags tell in which directions a system call is worth trying;
 * the watch raises them, a call that would block lowers them.  For TCP a read
 * that returns less than there was room for has emptied the socket and lowers
 * the flag too, which saves one call per request.  It does not count once the
 * peer has closed, or has sent urgent bytes: then more may be left, and no
 * further edge may come.
 *
 * A call registers its *use* of a direction, on its stack, before it does
 * anything that may suspend it.  So a second task finds the direction busy; and
 * whoever closes the stream marks the uses and frees the memory at once, since
 * a marked use does not touch the stream again.
 *
 * A connection with much to say must not keep the others waiting: each call
 * takes its bytes, and a fixed amount, off a credit which is renewed when the
 * task waits; without credit it yields first.  (The budget of bl_checkpoint
 * counts calls alone, and 128 calls can move 8 MiB.)
 *
 * Invariants:
 *   users[d] != NULL <-> a task is between stream_enter and stream_leave;
 *   use->is_closed -> the stream's memory is gone.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/stream.h>
#include <belay/task.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"
#include "sys/driver.h"
#include "sys/seam.h"

enum {
    STREAM_CREDIT_BYTES = 256 * 1024,
    STREAM_CALL_BYTES = 16 * 1024 /* what a call costs besides its bytes */
};

enum stream_direction {
    STREAM_READ,
    STREAM_WRITE
};

/* One task in one direction. */
struct stream_use {
    bl_park park;
    bool is_parked;
    bool is_closed;
};

struct bl_stream {
    bl_watch watch;
    bl_loop *loop;
    struct stream_use *users[2];
    int fd;
    unsigned ready; /* BL_READABLE, BL_WRITABLE: worth trying */
    int credit;
    bool is_tcp;
    bool has_hung_up; /* or urgent bytes: a short read proves nothing */
    bool is_cut;      /* a part of a message was written, and no more came */
};

static const unsigned stream_events[2] = { BL_READABLE, BL_WRITABLE };
static const char *const stream_nouns[2] = { "stream read", "stream write" };

/* ---- readiness --------------------------------------------------------- */

static void stream_wake(bl_stream *stream, enum stream_direction direction,
                        int rc) {
    struct stream_use *use = stream->users[direction];
    if (use == NULL || !use->is_parked) return;
    use->is_parked = false;
    bl_park_wake(&use->park, rc);
}

static void stream_on_ready(void *context, unsigned events) {
    bl_stream *stream = context;
    stream->ready |= events & (BL_READABLE | BL_WRITABLE);
    if (events & BL__HANGUP) stream->has_hung_up = true;
    if (events & BL_READABLE) stream_wake(stream, STREAM_READ, 0);
    if (events & BL_WRITABLE) stream_wake(stream, STREAM_WRITE, 0);
}

/* The descriptor stays watched; only this task's interest ends. */
static bl_abort stream_on_abort(bl_park *park) {
    struct stream_use *use = bl__container_of(park, struct stream_use, park);
    use->is_parked = false;
    return BL_ABORTED;
}

/* ---- uses -------------------------------------------------------------- */

static void stream_leave(bl_stream *stream, enum stream_direction direction) {
    BL__ASSERT(stream->users[direction] != NULL);
    stream->users[direction] = NULL;
}

/* Notices cancellation and lets others run where it is time to. */
static int stream_checkpoint(bl_stream *stream, struct stream_use *use) {
    int rc;
    if (BL__LIKELY(stream->credit > 0)) {
        rc = bl_checkpoint();
    } else {
        stream->credit = STREAM_CREDIT_BYTES;
        rc = bl_yield();
    }
    return use->is_closed ? BL_ECLOSED : rc;
}

/* Unless it returns 0 the stream may be gone, and is not in use. */
static int stream_enter(bl_stream *stream, enum stream_direction direction,
                        struct stream_use *use) {
    bl_loop *loop = bl_loop_running();
    if (stream == NULL) return BL_EINVAL;
    if (loop == NULL) return BL_ENOLOOP;
    if (stream->loop != loop) return BL_ETHREAD;
    if (stream->users[direction] != NULL) return BL_EBUSY;

    use->is_parked = false;
    use->is_closed = false;
    stream->users[direction] = use;
    int rc = stream_checkpoint(stream, use);
    if (rc < 0 && !use->is_closed) stream_leave(stream, direction);
    return rc;
}

/* Waits until the direction is worth trying; a cancelled one leaves. */
static int stream_wait(bl_stream *stream, enum stream_direction direction,
                       struct stream_use *use) {
    BL__ASSERT((stream->ready & stream_events[direction]) == 0);
    BL__ASSERT(stream->users[direction] == use);
    bl_park_init(&use->park, stream_nouns[direction], stream, stream_on_abort);
    use->is_parked = true;
    stream->credit = STREAM_CREDIT_BYTES;
    int rc = bl_park_wait(&use->park);
    return use->is_closed ? BL_ECLOSED : rc;
}

static void stream_spend(bl_stream *stream, size_t bytes) {
    int spent = STREAM_CREDIT_BYTES;
    if (bytes < STREAM_CREDIT_BYTES) spent = (int)bytes + STREAM_CALL_BYTES;
    stream->credit -= spent;
}

/* The code for errno.  A cancellation that is not ours is an I/O error. */
static int stream_error(void) {
    BL__ASSERT(errno > 0);
    return errno == ECANCELED ? BL_EIO : -errno;
}

/* ---- reading ----------------------------------------------------------- */

/* Reads what is there; BL_EAGAIN with the flag lowered if nothing is. */
static bl_ssize stream_try_read(bl_stream *stream, void *buffer, size_t bytes) {
    ssize_t count;
    do {
        count = -1;
        if (bl__hard_interrupts()) continue;
        if (bl__sys_fails(BL_IO_READ, stream->fd, &bytes)) continue;
        count = recv(stream->fd, buffer, bytes, MSG_DONTWAIT);
    } while (BL__UNLIKELY(count < 0 && errno == EINTR));

    if (BL__LIKELY(count > 0)) {
        bool is_drained =
            (size_t)count < bytes && stream->is_tcp && !stream->has_hung_up;
        if (is_drained) stream->ready &= ~(unsigned)BL_READABLE;
        stream_spend(stream, (size_t)count);
        return count;
    }
    if (count == 0) return 0;
    if (errno != EAGAIN) return stream_error();
    stream->ready &= ~(unsigned)BL_READABLE;
    return BL_EAGAIN;
}

/* Reads at least one byte.  BL_ECLOSED means that the stream is gone. */
static bl_ssize stream_read_some(bl_stream *stream, struct stream_use *use,
                                 void *buffer, size_t bytes) {
    for (;;) {
        if (stream->ready & BL_READABLE) {
            bl_ssize count = stream_try_read(stream, buffer, bytes);
            if (BL__LIKELY(count != BL_EAGAIN)) return count;
        }
        int rc = stream_wait(stream, STREAM_READ, use);
        if (rc < 0) return rc;
    }
}

bl_ssize bl_stream_read(bl_stream *stream, void *buffer, size_t bytes) {
    struct stream_use use;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, STREAM_READ, &use);
    if (rc < 0) return rc;

    bl_ssize count = 0;
    if (bytes > 0) count = stream_read_some(stream, &use, buffer, bytes);
    if (!use.is_closed) stream_leave(stream, STREAM_READ);
    return count;
}

int bl_stream_read_exactly(bl_stream *stream, void *buffer, size_t bytes,
                           size_t *done) {
    struct stream_use use;
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, STREAM_READ, &use);
    if (rc < 0) return rc;

    while (total < bytes) {
        bl_ssize count = stream_read_some(stream, &use, (char *)buffer + total,
                                          bl__hard_part(bytes - total));
        if (count <= 0) {
            rc = count < 0 ? (int)count : BL_ECONNRESET;
            break;
        }
        total += (size_t)count;
        if (total == bytes) break;
        rc = stream_checkpoint(stream, &use);
        if (rc < 0) break;
    }
    if (!use.is_closed) stream_leave(stream, STREAM_READ);
    if (done != NULL) *done = total;
    return rc;
}

/* ---- writing ----------------------------------------------------------- */

static bl_ssize stream_try_write(bl_stream *stream, const void *buffer,
                                 size_t bytes) {
    ssize_t count;
    do {
        count = -1;
        if (bl__hard_interrupts()) continue;
        if (bl__sys_fails(BL_IO_WRITE, stream->fd, &bytes)) continue;
        count = send(stream->fd, buffer, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (BL__UNLIKELY(count < 0 && errno == EINTR));

    if (BL__LIKELY(count >= 0)) {
        stream_spend(stream, (size_t)count);
        return count;
    }
    if (errno != EAGAIN) return stream_error();
    stream->ready &= ~(unsigned)BL_WRITABLE;
    return BL_EAGAIN;
}

/* Writes at least one byte.  BL_ECLOSED means that the stream is gone. */
static bl_ssize stream_write_some(bl_stream *stream, struct stream_use *use,
                                  const void *buffer, size_t bytes) {
    for (;;) {
        if (stream->ready & BL_WRITABLE) {
            bl_ssize count = stream_try_write(stream, buffer, bytes);
            if (BL__LIKELY(count != BL_EAGAIN)) return count;
        }
        int rc = stream_wait(stream, STREAM_WRITE, use);
        if (rc < 0) return rc;
    }
}

bl_ssize bl_stream_write(bl_stream *stream, const void *buffer, size_t bytes) {
    struct stream_use use;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, STREAM_WRITE, &use);
    if (rc < 0) return rc;

    bl_ssize count = 0;
    if (bytes > 0) count = stream_write_some(stream, &use, buffer, bytes);
    if (!use.is_closed) stream_leave(stream, STREAM_WRITE);
    return count;
}

int bl_stream_write_all(bl_stream *stream, const void *buffer, size_t bytes,
                        size_t *done) {
    struct stream_use use;
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = stream_enter(stream, STREAM_WRITE, &use);
    if (rc < 0) return rc;

    while (total < bytes) {
        bl_ssize count =
            stream_write_some(stream, &use, (const char *)buffer + total,
                              bl__hard_part(bytes - total));
        if (count < 0) {
            rc = (int)count;
            break;
        }
        total += (size_t)count;
        if (total == bytes) break;
        rc = stream_checkpoint(stream, &use);
        if (rc < 0) break;
    }
    if (!use.is_closed) {
        if (total > 0 && total < bytes) stream->is_cut = true;
        stream_leave(stream, STREAM_WRITE);
    }
    if (done != NULL) *done = total;
    return rc;
}

int bl_stream_shutdown_write(bl_stream *stream) {
    if (stream == NULL) return BL_EINVAL;
    if (bl__sys_fails(BL_IO_SHUTDOWN, stream->fd, NULL)) return stream_error();
    return shutdown(stream->fd, SHUT_WR) == 0 ? 0 : stream_error();
}

/* ---- opening and closing ----------------------------------------------- */

/*
 * Turns off the delay of small segments, which only costs a program that
 * writes whole messages.  Only a TCP socket has the option.
 */
static int stream_set_nodelay(int fd, bool *is_tcp) {
    int on = 1;
    *is_tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    if (*is_tcp) return 0;
    if (errno == EBADF) return BL_EBADF;
    return errno == ENOTSOCK ? BL_EINVAL : 0;
}

int bl_stream_take_fd(int fd, bl_stream **stream) {
    if (stream == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    bool is_tcp;
    int rc = stream_set_nodelay(fd, &is_tcp);
    if (rc < 0) return rc;

    bl_stream *made = bl__alloc(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    *made = (bl_stream){
        .loop = loop,
        .fd = fd,
        .ready = BL_WRITABLE, /* a new socket has room; if not, it says so */
        .credit = STREAM_CREDIT_BYTES,
        .is_tcp = is_tcp,
    };
    bl_watch_init(&made->watch, fd, stream_on_ready, made);
    rc = bl_watch_start(loop, &made->watch,
                        BL_READABLE | BL_WRITABLE | BL_EDGE | BL__HANGUP);
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    *stream = made;
    return 0;
}

static void stream_send_away(bl_stream *stream,
                             enum stream_direction direction) {
    struct stream_use *use = stream->users[direction];
    if (use == NULL) return;
    use->is_closed = true;
    stream_wake(stream, direction, BL_ECLOSED);
}

static int stream_end(bl_stream *stream) {
    stream_send_away(stream, STREAM_READ);
    stream_send_away(stream, STREAM_WRITE);
    int rc = bl_watch_close(&stream->watch);
    bl__free(stream);
    return rc;
}

int bl_stream_close(bl_stream *stream) {
    if (stream == NULL) return 0;
    int rc = stream_end(stream);
    return bl_loop_running() == NULL ? BL_ENOLOOP : rc;
}

void bl_stream_abort(bl_stream *stream) {
    if (stream == NULL) return;
    if (stream->is_cut) {
        /* The peer must not take the half of a message for its end. */
        struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
        BL_IGNORE(setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once,
                             sizeof at_once) < 0); /* closed all the same */
    }
    BL_IGNORE(stream_end(stream) < 0); /* aborting cannot fail */
}

int bl_stream_fd(const bl_stream *stream) {
    return stream != NULL ? stream->fd : -1;
}
