/* SPDX-License-Identifier: MIT */
/*
 * belay/unix.h - what local sockets can do besides: descriptors, credentials
 *
 * Local listeners and connections are those of <belay/net.h>, with addresses
 * such as "unix:/run/me.sock".
 */
#ifndef BELAY_UNIX_H
#define BELAY_UNIX_H

#include <sys/types.h>

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/* The most descriptors that one call passes. */
#define BL_UNIX_FDS_MAX 64

/*
 * Makes two local streams that are connected to each other.
 *
 * Returns 0; the caller closes both.
 *
 * Errors:
 *   BL_EINVAL   ends is NULL
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_EMFILE   no descriptor was left; nothing was written
 *   BL_ENOLOOP  no loop runs on this thread; nothing was written
 */
BL_MAY_FAIL
int bl_unix_pair(bl_stream *ends[2]);

/*
 * Writes up to `bytes`, at least one, and passes copies of `count` descriptors
 * along with the first byte.  They stay the caller's, who may close them once
 * this has returned.
 *
 * Returns how many bytes were written; the descriptors went with them.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL, bytes is 0, count is 0 or more than
 *                 BL_UNIX_FDS_MAX, or the stream is not a local socket
 *   BL_EBADF      a descriptor is not open; nothing was written
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *
 * Any other code is one of bl_stream_write's, or the system's.
 */
BL_MAY_WAIT
bl_ssize bl_unix_send_fds(bl_stream *stream, const void *data, size_t bytes,
                          const int *fds, size_t count);

/*
 * Reads up to `bytes`, waiting until there is at least one, and takes the
 * descriptors that came along, up to `*count`; they are the caller's, and
 * close-on-exec.  More than that were closed, and are counted: then `*count`
 * is more than there was room for, and only so many are in `fds`.
 *
 * Who expects descriptors reads with this call: an ordinary read closes them.
 *
 * Returns how many bytes were read, 0 at the end; `*count` descriptors came.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL, bytes is 0, *count is 0 or more than
 *                 BL_UNIX_FDS_MAX, or the stream is not a local socket
 *   BL_EMFILE     the process could not take all the descriptors that came,
 *                 as none was left, or a security module forbade one; all of
 *                 them are closed, and the bytes that they came with are lost.
 *                 The next call reads what was sent after those
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
bl_ssize bl_unix_recv_fds(bl_stream *stream, void *buffer, size_t bytes,
                          int *fds, size_t *count);

/* Who was at the other end when it connected, or listened. */
typedef struct bl_unix_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
} bl_unix_peer;

/*
 * Tells who is at the other end, as the kernel saw it.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  an argument is NULL, or the stream is not a local socket
 */
BL_MAY_FAIL
int bl_unix_get_peer(const bl_stream *stream, bl_unix_peer *peer);

#ifndef BL_NO_SITES
#    define bl_unix_send_fds(...)                    \
        BL__AT("bl_unix_send_fds(" #__VA_ARGS__ ")", \
               bl_unix_send_fds(__VA_ARGS__))
#    define bl_unix_recv_fds(...)                    \
        BL__AT("bl_unix_recv_fds(" #__VA_ARGS__ ")", \
               bl_unix_recv_fds(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
