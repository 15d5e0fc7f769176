/* SPDX-License-Identifier: MIT */
/*
 * io/frame.c - messages with their length in front
 *
 * A length has one spelling only: a varint that is longer than it need be, or
 * does not fit into 64 bits, is refused, so that two programs cannot differ
 * about what a message is.
 */
#include <belay/error.h>
#include <belay/frame.h>

#include <string.h>

#include "base/assert.h"

enum {
    FRAME_HEADER_BYTES_MAX = 10,
    FRAME_VARINT_BITS = 7
};

/* Returns how many bytes the length has, 0 if that varies, or BL_EINVAL. */
static int frame_width(bl_frame_kind kind) {
    switch (kind) {
    case BL_FRAME_U8: return 1;
    case BL_FRAME_U16: return 2;
    case BL_FRAME_U32: return 4;
    case BL_FRAME_U64: return 8;
    case BL_FRAME_VARINT: return 0;
    default: return BL_EINVAL;
    }
}

/* ---- reading ----------------------------------------------------------- */

/*
 * Waits for one more byte than `seen`.  Returns how many are there; 0 at the
 * end before the first.
 */
static bl_ssize frame_peek(bl_reader *reader, size_t bytes,
                           const unsigned char **header) {
    const void *data;
    bl_ssize count = bl_reader_peek(reader, bytes, &data);
    if (count < 0) return count;
    if (count > 0 && (size_t)count < bytes) return BL_ECONNRESET;
    *header = data;
    return count;
}

/* Returns how many bytes the length takes; 0 at the end. */
static int frame_read_fixed(bl_reader *reader, int width, uint64_t *length) {
    const unsigned char *header;
    bl_ssize count = frame_peek(reader, (size_t)width, &header);
    if (count <= 0) return (int)count;
    *length = 0;
    for (int i = 0; i < width; i++)
        *length = *length << 8 | header[i];
    return width;
}

static int frame_read_varint(bl_reader *reader, uint64_t *length) {
    *length = 0;
    for (int i = 0; i < FRAME_HEADER_BYTES_MAX; i++) {
        const unsigned char *header;
        bl_ssize count = frame_peek(reader, (size_t)i + 1, &header);
        if (count <= 0) return (int)count;
        uint64_t bits = header[i] & 0x7f;
        if (i == FRAME_HEADER_BYTES_MAX - 1 && bits > 1) return BL_EPROTO;
        *length |= bits << (FRAME_VARINT_BITS * i);
        bool is_last = (header[i] & 0x80) == 0;
        if (is_last && i > 0 && bits == 0) return BL_EPROTO;
        if (is_last) return i + 1;
    }
    return BL_EPROTO;
}

int bl_frame_read(bl_reader *reader, bl_frame_kind kind, const void **data,
                  size_t *bytes) {
    uint64_t length = 0;
    const unsigned char *frame = NULL;
    int width = frame_width(kind);
    if (width < 0) return width;
    if (data == NULL || bytes == NULL) return BL_EINVAL;
    int header = width > 0 ? frame_read_fixed(reader, width, &length)
                           : frame_read_varint(reader, &length);
    if (header <= 0) return header;

    if (length > SIZE_MAX - FRAME_HEADER_BYTES_MAX) return BL_EMSGSIZE;
    size_t whole = (size_t)header + (size_t)length;
    bl_ssize count = frame_peek(reader, whole, &frame);
    if (count < 0) return (int)count;
    BL__ASSERT((size_t)count >= whole);
    *data = frame + header;
    *bytes = (size_t)length;
    size_t taken = bl_reader_skip(reader, whole);
    BL__ASSERT(taken == whole);
    return 1;
}

/* ---- writing ----------------------------------------------------------- */

static size_t frame_put_varint(unsigned char *header, uint64_t length) {
    size_t count = 0;
    while (length > 0x7f) {
        header[count++] = (unsigned char)(length | 0x80);
        length >>= FRAME_VARINT_BITS;
    }
    header[count++] = (unsigned char)length;
    return count;
}

int bl_frame_write(bl_stream *stream, bl_frame_kind kind, const void *data,
                   size_t bytes) {
    unsigned char header[FRAME_HEADER_BYTES_MAX];
    uint64_t length = bytes;
    int width = frame_width(kind);
    if (width < 0) return width;
    if (data == NULL && bytes > 0) return BL_EINVAL;
    if (width > 0 && width < 8 && length >> (8 * width) != 0) {
        return BL_EMSGSIZE;
    }
    size_t header_bytes = (size_t)width;
    if (width == 0) header_bytes = frame_put_varint(header, length);
    for (int i = 0; i < width; i++) {
        header[i] = (unsigned char)(length >> (8 * (width - 1 - i)));
    }
    struct iovec parts[2] = {
        { .iov_base = header, .iov_len = header_bytes },
        { .iov_len = bytes },
    };
    memcpy(&parts[1].iov_base, &data, sizeof data); /* it has no const */
    return bl_stream_writev_all(stream, parts, 2, NULL);
}
