/* SPDX-License-Identifier: MIT */
/*
 * belay/writer.h - gathering small writes
 *
 * A writer puts a buffer behind what a program says in many small pieces, and
 * hands it to the stream at once.  Nothing is sent before the buffer is full
 * or bl_writer_flush is called: whoever waits for an answer flushes first.
 * Large pieces go out at once, together with what was gathered before.
 */
#ifndef BELAY_WRITER_H
#define BELAY_WRITER_H

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/* A piece of so many bytes is not gathered. */
#define BL_WRITER_DIRECT_BYTES 16384

/*
 * A writer.  Every field belongs to the library.
 */
typedef struct bl_writer {
    bl_stream *_stream;
    unsigned char *_bytes;
    size_t _capacity; /* 0: not initialised */
    size_t _count;
    bool _is_ours; /* the buffer is */
    bool _is_busy; /* a task is writing from it */
    void *_reserved[2];
} bl_writer;

/*
 * Makes a writer of `stream` with a buffer of `bytes`: the caller's, which
 * stays in use until bl_writer_done, or one that is allocated if `buffer` is
 * NULL.  The stream is borrowed.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  writer or stream is NULL, or bytes is 0
 *   BL_ENOMEM  there was no memory for the buffer
 */
BL_MAY_FAIL
int bl_writer_init(bl_writer *writer, bl_stream *stream, void *buffer,
                   size_t bytes);

/*
 * Gives the buffer back; what was not flushed is dropped.  NULL and an
 * all-zero writer are allowed.
 */
BL_API
void bl_writer_done(bl_writer *writer);

/*
 * Returns how many bytes are gathered.
 */
BL_API
size_t bl_writer_buffered(const bl_writer *writer);

/*
 * Adds `bytes` of `data`.  Waits only if they do not fit.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; if the stream is not cut,
 *                 nothing was added and nothing sent
 *   BL_EBUSY      another task uses the writer; nothing was added
 *   BL_EINVAL     writer is NULL or not initialised, or data is NULL
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_writer_put(bl_writer *writer, const void *data, size_t bytes);

/*
 * Adds text as printf makes it.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EMSGSIZE   the text is longer than the buffer; nothing was added
 *   BL_ECANCELED  an enclosing scope was cancelled; as for bl_writer_put
 *   BL_EINVAL     the format is not valid
 *
 * Any other code is one of bl_writer_put's.
 */
BL_MAY_WAIT
BL__PRINTF(2, 3)
int bl_writer_printf(bl_writer *writer, const char *format, ...);

/*
 * Sends what was gathered.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; if the stream is not cut,
 *                 everything is still gathered
 *   BL_EBUSY      another task uses the writer
 *   BL_EINVAL     writer is NULL or not initialised
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_writer_flush(bl_writer *writer);

#ifndef BL_NO_SITES
#    define bl_writer_put(...) \
        BL__AT("bl_writer_put(" #__VA_ARGS__ ")", bl_writer_put(__VA_ARGS__))
#    define bl_writer_printf(writer, ...)       \
        BL__AT("bl_writer_printf(" #writer ")", \
               bl_writer_printf((writer), __VA_ARGS__))
#    define bl_writer_flush(...)                    \
        BL__AT("bl_writer_flush(" #__VA_ARGS__ ")", \
               bl_writer_flush(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
