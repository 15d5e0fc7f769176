/* SPDX-License-Identifier: MIT */
/*
 * io/reader.c - a buffer in front of a stream
 *
 *     0        start           end        capacity
 *     | taken  | buffered      | room     |
 *
 * Bytes leave the buffer only together with the answer that they belong to,
 * after the last point at which a call can fail.  When there is no room behind
 * `end` the buffered ones move to the front; so what a call has handed out is
 * valid until the next one.
 *
 * A buffer of ours begins a cache line.  Some CPUs copy at half their speed if
 * the destination lies a few bytes further on in its page than the source does,
 * as what malloc returns does by 16; any beginning of a line is as good as that
 * of a page (docs/internals/speed.md), which would make small buffers large.
 *
 * Invariant: start <= end <= capacity.
 */
#include <belay/error.h>
#include <belay/park.h>
#include <belay/reader.h>

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    READER_LINE_BYTES = 64
};

/* Allocates a buffer that begins a line, in `*memory`, which is to be freed. */
static void *reader_alloc(size_t bytes, void **memory) {
    const size_t spare = READER_LINE_BYTES - 1;
    if (bytes > SIZE_MAX - spare) return NULL;
    *memory = bl__alloc(bytes + spare);
    if (*memory == NULL) return NULL;
    size_t past = (uintptr_t)*memory % READER_LINE_BYTES;
    return (char *)*memory + (past > 0 ? READER_LINE_BYTES - past : 0);
}

int bl_reader_init(bl_reader *reader, bl_stream *stream, void *buffer,
                   size_t bytes) {
    if (reader == NULL || stream == NULL || bytes == 0) return BL_EINVAL;
    void *memory = NULL;
    if (buffer == NULL) {
        buffer = reader_alloc(bytes, &memory);
        if (buffer == NULL) return BL_ENOMEM;
    }
    *reader = (bl_reader){
        ._stream = stream,
        ._bytes = buffer,
        ._capacity = bytes,
        ._memory = memory,
    };
    return 0;
}

void bl_reader_done(bl_reader *reader) {
    if (reader == NULL) return;
    BL__ASSERT(!reader->_is_busy);
    bl__free(reader->_memory);
    *reader = (bl_reader){ 0 };
}

size_t bl_reader_buffered(const bl_reader *reader) {
    if (reader == NULL) return 0;
    return reader->_end - reader->_start;
}

size_t bl_reader_skip(bl_reader *reader, size_t bytes) {
    size_t buffered = bl_reader_buffered(reader);
    if (bytes > buffered) bytes = buffered;
    if (bytes > 0) reader->_start += bytes;
    return bytes;
}

/* ---- filling ----------------------------------------------------------- */

static int reader_check(const bl_reader *reader) {
    if (reader == NULL || reader->_capacity == 0) return BL_EINVAL;
    return reader->_is_busy ? BL_EBUSY : 0;
}

/* Makes room behind the buffered bytes; there are fewer than it holds. */
static void reader_make_room(bl_reader *reader) {
    size_t buffered = bl_reader_buffered(reader);
    BL__ASSERT(buffered < reader->_capacity);
    if (buffered == 0) {
        reader->_start = 0;
        reader->_end = 0;
    }
    if (reader->_end < reader->_capacity) return;
    memmove(reader->_bytes, reader->_bytes + reader->_start, buffered);
    reader->_start = 0;
    reader->_end = buffered;
}

/* Reads once behind what is there.  Returns how much; 0 at the end. */
static bl_ssize reader_fill(bl_reader *reader) {
    reader_make_room(reader);
    reader->_is_busy = true;
    bl_ssize count =
        bl_stream_read(reader->_stream, reader->_bytes + reader->_end,
                       reader->_capacity - reader->_end);
    reader->_is_busy = false;
    if (count > 0) reader->_end += (size_t)count;
    return count;
}

/* Each call notices cancellation, also one that need not read. */
static int reader_begin(bl_reader *reader) {
    int rc = reader_check(reader);
    if (rc < 0) return rc;
    reader->_is_busy = true;
    rc = bl_checkpoint();
    reader->_is_busy = false;
    return rc;
}

/* Fills until `bytes` are buffered.  Returns how many are; fewer at the end. */
static bl_ssize reader_need(bl_reader *reader, size_t bytes) {
    while (bl_reader_buffered(reader) < bytes) {
        bl_ssize count = reader_fill(reader);
        if (count < 0) return count;
        if (count == 0) break;
    }
    return (bl_ssize)bl_reader_buffered(reader);
}

/* ---- reading ----------------------------------------------------------- */

bl_ssize bl_reader_peek(bl_reader *reader, size_t bytes, const void **data) {
    if (data == NULL) return BL_EINVAL;
    int rc = reader_check(reader);
    if (rc < 0) return rc;
    if (bytes > reader->_capacity) return BL_EMSGSIZE;
    rc = reader_begin(reader);
    if (rc < 0) return rc;
    bl_ssize count = reader_need(reader, bytes);
    if (count >= 0) *data = reader->_bytes + reader->_start;
    return count;
}

bl_ssize bl_reader_read(bl_reader *reader, void *buffer, size_t bytes) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = reader_begin(reader);
    if (rc < 0) return rc;
    if (bytes == 0) return 0;

    size_t buffered = bl_reader_buffered(reader);
    if (buffered == 0 && bytes >= reader->_capacity) {
        /* There is nothing to gain from a detour. */
        reader->_is_busy = true;
        bl_ssize count = bl_stream_read(reader->_stream, buffer, bytes);
        reader->_is_busy = false;
        return count;
    }
    if (buffered == 0) {
        bl_ssize count = reader_fill(reader);
        if (count <= 0) return count;
    }
    if (bytes > bl_reader_buffered(reader)) bytes = bl_reader_buffered(reader);
    memcpy(buffer, reader->_bytes + reader->_start, bytes);
    return (bl_ssize)bl_reader_skip(reader, bytes);
}

/* More than the buffer holds goes past it. */
static int reader_exactly_much(bl_reader *reader, char *buffer, size_t bytes,
                               size_t *done) {
    size_t buffered = bl_reader_buffered(reader);
    BL__ASSERT(buffered < bytes);
    if (buffered > 0) {
        memcpy(buffer, reader->_bytes + reader->_start, buffered);
        bl_reader_skip(reader, buffered);
    }
    reader->_is_busy = true;
    int rc = bl_stream_read_exactly(reader->_stream, buffer + buffered,
                                    bytes - buffered, done);
    reader->_is_busy = false;
    *done += buffered;
    return rc;
}

int bl_reader_exactly(bl_reader *reader, void *buffer, size_t bytes,
                      size_t *done) {
    size_t total = 0;
    if (done != NULL) *done = 0;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = reader_begin(reader);
    if (rc < 0) return rc;

    if (bytes > reader->_capacity) {
        rc = reader_exactly_much(reader, buffer, bytes, &total);
        if (done != NULL) *done = total;
        return rc;
    }
    bl_ssize count = reader_need(reader, bytes);
    if (count < 0) return (int)count;
    if ((size_t)count < bytes) return BL_ECONNRESET;
    if (bytes > 0) memcpy(buffer, reader->_bytes + reader->_start, bytes);
    bl_reader_skip(reader, bytes);
    if (done != NULL) *done = bytes;
    return 0;
}

bl_ssize bl_reader_until(bl_reader *reader, const void *delimiter,
                         size_t delimiter_bytes, const char **data) {
    if (delimiter == NULL || data == NULL) return BL_EINVAL;
    if (delimiter_bytes == 0) return BL_EINVAL;
    int rc = reader_begin(reader);
    if (rc < 0) return rc;

    size_t searched = 0; /* of what is buffered: it does not begin in there */
    for (;;) {
        const unsigned char *first = reader->_bytes + reader->_start;
        size_t buffered = bl_reader_buffered(reader);
        const unsigned char *found = memmem(
            first + searched, buffered - searched, delimiter, delimiter_bytes);
        if (found != NULL) {
            size_t bytes = (size_t)(found - first) + delimiter_bytes;
            *data = (const char *)first;
            return (bl_ssize)bl_reader_skip(reader, bytes);
        }
        if (buffered >= delimiter_bytes) {
            searched = buffered - delimiter_bytes + 1;
        }
        if (buffered == reader->_capacity) return BL_EMSGSIZE;
        bl_ssize count = reader_fill(reader);
        if (count < 0) return count;
        if (count == 0) return buffered == 0 ? 0 : BL_ECONNRESET;
    }
}

int bl_reader_line(bl_reader *reader, char **line, size_t *bytes) {
    const char *data;
    if (line == NULL) return BL_EINVAL;
    bl_ssize count = bl_reader_until(reader, "\n", 1, &data);
    if (count <= 0) return (int)count;

    size_t length = (size_t)count - 1;
    char *text = (char *)reader->_bytes + (data - (char *)reader->_bytes);
    if (length > 0 && text[length - 1] == '\r') length--;
    text[length] = '\0';
    *line = text;
    if (bytes != NULL) *bytes = length;
    return 1;
}
