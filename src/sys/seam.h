/* SPDX-License-Identifier: MIT */
/*
 * sys/seam.h - where a test gets between us and the system
 *
 * Each system call of input or output is asked about first, right where it is
 * made.  Without a seam, as in production, the question is one load of a
 * thread's variable.  With one, a test may have the call fail, or move fewer
 * bytes than it could: all that a program has to put up with from the system,
 * but will not see on a quiet machine.
 *
 * Invariant: a call that fails by the seam was not made, except that what was
 * to be closed is closed, and that a connection which is interrupted is under
 * way: so it is with the system's own failures.
 */
#ifndef BL__SYS_SEAM_H
#define BL__SYS_SEAM_H

#include <sys/socket.h>

#include <belay/base.h>

#include "base/assert.h"

/* What a loop with a seam gives to its thread while it runs. */
struct bl__sys_seam {
    /* As in bl_loop_options. */
    bl_ssize (*on_io)(void *context, bl_io_call call, int fd, size_t bytes);
    void *context;
    bl_loop *loop;
    /* Has what is ready at `fd` reported once more. */
    void (*report_again)(bl_loop *loop, int fd);
};

/* That of the loop that runs on this thread; NULL if it has none. */
extern __thread const struct bl__sys_seam *bl__sys_seam
    __attribute__((tls_model("initial-exec")));

/* The part of bl__sys_fails that is not inlined. */
bool bl__sys_ask(bl_io_call call, int fd, size_t *bytes);

/*
 * Whether the call that is about to be made fails, with errno set.
 *
 * `bytes` is how many it is to move, and may become fewer; NULL for a call
 * that moves none.
 */
static inline bool bl__sys_fails(bl_io_call call, int fd, size_t *bytes) {
    if (BL__LIKELY(bl__sys_seam == NULL)) return false;
    return bl__sys_ask(call, fd, bytes);
}

/* As connect() and close(), with the seam's failures. */
int bl__sys_connect(int fd, const struct sockaddr *address, socklen_t length);
int bl__sys_close(int fd);

/*
 * As sendfile() into a socket that does not block, with the seam's failures.
 * It raises no signal and is never interrupted.
 *
 * Returns how many bytes were sent, 0 at the end of the file, BL_EAGAIN if the
 * socket is full, BL_ENOTSUP if the kernel cannot send from such a file, or the
 * system's code.
 */
bl_ssize bl__sys_send_file(int socket, int file, int64_t offset, size_t bytes);

#endif
