/* SPDX-License-Identifier: MIT */
/*
 * peers/tls.c - our end of a TLS connection by TCP
 */
#include "peers/tls.h"

#include <stdlib.h>
#include <sys/socket.h>

bl_tls_context *tls_context(const bl_tls_config *config) {
    bl_tls_context *context;
    bl_tls_config own = *config;
    own.uses_kernel = getenv("BELAY_KERNEL_TLS") != NULL;
    REQUIRE_OK(bl_tls_context_new(&own, &context));
    return context;
}

bl_stream *tls_connect(bl_tls_context *context, const bl_addr *address) {
    bl_stream *under;
    bl_stream *stream;
    REQUIRE_OK(bl_tcp_connect(address, &under));
    REQUIRE_OK(bl_tls_connect(context, under, "localhost", NULL, &stream));
    return stream;
}

int tls_try_accept(bl_tls_context *context, const bl_test_port *port,
                   bl_stream **stream) {
    bl_stream *under;
    REQUIRE_EQ(bl_fd_wait(port->fd, BL_READABLE), BL_READABLE);
    int fd = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(bl_stream_take_fd(fd, &under));
    int rc = bl_tls_accept(context, under, NULL, stream);
    if (rc < 0) bl_stream_abort(under);
    return rc;
}

bl_stream *tls_accept(bl_tls_context *context, const bl_test_port *port) {
    bl_stream *stream;
    REQUIRE_OK(tls_try_accept(context, port, &stream));
    return stream;
}
