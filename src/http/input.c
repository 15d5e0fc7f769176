/* SPDX-License-Identifier: MIT */
/*
 * http/input.c - the buffer that messages are read into
 */
#include "http/http.h"

void bl__http_input_compact(bl__http_input *input) {
    size_t buffered = bl__http_input_count(input);
    memmove(input->bytes + input->pin, input->bytes + input->start, buffered);
    input->start = input->pin;
    input->end = input->pin + buffered;
}

typedef bl_ssize read_fn(bl_stream *stream, void *buffer, size_t bytes);

static bl_ssize fill_by(bl__http_input *input, read_fn *read) {
    BL__ASSERT(input->pin <= input->start);
    BL__ASSERT(input->start <= input->end);
    BL__ASSERT(input->end <= input->capacity);
    size_t buffered = bl__http_input_count(input);
    if (buffered == 0) {
        input->start = input->pin;
        input->end = input->pin;
    } else if (input->end == input->capacity && input->start > input->pin) {
        bl__http_input_compact(input);
    }
    size_t room = input->capacity - input->end;
    if (room == 0) return BL_EMSGSIZE;
    bl_ssize count = read(input->stream, input->bytes + input->end, room);
    if (count > 0) input->end += (size_t)count;
    return count;
}

bl_ssize bl__http_input_fill(bl__http_input *input) {
    return fill_by(input, bl_stream_read);
}

bl_ssize bl__http_input_try_fill(bl__http_input *input) {
    return fill_by(input, bl_stream_try_read);
}
