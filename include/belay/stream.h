/* SPDX-License-Identifier: MIT */
/*
 * belay/stream.h - bytes in both directions over a connected socket
 *
 * One task may read and one may write at a time.  A stream whose write_all
 * was cut short, by an error or a cancellation, is in the middle of something:
 * abort it.
 */
#ifndef BELAY_STREAM_H
#define BELAY_STREAM_H

#include <belay/base.h>

BL_BEGIN_DECLS

typedef struct bl_stream bl_stream;

/*
 * Makes a stream of a connected, non-blocking socket, which it owns from now
 * on.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EINVAL   stream is NULL; the descriptor is still the caller's
 *   BL_EBADF    fd is not open; nothing was written
 *   BL_ENOMEM   there was no memory; the descriptor is still the caller's
 *   BL_ENOLOOP  no loop runs on this thread; likewise
 */
BL_MAY_FAIL
int bl_stream_take_fd(int fd, bl_stream **stream);

/*
 * Reads up to `bytes`, waiting until there is at least one.
 *
 * Returns how many were read; 0 once the peer has closed its side.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *   BL_EBUSY      another task reads from it
 *   BL_ECLOSED    the stream was closed meanwhile
 *   BL_EINVAL     stream is NULL, or buffer is NULL with bytes > 0
 *   BL_ETHREAD    the stream belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the system's: BL_ECONNRESET, ...
 */
BL_MAY_WAIT
bl_ssize bl_stream_read(bl_stream *stream, void *buffer, size_t bytes);

/*
 * Reads exactly `bytes`.
 *
 * `*done` (may be NULL) tells how many were read, in every case.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECONNRESET  the peer closed before that many came
 *   BL_ECANCELED   an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
int bl_stream_read_exactly(bl_stream *stream, void *buffer, size_t bytes,
                           size_t *done);

/*
 * Writes up to `bytes`, waiting until at least one is taken.
 *
 * Returns how many were written.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EPIPE      the peer has closed
 *   BL_EBUSY      another task writes to it
 *   BL_ECLOSED    the stream was closed meanwhile
 *   BL_EINVAL     stream is NULL, or buffer is NULL with bytes > 0
 *   BL_ETHREAD    the stream belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the system's: BL_ECONNRESET, ...
 */
BL_MAY_WAIT
bl_ssize bl_stream_write(bl_stream *stream, const void *buffer, size_t bytes);

/*
 * Writes all `bytes`.
 *
 * `*done` (may be NULL) tells how many were written, in every case.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_stream_write's.
 */
BL_MAY_WAIT
int bl_stream_write_all(bl_stream *stream, const void *buffer, size_t bytes,
                        size_t *done);

/*
 * Says that nothing more will be written; the peer reads to the end.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  stream is NULL
 *
 * Any other code is the system's.
 */
BL_MAY_FAIL
int bl_stream_shutdown_write(bl_stream *stream);

/*
 * Closes the stream in order and frees it.  It is closed and freed even where
 * an error is returned.  NULL is allowed.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ENOLOOP  no loop runs on this thread
 */
BL_MAY_WAIT
int bl_stream_close(bl_stream *stream);

/*
 * Closes the stream at once and frees it, without flushing and without
 * waiting; those who wait on it get BL_ECLOSED.  NULL is allowed.
 */
BL_API
void bl_stream_abort(bl_stream *stream);

/*
 * Returns the descriptor, which stays the stream's.
 */
BL_API
int bl_stream_fd(const bl_stream *stream);

#ifndef BL_NO_SITES
#    define bl_stream_read(...) \
        BL__AT("bl_stream_read(" #__VA_ARGS__ ")", bl_stream_read(__VA_ARGS__))
#    define bl_stream_read_exactly(...)                    \
        BL__AT("bl_stream_read_exactly(" #__VA_ARGS__ ")", \
               bl_stream_read_exactly(__VA_ARGS__))
#    define bl_stream_write(...)                    \
        BL__AT("bl_stream_write(" #__VA_ARGS__ ")", \
               bl_stream_write(__VA_ARGS__))
#    define bl_stream_write_all(...)                    \
        BL__AT("bl_stream_write_all(" #__VA_ARGS__ ")", \
               bl_stream_write_all(__VA_ARGS__))
#    define bl_stream_close(...)                    \
        BL__AT("bl_stream_close(" #__VA_ARGS__ ")", \
               bl_stream_close(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
