/* SPDX-License-Identifier: MIT */
/*
 * loop/quiescence.c - whether a virtual clock may jump past descriptors
 *
 * When no task is ready, virtual time moves to the next timer, but not past
 * bytes that are on their way: they would have come first.  For a descriptor
 * whose other end is in this process there is a proof.  Linux delivers to
 * pipes, local sockets and over loopback inside the sender's system call, so
 * what was sent has arrived, and the driver, which has just been asked, would
 * have reported it.
 *
 * The exception is TCP's wait for an acknowledgement before it sends a last
 * small segment: some bytes are unsent while others are unacknowledged.  A
 * peer that does not read holds bytes back too, but then nothing is
 * unacknowledged, and it is the peer's turn.
 *
 * Whose other end may be outside gets a moment of real time from the loop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "loop/watch.h"

/* ---- whose the other end is -------------------------------------------- */

static bool address_is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->ss_family == AF_INET6) {
        const struct in6_addr *in =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        if (IN6_IS_ADDR_LOOPBACK(in)) return true;
        return IN6_IS_ADDR_V4MAPPED(in) && in->s6_addr[12] == 127;
    }
    return false;
}

/* The peer of a local socket is known by its process. */
static enum bl__peer peer_of_unix(int fd) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        return BL__PEER_FOREIGN;
    }
    /* Without a peer, as for a listener, there is no process either. */
    bool is_local = peer.pid == getpid() || peer.pid == 0;
    return is_local ? BL__PEER_LOCAL : BL__PEER_FOREIGN;
}

static int socket_option(int fd, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0) return -1;
    return value;
}

static enum bl__peer peer_of_socket(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int family = socket_option(fd, SO_DOMAIN);
    if (family == AF_UNIX) return peer_of_unix(fd);
    if (family != AF_INET && family != AF_INET6) return BL__PEER_FOREIGN;

    bool is_tcp = socket_option(fd, SO_TYPE) == SOCK_STREAM;
    /* A listener whose queue is empty waits for connections of this process
     * like any other receiver: whoever tests a server is its client. */
    if (is_tcp && socket_option(fd, SO_ACCEPTCONN) == 1) return BL__PEER_LOCAL;

    /* While it connects, and for a datagram socket that never will, it is the
     * address of this side that tells where the other one can be. */
    if (getpeername(fd, (struct sockaddr *)&address, &length) < 0) {
        length = sizeof address;
        if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
            return BL__PEER_FOREIGN;
        }
    }
    if (!address_is_loopback(&address)) return BL__PEER_FOREIGN;
    return is_tcp ? BL__PEER_LOCAL_TCP : BL__PEER_LOCAL;
}

/* Kernel objects without a type of file: only an event counter is local. */
static enum bl__peer peer_of_anonymous(int fd) {
    char path[32];
    char target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return BL__PEER_FOREIGN;
    target[length] = '\0';
    bool is_counter = strcmp(target, "anon_inode:[eventfd]") == 0;
    return is_counter ? BL__PEER_LOCAL : BL__PEER_FOREIGN;
}

static enum bl__peer peer_of(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return BL__PEER_LOCAL; /* nothing comes */
    if (S_ISSOCK(status.st_mode)) return peer_of_socket(fd);
    if (S_ISFIFO(status.st_mode)) return BL__PEER_LOCAL;
    if ((status.st_mode & S_IFMT) == 0) return peer_of_anonymous(fd);
    return BL__PEER_FOREIGN; /* terminals and devices */
}

static enum bl__peer record_peer(struct bl__fd_record *record) {
    bool is_known = record->peer != BL__PEER_UNKNOWN &&
                    record->peer_generation == record->poll.generation;
    if (!is_known) {
        record->peer = peer_of(record->poll.fd);
        record->peer_generation = record->poll.generation;
    }
    BL__ASSERT(record->peer != BL__PEER_UNKNOWN);
    return record->peer;
}

/* ---- whether something is on its way ----------------------------------- */

static bool tcp_is_holding_back(int fd) {
    int unacknowledged = 0; /* sent or not */
    int unsent = 0;
    if (ioctl(fd, SIOCOUTQ, &unacknowledged) < 0) return false;
    if (unacknowledged == 0) return false;
    if (ioctl(fd, SIOCOUTQNSD, &unsent) < 0) return true;
    return unsent > 0 && unacknowledged > unsent;
}

bool bl__fd_table_is_quiescent(bl_loop *loop) {
    uint32_t cursor = 0;
    for (;;) {
        struct bl__fd_record *record = bl__fd_table_next(&loop->fds, &cursor);
        if (record == NULL) return true;
        if (record_peer(record) != BL__PEER_LOCAL_TCP) continue;
        if (tcp_is_holding_back(record->poll.fd)) return false;
    }
}

bool bl__fd_table_has_foreign(bl_loop *loop) {
    uint32_t cursor = 0;
    for (;;) {
        struct bl__fd_record *record = bl__fd_table_next(&loop->fds, &cursor);
        if (record == NULL) return false;
        if (record_peer(record) == BL__PEER_FOREIGN) return true;
    }
}
