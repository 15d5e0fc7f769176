/* SPDX-License-Identifier: MIT */
/*
 * net/options.c - what a stream socket can be told
 *
 * TCP has its times in whole seconds; a time is rounded up, so that nobody is
 * given up earlier than was asked for.
 */
#include <belay/error.h>

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"

enum {
    OPTION_SECONDS_MAX = 32767,
    OPTION_PROBES_MAX = 127
};

static bool is_time(bl_ns time) {
    return time >= 0 && time <= BL_SEC(OPTION_SECONDS_MAX);
}

int bl__socket_check_options(const bl_socket_options *options) {
    if (options == NULL || options->size < sizeof *options) return BL_EINVAL;
    if (!is_time(options->keepalive_idle)) return BL_EINVAL;
    if (!is_time(options->keepalive_interval)) return BL_EINVAL;
    if (!is_time(options->unacked_max)) return BL_EINVAL;
    if (options->keepalive_count < 0) return BL_EINVAL;
    if (options->keepalive_count > OPTION_PROBES_MAX) return BL_EINVAL;
    if (options->send_bytes < 0 || options->receive_bytes < 0) return BL_EINVAL;
    return 0;
}

/* Once an option has failed the rest is left out. */
static void set_option(int fd, int level, int option, int value, int *rc) {
    if (*rc < 0) return;
    if (setsockopt(fd, level, option, &value, sizeof value) < 0) *rc = -errno;
}

static int in_units(bl_ns time, bl_ns unit) {
    return (int)((time + unit - 1) / unit);
}

static void set_tcp_options(int fd, const bl_socket_options *options, int *rc) {
    const int tcp = IPPROTO_TCP;
    if (options->is_delayed) set_option(fd, tcp, TCP_NODELAY, 0, rc);
    if (options->keepalive_idle > 0) {
        int seconds = in_units(options->keepalive_idle, BL_SEC(1));
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, rc);
        set_option(fd, tcp, TCP_KEEPIDLE, seconds, rc);
    }
    if (options->keepalive_interval > 0) {
        int seconds = in_units(options->keepalive_interval, BL_SEC(1));
        set_option(fd, tcp, TCP_KEEPINTVL, seconds, rc);
    }
    if (options->keepalive_count > 0) {
        set_option(fd, tcp, TCP_KEEPCNT, options->keepalive_count, rc);
    }
    if (options->unacked_max > 0) {
        int milliseconds = in_units(options->unacked_max, BL_MS(1));
        set_option(fd, tcp, TCP_USER_TIMEOUT, milliseconds, rc);
    }
}

/* By its domain and protocol: a local socket has none of TCP's options. */
static int is_tcp(int fd) {
    int protocol;
    socklen_t length = sizeof protocol;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0) {
        return errno == EBADF ? BL_EBADF : -errno;
    }
    return protocol == IPPROTO_TCP;
}

int bl_socket_set_options(int fd, const bl_socket_options *options) {
    int rc = bl__socket_check_options(options);
    if (rc < 0) return rc;
    int has_tcp = is_tcp(fd);
    if (has_tcp < 0) return has_tcp;
    if (options->send_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_SNDBUF, options->send_bytes, &rc);
    }
    if (options->receive_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_bytes, &rc);
    }
    if (has_tcp) set_tcp_options(fd, options, &rc);
    return rc;
}
