/* SPDX-License-Identifier: MIT */
/*
 * net/tcp.c - connecting by TCP
 *
 * A socket that was being connected is of no use to anybody once that failed
 * or was cancelled, so it is closed here, in the way that makes the kernel let
 * go of it at once.
 */
#include <belay/error.h>
#include <belay/io.h>
#include <belay/net.h>

#include <errno.h>

#include "base/assert.h"
#include "sys/seam.h"

static int tcp_say(int rc, const bl_addr *address) {
    char text[BL_ADDR_TEXT_BYTES];
    if (rc == BL_ECANCELED) return rc; /* nothing is wrong with the address */
    bl_addr_format(address, text, sizeof text);
    return BL_ERR(rc, "cannot connect to %s", text);
}

int bl_tcp_connect(const bl_addr *address, bl_stream **stream) {
    if (address == NULL) return BL_EINVAL;
    if (stream == NULL) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;

    int family = address->storage.ss_family;
    int fd = -1;
    if (!bl__sys_fails(BL_IO_SOCKET, -1, NULL)) {
        fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) return tcp_say(-errno, address);

    const struct sockaddr *where = (const void *)&address->storage;
    int rc = bl_fd_connect(fd, where, address->length);
    if (rc == 0) rc = bl_stream_take_fd(fd, stream);
    if (rc < 0) {
        BL_IGNORE(bl_fd_close(fd) < 0); /* it is closed */
        return tcp_say(rc, address);
    }
    BL__ASSERT(*stream != NULL);
    return 0;
}
