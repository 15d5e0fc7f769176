/* SPDX-License-Identifier: MIT */
/*
 * belay/stream.h - bytes in both directions, over whatever carries them
 *
 * One interface over TCP and local sockets, pipes, terminals, memory
 * (<belay/mem.h>) and kinds of your own.  One task may read and one may write
 * at a time.  Reading lines, exact amounts and messages: <belay/reader.h>.
 *
 * A call that moves some bytes either moves them or was cancelled, never both.
 * A write of all bytes that was cut short, by an error or a cancellation,
 * leaves half a message behind: such a stream takes no more writes, and does
 * not pretend to the peer that it ended well (bl_stream_is_cut).
 */
#ifndef BELAY_STREAM_H
#define BELAY_STREAM_H

#include <sys/uio.h>

#include <belay/base.h>

BL_BEGIN_DECLS

typedef struct bl_stream bl_stream;

/* The most parts that one vectored call takes. */
#define BL_STREAM_PARTS_MAX 1024

/*
 * Makes a stream of a connected socket, which it owns from now on.  The
 * socket may block or not; TCP sends small segments without delay.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EINVAL   stream is NULL, or fd is no socket; it is still the caller's
 *   BL_EBADF    fd is not open; nothing was written
 *   BL_EBUSY    a task of this loop waits for fd; it is still the caller's
 *   BL_ENOMEM   there was no memory; the descriptor is still the caller's
 *   BL_ENOLOOP  no loop runs on this thread; likewise
 */
BL_MAY_FAIL
int bl_stream_take_fd(int fd, bl_stream **stream);

/*
 * Makes a stream that reads `read_fd` and writes `write_fd`: the ends of
 * pipes, a terminal, devices.  It owns them from now on.  One of them may be
 * -1, then that direction is closed; both may be the same.
 *
 * Descriptors are used without O_NONBLOCK and it is not set: the flag would be
 * shared with whoever else has the file.  A pipe that nobody reads any more is
 * BL_EPIPE, never a signal.  Regular files work, and keep the thread for as
 * long as the disk does.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EINVAL   stream is NULL, or both descriptors are -1
 *   BL_EBADF    a descriptor is not open; both are still the caller's
 *   BL_EBUSY    a task of this loop waits for one; likewise
 *   BL_ENOMEM   there was no memory; likewise
 *   BL_ENOLOOP  no loop runs on this thread; likewise
 */
BL_MAY_FAIL
int bl_stream_take_pipe(int read_fd, int write_fd, bl_stream **stream);

/*
 * Makes a stream that reads standard input and writes standard output, and
 * leaves both open when it is closed.  One at a time can be open.
 *
 * Mixed with stdio, flush that first.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EINVAL   stream is NULL
 *   BL_EBADF    standard input or output is not open
 *   BL_EBUSY    another such stream is open
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_ENOLOOP  no loop runs on this thread; nothing was written
 */
BL_MAY_FAIL
int bl_stream_open_stdio(bl_stream **stream);

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
 * Reads like bl_stream_read, into several buffers, one after the other.
 *
 * Returns how many bytes were read; 0 once the peer has closed its side.
 *
 * Errors:
 *   BL_EINVAL     stream or parts is NULL, or there are more parts than
 *                 BL_STREAM_PARTS_MAX
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
bl_ssize bl_stream_readv(bl_stream *stream, const struct iovec *parts,
                         int count);

/*
 * Reads up to `bytes` of what has come already.  Never waits, and works in a
 * cancelled scope; so it also tells whether anything has come, or an end.
 *
 * Returns how many were read; 0 once the peer has closed its side.
 *
 * Errors:
 *   BL_EAGAIN   nothing has come: bl_stream_read would wait
 *   BL_EBUSY    another task reads from it
 *   BL_ENOTSUP  a kind that cannot do it
 *   BL_ECLOSED  the stream is being closed
 *   BL_EINVAL   stream is NULL, or buffer is NULL with bytes > 0
 *   BL_ETHREAD  the stream belongs to another loop
 *   BL_ENOLOOP  no loop runs on this thread
 *
 * Any other code is the system's: BL_ECONNRESET, ...
 */
BL_MAY_FAIL
bl_ssize bl_stream_try_read(bl_stream *stream, void *buffer, size_t bytes);

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
 * Writes up to `bytes`, waiting until at least one is taken.  A stream takes
 * what the kernel has room for, so a peer that does not read makes its writer
 * wait.
 *
 * Returns how many were written.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EPIPE      the peer has closed, or bl_stream_shutdown_write was called
 *   BL_EBUSY      another task writes to it
 *   BL_ECLOSED    the stream was closed meanwhile
 *   BL_EMISUSE    an earlier bl_stream_write_all was cut short
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
 * Writes like bl_stream_write, from several buffers, one after the other.
 *
 * Returns how many bytes were written.
 *
 * Errors:
 *   BL_EINVAL     stream or parts is NULL, or there are more parts than
 *                 BL_STREAM_PARTS_MAX
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *
 * Any other code is one of bl_stream_write's.
 */
BL_MAY_WAIT
bl_ssize bl_stream_writev(bl_stream *stream, const struct iovec *parts,
                          int count);

/*
 * Writes all `bytes`.
 *
 * `*done` (may be NULL) tells how many were written, in every case.  If that
 * is neither none nor all, the stream is cut: bl_stream_is_cut.
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
 * Writes all bytes of several buffers, one after the other; `parts` is left
 * as it is.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     stream or parts is NULL, or there are more parts than
 *                 BL_STREAM_PARTS_MAX
 *   BL_ECANCELED  an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_stream_writev_all(bl_stream *stream, const struct iovec *parts,
                         int count, size_t *done);

/*
 * Sends `bytes` of the file `file_fd`, beginning at `offset`, without copying
 * them through the program where the kernel can: into sockets that do not
 * block, and TLS over one for which the kernel encrypts.  The file's own
 * position is neither used nor moved.
 *
 * `*done` (may be NULL) tells how many were sent, in every case; a send that
 * was cut short cuts the stream, as in bl_stream_write_all.  Between chunks
 * it can be cancelled and lets other tasks run.  Reading the file itself keeps
 * the thread for as long as the disk does.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     stream is NULL, or offset is negative
 *   BL_EBADF      file_fd is not open for reading
 *   BL_EIO        the file is shorter than that, or cannot be read
 *   BL_ENOMEM     there was no memory for a copy; nothing was sent
 *   BL_ECANCELED  an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_stream_send_file(bl_stream *stream, int file_fd, int64_t offset,
                        size_t bytes, size_t *done);

/*
 * Waits until reading (BL_READABLE) or writing (BL_WRITABLE) is worth trying,
 * for calls of your own on bl_stream_fd.  An error or an end counts too.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     stream is NULL, or event is not one of the two
 *   BL_ENOTSUP    the stream has no descriptor for it
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
int bl_stream_wait(bl_stream *stream, unsigned event);

/*
 * Says that nothing more will be written; the peer reads to the end.  Over a
 * descriptor it never waits, so it also works in a cancelled scope.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   stream is NULL
 *   BL_EBUSY    another task writes to it
 *   BL_EMISUSE  a bl_stream_write_all was cut short: that is not an end
 *   BL_ENOTSUP  the stream cannot end one direction alone
 *   BL_ECLOSED  the stream is being closed
 *   BL_ETHREAD  the stream belongs to another loop
 *   BL_ENOLOOP  no loop runs on this thread
 *
 * Any other code is the system's.
 */
BL_MAY_WAIT
int bl_stream_shutdown_write(bl_stream *stream);

/*
 * Closes the stream in order and frees it.  What was written is still
 * delivered.  It is closed and freed even where an error is returned.  Over a
 * descriptor it never waits; a kind that says goodbye may wait for that, and
 * if it is cancelled there the stream is aborted.  NULL is allowed.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled before the goodbye was said
 *   BL_ECLOSED    it was aborted before the goodbye was said
 *   BL_EALREADY   another task is closing it; that goes on
 *   BL_ENOLOOP    no loop runs on this thread
 *
 * Any other code is the system's.
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
 * Returns whether a write of all bytes was cut short: the peer has half a
 * message.  Nothing more can be written, and closing the stream tells the peer
 * so, by a reset where there is one.
 */
BL_API
bool bl_stream_is_cut(const bl_stream *stream);

/*
 * Returns the descriptor, which stays the stream's: that for reading, if there
 * are two.  -1 without one.
 */
BL_API
int bl_stream_fd(const bl_stream *stream);

/*
 * Returns whether the stream is a socket and nothing besides, so that the
 * kernel may be told by bl_stream_fd what to do with its bytes.  A kind of your
 * own is not, whatever descriptor it shows.
 */
BL_API
bool bl_stream_is_socket(const bl_stream *stream);

/*
 * As bl_stream_write, of up to `bytes` of the file `file_fd` from `offset`, and
 * without copying them: for kinds of your own that stand on another stream.
 * Who only wants to send a file takes bl_stream_send_file.
 *
 * Returns how many were moved, 0 at the end of the file.
 *
 * Errors:
 *   BL_EINVAL     stream is NULL, offset below 0, or bytes 0
 *   BL_ENOTSUP    the stream, or the kernel from this file, can only copy
 *   BL_EBADF      file_fd is not open for reading
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * After an error nothing was moved, and the stream is as it was.
 * Any other code is one of bl_stream_write's.
 */
BL_MAY_WAIT
bl_ssize bl_stream_send_file_some(bl_stream *stream, int file_fd,
                                  int64_t offset, size_t bytes);

/*
 * Tells the stream of a socket that the kernel encrypts what is written to it
 * (TCP_ULP "tls").  Closing such a socket tries once more to send what is left,
 * and would raise SIGPIPE if nobody reads that; then it does not.  Says nothing
 * to NULL, and to streams that are no sockets.
 */
BL_API
void bl_stream_note_kernel_tls(bl_stream *stream);

/*
 * A kind of stream of your own: what it does, and what the stream does for it.
 *
 * The stream has checked arguments, loop and cancellation, and holds a second
 * task off, before it calls `read` or `write`.  These may wait, must return
 * BL_ECANCELED only if nothing was moved, and return BL_ECLOSED soon after
 * `abort` was called.  `parts` has at least one byte of room, in the first.
 *
 * The order of the ends is: `close`, if the user closed it; `abort`, always;
 * `free`, always, when no call is inside any more.
 */
typedef struct bl_stream_ops {
    size_t size;      /* sizeof(bl_stream_ops) */
    const char *name; /* a static noun, such as "tls" */
    /* Returns how many bytes were moved, 0 at the end (reading), or a code. */
    bl_ssize (*read)(void *self, const struct iovec *parts, int count);
    bl_ssize (*write)(void *self, const struct iovec *parts, int count);
    /* Ends the direction of writing; may wait; NULL: cannot. */
    int (*shutdown_write)(void *self);
    /* Flushes and says goodbye; may wait; NULL: nothing to do. */
    int (*close)(void *self);
    /* Sends those who wait inside away, and gives everything but the memory
     * back; never waits.  `is_cut`: the peer has half a message.  Returns 0, or
     * what bl_stream_close is to say. */
    int (*abort)(void *self, bool is_cut);
    /* Frees the memory; NULL: nothing to do. */
    void (*free)(void *self);
    /* The descriptor below, for the user to ask; NULL: there is none. */
    int (*fd)(const void *self);
    /* Waits for BL_READABLE or BL_WRITABLE; NULL: cannot. */
    int (*wait)(void *self, unsigned event);
    /* As `read`, of what has come already; never waits, but says BL_EAGAIN;
     * NULL: cannot. */
    bl_ssize (*try_read)(void *self, const struct iovec *parts, int count);
    /* As `write`, of up to `bytes` of a file from `offset`, which are not read
     * here.  Returns how many were moved, 0 at the end of the file, BL_ENOTSUP
     * to have what is left given to `write`; NULL: all is. */
    bl_ssize (*send_file)(void *self, int file_fd, int64_t offset,
                          size_t bytes);
} bl_stream_ops;

/*
 * Makes a stream of a kind of your own.  `ops` is static; `self` is the
 * stream's from now on, on success only.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EINVAL   ops or stream is NULL, or read, write or abort is missing
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_ENOLOOP  no loop runs on this thread; nothing was written
 */
BL_MAY_FAIL
int bl_stream_new(const bl_stream_ops *ops, void *self, bl_stream **stream);

/*
 * Returns the `self` of a stream that was made with just these `ops`, for
 * calls that a kind of your own has besides; NULL if it is of another kind.
 */
BL_API
void *bl_stream_self(const bl_stream *stream, const bl_stream_ops *ops);

#ifndef BL_NO_SITES
#    define bl_stream_read(...) \
        BL__AT("bl_stream_read(" #__VA_ARGS__ ")", bl_stream_read(__VA_ARGS__))
#    define bl_stream_readv(...)                    \
        BL__AT("bl_stream_readv(" #__VA_ARGS__ ")", \
               bl_stream_readv(__VA_ARGS__))
#    define bl_stream_read_exactly(...)                    \
        BL__AT("bl_stream_read_exactly(" #__VA_ARGS__ ")", \
               bl_stream_read_exactly(__VA_ARGS__))
#    define bl_stream_write(...)                    \
        BL__AT("bl_stream_write(" #__VA_ARGS__ ")", \
               bl_stream_write(__VA_ARGS__))
#    define bl_stream_writev(...)                    \
        BL__AT("bl_stream_writev(" #__VA_ARGS__ ")", \
               bl_stream_writev(__VA_ARGS__))
#    define bl_stream_send_file_some(...)                    \
        BL__AT("bl_stream_send_file_some(" #__VA_ARGS__ ")", \
               bl_stream_send_file_some(__VA_ARGS__))
#    define bl_stream_write_all(...)                    \
        BL__AT("bl_stream_write_all(" #__VA_ARGS__ ")", \
               bl_stream_write_all(__VA_ARGS__))
#    define bl_stream_writev_all(...)                    \
        BL__AT("bl_stream_writev_all(" #__VA_ARGS__ ")", \
               bl_stream_writev_all(__VA_ARGS__))
#    define bl_stream_send_file(...)                    \
        BL__AT("bl_stream_send_file(" #__VA_ARGS__ ")", \
               bl_stream_send_file(__VA_ARGS__))
#    define bl_stream_wait(...) \
        BL__AT("bl_stream_wait(" #__VA_ARGS__ ")", bl_stream_wait(__VA_ARGS__))
#    define bl_stream_shutdown_write(...)                    \
        BL__AT("bl_stream_shutdown_write(" #__VA_ARGS__ ")", \
               bl_stream_shutdown_write(__VA_ARGS__))
#    define bl_stream_close(...)                    \
        BL__AT("bl_stream_close(" #__VA_ARGS__ ")", \
               bl_stream_close(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
