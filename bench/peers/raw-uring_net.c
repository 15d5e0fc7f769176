/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/raw-uring_net.c - the other floor: an io_uring loop by hand
 *
 * One-shot receive and send operations into a buffer per connection, on a ring
 * for one thread with deferred work; one system call per batch.  There is a
 * multishot accept for TCP.  UDP has one receive under way per packet slot.
 */
#include <liburing.h>

#include "net_load.h"

enum {
    RING_ENTRIES = 4096
};

enum step {
    ACCEPTING,
    RECEIVING,
    SENDING
};

struct connection {
    enum step step;
    int fd;
    size_t sent;
    size_t count;
    struct sockaddr_in from; /* UDP */
    struct iovec part;
    struct msghdr message;
    char *buffer;
};

static struct io_uring ring;

static struct io_uring_sqe *request(struct connection *connection,
                                    enum step step) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    while (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    connection->step = step;
    io_uring_sqe_set_data(sqe, connection);
    return sqe;
}

/* The data is set behind the preparation, which would clear it. */
static void receive(struct connection *connection) {
    struct io_uring_sqe *sqe = request(connection, RECEIVING);
    io_uring_prep_recv(sqe, connection->fd, connection->buffer, NET_BYTES_MAX,
                       0);
    io_uring_sqe_set_data(sqe, connection);
}

static void answer(struct connection *connection) {
    struct io_uring_sqe *sqe = request(connection, SENDING);
    io_uring_prep_send(sqe, connection->fd,
                       connection->buffer + connection->sent,
                       connection->count - connection->sent, MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, connection);
}

static void end(struct connection *connection) {
    close(connection->fd);
    free(connection->buffer);
    free(connection);
}

static void accepted(int fd) {
    int on = 1;
    struct connection *connection = calloc(1, sizeof *connection);
    if (fd < 0 || connection == NULL) {
        free(connection);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->fd = fd;
    connection->buffer = malloc(NET_BYTES_MAX);
    if (connection->buffer == NULL) {
        end(connection);
        return;
    }
    receive(connection);
}

static void completed(struct connection *connection, int result) {
    if (connection->step == ACCEPTING) {
        accepted(result);
    } else if (result <= 0) {
        end(connection);
    } else if (connection->step == RECEIVING) {
        connection->sent = 0;
        connection->count = (size_t)result;
        answer(connection);
    } else {
        connection->sent += (size_t)result;
        if (connection->sent < connection->count) {
            answer(connection);
        } else {
            receive(connection);
        }
    }
}

static int make_ring(void) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    };
    return io_uring_queue_init_params(RING_ENTRIES, &ring, &params);
}

/* Calls `fn` for each completion, for ever. */
static int run(void (*fn)(struct connection *connection, int result)) {
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head;
        unsigned count = 0;
        int rc = io_uring_submit_and_wait(&ring, 1);
        if (rc < 0 && rc != -EINTR) return rc;
        io_uring_for_each_cqe(&ring, head, cqe) {
            fn(io_uring_cqe_get_data(cqe), cqe->res);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}

static int open_socket(int type) {
    struct sockaddr_in any = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) return -errno;
    return fd;
}

static int run_tcp(void) {
    static struct connection acceptor;
    int listener = open_socket(SOCK_STREAM);
    if (listener < 0) return listener;
    if (listen(listener, 4096) < 0) return -errno;
    struct io_uring_sqe *sqe = request(&acceptor, ACCEPTING);
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, &acceptor);
    net_say_port(listener);
    return run(completed);
}

/* ---- UDP --------------------------------------------------------------- */

static void receive_packet(struct connection *slot) {
    struct io_uring_sqe *sqe = request(slot, RECEIVING);
    slot->part = (struct iovec){ slot->buffer, NET_BYTES_MAX };
    slot->message = (struct msghdr){ .msg_name = &slot->from,
                                     .msg_namelen = sizeof slot->from,
                                     .msg_iov = &slot->part,
                                     .msg_iovlen = 1 };
    io_uring_prep_recvmsg(sqe, slot->fd, &slot->message, 0);
    io_uring_sqe_set_data(sqe, slot);
}

static void packet_completed(struct connection *slot, int result) {
    if (slot->step == SENDING || result < 0) {
        receive_packet(slot);
        return;
    }
    struct io_uring_sqe *sqe = request(slot, SENDING);
    slot->part.iov_len = (size_t)result;
    io_uring_prep_sendmsg(sqe, slot->fd, &slot->message, 0);
    io_uring_sqe_set_data(sqe, slot);
}

static int run_udp(void) {
    static struct connection slots[NET_UDP_DEPTH];
    int fd = open_socket(SOCK_DGRAM);
    if (fd < 0) return fd;
    for (int i = 0; i < NET_UDP_DEPTH; i++) {
        slots[i].fd = fd;
        slots[i].buffer = malloc(NET_BYTES_MAX);
        if (slots[i].buffer == NULL) return -ENOMEM;
        receive_packet(&slots[i]);
    }
    net_say_port(fd);
    return run(packet_completed);
}

static int run_server(const char *mode, void *arg) {
    (void)arg;
    int rc = make_ring();
    if (rc < 0) return rc;
    return strcmp(mode, "udp") == 0 ? run_udp() : run_tcp();
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "raw-uring", run_server, NULL);
}
