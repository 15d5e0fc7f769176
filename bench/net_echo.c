/* SPDX-License-Identifier: MIT */
/*
 * bench/net_echo.c - what a server of ours costs per request
 *
 * It is written as the guide shows it: bl_serve, a task and a buffer per
 * connection, everything compiled in.
 */
#include <belay.h>

#include "peers/net_load.h"

/* A buffer of this size is too much for a stack that 1,000 tasks have. */
static int echo(bl_connection *connection) {
    char *buffer = bl_alloc(NET_BYTES_MAX);
    if (buffer == NULL) return BL_ENOMEM;
    bl_stream *stream = connection->stream;
    bl_ssize count;
    int rc = 0;
    while ((count = bl_stream_read(stream, buffer, NET_BYTES_MAX)) > 0) {
        rc = bl_stream_write_all(stream, buffer, (size_t)count, NULL);
        if (rc < 0) break;
    }
    bl_free(buffer);
    return count < 0 ? (int)count : rc;
}

static int serve_tcp(const bl_addr *any) {
    bl_listener *listener;
    int rc = bl_listen(any, NULL, &listener);
    if (rc < 0) return rc;
    net_say_port(bl_listener_fd(listener));
    return bl_serve(listener, echo, NULL);
}

static int serve_udp(const bl_addr *any) {
    static char bytes[NET_UDP_DEPTH][2048];
    static bl_message messages[NET_UDP_DEPTH];
    bl_datagram *datagram;
    int rc = bl_datagram_open(any, NULL, &datagram);
    if (rc < 0) return rc;
    net_say_port(bl_datagram_fd(datagram));
    for (;;) {
        for (int i = 0; i < NET_UDP_DEPTH; i++) {
            messages[i].data = bytes[i];
            messages[i].bytes = sizeof bytes[i];
        }
        int count = bl_datagram_recv_many(datagram, messages, NET_UDP_DEPTH);
        if (count < 0) return count;
        for (int i = 0; i < count; i++)
            messages[i].bytes = messages[i].length;
        for (int sent = 0; sent < count;) {
            rc = bl_datagram_send_many(datagram, messages + sent,
                                       (size_t)(count - sent));
            if (rc < 0) return rc;
            sent += rc;
        }
    }
}

static int serve(void *arg) {
    bl_addr any;
    int rc = bl_addr_parse("127.0.0.1:0", &any);
    if (rc < 0) return rc;
    return strcmp(arg, "udp") == 0 ? serve_udp(&any) : serve_tcp(&any);
}

static int run_server(const char *mode, void *arg) {
    static char kept[8];
    (void)arg;
    snprintf(kept, sizeof kept, "%s", mode);
    return bl_run(serve, kept);
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "belay", run_server, NULL);
}
