/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/tls_client.h - the client of net_load.h, with OpenSSL
 *
 * It polls without blocking as the plain one does, verifies nothing, and never
 * resumes a session.  Everybody speaks TLS 1.3 with AES-256-GCM and a P-256
 * certificate.
 *
 * Included by net_load.h, in its middle.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static inline SSL_CTX *net_tls_context(void) {
    static SSL_CTX *context;
    if (context != NULL) return context;
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) net_fail("SSL_CTX_new");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

/* True if it is only too early. */
static inline bool net_tls_waits(const struct net_peer *peer, int rc) {
    int error = SSL_get_error(peer->tls, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return true;
    }
    errno = EPROTO;
    net_fail("TLS");
    return false;
}

/* Begins a handshake on a connection that has just been made. */
static inline void net_tls_begin(struct net_peer *peer) {
    const struct net_metric *metric = net_load.metric;
    fcntl(peer->fd, F_SETFL, O_RDWR | O_NONBLOCK);
    peer->tls = SSL_new(net_tls_context());
    if (peer->tls == NULL) net_fail("SSL_new");
    SSL_set_fd(peer->tls, peer->fd);
    SSL_set_connect_state(peer->tls);
    peer->to_send = (size_t)metric->bytes * (size_t)metric->depth;
}

/* A connection that was answered is reset, and followed by a new one. */
static inline void net_tls_renew(struct net_peer *peer) {
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    SSL_free(peer->tls);
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer->fd);
    net_connect(peer, SOCK_STREAM);
    net_tls_begin(peer);
    net_watch(peer, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT | EPOLLET);
}

static inline void net_tls_send(struct net_peer *peer) {
    while (peer->to_send > 0) {
        size_t bytes = peer->to_send;
        if (bytes > sizeof net_bytes) bytes = sizeof net_bytes;
        int count = SSL_write(peer->tls, net_bytes, (int)bytes);
        if (count <= 0 && net_tls_waits(peer, count)) return;
        peer->to_send -= (size_t)count;
    }
}

/* Goes on until both directions have to wait. */
static inline void net_tls_serve(struct net_peer *peer) {
    static char sink[NET_BYTES_MAX];
    size_t size = (size_t)net_load.metric->bytes;
    for (;;) {
        net_tls_send(peer);
        int count = SSL_read(peer->tls, sink, sizeof sink);
        if (count <= 0 && net_tls_waits(peer, count)) return;
        peer->received += (size_t)count;
        while (peer->received >= size) {
            peer->received -= size;
            peer->to_send += size;
            net_load.done++;
        }
        if (net_load.metric->kind == NET_TLS_SHAKE) {
            net_tls_renew(peer);
            return;
        }
    }
}
