/* SPDX-License-Identifier: MIT */
/*
 * sys/op.h - one system call on a file, written down so that others can make it
 *
 * A file has no readiness to wait for: a call on it blocks for as long as the
 * disk takes.  So the call is written down as a struct, its *operation*, and
 * somebody else makes it: a thread (bl__op_run), or the kernel, through the
 * ring of the loop's driver.  Either leaves the same result.
 *
 * The carrier of the kernel's operations is the loop.  While it runs it gives
 * its thread a *port*, where the layers above hand operations in.
 *
 * Invariant: from the moment a port took an operation until `finished` is
 * called, the operation and all it points to belong to the kernel.
 */
#ifndef BL__SYS_OP_H
#define BL__SYS_OP_H

#include <sys/types.h>
#include <sys/uio.h>

#include <belay/base.h>

enum bl__op_code {
    BL__OP_OPEN,     /* fd, path, flags, mode; the new descriptor */
    BL__OP_CLOSE,    /* fd */
    BL__OP_READ,     /* fd, parts, part_count, offset; how many bytes */
    BL__OP_WRITE,    /* likewise */
    BL__OP_SYNC,     /* fd; the data alone where `flags` is not 0 */
    BL__OP_STAT,     /* fd, path, flags, status */
    BL__OP_RENAME,   /* fd, path, new_path; both from fd */
    BL__OP_UNLINK,   /* fd, path, flags */
    BL__OP_MKDIR,    /* fd, path, mode */
    BL__OP_TRUNCATE, /* fd, offset */
    BL__OP_CHMOD,    /* fd, mode */
    BL__OP_LIST,     /* fd, parts (one): a directory's entries, as bytes */
    BL__OP_CODES
};

/* For `offset`: where the file stands, which the call then moves on. */
#define BL__OP_CURRENT (-1)

struct statx;

struct bl__op {
    enum bl__op_code code;
    int fd;           /* the file, or the directory that paths start from */
    const char *path; /* borrowed, like all that is pointed to */
    const char *new_path;
    const struct iovec *parts;
    int part_count;
    int flags;
    mode_t mode;
    int64_t offset;
    struct statx *status;
    bool needs_thread; /* a ring would not do what the system call does */

    bool was_made;  /* there is a result */
    int64_t result; /* as the system call's; an error as -errno */

    /* The rest is for whoever carries the operation. */
    struct iovec part; /* what is left of `parts` by a short call */
    bl_link link;      /* in the driver's line of those that are finished */
    bl_loop *loop;
    bool was_cancelled; /* the kernel was asked to call it off */
    void (*finished)(struct bl__op *op); /* on the loop's thread */
    void *context;                       /* for `finished` */
};

/* Makes the call on the calling thread, which may block. */
void bl__op_run(struct bl__op *op);

/* What a running loop gives to its thread. */
struct bl__op_port {
    /* Takes the operation, unless the kernel cannot carry it: false. */
    bool (*start)(bl_loop *loop, struct bl__op *op);
    /* Asks the kernel to call off what was started; it finishes either way. */
    void (*cancel)(struct bl__op *op);
};

/* That of the loop that runs on this thread; NULL if it has none. */
extern __thread const struct bl__op_port *bl__op_port
    __attribute__((tls_model("initial-exec")));

#endif
