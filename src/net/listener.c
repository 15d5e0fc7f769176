/* SPDX-License-Identifier: MIT */
/*
 * net/listener.c - a socket that listens, and the queue behind it
 *
 * The socket is watched edge-triggered: after one report connections are
 * accepted until the system says that there are none, so a burst costs one
 * wait.  One task at a time accepts; its use is marked when the listener is
 * closed, as in a stream.
 *
 * A connection that was accepted, and then found no memory for its stream, is
 * kept and is the first that the next call gets.
 *
 * A connection inherits its listener's options, so TCP's delay of small
 * segments is turned off once, for the listener.  Whether that works is seen
 * at the first connection; where it does not, and for a listener that came
 * from somebody else with the delay on, each is told by itself.
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
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/accept.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "io/socket.h"
#include "net/socket.h"
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

/* What the first connection has taught about all of them. */
enum lesson {
    LESSON_NONE,      /* there was none yet */
    LESSON_INHERITED, /* they come without delay */
    LESSON_NOT_TCP,   /* they have no such option */
    LESSON_TO_BE_TOLD /* each has to be told */
};

struct bl_listener {
    bl_watch watch;
    bl_loop *loop;
    struct listener_use *user;
    bl__listener_closed_fn *on_close; /* NULL while nobody has claimed it */
    void *on_close_context;
    int fd;
    int kept_fd;   /* accepted, but not given away; -1 if there is none */
    bool is_ready; /* worth trying */
    enum lesson lesson;
    bl_addr address;
    bool has_socket_options;
    bl_socket_options socket_options; /* of each connection */
    /* The file of a local socket, if it is ours to remove. */
    bool owns_path;
    dev_t path_device;
    ino_t path_inode;
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

int bl__listener_claim(bl_listener *listener, bl__listener_closed_fn *on_close,
                       void *context) {
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (listener->loop != loop) return BL_ETHREAD;
    if (listener->user != NULL) return BL_EBUSY;
    if (listener->on_close != NULL) return BL_EBUSY;
    listener->on_close = on_close;
    listener->on_close_context = context;
    return 0;
}

void bl__listener_release(bl_listener *listener) {
    listener->on_close = NULL;
}

static int listener_wait(bl_listener *listener, struct listener_use *use) {
    bl_park_init(&use->park, "connection", listener, listener_on_abort);
    use->is_parked = true;
    int rc = bl_park_wait(&use->park);
    return use->is_closed ? BL_ECLOSED : rc;
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
    } while (fd < 0 && bl__accept_may_go_on(errno));
    if (fd >= 0) {
        listener->kept_fd = fd;
        return 0;
    }
    if (errno == EAGAIN) listener->is_ready = false;
    return errno == ECANCELED ? BL_EIO : -errno;
}

static enum lesson lesson_of(int fd) {
    int is_on = 0;
    socklen_t length = sizeof is_on;
    int rc = getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &length);
    if (rc < 0) return LESSON_NOT_TCP;
    return is_on ? LESSON_INHERITED : LESSON_TO_BE_TOLD;
}

/* Makes a stream of the kept connection, or keeps it. */
static int listener_give(bl_listener *listener, bl_stream **stream) {
    BL__ASSERT(listener->kept_fd >= 0);
    int fd = listener->kept_fd;
    int rc;
    if (listener->lesson == LESSON_NONE) listener->lesson = lesson_of(fd);
    if (listener->lesson == LESSON_TO_BE_TOLD) {
        rc = bl_stream_take_fd(fd, stream);
    } else {
        bool is_tcp = listener->lesson == LESSON_INHERITED;
        rc = bl__stream_take_socket(fd, is_tcp, stream);
    }
    if (rc < 0) return rc;
    if (listener->has_socket_options) {
        rc = bl_socket_set_options(fd, &listener->socket_options);
        BL__ASSERT(rc != BL_EINVAL); /* they were checked before */
    }
    listener->kept_fd = -1;
    return 0;
}

/* The peer of the kept connection, if somebody wants to know. */
static void listener_kept_peer(const bl_listener *listener, bl_addr *peer) {
    if (listener->kept_fd < 0 || peer == NULL) return;
    peer->length = sizeof peer->storage;
    struct sockaddr *address = (struct sockaddr *)&peer->storage;
    if (getpeername(listener->kept_fd, address, &peer->length) < 0) {
        peer->length = 0; /* it has gone away meanwhile */
    }
}

int bl_listener_accept(bl_listener *listener, bl_stream **stream,
                       bl_addr *peer) {
    struct listener_use use;
    bl_addr from = { .length = 0 };
    if (listener == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    int rc = listener_enter(listener, &use);
    if (rc < 0) return rc;

    listener_kept_peer(listener, peer != NULL ? &from : NULL);
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

int bl_listener_try_accept(bl_listener *listener, bl_stream **stream,
                           bl_addr *peer) {
    bl_addr from = { .length = 0 };
    if (listener == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (listener->loop != loop) return BL_ETHREAD;
    if (listener->user != NULL) return BL_EBUSY;

    listener_kept_peer(listener, peer != NULL ? &from : NULL);
    int rc = 0;
    if (listener->kept_fd < 0) {
        rc = listener_try(listener, peer != NULL ? &from : NULL);
    }
    if (rc == 0) rc = listener_give(listener, stream);
    if (rc == 0 && peer != NULL) *peer = from;
    return rc;
}

/* ---- opening ----------------------------------------------------------- */

static const bl_listen_options listen_defaults = {
    .size = sizeof(bl_listen_options),
};

static int listener_set_flag(int fd, int level, int option, int value) {
    if (bl__sys_fails(BL_IO_OPTION, fd, NULL)) return -errno;
    if (setsockopt(fd, level, option, &value, sizeof value) == 0) return 0;
    return -errno;
}

/* What has to be said before the socket has its address. */
static int listener_prepare(int fd, int family,
                            const bl_listen_options *options) {
    int rc = 0;
    if (family == AF_UNIX) return 0;
    rc = listener_set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    /* Where it fails, lesson_of finds out. */
    BL_IGNORE(listener_set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0);
    if (rc == 0 && options->is_port_shared) {
        rc = listener_set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (rc == 0 && family == AF_INET6) {
        rc = listener_set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                               options->is_v6_only);
    }
    if (rc == 0 && options->defer_accept_s > 0) {
        rc = listener_set_flag(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                               options->defer_accept_s);
    }
    if (rc == 0 && options->fast_open > 0) {
        rc = listener_set_flag(fd, IPPROTO_TCP, TCP_FASTOPEN,
                               options->fast_open);
    }
    return rc;
}

/*
 * Removes the file of a socket that nobody listens on any more: connecting is
 * refused.  A socket that is alive, and any other file, stays.
 */
static bool path_is_cleared(const bl_addr *address) {
    struct stat status;
    const struct sockaddr *where = (const void *)&address->storage;
    if (bl__addr_path(address) == NULL) return false;
    if (lstat(bl__addr_path(address), &status) < 0) return false;
    if (!S_ISSOCK(status.st_mode)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool is_dead =
        connect(fd, where, address->length) < 0 && errno == ECONNREFUSED;
    close(fd);
    return is_dead && unlink(bl__addr_path(address)) == 0;
}

static int bind_to(int fd, const bl_addr *address) {
    const struct sockaddr *where = (const void *)&address->storage;
    if (bl__sys_fails(BL_IO_BIND, fd, NULL)) return -errno;
    return bind(fd, where, address->length) == 0 ? 0 : -errno;
}

/* Opens a socket bound to `address`. */
static int listener_bind(const bl_addr *address,
                         const bl_listen_options *options, int *bound) {
    int family = address->storage.ss_family;
    if (bl__sys_fails(BL_IO_SOCKET, -1, NULL)) return -errno;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;

    int rc = listener_prepare(fd, family, options);
    if (rc == 0) rc = bind_to(fd, address);
    if (rc == BL_EADDRINUSE && path_is_cleared(address)) {
        rc = bind_to(fd, address);
    }
    if (rc < 0) {
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

/* Between bind and listen nobody can connect, so nobody slips in before the
 * permissions are set. */
static int listener_own_path(bl_listener *listener, const bl_addr *address,
                             const bl_listen_options *options) {
    struct stat status;
    if (bl__addr_path(address) == NULL) return 0;
    if (options->has_mode && chmod(bl__addr_path(address), options->mode) < 0) {
        return -errno;
    }
    if (options->keeps_path) return 0;
    if (stat(bl__addr_path(address), &status) < 0) return -errno;
    listener->owns_path = true;
    listener->path_device = status.st_dev;
    listener->path_inode = status.st_ino;
    return 0;
}

/* Removes the file, unless somebody has put another one in its place. */
static void listener_clear_path(const bl_listener *listener) {
    struct stat status;
    if (!listener->owns_path) return;
    if (stat(bl__addr_path(&listener->address), &status) < 0) return;
    if (status.st_dev != listener->path_device) return;
    if (status.st_ino != listener->path_inode) return;
    BL_IGNORE(unlink(bl__addr_path(&listener->address)) < 0); /* it is gone */
}

static int listener_open_socket(bl_listener *listener, const bl_addr *address,
                                const bl_listen_options *options) {
    bl_addr any_v4;
    int backlog = options->backlog > 0 ? options->backlog : LISTENER_BACKLOG;
    int rc = listener_bind(address, options, &listener->fd);
    bool lacks_v6 = rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL;
    if (lacks_v6 && !options->is_v6_only &&
        listener_is_any_v6(address, &any_v4)) {
        rc = listener_bind(&any_v4, options, &listener->fd);
    }
    if (rc < 0) return rc;
    rc = listener_own_path(listener, address, options);
    if (rc == 0 && (bl__sys_fails(BL_IO_LISTEN, listener->fd, NULL) ||
                    listen(listener->fd, backlog) < 0)) {
        rc = -errno;
    }
    if (rc < 0) close(listener->fd);
    return rc;
}

/* Asks for the address, and starts to watch. */
static int listener_start(bl_listener *listener) {
    listener->address.length = sizeof listener->address.storage;
    struct sockaddr *bound = (struct sockaddr *)&listener->address.storage;
    if (bl__sys_fails(BL_IO_ADDRESS, listener->fd, NULL)) return -errno;
    if (getsockname(listener->fd, bound, &listener->address.length) < 0) {
        return -errno;
    }
    bl_watch_init(&listener->watch, listener->fd, listener_on_ready, listener);
    return bl_watch_start(listener->loop, &listener->watch,
                          BL_READABLE | BL_EDGE);
}

static bl_listener *listener_new(bl_loop *loop) {
    bl_listener *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return NULL;
    made->loop = loop;
    made->kept_fd = -1;
    return made;
}

/* Whether the options are in range, also those of connections to come. */
static int listener_take_options(bl_listener *listener,
                                 const bl_listen_options *options) {
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->backlog < 0 || options->defer_accept_s < 0) return BL_EINVAL;
    if (options->fast_open < 0 || options->mode > 07777) return BL_EINVAL;
    if (options->socket == NULL) return 0;
    int rc = bl__socket_check_options(options->socket);
    if (rc < 0) return rc;
    listener->socket_options = *options->socket;
    listener->has_socket_options = true;
    return 0;
}

int bl_listen(const bl_addr *address, const bl_listen_options *options,
              bl_listener **listener) {
    char text[BL_ADDR_TEXT_BYTES];
    char holder[BL__HOLDER_BYTES];
    if (address == NULL) return BL_EINVAL;
    if (listener == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (options == NULL) options = &listen_defaults;

    bl_listener *made = listener_new(loop);
    if (made == NULL) return BL_ENOMEM;
    int rc = listener_take_options(made, options);
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    rc = listener_open_socket(made, address, options);
    if (rc < 0) goto free_listener;
    rc = listener_start(made);
    if (rc < 0) goto close_socket;
    *listener = made;
    return 0;

close_socket:
    close(made->fd);
free_listener:
    made->address = *address;
    listener_clear_path(made);
    bl__free(made);
    bl_addr_format(address, text, sizeof text);
    if (rc != BL_EADDRINUSE) return BL_ERR(rc, "cannot listen at %s", text);
    bl__addr_find_holder(address, holder, sizeof holder);
    return BL_ERR(rc, "cannot listen at %s: it is in use%s", text, holder);
}

int bl_tcp_listen(const bl_addr *address, bl_listener **listener) {
    return bl_listen(address, NULL, listener);
}

int bl_listener_take_fd(int fd, bl_listener **listener) {
    return bl_listener_take_fd_with(fd, NULL, listener);
}

int bl_listener_take_fd_with(int fd, const bl_listen_options *options,
                             bl_listener **listener) {
    int is_listening = 0;
    socklen_t length = sizeof is_listening;
    if (listener == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (options == NULL) options = &listen_defaults;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) < 0) {
        return errno == EBADF ? BL_EBADF : BL_EINVAL;
    }
    if (!is_listening) return BL_EINVAL;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;

    bl_listener *made = listener_new(loop);
    if (made == NULL) return BL_ENOMEM;
    made->fd = fd;
    int rc = listener_take_options(made, options);
    if (rc == 0) rc = listener_start(made);
    /* Last, so that it is as it was if anything failed. */
    if (rc == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        rc = -errno;
        bl_watch_stop(&made->watch);
    }
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    *listener = made;
    return 0;
}

/* ---- closing ----------------------------------------------------------- */

bl_addr bl_listener_address(const bl_listener *listener) {
    return listener->address;
}

int bl_listener_fd(const bl_listener *listener) {
    return listener != NULL ? listener->fd : -1;
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
    if (listener->on_close != NULL) {
        listener->on_close(listener->on_close_context);
    }
    if (listener->kept_fd >= 0) close(listener->kept_fd);
    listener_clear_path(listener);
    BL_IGNORE(bl_watch_close(&listener->watch) < 0); /* it is closed */
    bl__free(listener);
}
