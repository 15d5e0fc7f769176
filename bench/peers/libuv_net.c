/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/libuv_net.c - the event loop that C programs know best
 *
 * As its guide shows an echo server, with a buffer per read from one that all
 * connections share, uv_try_write first, and a copy of what was not taken.
 */
#include <uv.h>

#include "net_load.h"

static _Alignas(NET_PAGE_BYTES) char shared[NET_BUFFER_BYTES];

struct answer {
    uv_write_t request;
    char bytes[];
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void on_written(uv_write_t *request, int status) {
    (void)status;
    free(request);
}

static void on_read(uv_stream_t *stream, ssize_t count,
                    const uv_buf_t *buffer) {
    if (count < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    uv_buf_t whole = uv_buf_init(buffer->base, (unsigned)count);
    int sent = uv_try_write(stream, &whole, 1);
    if (sent < 0) sent = 0;
    size_t left = (size_t)count - (size_t)sent;
    if (left == 0) return;
    struct answer *answer = malloc(sizeof *answer + left);
    if (answer == NULL) return;
    memcpy(answer->bytes, buffer->base + sent, left);
    uv_buf_t rest = uv_buf_init(answer->bytes, (unsigned)left);
    if (uv_write(&answer->request, stream, &rest, 1, on_written) < 0) {
        free(answer);
    }
}

static void on_connection(uv_stream_t *listener, int status) {
    uv_tcp_t *client = malloc(sizeof *client);
    if (status < 0 || client == NULL) {
        free(client);
        return;
    }
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        uv_close((uv_handle_t *)client, on_closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

static void on_packet(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                      const struct sockaddr *from, unsigned flags) {
    (void)flags;
    if (count <= 0 || from == NULL) return;
    uv_buf_t whole = uv_buf_init(buffer->base, (unsigned)count);
    uv_udp_try_send(udp, &whole, 1, from);
}

static int run_server(const char *mode, void *arg) {
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in any;
    uv_os_fd_t fd;
    uv_tcp_t listener;
    uv_udp_t udp;
    (void)arg;
    uv_ip4_addr("127.0.0.1", 0, &any);
    if (strcmp(mode, "udp") == 0) {
        uv_udp_init(loop, &udp);
        uv_udp_bind(&udp, (const struct sockaddr *)&any, 0);
        uv_udp_recv_start(&udp, on_alloc, on_packet);
        uv_fileno((uv_handle_t *)&udp, &fd);
    } else {
        uv_tcp_init(loop, &listener);
        uv_tcp_bind(&listener, (const struct sockaddr *)&any, 0);
        uv_listen((uv_stream_t *)&listener, 4096, on_connection);
        uv_fileno((uv_handle_t *)&listener, &fd);
    }
    net_say_port(fd);
    return uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "libuv", run_server, NULL);
}
