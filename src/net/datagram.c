/* SPDX-License-Identifier: MIT */
/*
 * net/datagram.c - UDP, and local datagrams
 *
 * The socket is watched edge-triggered for as long as it lives, and two flags
 * tell in which direction a call is worth trying, as in a stream.  Each call
 * is a batch: one datagram is a batch of one.
 *
 * Invariants:
 *   users[d] != NULL <-> a task is between datagram_enter and datagram_leave;
 *   use->is_closed -> the socket's memory is gone.
 */
#include <belay/datagram.h>
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "net/socket.h"
#include "sys/seam.h"

enum {
    DATAGRAM_BATCH_MAX = 64
};

enum datagram_direction {
    DATAGRAM_RECV,
    DATAGRAM_SEND
};

/* One task in one direction; on its stack. */
struct datagram_use {
    bl_park park;
    bool is_parked;
    bool is_closed;
};

struct bl_datagram {
    bl_watch watch;
    bl_loop *loop;
    struct datagram_use *users[2];
    int fd;
    unsigned ready; /* BL_READABLE, BL_WRITABLE: worth trying */
    bool owns_path; /* a local socket's file is removed with it */
    bl_addr address;
};

static const unsigned datagram_events[2] = { BL_READABLE, BL_WRITABLE };
static const char *const datagram_nouns[2] = { "datagram recv",
                                               "datagram send" };

static int datagram_error(void) {
    return errno == ECANCELED ? BL_EIO : -errno;
}

/* ---- waiting ----------------------------------------------------------- */

static void datagram_wake(bl_datagram *datagram,
                          enum datagram_direction direction, int rc) {
    struct datagram_use *use = datagram->users[direction];
    if (use == NULL || !use->is_parked) return;
    use->is_parked = false;
    bl_park_wake(&use->park, rc);
}

static void datagram_on_ready(void *context, unsigned events) {
    bl_datagram *datagram = context;
    datagram->ready |= events & (BL_READABLE | BL_WRITABLE);
    if (events & BL_READABLE) datagram_wake(datagram, DATAGRAM_RECV, 0);
    if (events & BL_WRITABLE) datagram_wake(datagram, DATAGRAM_SEND, 0);
}

static bl_abort datagram_on_abort(bl_park *park) {
    struct datagram_use *use =
        bl__container_of(park, struct datagram_use, park);
    use->is_parked = false;
    return BL_ABORTED;
}

static void datagram_leave(bl_datagram *datagram,
                           enum datagram_direction direction) {
    BL__ASSERT(datagram->users[direction] != NULL);
    datagram->users[direction] = NULL;
}

/* Unless it returns 0 the socket may be gone, and is not in use. */
static int datagram_enter(bl_datagram *datagram,
                          enum datagram_direction direction,
                          struct datagram_use *use) {
    bl_loop *loop = bl_loop_running();
    if (datagram == NULL) return BL_EINVAL;
    if (loop == NULL) return BL_ENOLOOP;
    if (datagram->loop != loop) return BL_ETHREAD;
    if (datagram->users[direction] != NULL) return BL_EBUSY;
    use->is_parked = false;
    use->is_closed = false;
    datagram->users[direction] = use;
    int rc = bl_checkpoint();
    if (use->is_closed) return BL_ECLOSED;
    if (rc < 0) datagram_leave(datagram, direction);
    return rc;
}

static int datagram_wait(bl_datagram *datagram,
                         enum datagram_direction direction,
                         struct datagram_use *use) {
    bl_park_init(&use->park, datagram_nouns[direction], datagram,
                 datagram_on_abort);
    use->is_parked = true;
    int rc = bl_park_wait(&use->park);
    return use->is_closed ? BL_ECLOSED : rc;
}

/* ---- batches ----------------------------------------------------------- */

/* One system call's worth, prepared. */
struct datagram_batch {
    unsigned count;
    struct iovec parts[DATAGRAM_BATCH_MAX];
    struct mmsghdr headers[DATAGRAM_BATCH_MAX];
};

static void batch_prepare(struct datagram_batch *batch, bl_message *messages,
                          size_t count, enum datagram_direction direction) {
    batch->count =
        count < DATAGRAM_BATCH_MAX ? (unsigned)count : DATAGRAM_BATCH_MAX;
    for (unsigned i = 0; i < batch->count; i++) {
        bl_message *message = &messages[i];
        struct msghdr *header = &batch->headers[i].msg_hdr;
        batch->parts[i] = (struct iovec){ .iov_base = message->data,
                                          .iov_len = message->bytes };
        *header =
            (struct msghdr){ .msg_iov = &batch->parts[i], .msg_iovlen = 1 };
        /* What was not received must not look as if it were. */
        socklen_t length = message->addr.length;
        if (direction == DATAGRAM_RECV) length = sizeof message->addr.storage;
        if (length > 0) {
            header->msg_name = &message->addr.storage;
            header->msg_namelen = length;
        }
    }
}

static int batch_try(const bl_datagram *datagram, struct datagram_batch *batch,
                     enum datagram_direction direction) {
    bool is_send = direction == DATAGRAM_SEND;
    bl_io_call call = is_send ? BL_IO_WRITE : BL_IO_READ;
    int done;
    do {
        done = -1;
        if (bl__sys_fails(call, datagram->fd, NULL)) continue;
        if (is_send) {
            done = sendmmsg(datagram->fd, batch->headers, batch->count,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            done = recvmmsg(datagram->fd, batch->headers, batch->count,
                            MSG_DONTWAIT | MSG_TRUNC, NULL);
        }
    } while (done < 0 && errno == EINTR);
    return done >= 0 ? done : datagram_error();
}

static void batch_finish(const struct datagram_batch *batch,
                         bl_message *messages, int done) {
    for (int i = 0; i < done; i++) {
        messages[i].length = batch->headers[i].msg_len;
        messages[i].addr.length = batch->headers[i].msg_hdr.msg_namelen;
    }
}

/*
 * A local socket whose peer is full reports itself writable after each try
 * that failed, for the buffer of that very try was freed.  So it is asked
 * again before the next one, or the two would keep each other busy.
 */
static bool datagram_is_writable(const bl_datagram *datagram) {
    struct pollfd item = { .fd = datagram->fd, .events = POLLOUT };
    return poll(&item, 1, 0) != 0;
}

static int datagram_wait_to_try(bl_datagram *datagram,
                                enum datagram_direction direction,
                                struct datagram_use *use) {
    int rc;
    do {
        datagram->ready &= ~datagram_events[direction];
        rc = datagram_wait(datagram, direction, use);
    } while (rc == 0 && direction == DATAGRAM_SEND &&
             !datagram_is_writable(datagram));
    return rc;
}

/* Moves at least one message. */
static int datagram_transfer(bl_datagram *datagram, bl_message *messages,
                             size_t count, enum datagram_direction direction) {
    struct datagram_use use;
    struct datagram_batch batch;
    int rc = datagram_enter(datagram, direction, &use);
    if (rc < 0) return rc;
    batch_prepare(&batch, messages, count, direction);
    for (;;) {
        rc = BL_EAGAIN;
        if (datagram->ready & datagram_events[direction]) {
            rc = batch_try(datagram, &batch, direction);
        }
        if (rc != BL_EAGAIN) break;
        rc = datagram_wait_to_try(datagram, direction, &use);
        if (rc < 0) break;
    }
    if (rc > 0 && direction == DATAGRAM_RECV) {
        batch_finish(&batch, messages, rc);
    }
    if (!use.is_closed) datagram_leave(datagram, direction);
    return rc;
}

static bool messages_are_valid(const bl_message *messages, size_t count) {
    if (messages == NULL || count == 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].data == NULL && messages[i].bytes > 0) return false;
    }
    return true;
}

int bl_datagram_send_many(bl_datagram *datagram, bl_message *messages,
                          size_t count) {
    if (!messages_are_valid(messages, count)) return BL_EINVAL;
    return datagram_transfer(datagram, messages, count, DATAGRAM_SEND);
}

int bl_datagram_recv_many(bl_datagram *datagram, bl_message *messages,
                          size_t count) {
    if (!messages_are_valid(messages, count)) return BL_EINVAL;
    return datagram_transfer(datagram, messages, count, DATAGRAM_RECV);
}

int bl_datagram_send(bl_datagram *datagram, const void *data, size_t bytes,
                     const bl_addr *to) {
    bl_message message = { .bytes = bytes };
    if (data == NULL && bytes > 0) return BL_EINVAL;
    memcpy(&message.data, &data, sizeof data); /* it has no const */
    if (to != NULL) message.addr = *to;
    int rc = datagram_transfer(datagram, &message, 1, DATAGRAM_SEND);
    return rc < 0 ? rc : 0;
}

bl_ssize bl_datagram_recv(bl_datagram *datagram, void *buffer, size_t bytes,
                          bl_addr *from) {
    bl_message message = { .data = buffer, .bytes = bytes };
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = datagram_transfer(datagram, &message, 1, DATAGRAM_RECV);
    if (rc < 0) return rc;
    if (from != NULL) *from = message.addr;
    return (bl_ssize)message.length;
}

/* ---- opening and closing ----------------------------------------------- */

static const bl_datagram_options datagram_defaults = {
    .size = sizeof(bl_datagram_options),
};

static void datagram_set_flag(int fd, int level, int option, int value,
                              int *rc) {
    if (*rc < 0 || value == 0) return;
    if (setsockopt(fd, level, option, &value, sizeof value) < 0) *rc = -errno;
}

static int datagram_set_up(bl_datagram *datagram, const bl_addr *local,
                           const bl_datagram_options *options) {
    const bl_addr *remote = options->remote;
    int fd = datagram->fd;
    int rc = 0;
    datagram_set_flag(fd, SOL_SOCKET, SO_REUSEPORT, options->is_port_shared,
                      &rc);
    datagram_set_flag(fd, SOL_SOCKET, SO_BROADCAST, options->is_broadcast, &rc);
    datagram_set_flag(fd, SOL_SOCKET, SO_SNDBUF, options->send_bytes, &rc);
    datagram_set_flag(fd, SOL_SOCKET, SO_RCVBUF, options->receive_bytes, &rc);
    if (local != NULL && local->storage.ss_family == AF_INET6) {
        int value = options->is_v6_only;
        BL_IGNORE(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value,
                             sizeof value) < 0); /* bind says why */
    }
    if (rc < 0) return rc;
    if (local != NULL) {
        const struct sockaddr *where = (const void *)&local->storage;
        if (bl__sys_fails(BL_IO_BIND, fd, NULL) ||
            bind(fd, where, local->length) < 0) {
            return datagram_error();
        }
        datagram->owns_path = bl__addr_path(local) != NULL;
    }
    if (remote != NULL) {
        const struct sockaddr *where = (const void *)&remote->storage;
        if (connect(fd, where, remote->length) < 0) return datagram_error();
    }
    datagram->address.length = sizeof datagram->address.storage;
    struct sockaddr *own = (struct sockaddr *)&datagram->address.storage;
    if (getsockname(fd, own, &datagram->address.length) < 0) {
        return datagram_error();
    }
    return 0;
}

static void datagram_clear_path(const bl_datagram *datagram,
                                const bl_addr *address) {
    if (!datagram->owns_path) return;
    BL_IGNORE(unlink(bl__addr_path(address)) < 0); /* it is gone already */
}

int bl_datagram_open(const bl_addr *local, const bl_datagram_options *options,
                     bl_datagram **datagram) {
    if (datagram == NULL) return BL_EINVAL;
    if (options == NULL) options = &datagram_defaults;
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->send_bytes < 0 || options->receive_bytes < 0) return BL_EINVAL;
    const bl_addr *any = local != NULL ? local : options->remote;
    if (any == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;

    bl_datagram *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->loop = loop;
    made->ready = BL_READABLE | BL_WRITABLE;
    made->fd = -1;
    if (!bl__sys_fails(BL_IO_SOCKET, -1, NULL)) {
        made->fd = socket(any->storage.ss_family,
                          SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    int rc = made->fd < 0 ? datagram_error() : 0;
    if (rc < 0) goto free_datagram;
    rc = datagram_set_up(made, local, options);
    if (rc < 0) goto close_socket;
    bl_watch_init(&made->watch, made->fd, datagram_on_ready, made);
    rc =
        bl_watch_start(loop, &made->watch, BL_READABLE | BL_WRITABLE | BL_EDGE);
    if (rc < 0) goto close_socket;
    *datagram = made;
    return 0;

close_socket:
    close(made->fd);
    if (made->owns_path) datagram_clear_path(made, local);
free_datagram:
    bl__free(made);
    return rc;
}

bl_addr bl_datagram_address(const bl_datagram *datagram) {
    bl_addr none = { .length = 0 };
    return datagram != NULL ? datagram->address : none;
}

int bl_datagram_fd(const bl_datagram *datagram) {
    return datagram != NULL ? datagram->fd : -1;
}

static void datagram_send_away(bl_datagram *datagram,
                               enum datagram_direction direction) {
    struct datagram_use *use = datagram->users[direction];
    if (use == NULL) return;
    use->is_closed = true;
    datagram_wake(datagram, direction, BL_ECLOSED);
}

void bl_datagram_close(bl_datagram *datagram) {
    if (datagram == NULL) return;
    datagram_send_away(datagram, DATAGRAM_RECV);
    datagram_send_away(datagram, DATAGRAM_SEND);
    datagram_clear_path(datagram, &datagram->address);
    BL_IGNORE(bl_watch_close(&datagram->watch) < 0); /* it is closed */
    bl__free(datagram);
}
