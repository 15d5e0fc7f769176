/* SPDX-License-Identifier: MIT */
/*
 * http/body.c - bodies, read as they come
 *
 * The framing of a body is taken off here and not by the parser, for it
 * decides where the next message begins: nothing may be open to two readings.
 *
 *     SIZE -> EXTENSION -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -+
 *      ^ |        ^          |                                    |
 *      | +--------+          +-> TRAILERS, after a size of 0      |
 *      +----------------------------------------------------------+
 *
 * A size has hexadecimal digits and nothing else, lines end in CR LF, and what
 * may stand behind a size is bounded: it could go on for ever.
 *
 * Data that is buffered is copied out; much data goes past the buffer, right
 * to where the reader wants it.
 *
 * Invariants:
 *   state == DATA -> left > 0, unless is_done;
 *   failure < 0 -> every further read returns it.
 */
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/scope.h>

#include "base/alloc.h"
#include "http/http.h"

enum {
    SIZE_DIGITS_MAX = 15, /* of a chunk: fits 60 bits */
    LINE_BYTES_MAX = 256, /* of a chunk's size and what is behind it */
    DIRECT_BYTES = 4096,  /* of room: worth a read of its own */
    TAKE_BYTES = 4096     /* first guess of a body's size */
};

enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILERS
};

void bl__http_body_init(bl_http_body *body, bl__http_input *input,
                        bl__http_framing framing, int64_t length) {
    *body = (bl_http_body){
        .input = input,
        .framing = framing,
        .state = DATA,
        .declared = -1,
        .bytes_max = UINT64_MAX,
        .pace = { .patience = BL_FOREVER },
    };
    switch (framing) {
    case BL__HTTP_EMPTY: body->declared = 0; break;
    case BL__HTTP_LENGTH:
        body->declared = length;
        body->left = (uint64_t)length;
        break;
    case BL__HTTP_CHUNKED: body->state = SIZE; return;
    case BL__HTTP_UNTIL_CLOSE: body->left = UINT64_MAX; break;
    }
    body->is_done = body->left == 0;
}

int64_t bl_http_body_length(const bl_http_body *body) {
    return body != NULL ? body->declared : 0;
}

const bl_http_fields *bl_http_body_trailers(const bl_http_body *body) {
    static const bl_http_fields none = { .count = 0 };
    return body != NULL ? &body->trailers : &none;
}

/* ---- waiting for the peer ----------------------------------------------- */

bl_ns bl__http_pace_left(const bl__http_pace *pace) {
    if (pace->patience == BL_FOREVER) return BL_FOREVER;
    bl_ns earned = 0;
    if (pace->rate > 0) {
        uint64_t seconds = pace->moved / pace->rate;
        earned = seconds < INT32_MAX ? BL_SEC((bl_ns)seconds) : BL_FOREVER / 2;
    }
    return bl_ns_add(pace->patience, earned) - pace->waited;
}

static int body_fail(bl_http_body *body, int code) {
    if (code != BL_ECANCELED) body->failure = code;
    return code;
}

/* Reads once, into the input, or past it where there is a buffer. */
static bl_ssize body_read_peer(bl_http_body *body, void *buffer, size_t bytes) {
    bl__http_pace *pace = &body->pace;
    bl_scope scope;
    bl_ssize count = 0;
    bl_ns since = bl_now();
    bl_scope_enter_timeout(&scope, bl__http_pace_left(pace));
    if (buffer != NULL) {
        count = bl_stream_read(body->input->stream, buffer, bytes);
    } else {
        count = bl__http_input_fill(body->input);
    }
    int rc = bl_scope_exit(&scope, count < 0 ? (int)count : 0);
    pace->waited += bl_now() - since;
    if (rc < 0) return rc;
    pace->moved += (uint64_t)count;
    return count;
}

/* More from the peer.  Returns how much; 0 at the end of a body that has no
 * other. */
static bl_ssize body_fetch(bl_http_body *body, void *buffer, size_t bytes) {
    if (body->prepare != NULL) {
        int rc = body->prepare(body);
        if (rc < 0) return body_fail(body, rc);
    }
    bl_ssize count = body_read_peer(body, buffer, bytes);
    if (count == BL_EMSGSIZE) count = BL_EHTTP_HEAD_SIZE; /* of the trailers */
    if (count < 0) return body_fail(body, (int)count);
    if (count > 0) return count;
    if (body->framing != BL__HTTP_UNTIL_CLOSE) {
        return body_fail(body, BL_EHTTP_TRUNCATED);
    }
    body->is_done = true;
    body->left = 0;
    return 0;
}

/* ---- chunks ------------------------------------------------------------- */

/* A byte of the size.  At least one digit comes before anything else. */
static int chunk_size(bl_http_body *body, unsigned char c) {
    int digit = bl__http_hex_value((char)c);
    if (digit < 0) {
        if (body->line_bytes == 0) return BL_EHTTP_MALFORMED;
        if (c != ';' && c != '\r') return BL_EHTTP_MALFORMED;
        body->state = c == ';' ? EXTENSION : SIZE_LF;
        return 0;
    }
    if (body->line_bytes >= SIZE_DIGITS_MAX) return BL_EHTTP_MALFORMED;
    body->left = body->left * 16 + (uint64_t)digit;
    return 0;
}

static int chunk_extension(bl_http_body *body, unsigned char c) {
    if (c == '\r') {
        body->state = SIZE_LF;
        return 0;
    }
    if ((bl__http_bytes[c] & BL__HTTP_VALUE) == 0) return BL_EHTTP_MALFORMED;
    return body->line_bytes < LINE_BYTES_MAX ? 0 : BL_EHTTP_MALFORMED;
}

/* The size is there. */
static int chunk_begin(bl_http_body *body) {
    body->line_bytes = 0;
    body->state = body->left > 0 ? DATA : TRAILERS;
    if (body->left > body->bytes_max) return BL_EHTTP_BODY_SIZE;
    if (body->total > body->bytes_max - body->left) return BL_EHTTP_BODY_SIZE;
    return 0;
}

/* One byte of what stands between two chunks. */
static int chunk_byte(bl_http_body *body, unsigned char c) {
    int rc = 0;
    switch (body->state) {
    case SIZE:
        rc = chunk_size(body, c);
        body->line_bytes++;
        return rc;
    case EXTENSION: body->line_bytes++; return chunk_extension(body, c);
    case SIZE_LF: return c == '\n' ? chunk_begin(body) : BL_EHTTP_MALFORMED;
    case DATA_CR:
        body->state = DATA_LF;
        return c == '\r' ? 0 : BL_EHTTP_MALFORMED;
    default:
        BL__ASSERT(body->state == DATA_LF);
        body->state = SIZE;
        return c == '\n' ? 0 : BL_EHTTP_MALFORMED;
    }
}

/* The fields behind the last chunk.  Returns 0 if they are there. */
static int chunk_trailers(bl_http_body *body) {
    bl__http_input *input = body->input;
    char *bytes = input->bytes + input->start;
    bl_ssize count = bl__http_head_find(
        BL__HTTP_TRAILERS, bytes, bl__http_input_count(input), &body->searched);
    if (count == 0) return BL_EAGAIN;
    if (count < 0) return (int)count;
    bl__http_head head;
    int rc = bl__http_head_parse(BL__HTTP_TRAILERS, bytes, (size_t)count,
                                 body->items, body->items_max, &head);
    if (rc < 0) return rc;
    bl__http_input_skip(input, (size_t)count);
    if (head.fields.count > 0) bl__http_input_pin(input);
    body->trailers = head.fields;
    body->is_done = true;
    return 0;
}

/*
 * Takes the framing off what is buffered.
 *
 * Returns 1 in front of data, buffered or not; 0 at the end of the body;
 * BL_EAGAIN if more is needed to tell; or what is wrong with it.
 */
static int body_step(bl_http_body *body) {
    bl__http_input *input = body->input;
    if (body->is_done) return 0;
    while (body->state != DATA && body->state != TRAILERS) {
        if (input->start == input->end) return BL_EAGAIN;
        unsigned char c = (unsigned char)input->bytes[input->start++];
        int rc = chunk_byte(body, c);
        if (rc < 0) return rc;
    }
    if (body->state == TRAILERS) return chunk_trailers(body);
    BL__ASSERT(body->left > 0);
    return 1;
}

/* `bytes` of data have gone to the reader. */
static void body_took(bl_http_body *body, size_t bytes) {
    BL__ASSERT(bytes <= body->left);
    body->total += bytes;
    if (body->framing != BL__HTTP_UNTIL_CLOSE) body->left -= bytes;
    if (body->left > 0) return;
    if (body->framing == BL__HTTP_CHUNKED) {
        body->state = DATA_CR;
    } else {
        body->is_done = true;
    }
}

/* ---- reading ------------------------------------------------------------ */

/* Before anything is asked of the peer: has it declared too much? */
static int body_begin(bl_http_body *body) {
    if (body->failure < 0) return body->failure;
    bool is_known = body->declared >= 0;
    if (is_known && (uint64_t)body->declared > body->bytes_max) {
        return body_fail(body, BL_EHTTP_BODY_SIZE);
    }
    if (body->total > body->bytes_max) {
        return body_fail(body, BL_EHTTP_BODY_SIZE);
    }
    body->was_asked_for = true;
    return bl_checkpoint();
}

/* How much of `bytes` can be taken at once: buffered, and data. */
static size_t body_at_hand(const bl_http_body *body, size_t bytes) {
    size_t buffered = bl__http_input_count(body->input);
    if (bytes > buffered) bytes = buffered;
    return bytes < body->left ? bytes : (size_t)body->left;
}

/*
 * Waits until data is at hand: at least a byte is buffered, or `is_direct` and
 * it is best read past the buffer.
 *
 * Returns 1; 0 at the end; or a code.
 */
static int body_wait(bl_http_body *body, bool is_direct) {
    for (;;) {
        int rc = body_step(body);
        if (rc == 0) return 0;
        if (rc < 0 && rc != BL_EAGAIN) return body_fail(body, rc);
        if (rc == 1 && bl__http_input_count(body->input) > 0) return 1;
        if (rc == 1 && is_direct) return 1;
        bl_ssize count = body_fetch(body, NULL, 0);
        if (count < 0) return (int)count;
    }
}

bl_ssize bl_http_body_read(bl_http_body *body, void *buffer, size_t bytes) {
    if (body == NULL) return BL_EINVAL;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = body_begin(body);
    if (rc < 0 || bytes == 0) return rc;
    rc = body_wait(body, bytes >= DIRECT_BYTES);
    if (rc <= 0) return rc;

    bl__http_input *input = body->input;
    bl_ssize count = (bl_ssize)body_at_hand(body, bytes);
    if (count > 0) {
        memcpy(buffer, input->bytes + input->start, (size_t)count);
        bl__http_input_skip(input, (size_t)count);
    } else {
        if (bytes > body->left) bytes = (size_t)body->left;
        count = body_fetch(body, buffer, bytes);
        if (count <= 0) return count;
    }
    body_took(body, (size_t)count);
    return count;
}

bl_ssize bl_http_body_read_all(bl_http_body *body, void *buffer, size_t bytes) {
    size_t total = 0;
    if (body == NULL) return BL_EINVAL;
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    while (total < bytes) {
        bl_ssize count =
            bl_http_body_read(body, (char *)buffer + total, bytes - total);
        if (count < 0) return count;
        if (count == 0) return (bl_ssize)total;
        total += (size_t)count;
    }
    int rc = body_begin(body);
    if (rc == 0) rc = body_wait(body, false);
    if (rc < 0) return rc;
    return rc == 1 ? BL_EMSGSIZE : (bl_ssize)total;
}

/* How much to allocate first: the length, where it was declared. */
static size_t take_guess(const bl_http_body *body, size_t bytes_max) {
    uint64_t guess = TAKE_BYTES;
    if (body->declared >= 0) guess = (uint64_t)body->declared;
    return guess < bytes_max ? (size_t)guess : bytes_max;
}

/* Reads on until all is there; `*data` has grown as it had to. */
static int take_all(bl_http_body *body, size_t bytes_max, char **data,
                    size_t *total) {
    size_t capacity = take_guess(body, bytes_max);
    for (;;) {
        char *larger = bl_realloc(*data, capacity + 1);
        if (larger == NULL) return BL_ENOMEM;
        *data = larger;
        bl_ssize count =
            bl_http_body_read_all(body, larger + *total, capacity - *total);
        if (count >= 0) *total += (size_t)count;
        if (count >= 0) return 0;
        if (count != BL_EMSGSIZE) return (int)count;
        *total = capacity;
        if (capacity == bytes_max) return BL_EHTTP_BODY_SIZE;
        capacity = capacity < bytes_max / 2 ? capacity * 2 : bytes_max;
        if (capacity == 0) capacity = bytes_max;
    }
}

int bl_http_body_take(bl_http_body *body, size_t bytes_max, char **data,
                      size_t *bytes) {
    char *taken = NULL;
    size_t total = 0;
    if (body == NULL || data == NULL) return BL_EINVAL;
    if (bytes_max >= SIZE_MAX / 2) bytes_max = SIZE_MAX / 2;
    bool is_known = body->declared >= 0;
    if (is_known && (uint64_t)body->declared > bytes_max) {
        return BL_EHTTP_BODY_SIZE; /* without reading, or asking for, any */
    }
    int rc = take_all(body, bytes_max, &taken, &total);
    if (rc < 0) {
        bl_free(taken);
        return rc;
    }
    taken[total] = '\0';
    *data = taken;
    if (bytes != NULL) *bytes = total;
    return 0;
}

int bl__http_body_discard(bl_http_body *body, uint64_t bytes_max) {
    for (;;) {
        int rc = body_begin(body);
        if (rc == 0) rc = body_wait(body, false);
        if (rc <= 0) return rc;
        size_t count = body_at_hand(body, SIZE_MAX);
        if (count > bytes_max) return BL_EHTTP_BODY_SIZE;
        bytes_max -= count;
        bl__http_input_skip(body->input, count);
        body_took(body, count);
    }
}
