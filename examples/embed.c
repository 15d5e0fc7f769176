/* SPDX-License-Identifier: MIT */
/*
 * examples/embed.c - Belay inside a program that has a loop of its own
 *
 * The host owns poll().  It watches its own descriptors and the one of
 * Belay's loop, sleeps until the earlier of the two next timers, and lets the
 * loop take one step whenever that has something to do.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <belay.h>

struct host {
    int pipe[2]; /* the host's own source of events */
    int messages;
};

/* A task like any other: it does not know who runs it. */
static int main_task(void *arg) {
    struct host *host = arg;

    for (int i = 1; i <= 3; i++) {
        int rc = bl_sleep(BL_MS(10));
        if (rc < 0) return rc;
        printf("task: message %d\n", i);
        bl_ssize sent = bl_fd_write(host->pipe[1], "x", 1);
        if (sent < 0) return (int)sent;
    }
    return 0;
}

/* How long poll() may sleep, in its milliseconds, rounded up. */
static int poll_timeout(const bl_loop *loop) {
    if (bl_loop_is_ready(loop)) return 0;
    bl_ns due = bl_loop_next_timer(loop);
    if (due == BL_FOREVER) return -1;
    bl_ns left = due - bl_now();
    return left <= 0 ? 0 : (int)((left + BL_MS(1) - 1) / BL_MS(1));
}

static int run_host(struct host *host, bl_loop *loop) {
    int loop_fd = bl_loop_fd(loop);
    if (loop_fd < 0) return loop_fd;

    int is_alive = 1;
    while (is_alive > 0 || host->messages < 3) {
        struct pollfd fds[] = {
            { .fd = loop_fd, .events = POLLIN },
            { .fd = host->pipe[0], .events = POLLIN },
        };
        if (poll(fds, 2, is_alive > 0 ? poll_timeout(loop) : -1) < 0) {
            return -errno;
        }
        if (fds[1].revents & POLLIN) {
            char byte;
            if (read(host->pipe[0], &byte, 1) != 1) return BL_EIO;
            printf("host: got message %d\n", ++host->messages);
        }
        if (is_alive > 0) is_alive = bl_loop_step(loop, 0);
        if (is_alive < 0) return is_alive;
    }
    return bl_loop_finish(loop);
}

int main(void) {
    struct host host = { .messages = 0 };
    if (pipe(host.pipe) != 0) return 1;

    bl_loop *loop = NULL;
    int rc = bl_loop_open(NULL, &loop);
    if (rc == 0) rc = bl_loop_start(loop, main_task, &host);
    if (rc == 0) rc = run_host(&host, loop);
    bl_loop_close(loop);

    close(host.pipe[0]);
    close(host.pipe[1]);
    if (rc < 0) fprintf(stderr, "embed: %s\n", bl_strerror(rc));
    return rc < 0 || host.messages != 3;
}
