/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/raw-epoll_tls.c - the floor: OpenSSL in an epoll loop by hand
 *
 * Edge-triggered, OpenSSL reads and writes the sockets itself, one buffer for
 * all connections.  What could not be written is kept, and nothing is read
 * before it has gone.
 */
#define NET_WITH_TLS 1
#include "net_load.h"

#include "tls_identity.h"

struct connection {
    SSL *tls;
    char *kept;
    size_t kept_count;
};

static int epoll_fd;
static SSL_CTX *context;
static char buffer[NET_BYTES_MAX];

static void end(struct connection *connection) {
    close(SSL_get_fd(connection->tls));
    SSL_free(connection->tls);
    free(connection->kept);
    free(connection);
}

static bool is_waiting(struct connection *connection, int rc) {
    int error = SSL_get_error(connection->tls, rc);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* Returns whether everything has gone; -1 if the connection has ended. */
static int answer(struct connection *connection, const char *bytes,
                  size_t count) {
    while (count > 0) {
        int sent = SSL_write(connection->tls, bytes, (int)count);
        if (sent <= 0 && !is_waiting(connection, sent)) return -1;
        if (sent <= 0) break;
        bytes += sent;
        count -= (size_t)sent;
    }
    connection->kept_count = count;
    if (count == 0) return 1;
    if (connection->kept == NULL) connection->kept = malloc(NET_BYTES_MAX);
    if (connection->kept == NULL) return -1;
    memmove(connection->kept, bytes, count);
    return 0;
}

static void serve(struct connection *connection) {
    for (;;) {
        int rc = 1;
        if (connection->kept_count > 0) {
            rc = answer(connection, connection->kept, connection->kept_count);
        }
        if (rc == 0) return;
        int count =
            rc < 0 ? 0 : SSL_read(connection->tls, buffer, sizeof buffer);
        if (rc > 0 && count <= 0 && is_waiting(connection, count)) return;
        if (count > 0) rc = answer(connection, buffer, (size_t)count);
        if (count <= 0 || rc < 0) {
            ERR_clear_error();
            end(connection);
            return;
        }
        if (rc == 0) return;
    }
}

static void accept_all(int listener) {
    for (;;) {
        int fd = net_accept(listener);
        if (fd < 0) return;
        struct connection *connection = calloc(1, sizeof *connection);
        SSL *tls = SSL_new(context);
        if (connection == NULL || tls == NULL) abort();
        connection->tls = tls;
        SSL_set_fd(tls, fd);
        SSL_set_accept_state(tls);
        struct epoll_event event = {
            .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
            .data = { .ptr = connection },
        };
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int run_server(const char *mode, void *arg) {
    struct epoll_event events[NET_EVENTS_MAX];
    struct epoll_event event = { .events = EPOLLIN };
    struct tls_identity identity;
    int listener = net_listen();
    (void)mode;
    (void)arg;
    context = SSL_CTX_new(TLS_server_method());
    if (listener < 0 || context == NULL) return -1;
    if (!tls_identity_make(&identity)) return -1;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_use_certificate(context, identity.certificate);
    SSL_CTX_use_PrivateKey(context, identity.key);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    net_say_port(listener);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, NET_EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) {
                accept_all(listener);
            } else {
                serve(connection);
            }
        }
    }
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "raw-epoll", run_server, NULL);
}
