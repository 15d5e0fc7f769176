/* SPDX-License-Identifier: MIT */
/*
 * belay/reader.h - reading lines, exact amounts and delimited pieces
 *
 * A reader puts a buffer in front of a stream.  What came from the stream
 * stays in the buffer until it was handed out whole, so a call that is
 * cancelled has lost nothing and can be made again.  The size of the buffer is
 * the limit for a line or a piece: what is longer is an error, never cut.
 *
 * A stream that has a reader is read through it alone.  Writing goes to the
 * stream, or through <belay/writer.h>.
 */
#ifndef BELAY_READER_H
#define BELAY_READER_H

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/*
 * A reader.  Every field belongs to the library.
 */
typedef struct bl_reader {
    bl_stream *_stream;
    unsigned char *_bytes;
    size_t _capacity; /* 0: not initialised */
    size_t _start;    /* of what is buffered */
    size_t _end;
    bool _is_busy; /* a task is reading into it */
    void *_memory; /* that the buffer is in, if it is ours */
    void *_reserved[1];
} bl_reader;

/*
 * Makes a reader of `stream` with a buffer of `bytes`: the caller's, which
 * stays in use until bl_reader_done, or one that is allocated if `buffer` is
 * NULL.  That one begins a cache line; one for much data that is the caller's
 * should do so too, as some CPUs copy into others at half their speed.
 *
 * The stream is borrowed; it is closed after bl_reader_done, or before.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  reader or stream is NULL, or bytes is 0
 *   BL_ENOMEM  there was no memory for the buffer
 */
BL_MAY_FAIL
int bl_reader_init(bl_reader *reader, bl_stream *stream, void *buffer,
                   size_t bytes);

/*
 * Gives the buffer back.  NULL and an all-zero reader are allowed.
 */
BL_API
void bl_reader_done(bl_reader *reader);

/*
 * Returns how many bytes are buffered.
 */
BL_API
size_t bl_reader_buffered(const bl_reader *reader);

/*
 * Waits until at least `bytes` are buffered, or the stream has ended, and
 * shows what there is without taking it: `*data` is valid until the next call.
 *
 * Returns how many bytes are there: fewer than `bytes` only at the end.
 *
 * Errors:
 *   BL_EMSGSIZE   bytes is more than the buffer holds
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was lost
 *   BL_EBUSY      another task uses the reader
 *   BL_EINVAL     reader or data is NULL, or the reader not initialised
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
bl_ssize bl_reader_peek(bl_reader *reader, size_t bytes, const void **data);

/*
 * Takes up to `bytes` of what is buffered.  Never waits.
 *
 * Returns how many were taken.
 */
BL_API
size_t bl_reader_skip(bl_reader *reader, size_t bytes);

/*
 * Reads up to `bytes`, waiting until there is at least one; the buffer first.
 *
 * Returns how many were read; 0 at the end.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *   BL_EBUSY      another task uses the reader
 *   BL_EINVAL     reader is NULL or not initialised, or buffer is NULL
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
bl_ssize bl_reader_read(bl_reader *reader, void *buffer, size_t bytes);

/*
 * Reads exactly `bytes`.
 *
 * If they fit into the reader's buffer, it is all or nothing.  Of more,
 * `*done` (may be NULL) tells how many were read, in every case.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECONNRESET  the stream ended before that many came
 *   BL_ECANCELED   an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_reader_read's.
 */
BL_MAY_WAIT
int bl_reader_exactly(bl_reader *reader, void *buffer, size_t bytes,
                      size_t *done);

/*
 * Takes everything up to and including `delimiter`; `*data` is valid until the
 * next call.
 *
 * Returns how many bytes that is; 0 if the stream ended before the first one.
 *
 * Errors:
 *   BL_EMSGSIZE    the buffer is full without one; nothing was taken
 *   BL_ECONNRESET  the stream ended in the middle; nothing was taken
 *   BL_ECANCELED   an enclosing scope was cancelled; nothing was taken
 *   BL_EBUSY       another task uses the reader
 *   BL_EINVAL      an argument is NULL, delimiter_bytes is 0, or the reader
 *                  is not initialised
 *
 * Any other code is one of bl_stream_read's.
 */
BL_MAY_WAIT
bl_ssize bl_reader_until(bl_reader *reader, const void *delimiter,
                         size_t delimiter_bytes, const char **data);

/*
 * Takes one line.  `*line` is the text without its end, "\n" or "\r\n", which
 * is replaced by NUL; it is valid until the next call.  `*bytes` (may be NULL)
 * is its length: a line may contain NUL.
 *
 * Returns 1; 0 if the stream ended and there is no further line.
 *
 * Errors:
 *   BL_EMSGSIZE    the line is longer than the buffer; nothing was taken
 *   BL_ECONNRESET  the stream ended in the middle of a line; nothing was
 *                  taken, and bl_reader_read gets the rest
 *   BL_ECANCELED   an enclosing scope was cancelled; nothing was taken
 *
 * Any other code is one of bl_reader_until's.
 */
BL_MAY_WAIT
int bl_reader_line(bl_reader *reader, char **line, size_t *bytes);

#ifndef BL_NO_SITES
#    define bl_reader_peek(...) \
        BL__AT("bl_reader_peek(" #__VA_ARGS__ ")", bl_reader_peek(__VA_ARGS__))
#    define bl_reader_read(...) \
        BL__AT("bl_reader_read(" #__VA_ARGS__ ")", bl_reader_read(__VA_ARGS__))
#    define bl_reader_exactly(...)                    \
        BL__AT("bl_reader_exactly(" #__VA_ARGS__ ")", \
               bl_reader_exactly(__VA_ARGS__))
#    define bl_reader_until(...)                    \
        BL__AT("bl_reader_until(" #__VA_ARGS__ ")", \
               bl_reader_until(__VA_ARGS__))
#    define bl_reader_line(...) \
        BL__AT("bl_reader_line(" #__VA_ARGS__ ")", bl_reader_line(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
