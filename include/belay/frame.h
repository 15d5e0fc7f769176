/* SPDX-License-Identifier: MIT */
/*
 * belay/frame.h - messages with their length in front
 *
 * A message is read whole or not at all; the size of the reader's buffer is
 * its limit, checked before a byte of it is waited for.
 */
#ifndef BELAY_FRAME_H
#define BELAY_FRAME_H

#include <belay/base.h>
#include <belay/reader.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/* How the length is written. */
typedef enum bl_frame_kind {
    BL_FRAME_U8,
    BL_FRAME_U16, /* most significant byte first, as the next two */
    BL_FRAME_U32,
    BL_FRAME_U64,
    BL_FRAME_VARINT /* seven bits a byte, least significant first */
} bl_frame_kind;

/*
 * Reads one message; `*data`, of `*bytes`, is valid until the reader is used
 * again.
 *
 * Returns 1; 0 if the stream ended between two messages.
 *
 * Errors:
 *   BL_EMSGSIZE    the message is longer than the reader's buffer; nothing
 *                  was taken
 *   BL_EPROTO      the length is not written as it must be; nothing was taken
 *   BL_ECONNRESET  the stream ended in the middle of a message
 *   BL_ECANCELED   an enclosing scope was cancelled; nothing was taken
 *   BL_EINVAL      an argument is NULL, or kind is unknown
 *
 * Any other code is one of bl_reader_peek's.
 */
BL_MAY_WAIT
int bl_frame_read(bl_reader *reader, bl_frame_kind kind, const void **data,
                  size_t *bytes);

/*
 * Writes one message, its length in front.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EMSGSIZE   that length cannot be written so; nothing was sent
 *   BL_ECANCELED  an enclosing scope was cancelled; unless the stream is cut,
 *                 nothing was sent
 *   BL_EINVAL     stream or data is NULL, or kind is unknown
 *
 * Any other code is one of bl_stream_write_all's.
 */
BL_MAY_WAIT
int bl_frame_write(bl_stream *stream, bl_frame_kind kind, const void *data,
                   size_t bytes);

#ifndef BL_NO_SITES
#    define bl_frame_read(...) \
        BL__AT("bl_frame_read(" #__VA_ARGS__ ")", bl_frame_read(__VA_ARGS__))
#    define bl_frame_write(...) \
        BL__AT("bl_frame_write(" #__VA_ARGS__ ")", bl_frame_write(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
