/* SPDX-License-Identifier: MIT */
/*
 * io/writer.c - a buffer behind many small writes
 *
 * What does not fit goes out in one call with what was gathered before it, as
 * two parts of a vector, so that nothing is copied twice and no small segment
 * is sent for its own sake.
 *
 * Invariant: count <= capacity.
 */
#include <belay/error.h>
#include <belay/park.h>
#include <belay/writer.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

int bl_writer_init(bl_writer *writer, bl_stream *stream, void *buffer,
                   size_t bytes) {
    if (writer == NULL || stream == NULL || bytes == 0) return BL_EINVAL;
    bool is_ours = buffer == NULL;
    if (is_ours) buffer = bl__alloc(bytes);
    if (buffer == NULL) return BL_ENOMEM;
    *writer = (bl_writer){
        ._stream = stream,
        ._bytes = buffer,
        ._capacity = bytes,
        ._is_ours = is_ours,
    };
    return 0;
}

void bl_writer_done(bl_writer *writer) {
    if (writer == NULL) return;
    BL__ASSERT(!writer->_is_busy);
    if (writer->_is_ours) bl__free(writer->_bytes);
    *writer = (bl_writer){ 0 };
}

size_t bl_writer_buffered(const bl_writer *writer) {
    return writer != NULL ? writer->_count : 0;
}

static int writer_begin(bl_writer *writer) {
    if (writer == NULL || writer->_capacity == 0) return BL_EINVAL;
    if (writer->_is_busy) return BL_EBUSY;
    writer->_is_busy = true;
    int rc = bl_checkpoint();
    writer->_is_busy = false;
    return rc;
}

/*
 * Sends what was gathered, and `data` behind it.  Cut short in the middle,
 * what is gathered does not matter any more: the stream takes no more.
 */
static int writer_send(bl_writer *writer, const void *data, size_t bytes) {
    struct iovec parts[2] = {
        { .iov_base = writer->_bytes, .iov_len = writer->_count },
        { .iov_len = bytes },
    };
    memcpy(&parts[1].iov_base, &data, sizeof data); /* it has no const */
    writer->_is_busy = true;
    int rc = bl_stream_writev_all(writer->_stream, parts, 2, NULL);
    writer->_is_busy = false;
    if (rc == 0) writer->_count = 0;
    return rc;
}

int bl_writer_put(bl_writer *writer, const void *data, size_t bytes) {
    if (data == NULL && bytes > 0) return BL_EINVAL;
    int rc = writer_begin(writer);
    if (rc < 0) return rc;
    if (bytes == 0) return 0;
    bool is_large = bytes >= BL_WRITER_DIRECT_BYTES;
    if (is_large || bytes > writer->_capacity - writer->_count) {
        return writer_send(writer, data, bytes);
    }
    memcpy(writer->_bytes + writer->_count, data, bytes);
    writer->_count += bytes;
    return 0;
}

/* Formats behind what is gathered.  Returns the length of the whole text. */
static int writer_format(bl_writer *writer, const char *format, va_list args) {
    size_t room = writer->_capacity - writer->_count;
    char *place = (char *)writer->_bytes + writer->_count;
    return vsnprintf(place, room, format, args);
}

int bl_writer_printf(bl_writer *writer, const char *format, ...) {
    va_list args;
    if (format == NULL) return BL_EINVAL;
    int rc = writer_begin(writer);
    if (rc < 0) return rc;

    /* The NUL needs room too, and then it is overwritten. */
    va_start(args, format);
    int length = writer_format(writer, format, args);
    va_end(args);
    if (length < 0) return BL_EINVAL;
    if ((size_t)length >= writer->_capacity) return BL_EMSGSIZE;
    if ((size_t)length >= writer->_capacity - writer->_count) {
        rc = writer_send(writer, NULL, 0);
        if (rc < 0) return rc;
        va_start(args, format);
        length = writer_format(writer, format, args);
        va_end(args);
        BL__ASSERT(length >= 0);
    }
    writer->_count += (size_t)length;
    BL__ASSERT(writer->_count <= writer->_capacity);
    return 0;
}

int bl_writer_flush(bl_writer *writer) {
    int rc = writer_begin(writer);
    if (rc < 0) return rc;
    return writer->_count > 0 ? writer_send(writer, NULL, 0) : 0;
}
