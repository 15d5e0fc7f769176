/* SPDX-License-Identifier: MIT */
/*
 * sys/op.c - one system call on a file, made by the calling thread
 *
 * An interrupted call is made again: the threads that come here have nothing
 * to do with signals.  Only close is not, for its number is free already.
 */
#include "sys/op.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread const struct bl__op_port *bl__op_port;

static ssize_t op_transfer(const struct bl__op *op) {
    if (op->code == BL__OP_READ) {
        return preadv2(op->fd, op->parts, op->part_count, op->offset, 0);
    }
    return pwritev2(op->fd, op->parts, op->part_count, op->offset, 0);
}

static int op_stat(const struct bl__op *op) {
    return statx(op->fd, op->path, op->flags, STATX_BASIC_STATS, op->status);
}

static int op_close(int fd) {
    int rc = close(fd);
    return rc < 0 && errno == EINTR ? 0 : rc;
}

static int64_t op_make(const struct bl__op *op) {
    switch (op->code) {
    case BL__OP_OPEN: return openat(op->fd, op->path, op->flags, op->mode);
    case BL__OP_CLOSE: return op_close(op->fd);
    case BL__OP_READ:
    case BL__OP_WRITE: return op_transfer(op);
    case BL__OP_SYNC: return op->flags != 0 ? fdatasync(op->fd) : fsync(op->fd);
    case BL__OP_STAT: return op_stat(op);
    case BL__OP_RENAME: return renameat(op->fd, op->path, op->fd, op->new_path);
    case BL__OP_UNLINK: return unlinkat(op->fd, op->path, op->flags);
    case BL__OP_MKDIR: return mkdirat(op->fd, op->path, op->mode);
    case BL__OP_TRUNCATE: return ftruncate(op->fd, op->offset);
    case BL__OP_CHMOD: return fchmod(op->fd, op->mode);
    case BL__OP_LIST:
        return syscall(SYS_getdents64, op->fd, op->parts->iov_base,
                       op->parts->iov_len);
    case BL__OP_CODES: break;
    }
    errno = ENOSYS;
    return -1;
}

void bl__op_run(struct bl__op *op) {
    do {
        op->result = op_make(op);
        if (op->result < 0) op->result = -errno;
    } while (op->result == -EINTR);
    op->was_made = true;
}
