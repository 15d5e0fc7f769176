/* SPDX-License-Identifier: MIT */
/*
 * net/connect.c - connecting, by address and by name
 *
 * A socket that was being connected is of no use to anybody once that failed
 * or was cancelled, so it is closed here, in the way that makes the kernel let
 * go of it at once.
 */
#include <belay/error.h>
#include <belay/io.h>
#include <belay/park.h>

#include <errno.h>
#include <netinet/in.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/socket.h"
#include "sys/seam.h"

enum {
    CONNECT_ADDRESSES_MAX = 16
};

static const bl_connect_options connect_defaults = {
    .size = sizeof(bl_connect_options),
};

static int connect_check(const bl_connect_options *options) {
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->attempt_delay < 0) return BL_EINVAL;
    if (options->socket == NULL) return 0;
    return bl__socket_check_options(options->socket);
}

static int connect_say(int rc, const bl_addr *address) {
    char text[BL_ADDR_TEXT_BYTES];
    if (rc == BL_ECANCELED) return rc; /* nothing is wrong with the address */
    bl_addr_format(address, text, sizeof text);
    return BL_ERR(rc, "cannot connect to %s", text);
}

/* Says where to come from.  The port of a connection is found while it is
 * made, so that one port can serve many. */
static int connect_bind(int fd, const bl_addr *local) {
    const struct sockaddr *where = (const void *)&local->storage;
    int on = 1;
    if (!bl_addr_is_unix(local)) {
        BL_IGNORE(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
                             sizeof on) < 0); /* an older kernel */
        BL_IGNORE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) <
                  0); /* bind says why */
    }
    return bind(fd, where, local->length) == 0 ? 0 : -errno;
}

/* Makes `fd`, which stays the caller's unless it returns 0, a connection. */
static int connect_socket(int fd, const bl_addr *address,
                          const bl_connect_options *options,
                          bl_stream **stream) {
    const struct sockaddr *where = (const void *)&address->storage;
    int rc = 0;
    if (options->local != NULL) rc = connect_bind(fd, options->local);
    if (rc == 0) rc = bl_fd_connect(fd, where, address->length);
    if (rc == 0) rc = bl_stream_take_fd(fd, stream);
    if (rc < 0) return rc;
    if (options->socket == NULL) return 0;
    rc = bl_socket_set_options(fd, options->socket);
    BL__ASSERT(rc != BL_EINVAL); /* they were checked before */
    return 0; /* what the system does not want to know does no harm */
}

int bl_connect(const bl_addr *address, const bl_connect_options *options,
               bl_stream **stream) {
    if (address == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    if (options == NULL) options = &connect_defaults;
    int rc = connect_check(options);
    if (rc < 0) return rc;

    int family = address->storage.ss_family;
    int fd = -1;
    if (!bl__sys_fails(BL_IO_SOCKET, -1, NULL)) {
        fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) return connect_say(-errno, address);

    rc = connect_socket(fd, address, options, stream);
    if (rc < 0) {
        BL_IGNORE(bl_fd_close(fd) < 0); /* it is closed */
        return connect_say(rc, address);
    }
    BL__ASSERT(*stream != NULL);
    return 0;
}

int bl_tcp_connect(const bl_addr *address, bl_stream **stream) {
    return bl_connect(address, NULL, stream);
}

/* ---- by name ----------------------------------------------------------- */

static int connect_attempt(void *context, const bl_addr *address,
                           bl_stream **stream) {
    return bl_connect(address, context, stream);
}

static int connect_resolve(const bl_connect_options *options,
                           const char *host_and_port, bl_addr *addresses) {
    if (options->resolve == NULL) {
        return bl_addr_resolve_all(host_and_port, addresses,
                                   CONNECT_ADDRESSES_MAX);
    }
    int count = options->resolve(options->resolve_context, host_and_port,
                                 addresses, CONNECT_ADDRESSES_MAX);
    if (count == 0) return BL_EIO; /* it knows the name, and no address */
    BL__ASSERT(count <= CONNECT_ADDRESSES_MAX);
    return count;
}

int bl_connect_name(const char *host_and_port,
                    const bl_connect_options *options, bl_stream **stream) {
    if (host_and_port == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    if (options == NULL) options = &connect_defaults;
    int rc = connect_check(options);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;

    /* Too much for the stack of a small task. */
    bl_addr *addresses =
        bl__alloc_zeroed(CONNECT_ADDRESSES_MAX, sizeof *addresses);
    if (addresses == NULL) return BL_ENOMEM;
    rc = connect_resolve(options, host_and_port, addresses);
    if (rc > 0) {
        bl_connect_options copy = *options;
        rc = bl__happy_connect(host_and_port, addresses, (size_t)rc,
                               options->attempt_delay, connect_attempt, &copy,
                               stream);
    }
    bl__free(addresses);
    return rc;
}
