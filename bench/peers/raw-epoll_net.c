/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/raw-epoll_net.c - the floor: an epoll loop by hand
 *
 * Edge-triggered, one buffer for all connections, no layer of any kind.  A
 * read that returns less than there was room for has emptied the socket.  What
 * the kernel does not take of an answer is kept, and nothing is read before it
 * has gone.
 */
#include "net_load.h"

struct connection {
    int fd;
    char *kept;
    size_t kept_count;
};

static int epoll_fd;
static _Alignas(NET_PAGE_BYTES) char buffer[NET_BUFFER_BYTES];

static void end(struct connection *connection) {
    close(connection->fd);
    free(connection->kept);
    free(connection);
}

/* Returns whether everything has gone; -1 if the connection has ended. */
static int answer(struct connection *connection, const char *bytes,
                  size_t count) {
    ssize_t sent = send(connection->fd, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent < 0) sent = 0;
    size_t left = count - (size_t)sent;
    if (left == 0) {
        connection->kept_count = 0;
        return 1;
    }
    if (connection->kept == NULL) connection->kept = malloc(NET_BUFFER_BYTES);
    if (connection->kept == NULL) return -1;
    memmove(connection->kept, bytes + sent, left);
    connection->kept_count = left;
    return 0;
}

static void serve(struct connection *connection) {
    for (;;) {
        int rc = 1;
        if (connection->kept_count > 0) {
            rc = answer(connection, connection->kept, connection->kept_count);
        }
        if (rc == 0) return;
        ssize_t count =
            rc < 0 ? 0 : recv(connection->fd, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            end(connection);
            return;
        }
        rc = answer(connection, buffer, (size_t)count);
        if (rc < 0) {
            end(connection);
            return;
        }
        if (rc == 0 || (size_t)count < sizeof buffer) return;
    }
}

static void accept_all(int listener) {
    for (;;) {
        int fd = net_accept(listener);
        if (fd < 0) return;
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) {
            close(fd);
            continue;
        }
        connection->fd = fd;
        struct epoll_event event = {
            .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
            .data = { .ptr = connection },
        };
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int run_tcp(void) {
    struct epoll_event events[NET_EVENTS_MAX];
    struct epoll_event event = { .events = EPOLLIN };
    int listener = net_listen();
    if (listener < 0) return listener;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    net_say_port(listener);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, NET_EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) {
                accept_all(listener);
            } else if ((events[i].events & EPOLLIN) ||
                       connection->kept_count > 0) {
                serve(connection);
            }
        }
    }
}

static int run_udp(void) {
    static struct sockaddr_in from[NET_UDP_DEPTH];
    static struct iovec parts[NET_UDP_DEPTH];
    static struct mmsghdr messages[NET_UDP_DEPTH];
    static char bytes[NET_UDP_DEPTH][2048];
    struct sockaddr_in any = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) return -errno;
    net_say_port(fd);
    for (;;) {
        for (int i = 0; i < NET_UDP_DEPTH; i++) {
            parts[i] = (struct iovec){ bytes[i], sizeof bytes[i] };
            messages[i].msg_hdr = (struct msghdr){
                .msg_name = &from[i],
                .msg_namelen = sizeof from[i],
                .msg_iov = &parts[i],
                .msg_iovlen = 1,
            };
        }
        int count = recvmmsg(fd, messages, NET_UDP_DEPTH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++)
            parts[i].iov_len = messages[i].msg_len;
        if (count > 0) sendmmsg(fd, messages, (unsigned)count, 0);
    }
}

static int run_server(const char *mode, void *arg) {
    (void)arg;
    return strcmp(mode, "udp") == 0 ? run_udp() : run_tcp();
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "raw-epoll", run_server, NULL);
}
