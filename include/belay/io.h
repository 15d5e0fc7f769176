/* SPDX-License-Identifier: MIT */
/*
 * belay/io.h - waiting for descriptors, and reading and writing them
 *
 * The calls take plain descriptors of any kind, blocking or not, which stay
 * the caller's.  A call either transfers something or waits; cancelled, it
 * transferred nothing.  One task at a time may wait per direction.  The kernel
 * never holds a buffer after a call has returned.
 *
 * Close descriptors that tasks may be waiting for with bl_fd_close.
 */
#ifndef BELAY_IO_H
#define BELAY_IO_H

#include <sys/socket.h>

#include <belay/base.h>
#include <belay/loop.h>

BL_BEGIN_DECLS

/*
 * Waits until `fd` is ready for one of `events` (BL_READABLE, BL_WRITABLE).
 *
 * A hang-up or an error counts as ready for both.
 *
 * Returns the events that are ready.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EBUSY      another task waits for it in the same direction
 *   BL_ECLOSED    bl_fd_close was called meanwhile
 *   BL_EBADF      the descriptor is not open
 *   BL_EINVAL     events is 0 or unknown
 *   BL_ENOMEM     it could not be registered
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_fd_wait(int fd, unsigned events);

/*
 * Reads up to `bytes`, waiting until there is at least one.
 *
 * Returns how many were read; 0 at the end of the stream.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *   BL_EINVAL     buffer is NULL with bytes > 0
 *
 * Any other code is the system's, or one of bl_fd_wait's.
 */
BL_MAY_WAIT
bl_ssize bl_fd_read(int fd, void *buffer, size_t bytes);

/*
 * Writes up to `bytes`, waiting until at least one is taken.
 *
 * Returns how many were written.  A broken pipe is a code, never a signal,
 * for sockets.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EPIPE      the other side is closed
 *   BL_EINVAL     buffer is NULL with bytes > 0
 *
 * Any other code is the system's, or one of bl_fd_wait's.
 */
BL_MAY_WAIT
bl_ssize bl_fd_write(int fd, const void *buffer, size_t bytes);

/*
 * Accepts a connection, waiting for one.  The new descriptor is non-blocking
 * and close-on-exec.
 *
 * `address` and `length` may be NULL, as for accept.
 *
 * Returns the new descriptor, the caller's.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was accepted
 *   BL_EMFILE     no descriptor left; the connection is still queued
 *
 * Any other code is the system's, or one of bl_fd_wait's.
 */
BL_MAY_WAIT
int bl_fd_accept(int fd, struct sockaddr *address, socklen_t *length);

/*
 * Connects the socket `fd`, waiting until it is connected.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; close the socket
 *   BL_ECONNREFUSED  nobody listens there; close the socket
 *
 * Any other code is the system's, or one of bl_fd_wait's.
 */
BL_MAY_WAIT
int bl_fd_connect(int fd, const struct sockaddr *address, socklen_t length);

/*
 * Closes `fd` after sending away those who wait for it with BL_ECLOSED.
 *
 * Never waits.  The number is closed even where an error is returned.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EBADF  the descriptor is not open
 */
BL_API
int bl_fd_close(int fd);

#ifndef BL_NO_SITES
#    define bl_fd_wait(...) \
        BL__AT("bl_fd_wait(" #__VA_ARGS__ ")", bl_fd_wait(__VA_ARGS__))
#    define bl_fd_read(...) \
        BL__AT("bl_fd_read(" #__VA_ARGS__ ")", bl_fd_read(__VA_ARGS__))
#    define bl_fd_write(...) \
        BL__AT("bl_fd_write(" #__VA_ARGS__ ")", bl_fd_write(__VA_ARGS__))
#    define bl_fd_accept(...) \
        BL__AT("bl_fd_accept(" #__VA_ARGS__ ")", bl_fd_accept(__VA_ARGS__))
#    define bl_fd_connect(...) \
        BL__AT("bl_fd_connect(" #__VA_ARGS__ ")", bl_fd_connect(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
