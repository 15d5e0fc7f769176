/* SPDX-License-Identifier: MIT */
/*
 * proc/stdio.c - the three descriptors that every program has
 *
 * A child without one of them would open its first file there, and then write
 * messages into it; so what we do not have ourselves becomes /dev/null.  What
 * we have is found out first, before anything that is opened here can get such
 * a number.
 */
#include "proc/stdio.h"

#include <belay/error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sys/seam.h"

enum {
    STDIO_ROWS = 24,
    STDIO_COLUMNS = 80,
    STDIO_NAME_BYTES = 64
};

static bool stdio_is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

/* A descriptor with such a number that is close-on-exec is something else,
 * opened by a program that was started without one: the loop's, perhaps. */
static bool stdio_is_standard(int fd) {
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

static int stdio_fail(const char *what) {
    return BL_ERR(-errno, "cannot open %s", what);
}

static int stdio_open_null(struct bl__stdio *stdio, int place) {
    int fd = -1;
    if (!bl__sys_fails(BL_IO_OPEN, -1, NULL)) {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    }
    if (fd < 0) return stdio_fail("/dev/null");
    stdio->child[place] = stdio->opened[place] = fd;
    return 0;
}

static int stdio_open_pipe(struct bl__stdio *stdio, int place) {
    int ends[2];
    int ours = place == 0 ? 1 : 0;
    if (bl__sys_fails(BL_IO_PIPE, -1, NULL) || pipe2(ends, O_CLOEXEC) < 0) {
        return stdio_fail("a pipe");
    }
    stdio->parent[place] = ends[ours];
    stdio->child[place] = stdio->opened[place] = ends[1 - ours];
    return 0;
}

/* ---- terminals --------------------------------------------------------- */

int bl__stdio_resize(int terminal, unsigned short rows,
                     unsigned short columns) {
    struct winsize size = { .ws_row = rows, .ws_col = columns };
    return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static int stdio_open_slave(struct bl__stdio *stdio) {
    char name[STDIO_NAME_BYTES];
    if (grantpt(stdio->terminal) < 0) return -errno;
    if (unlockpt(stdio->terminal) < 0) return -errno;
    if (ptsname_r(stdio->terminal, name, sizeof name) != 0) return -errno;
    stdio->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return stdio->slave < 0 ? -errno : 0;
}

static int stdio_open_terminal(struct bl__stdio *stdio,
                               const bl_process_options *options) {
    if (stdio->slave >= 0) return 0;
    if (bl__sys_fails(BL_IO_PIPE, -1, NULL)) return stdio_fail("a terminal");
    stdio->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (stdio->terminal < 0) return stdio_fail("a terminal");
    int rc = stdio_open_slave(stdio);
    if (rc == 0) {
        rc = bl__stdio_resize(
            stdio->terminal, options->rows > 0 ? options->rows : STDIO_ROWS,
            options->columns > 0 ? options->columns : STDIO_COLUMNS);
    }
    return rc < 0 ? BL_ERR(rc, "cannot open a terminal") : 0;
}

/* ---- all three --------------------------------------------------------- */

static int stdio_open_one(struct bl__stdio *stdio, int place,
                          bl_process_stdio wish,
                          const bl_process_options *options) {
    int rc = 0;
    switch (wish.kind) {
    case BL_STDIO_NULL: return stdio_open_null(stdio, place);
    case BL_STDIO_PIPE: return stdio_open_pipe(stdio, place);
    case BL_STDIO_FD: stdio->child[place] = wish.fd; return 0;
    case BL_STDIO_OUT: stdio->child[place] = stdio->child[1]; return 0;
    case BL_STDIO_TERMINAL:
        rc = stdio_open_terminal(stdio, options);
        stdio->child[place] = stdio->slave;
        return rc;
    case BL_STDIO_DEFAULT:
    case BL_STDIO_INHERIT:
    default: stdio->child[place] = place; return 0;
    }
}

static int stdio_check_fds(const bl_process_options *options,
                           const bl_process_stdio wishes[3]) {
    for (int i = 0; i < 3; i++) {
        if (wishes[i].kind != BL_STDIO_FD) continue;
        if (!stdio_is_open(wishes[i].fd)) {
            return BL_ERR(BL_EBADF, "descriptor %d is not open", wishes[i].fd);
        }
    }
    for (size_t i = 0; i < options->fd_count; i++) {
        if (!stdio_is_open(options->fds[i].fd)) {
            return BL_ERR(BL_EBADF, "descriptor %d is not open",
                          options->fds[i].fd);
        }
    }
    return 0;
}

int bl__stdio_open(struct bl__stdio *stdio, const bl_process_options *options) {
    bl_process_stdio wishes[3] = { options->in, options->out, options->err };
    *stdio = (struct bl__stdio){ .child = { -1, -1, -1 },
                                 .opened = { -1, -1, -1 },
                                 .parent = { -1, -1, -1 },
                                 .terminal = -1,
                                 .slave = -1 };
    int rc = stdio_check_fds(options, wishes);
    if (rc < 0) return rc;
    for (int i = 0; i < 3; i++) {
        bool inherits = wishes[i].kind == BL_STDIO_DEFAULT ||
                        wishes[i].kind == BL_STDIO_INHERIT;
        if (inherits && !stdio_is_standard(i)) wishes[i].kind = BL_STDIO_NULL;
    }
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = stdio_open_one(stdio, i, wishes[i], options);
    if (rc < 0) bl__stdio_close(stdio);
    return rc;
}

static void stdio_close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void bl__stdio_close_child(struct bl__stdio *stdio) {
    for (int i = 0; i < 3; i++)
        stdio_close_fd(&stdio->opened[i]);
    stdio_close_fd(&stdio->slave);
}

void bl__stdio_close(struct bl__stdio *stdio) {
    bl__stdio_close_child(stdio);
    for (int i = 0; i < 3; i++)
        stdio_close_fd(&stdio->parent[i]);
    stdio_close_fd(&stdio->terminal);
}
