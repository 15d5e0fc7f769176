/* SPDX-License-Identifier: MIT */
/*
 * support/sockets.c - descriptors to test with
 */
#include "support/sockets.h"

#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    FLIGHT_S_MAX = 5 /* by then a peer has lost something */
};

static struct rlimit limit_before;

void socket_pair(int fds[2]) {
    REQUIRE_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
}

/* A buffer that the kernel fits to its owner may become very large. */
static void limit_buffers(int fd) {
    const int bytes = 128 * 1024;
    REQUIRE_OK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
    REQUIRE_OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
}

void tcp_pair(int fds[2]) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    socklen_t length = sizeof address;
    struct sockaddr *where = (struct sockaddr *)&address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(listener, 0);
    limit_buffers(listener); /* and so of what it accepts */
    REQUIRE_OK(bind(listener, where, sizeof address));
    REQUIRE_OK(listen(listener, 1));
    REQUIRE_OK(getsockname(listener, where, &length));
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(fds[0], 0);
    limit_buffers(fds[0]);
    REQUIRE_OK(connect(fds[0], where, length));
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE_GE(fds[1], 0);
    close(listener);
}

void pipe_pair(int fds[2]) {
    REQUIRE_OK(pipe2(fds, O_CLOEXEC));
}

void tty_pair(int *master, int *slave) {
    struct termios raw;
    REQUIRE_OK(openpty(master, slave, NULL, NULL, NULL));
    REQUIRE_OK(tcgetattr(*slave, &raw));
    cfmakeraw(&raw);
    REQUIRE_OK(tcsetattr(*slave, TCSANOW, &raw));
}

int plain_file(void) {
    int fd = memfd_create("plain", MFD_CLOEXEC);
    REQUIRE_GE(fd, 0);
    return fd;
}

/* Sets or clears O_NONBLOCK for the helper's own calls. */
static int set_nonblocking(int fd, bool on) {
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    return flags;
}

/* Whether acknowledgements may be on their way, which make room without anybody
 * having read.  Only TCP has that. */
static bool is_in_flight(int fd) {
    int queued;
    int unsent;
    if (ioctl(fd, SIOCOUTQ, &queued) < 0) return false;
    if (ioctl(fd, SIOCOUTQNSD, &unsent) < 0) return false;
    return queued != unsent;
}

static void wait_for_flight(int fd) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t end = now.tv_sec + FLIGHT_S_MAX;
    while (is_in_flight(fd) && now.tv_sec <= end) {
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

static size_t fill_now(int fd) {
    static const char bytes[4096];
    size_t total = 0;
    ssize_t count;
    while ((count = write(fd, bytes, sizeof bytes)) > 0) {
        total += (size_t)count;
    }
    while (write(fd, bytes, 1) == 1)
        total++;
    return total;
}

size_t fill(int fd) {
    size_t total = 0;
    size_t added;
    int flags = set_nonblocking(fd, true);
    /* Full is what took nothing although nothing was on its way before. */
    do {
        wait_for_flight(fd);
        added = fill_now(fd);
        total += added;
    } while (added > 0);
    fcntl(fd, F_SETFL, flags);
    return total;
}

size_t drain(int fd) {
    char bytes[4096];
    size_t total = 0;
    ssize_t count;
    int flags = set_nonblocking(fd, true);
    while ((count = read(fd, bytes, sizeof bytes)) > 0) {
        total += (size_t)count;
    }
    fcntl(fd, F_SETFL, flags);
    return total;
}

void say(int fd, const char *text) {
    ssize_t count = write(fd, text, strlen(text));
    REQUIRE_EQ(count, (ssize_t)strlen(text));
}

const char *heard(int fd) {
    static char text[256];
    int flags = set_nonblocking(fd, true);
    ssize_t count = read(fd, text, sizeof text - 1);
    fcntl(fd, F_SETFL, flags);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

bool is_at_end(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

void close_by_reset(int fd) {
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    REQUIRE_OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    close(fd);
}

void limit_descriptors(int spare) {
    int highest = fcntl(0, F_DUPFD_CLOEXEC, 0);
    REQUIRE_GE(highest, 0);
    close(highest);
    REQUIRE_OK(getrlimit(RLIMIT_NOFILE, &limit_before));
    struct rlimit limit = limit_before;
    limit.rlim_cur = (rlim_t)(highest + spare);
    REQUIRE_OK(setrlimit(RLIMIT_NOFILE, &limit));
}

void unlimit_descriptors(void) {
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit_before));
}

bl_addr loopback(void) {
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    return address;
}

void full_queue_open(struct full_queue *full) {
    full->address = loopback();
    struct sockaddr *where = (struct sockaddr *)&full->address.storage;
    full->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_OK(bind(full->listener, where, full->address.length));
    REQUIRE_OK(listen(full->listener, 0));
    REQUIRE_OK(getsockname(full->listener, where, &full->address.length));
    for (int i = 0; i < 2; i++) {
        full->clients[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(full->clients[i], where, full->address.length) < 0) {
            REQUIRE_EQ(errno, EINPROGRESS);
        }
    }
}

void full_queue_close(struct full_queue *full) {
    close(full->listener);
    close(full->clients[0]);
    close(full->clients[1]);
}
