/* SPDX-License-Identifier: MIT */
/*
 * bench/net_echo.c - what a server of ours costs per request
 *
 * It is written as the guide shows it: bl_serve, a task per connection,
 * everything compiled in.
 */
#include <belay.h>
#include <belay/workers.h>

#include <stdatomic.h>

#define NET_WITH_WORKERS 1
#include "peers/net_load.h"

enum {
    WORKERS = 2
};

/*
 * Buffers of this size are too much for connections that are idle, so each is
 * lent to one that has something to read: the one used last first.  It begins
 * a page, as the kernel's own buffers do: some CPUs copy at half their speed to
 * where a page is a few bytes further on than in the source.
 */
struct buffer {
    char bytes[NET_BUFFER_BYTES];
    struct buffer *next;
};

static __thread struct buffer *free_buffers;

static struct buffer *buffer_take(void) {
    struct buffer *buffer = free_buffers;
    if (buffer == NULL) {
        size_t bytes = sizeof *buffer + NET_PAGE_BYTES - 1;
        return aligned_alloc(NET_PAGE_BYTES,
                             bytes / NET_PAGE_BYTES * NET_PAGE_BYTES);
    }
    free_buffers = buffer->next;
    return buffer;
}

static void buffer_give(struct buffer *buffer) {
    buffer->next = free_buffers;
    free_buffers = buffer;
}

/* Echoes what has come.  Returns how much, 0 at the end. */
static bl_ssize echo_some(bl_stream *stream) {
    struct buffer *buffer = buffer_take();
    if (buffer == NULL) return BL_ENOMEM;
    bl_ssize count = bl_stream_read(stream, buffer->bytes, NET_BUFFER_BYTES);
    if (count > 0) {
        int rc =
            bl_stream_write_all(stream, buffer->bytes, (size_t)count, NULL);
        if (rc < 0) count = rc;
    }
    buffer_give(buffer);
    return count;
}

static int echo(bl_connection *connection) {
    bl_ssize count;
    do {
        count = bl_stream_wait(connection->stream, BL_READABLE);
        if (count == 0) count = echo_some(connection->stream);
    } while (count > 0);
    return (int)count;
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

static atomic_int listening;

/* Each worker has a listener of its own, at a port that they share. */
static int serve_as_worker(void *arg) {
    bl_listener *listener;
    bl_listen_options options = { .size = sizeof options,
                                  .is_port_shared = true };
    int rc = bl_listen(arg, &options, &listener);
    if (rc < 0) return rc;
    /* The last one to listen says so. */
    if (atomic_fetch_add(&listening, 1) + 1 == WORKERS) {
        net_say_port(bl_listener_fd(listener));
    }
    return bl_serve(listener, echo, NULL);
}

/* A socket that does not listen holds the port that the kernel chose. */
static int run_workers(void) {
    static bl_addr address;
    int on = 1;
    int rc = bl_addr_parse("127.0.0.1:0", &address);
    if (rc < 0) return rc;
    struct sockaddr *where = (struct sockaddr *)&address.storage;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
        bind(fd, where, address.length) < 0 ||
        getsockname(fd, where, &address.length) < 0) {
        return -errno;
    }
    return bl_run_workers(WORKERS, serve_as_worker, &address);
}

/* `arg` is the options of the loop. */
static int run_server(const char *mode, void *arg) {
    static char kept[8];
    if (strcmp(mode, "workers") == 0) return run_workers();
    snprintf(kept, sizeof kept, "%s", mode);
    return bl_run_with(serve, kept, arg);
}

/* With --no-spin in front it is another contender: our loop blocks at once. */
int main(int argc, char **argv) {
    bl_loop_options options = { .size = sizeof options };
    if (argc < 2 || strcmp(argv[1], "--no-spin") != 0) {
        return net_main(argc, argv, "belay", run_server, &options);
    }
    options.spin_ns_max = -1;
    net_load.is_about_spins = true;
    return net_main(argc - 1, argv + 1, "belay-no-spin", run_server, &options);
}
