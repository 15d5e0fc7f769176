/* SPDX-License-Identifier: MIT */
/*
 * net/listener.c - a TCP socket that listens, and the queue behind it
 *
 * The socket is watched edge-triggered: after one report connections are
 * accepted until the system says that there are none, so a burst costs one
 * wait.  One task at a time accepts; its use is marked when the listener is
 * closed, as in a stream.
 *
 * A connection that was accepted, and then found no memory for its stream, is
 * kept and is the first that the next call gets.
 *
 * Invariants:
 *   user != NULL <-> a task is between listener_enter and listener_leave;
 *   use->is_closed -> the listener's memory is gone.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/net.h>
#include <belay/park.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "sys/seam.h"

enum {
    LISTENER_BACKLOG = 4096
};

/* The task that accepts. */
struct listener_use {
    bl_park park;
    bool is_parked;
    bool is_closed;
};

struct bl_listener {
    bl_watch watch;
    bl_loop *loop;
    struct listener_use *user;
    int fd;
    int kept_fd;   /* accepted, but not given away; -1 if there is none */
    bool is_ready; /* worth trying */
    bl_addr address;
};

/* ---- accepting --------------------------------------------------------- */

static void listener_on_ready(void *context, unsigned events) {
    bl_listener *listener = context;
    struct listener_use *use = listener->user;
    (void)events;
    listener->is_ready = true;
    if (use == NULL || !use->is_parked) return;
    use->is_parked = false;
    bl_park_wake(&use->park, 0);
}

static bl_abort listener_on_abort(bl_park *park) {
    struct listener_use *use =
        bl__container_of(park, struct listener_use, park);
    use->is_parked = false;
    return BL_ABORTED;
}

static void listener_leave(bl_listener *listener) {
    BL__ASSERT(listener->user != NULL);
    listener->user = NULL;
}

/* Unless it returns 0 the listener may be gone, and is not in use. */
static int listener_enter(bl_listener *listener, struct listener_use *use) {
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (listener->loop != loop) return BL_ETHREAD;
    if (listener->user != NULL) return BL_EBUSY;

    use->is_parked = false;
    use->is_closed = false;
    listener->user = use;
    int rc = bl_checkpoint();
    if (use->is_closed) return BL_ECLOSED;
    if (rc < 0) listener_leave(listener);
    return rc;
}

static int listener_wait(bl_listener *listener, struct listener_use *use) {
    bl_park_init(&use->park, "connection", listener, listener_on_abort);
    use->is_parked = true;
    int rc = bl_park_wait(&use->park);
    return use->is_closed ? BL_ECLOSED : rc;
}

/* Whether the connection was at fault, and the next one may be better. */
static bool listener_may_go_on(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
    }
}

/* Takes a connection from the queue into kept_fd; BL_EAGAIN if it is empty. */
static int listener_try(bl_listener *listener, bl_addr *peer) {
    int fd;
    BL__ASSERT(listener->kept_fd < 0);
    do {
        struct sockaddr *address = NULL;
        socklen_t *length = NULL;
        if (peer != NULL) {
            peer->length = sizeof peer->storage;
            address = (struct sockaddr *)&peer->storage;
            length = &peer->length;
        }
        fd = -1;
        if (bl__sys_fails(BL_IO_ACCEPT, listener->fd, NULL)) continue;
        fd = accept4(listener->fd, address, length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && listener_may_go_on(errno));
    if (fd >= 0) {
        listener->kept_fd = fd;
        return 0;
    }
    if (errno == EAGAIN) listener->is_ready = false;
    return errno == ECANCELED ? BL_EIO : -errno;
}

/* Makes a stream of the kept connection, or keeps it. */
static int listener_give(bl_listener *listener, bl_stream **stream) {
    BL__ASSERT(listener->kept_fd >= 0);
    int rc = bl_stream_take_fd(listener->kept_fd, stream);
    if (rc < 0) return rc;
    listener->kept_fd = -1;
    return 0;
}

int bl_listener_accept(bl_listener *listener, bl_stream **stream,
                       bl_addr *peer) {
    struct listener_use use;
    bl_addr from = { .length = 0 };
    if (listener == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    int rc = listener_enter(listener, &use);
    if (rc < 0) return rc;

    if (listener->kept_fd >= 0 && peer != NULL) {
        from.length = sizeof from.storage;
        struct sockaddr *address = (struct sockaddr *)&from.storage;
        if (getpeername(listener->kept_fd, address, &from.length) < 0) {
            from.length = 0; /* it has gone away meanwhile */
        }
    }
    while (listener->kept_fd < 0) {
        rc = BL_EAGAIN;
        if (listener->is_ready) {
            rc = listener_try(listener, peer != NULL ? &from : NULL);
        }
        if (rc == BL_EAGAIN) rc = listener_wait(listener, &use);
        if (rc < 0) goto leave;
    }
    rc = listener_give(listener, stream);
    if (rc == 0 && peer != NULL) *peer = from;

leave:
    if (!use.is_closed) listener_leave(listener);
    return rc;
}

/* ---- opening and closing ----------------------------------------------- */

static int listener_set_options(int fd, int family) {
    int on = 1;
    int off = 0;
    if (bl__sys_fails(BL_IO_OPTION, fd, NULL)) return -1;
    int failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (failed != 0 || family != AF_INET6) return failed;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

/* Opens a socket bound to `address`. */
static int listener_bind(const bl_addr *address, int *bound) {
    int family = address->storage.ss_family;
    int fd = -1;
    if (!bl__sys_fails(BL_IO_SOCKET, -1, NULL)) {
        fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) return -errno;

    int failed = listener_set_options(fd, family);
    if (failed == 0) {
        const void *where = &address->storage;
        failed = bl__sys_fails(BL_IO_BIND, fd, NULL)
                     ? -1
                     : bind(fd, where, address->length);
    }
    if (failed != 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    *bound = fd;
    return 0;
}

/* [::] also stands for all IPv4 addresses, so without IPv6 these are left. */
static bool listener_is_any_v6(const bl_addr *address, bl_addr *any_v4) {
    const struct sockaddr_in6 *in6 = (const void *)&address->storage;
    if (in6->sin6_family != AF_INET6) return false;
    if (!IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)) return false;
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = in6->sin6_port };
    memset(any_v4, 0, sizeof *any_v4);
    memcpy(&any_v4->storage, &in, sizeof in);
    any_v4->length = sizeof in;
    return true;
}

static int listener_open_socket(const bl_addr *address, int *listening) {
    bl_addr any_v4;
    int fd;
    int rc = listener_bind(address, &fd);
    bool lacks_v6 = rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL;
    if (lacks_v6 && listener_is_any_v6(address, &any_v4)) {
        rc = listener_bind(&any_v4, &fd);
    }
    if (rc < 0) return rc;
    if (bl__sys_fails(BL_IO_LISTEN, fd, NULL) ||
        listen(fd, LISTENER_BACKLOG) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    *listening = fd;
    return 0;
}

int bl_tcp_listen(const bl_addr *address, bl_listener **listener) {
    char text[BL_ADDR_TEXT_BYTES];
    if (address == NULL) return BL_EINVAL;
    if (listener == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;

    bl_listener *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->loop = loop;
    made->kept_fd = -1;
    int rc = listener_open_socket(address, &made->fd);
    if (rc < 0) goto free_listener;

    made->address.length = sizeof made->address.storage;
    struct sockaddr *bound = (struct sockaddr *)&made->address.storage;
    if (bl__sys_fails(BL_IO_ADDRESS, made->fd, NULL) ||
        getsockname(made->fd, bound, &made->address.length) < 0) {
        rc = -errno;
        goto close_socket;
    }
    bl_watch_init(&made->watch, made->fd, listener_on_ready, made);
    rc = bl_watch_start(loop, &made->watch, BL_READABLE | BL_EDGE);
    if (rc < 0) goto close_socket;

    *listener = made;
    return 0;

close_socket:
    close(made->fd);
free_listener:
    bl__free(made);
    bl_addr_format(address, text, sizeof text);
    return BL_ERR(rc, "cannot listen at %s", text);
}

bl_addr bl_listener_address(const bl_listener *listener) {
    return listener->address;
}

void bl_listener_close(bl_listener *listener) {
    if (listener == NULL) return;
    struct listener_use *use = listener->user;
    if (use != NULL) {
        use->is_closed = true;
        if (use->is_parked) {
            use->is_parked = false;
            bl_park_wake(&use->park, BL_ECLOSED);
        }
    }
    if (listener->kept_fd >= 0) close(listener->kept_fd);
    BL_IGNORE(bl_watch_close(&listener->watch) < 0); /* it is closed */
    bl__free(listener);
}
