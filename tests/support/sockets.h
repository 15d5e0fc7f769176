/* SPDX-License-Identifier: MIT */
/*
 * support/sockets.h - descriptors to test with
 *
 * All of them fail the test by REQUIRE if the system refuses.  The ends that
 * stand for the other side are plain descriptors, used with plain calls: they
 * never go through what is tested.
 */
#ifndef SUPPORT_SOCKETS_H
#define SUPPORT_SOCKETS_H

#include <belay.h>

/* Two connected local stream sockets that block, as the system makes them. */
void socket_pair(int fds[2]);

/* Two ends of a TCP connection over loopback that block, and take a few
 * hundred kilobytes. */
void tcp_pair(int fds[2]);

/* The two ends of a pipe that block: to read from, to write to. */
void pipe_pair(int fds[2]);

/* A terminal: the side of the terminal, and that of the program in it. */
void tty_pair(int *master, int *slave);

/* An empty regular file without a name. */
int plain_file(void);

/* Writes until it would block; returns how many bytes that were. */
size_t fill(int fd);

/* Reads until it would block; returns how many bytes that were. */
size_t drain(int fd);

/* Writes `text` at once. */
void say(int fd, const char *text);

/* Reads what is there, up to 255 bytes; "" if nothing, valid until the next. */
const char *heard(int fd);

/* Whether the number is open. */
bool is_open(int fd);

/* Whether reading `fd` would give the end of the stream, now. */
bool is_at_end(int fd);

/* Makes close() send a reset instead of an end. */
void close_by_reset(int fd);

/* Leaves this process room for `spare` more descriptors. */
void limit_descriptors(int spare);

/* As many as it wants again. */
void unlimit_descriptors(void);

/* A loopback address with port 0. */
bl_addr loopback(void);

/* A TCP listener that accepts nobody, with a queue that is full: whoever
 * connects gets no answer. */
struct full_queue {
    int listener;
    int clients[2];
    bl_addr address;
};
void full_queue_open(struct full_queue *full);
void full_queue_close(struct full_queue *full);

#endif
