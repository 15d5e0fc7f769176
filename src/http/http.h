/* SPDX-License-Identifier: MIT */
/*
 * http/http.h - what both sides of HTTP share
 *
 * The *head* of a message is its first line and its fields, up to the empty
 * line; the *body* comes behind it.  What is read lies in one buffer per
 * connection, the *input*; heads are parsed where they lie, and their texts
 * are ended by NUL in place of the delimiters.  What is written is gathered in
 * another, the *output*.
 *
 *     0         pin          start        end         capacity
 *     | head in | taken      | buffered   | room      |
 *     | use     |            |            |           |
 *
 * Invariant of the input: pin <= start <= end <= capacity.
 */
#ifndef BL__HTTP_HTTP_H
#define BL__HTTP_HTTP_H

#include <belay/error.h>
#include <belay/http/message.h>
#include <belay/stream.h>

#include <string.h>

#include "base/assert.h"

/* Allocates zeroed memory; the core's own way is not in its shared library. */
static inline void *bl__http_new(size_t bytes) {
    void *memory = bl_alloc(bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

/* ---- texts (fields.c) --------------------------------------------------- */

/* Whether a byte may stand in a token, a value, a target. */
enum {
    BL__HTTP_TOKEN = 1,
    BL__HTTP_VALUE = 2,
    BL__HTTP_TARGET = 4
};
extern const uint8_t bl__http_bytes[256];

/* Whether all bytes are of `kind`. */
bool bl__http_is(const char *text, size_t bytes, uint8_t kind);

/* Whether they name a host, maybe with a port, and nothing else; or are empty.
 * Behind them stands a NUL, or a byte that ends a host. */
bool bl__http_is_host(const char *text, size_t bytes);

/* Compares two texts of which neither is longer than `bytes`, in any case. */
bool bl__http_same(const char *text, size_t bytes, const char *lower);

/* What a hexadecimal digit stands for; -1: it is none. */
static inline int bl__http_hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Whether a list such as "a, b" has `token`. */
bool bl__http_list_has(const char *list, const char *token);

/* ---- heads (head.c) ----------------------------------------------------- */

typedef enum bl__http_kind {
    BL__HTTP_REQUEST,
    BL__HTTP_RESPONSE,
    BL__HTTP_TRAILERS /* fields alone */
} bl__http_kind;

/*
 * A head that was read.  Its texts lie in the input.
 *
 * What decides where the message ends was checked: it is chunked, or it has a
 * length, or neither, but never both.
 */
typedef struct bl__http_head {
    const char *method_name; /* of a request */
    char *target;
    size_t target_bytes;
    const char *reason; /* of a response; may be empty */
    const char *host;   /* NULL: there is none */
    bl_http_fields fields;
    int64_t length; /* -1: not declared */
    bl_http_method method;
    int status;
    uint8_t minor; /* of HTTP/1.0 or HTTP/1.1 */
    bool is_chunked;
    bool has_coding; /* Transfer-Encoding was there */
    bool says_close; /* Connection lists it */
    bool says_keep_alive;
    bool says_upgrade;
    bool has_expectation; /* Expect was there */
    bool expects_continue;
} bl__http_head;

/*
 * Looks for the end of a head among `count` bytes that begin with it.
 * `*searched` is 0 at first, and keeps how far an earlier call has looked.
 *
 * Returns the length of the head; 0 if it is not there yet;
 * BL_EHTTP_MALFORMED if no head can begin like that.
 */
bl_ssize bl__http_head_find(bl__http_kind kind, const char *bytes, size_t count,
                            size_t *searched);

/*
 * Parses a head of `count` bytes that bl__http_head_find has found, into
 * `items`, of which there are `items_max`, and writes into the bytes.
 *
 * Returns 0, or one of BL_EHTTP_MALFORMED, _VERSION, _METHOD, _CODING,
 * _HEAD_SIZE: too many fields.
 */
int bl__http_head_parse(bl__http_kind kind, char *bytes, size_t count,
                        bl_http_field *items, size_t items_max,
                        bl__http_head *head);

/* Whether the connection can be used again after the message with this head. */
static inline bool bl__http_head_persists(const bl__http_head *head) {
    if (head->says_close) return false;
    return head->minor >= 1 || head->says_keep_alive;
}

/* ---- input (input.c) ---------------------------------------------------- */

typedef struct bl__http_input {
    bl_stream *stream;
    char *bytes;
    size_t capacity;
    size_t pin;
    size_t start;
    size_t end;
} bl__http_input;

static inline size_t bl__http_input_count(const bl__http_input *input) {
    return input->end - input->start;
}

/*
 * Reads once, behind what is buffered; moves that to the pin if there is no
 * room.
 *
 * Returns how many bytes came; 0 at the end of the stream; BL_EMSGSIZE if the
 * buffer is full; or one of bl_stream_read's codes.
 */
bl_ssize bl__http_input_fill(bl__http_input *input);

/* The same, without waiting: BL_EAGAIN if nothing has come. */
bl_ssize bl__http_input_try_fill(bl__http_input *input);

/* One of the two. */
typedef bl_ssize bl__http_fill(bl__http_input *input);

/* Moves what is buffered to the pin. */
void bl__http_input_compact(bl__http_input *input);

/* Takes `bytes` of what is buffered. */
static inline void bl__http_input_skip(bl__http_input *input, size_t bytes) {
    BL__ASSERT(bytes <= bl__http_input_count(input));
    input->start += bytes;
}

/* Keeps what was taken so far where it is, as long as it is pinned. */
static inline void bl__http_input_pin(bl__http_input *input) {
    input->pin = input->start;
}

static inline void bl__http_input_unpin(bl__http_input *input) {
    input->pin = 0;
}

/* ---- pace: how slow a peer may be (body.c) ------------------------------ */

/*
 * Waiting for a peer may take `patience` in all, and a second more for each
 * `rate` bytes that moved.  What the program itself takes does not count.
 */
typedef struct bl__http_pace {
    bl_ns patience; /* BL_FOREVER: no limit */
    uint32_t rate;  /* bytes per second; 0: bytes earn no time */
    bl_ns waited;
    uint64_t moved;
} bl__http_pace;

/* Returns how long the next wait may take. */
bl_ns bl__http_pace_left(const bl__http_pace *pace);

/* ---- bodies (body.c) ---------------------------------------------------- */

typedef enum bl__http_framing {
    BL__HTTP_EMPTY,
    BL__HTTP_LENGTH,
    BL__HTTP_CHUNKED,
    BL__HTTP_UNTIL_CLOSE /* of responses alone */
} bl__http_framing;

struct bl_http_body {
    bl__http_input *input;
    bl__http_framing framing;
    uint8_t state;       /* of the chunks, in body.c */
    bool is_done;        /* all of it was read */
    bool was_asked_for;  /* a read has begun */
    int failure;         /* what reading has failed with, for good */
    uint64_t left;       /* of the length, or of the chunk */
    uint64_t total;      /* read so far */
    uint64_t bytes_max;  /* of all */
    uint32_t line_bytes; /* of the line that begins a chunk, so far */
    size_t searched;     /* of the trailers, for their end */
    int64_t declared;    /* the length, or -1 */
    bl__http_pace pace;
    /* Called each time before it waits for the peer: to send what that waits
     * for itself.  May wait; may be NULL. */
    int (*prepare)(bl_http_body *body);
    void *context;        /* of `prepare` */
    bl_http_field *items; /* room for the trailers */
    size_t items_max;
    bl_http_fields trailers;
};

/*
 * Makes the body that follows a head.  Set the limits, `prepare` and the room
 * for trailers afterwards; without them there are none.
 */
void bl__http_body_init(bl_http_body *body, bl__http_input *input,
                        bl__http_framing framing, int64_t length);

/*
 * Reads what is left of the body and forgets it, if that is at most
 * `bytes_max`.
 *
 * Returns 0 if the body is done; BL_EHTTP_BODY_SIZE if it is longer; or one of
 * bl_http_body_read's codes.
 */
int bl__http_body_discard(bl_http_body *body, uint64_t bytes_max);

/* ---- output (output.c) -------------------------------------------------- */

/* Text that is gathered; what does not fit is noticed, and asked about once. */
typedef struct bl__http_output {
    char *bytes;
    size_t capacity;
    size_t count;
    bool is_full; /* something did not fit, and was left out */
} bl__http_output;

static inline void bl__http_put(bl__http_output *output, const char *text,
                                size_t bytes) {
    if (BL__UNLIKELY(bytes > output->capacity - output->count)) {
        output->is_full = true;
        return;
    }
    memcpy(output->bytes + output->count, text, bytes);
    output->count += bytes;
}

#define bl__http_put_literal(output, text) \
    bl__http_put((output), "" text, sizeof(text) - 1)

void bl__http_put_text(bl__http_output *output, const char *text);
void bl__http_put_number(bl__http_output *output, uint64_t number);
void bl__http_put_hex(bl__http_output *output, uint64_t number);

/*
 * Puts "name: value\r\n".
 *
 * Returns 0, or BL_EINVAL with nothing put: they would not make one field.
 */
int bl__http_put_field(bl__http_output *output, const char *name,
                       const char *value);

/* Puts "HTTP/1.1 404 Not Found\r\n". */
void bl__http_put_status(bl__http_output *output, int status);

/*
 * Puts "GET /target HTTP/1.1\r\n".
 *
 * Returns 0, or BL_EINVAL with nothing put: the method is no token, or the
 * target is empty or has bytes that must be encoded.
 */
int bl__http_put_request(bl__http_output *output, const char *method,
                         const char *target);

#endif
