/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/raw-epoll_http.c - the floor: HTTP without HTTP
 *
 * It counts empty lines and answers each by the same bytes: no parser, no
 * limit, no time-out, no date that moves.  What is left is the kernel's part.
 * It serves the client of net_load.h, whose requests are never cut in two.
 */
#include "net_load.h"

#define ANSWER                                \
    "HTTP/1.1 200 OK\r\n"                     \
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" \
    "Content-Type: text/plain\r\n"            \
    "Content-Length: 13\r\n\r\n"              \
    "Hello, world!"

enum {
    ANSWER_BYTES = sizeof ANSWER - 1
};

static int epoll_fd;

static void serve(int fd) {
    static char questions[NET_HTTP_DEPTH_MAX * sizeof NET_REQUEST + 1];
    static char answers[NET_HTTP_DEPTH_MAX * ANSWER_BYTES];
    size_t count = 0;
    ssize_t got = recv(fd, questions, sizeof questions - 1, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close(fd);
        return;
    }
    questions[got] = '\0';
    const char *at = questions;
    while ((at = strstr(at, "\r\n\r\n")) != NULL) {
        memcpy(answers + count, ANSWER, ANSWER_BYTES);
        count += ANSWER_BYTES;
        at += 4;
    }
    if (send(fd, answers, count, MSG_NOSIGNAL) != (ssize_t)count) close(fd);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = net_accept(listener);
        if (fd < 0) return;
        struct epoll_event event = { .events = EPOLLIN | EPOLLET,
                                     .data = { .fd = fd } };
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int run_server(const char *mode, void *arg) {
    struct epoll_event events[NET_EVENTS_MAX];
    (void)mode;
    (void)arg;
    int listener = net_listen();
    if (listener < 0) return listener;
    struct epoll_event event = { .events = EPOLLIN,
                                 .data = { .fd = listener } };
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    net_say_port(listener);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, NET_EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(listener);
            } else {
                serve(events[i].data.fd);
            }
        }
    }
}

int main(int argc, char **argv) {
    return net_main_http(argc, argv, "raw-epoll", run_server, NULL);
}
