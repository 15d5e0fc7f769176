/* SPDX-License-Identifier: MIT */
/*
 * http/head.c - heads, held to the letter
 *
 * A message that two programs read in two ways lets one of them be led past
 * the other (request smuggling), so whatever is open to two readings is
 * refused, also where the parser, or RFC 9112, would let it pass:
 *
 *   - a line that does not end in CR LF, and a CR that is alone;
 *   - a line that goes on in the next (obs-fold), a space before a colon, a
 *     byte that has no place in a name, a value or a target;
 *   - Content-Length beside Transfer-Encoding, twice, as a list, with a sign;
 *   - Transfer-Encoding twice, not ending in chunked, or in HTTP/1.0;
 *   - Host twice, or missing in HTTP/1.1.
 *
 * The parser says where the parts are.  Here each part has to begin where the
 * one before it ended, so nothing can hide between two of them.  `line` walks
 * along; what lies before it was accepted, and may be written to.
 */
#include "http/parse.h"

#include "http/http.h"

enum {
    LENGTH_DIGITS_MAX = 18, /* of a length: fits 63 bits */
    VERSION_BYTES = sizeof "HTTP/1.1" - 1
};

/* A head that is being taken apart. */
struct parsing {
    bl__http_parsed parsed;
    bl__http_head *head;
    char *bytes;
    const char *end;
    const char *line; /* where the next field, or the empty line, begins */
    bl_http_field *items;
    size_t items_max;
    bool is_request;
    bool is_trailer;
    bool has_host;
};

/* The bytes are ours to write, which the parser's view of them hides. */
static char *writable(const struct parsing *parsing, const char *at) {
    return parsing->bytes + (at - parsing->bytes);
}

/* ---- finding the end ---------------------------------------------------- */

/* Each line ends in CR LF; the search goes on where it has stopped. */
bl_ssize bl__http_head_find(bl__http_kind kind, const char *bytes, size_t count,
                            size_t *searched) {
    bool is_empty_legal = kind == BL__HTTP_TRAILERS;
    if (count > 0 && !is_empty_legal) {
        uint8_t first = bl__http_bytes[(unsigned char)bytes[0]];
        if ((first & BL__HTTP_TOKEN) == 0) return BL_EHTTP_MALFORMED;
    }
    for (;;) {
        const char *lf = memchr(bytes + *searched, '\n', count - *searched);
        if (lf == NULL) {
            *searched = count;
            return 0;
        }
        size_t at = (size_t)(lf - bytes);
        if (at == 0 || bytes[at - 1] != '\r') return BL_EHTTP_MALFORMED;
        if (at == 1 && is_empty_legal) return 2;
        if (at >= 3 && bytes[at - 2] == '\n') return (bl_ssize)at + 1;
        *searched = at + 1;
    }
}

/* ---- fields that decide ------------------------------------------------- */

static int read_length(bl__http_head *head, const char *value, size_t bytes) {
    int64_t length = 0;
    if (head->length >= 0) return BL_EHTTP_MALFORMED;
    if (bytes == 0 || bytes > LENGTH_DIGITS_MAX) return BL_EHTTP_MALFORMED;
    for (size_t i = 0; i < bytes; i++) {
        if (value[i] < '0' || value[i] > '9') return BL_EHTTP_MALFORMED;
        length = length * 10 + (value[i] - '0');
    }
    head->length = length;
    return 0;
}

/* "chunked" alone can be read; behind other codings, one knows at least where
 * the body ends. */
static int read_coding(bl__http_head *head, const char *value, size_t bytes) {
    static const char chunked[] = "chunked";
    const size_t tail = sizeof chunked - 1;
    if (head->has_coding) return BL_EHTTP_MALFORMED;
    head->has_coding = true;
    if (bytes < tail) return BL_EHTTP_MALFORMED;
    const char *last = value + bytes - tail;
    if (!bl__http_same(last, tail, chunked)) return BL_EHTTP_MALFORMED;
    head->is_chunked = bytes == tail;
    if (head->is_chunked) return 0;
    return last[-1] == ',' || last[-1] == ' ' ? BL_EHTTP_CODING
                                              : BL_EHTTP_MALFORMED;
}

static int read_host(struct parsing *parsing, const char *value, size_t bytes) {
    if (!parsing->is_request) return 0;
    if (parsing->has_host) return BL_EHTTP_MALFORMED;
    parsing->has_host = true;
    parsing->head->host = value;
    return bl__http_is_host(value, bytes) ? 0 : BL_EHTTP_MALFORMED;
}

static void read_connection(bl__http_head *head, const char *value) {
    if (bl__http_list_has(value, "close")) head->says_close = true;
    if (bl__http_list_has(value, "keep-alive")) head->says_keep_alive = true;
    if (bl__http_list_has(value, "upgrade")) head->says_upgrade = true;
}

/* By its length the name is almost always known not to be one of these. */
static int read_field(struct parsing *parsing, const char *name,
                      size_t name_bytes, const char *value, size_t bytes) {
    bl__http_head *head = parsing->head;
    switch (name_bytes) {
    case sizeof "Host" - 1:
        if (!bl__http_same(name, name_bytes, "host")) return 0;
        return read_host(parsing, value, bytes);
    case sizeof "Expect" - 1:
        if (!bl__http_same(name, name_bytes, "expect")) return 0;
        head->has_expectation = true;
        head->expects_continue = bl__http_same(value, bytes, "100-continue");
        return 0;
    case sizeof "Connection" - 1:
        if (bl__http_same(name, name_bytes, "connection")) {
            read_connection(head, value);
        }
        return 0;
    case sizeof "Content-Length" - 1:
        if (!bl__http_same(name, name_bytes, "content-length")) return 0;
        return read_length(head, value, bytes);
    case sizeof "Transfer-Encoding" - 1:
        if (!bl__http_same(name, name_bytes, "transfer-encoding")) return 0;
        return read_coding(head, value, bytes);
    default: return 0;
    }
}

/* ---- each field --------------------------------------------------------- */

/* Where the line ends at which `at` points to blanks, or NULL. */
static const char *line_end(const struct parsing *parsing, const char *at) {
    while (at < parsing->end && (*at == ' ' || *at == '\t'))
        at++;
    if (parsing->end - at < 2 || at[0] != '\r' || at[1] != '\n') return NULL;
    return at + 2;
}

static int on_field(void *context, const bl__http_raw_field *raw) {
    struct parsing *parsing = context;
    bl__http_head *head = parsing->head;
    const char *name = raw->name.at;
    const char *name_end = name + raw->name.bytes;
    if (name != parsing->line || raw->name.bytes == 0 || *name_end != ':' ||
        !bl__http_is(name, raw->name.bytes, BL__HTTP_TOKEN)) {
        return BL_EHTTP_MALFORMED;
    }
    const char *value = name_end + 1;
    while (*value == ' ' || *value == '\t')
        value++;
    size_t bytes = raw->value.bytes;
    bool is_empty = raw->value.at == NULL || bytes == 0;
    if (is_empty) bytes = 0;
    if (!is_empty && raw->value.at != value) return BL_EHTTP_MALFORMED;
    if (!bl__http_is(value, bytes, BL__HTTP_VALUE)) return BL_EHTTP_MALFORMED;
    parsing->line = line_end(parsing, value + bytes);
    if (parsing->line == NULL) return BL_EHTTP_MALFORMED;
    while (bytes > 0 && (value[bytes - 1] == ' ' || value[bytes - 1] == '\t')) {
        bytes--;
    }
    if (head->fields.count == parsing->items_max) return BL_EHTTP_HEAD_SIZE;
    *writable(parsing, name_end) = '\0';
    *writable(parsing, value + bytes) = '\0';
    parsing->items[head->fields.count++] =
        (bl_http_field){ .name = name, .value = value };
    if (parsing->is_trailer) return 0;
    return read_field(parsing, name, raw->name.bytes, value, bytes);
}

/* ---- first lines -------------------------------------------------------- */

/* "HTTP/1.1" at `at`: its last digit, or a code. */
static int read_version(const char *at) {
    static const char prefix[] = "HTTP/";
    bool is_version = memcmp(at, prefix, sizeof prefix - 1) == 0 &&
                      at[6] == '.' && at[5] >= '0' && at[5] <= '9' &&
                      at[7] >= '0' && at[7] <= '9';
    if (!is_version) return BL_EHTTP_MALFORMED;
    if (at[5] != '1') return BL_EHTTP_VERSION;
    return at[7] - '0';
}

static bl_http_method method_of(const char *name, size_t bytes) {
    /* What almost all requests have, without a search. */
    if (bytes == 3 && memcmp(name, "GET", 3) == 0) return BL_HTTP_GET;
    return bl_http_method_of(name);
}

/* "GET /target HTTP/1.1" with one space at each place. */
static int begin_request(struct parsing *parsing, const char *first_end) {
    bl__http_head *head = parsing->head;
    const char *space =
        memchr(parsing->bytes, ' ', (size_t)(first_end - parsing->bytes));
    if (space == NULL) return BL_EHTTP_MALFORMED;
    size_t bytes = (size_t)(space - parsing->bytes);
    if (bytes == 0 || !bl__http_is(parsing->bytes, bytes, BL__HTTP_TOKEN)) {
        return BL_EHTTP_MALFORMED;
    }
    const char *version = first_end - VERSION_BYTES;
    const char *target = space + 1;
    if (version - target < 2 || version[-1] != ' ') return BL_EHTTP_MALFORMED;
    int minor = read_version(version);
    if (minor < 0) return minor;
    head->minor = (uint8_t)minor;
    head->target = writable(parsing, target);
    head->target_bytes = (size_t)(version - 1 - target);
    if (!bl__http_is(target, head->target_bytes, BL__HTTP_TARGET)) {
        return BL_EHTTP_MALFORMED;
    }
    head->method_name = parsing->bytes;
    return 0;
}

/* "HTTP/1.1 200 OK"; the phrase may be empty, the space before it may not. */
static int begin_response(struct parsing *parsing, const char *first_end) {
    const char *bytes = parsing->bytes;
    bl__http_head *head = parsing->head;
    if (first_end - bytes < VERSION_BYTES + 4) return BL_EHTTP_MALFORMED;
    int minor = read_version(bytes);
    if (minor < 0) return minor;
    const char *code = bytes + VERSION_BYTES + 1;
    bool is_code = code[-1] == ' ' && code[0] >= '1' && code[0] <= '9';
    for (int i = 1; i < 3; i++) {
        if (code[i] < '0' || code[i] > '9') is_code = false;
    }
    if (!is_code) return BL_EHTTP_MALFORMED;
    const char *reason = code + 3;
    if (reason < first_end && *reason++ != ' ') return BL_EHTTP_MALFORMED;
    size_t length = (size_t)(first_end - reason);
    if (!bl__http_is(reason, length, BL__HTTP_VALUE)) return BL_EHTTP_MALFORMED;
    head->minor = (uint8_t)minor;
    head->reason = reason;
    return 0;
}

/* Checks the first line; `line` is behind it afterwards. */
static int begin(struct parsing *parsing) {
    size_t count = (size_t)(parsing->end - parsing->bytes);
    const char *end = memchr(parsing->bytes, '\r', count);
    if (end == NULL || end[1] != '\n') return BL_EHTTP_MALFORMED;
    parsing->line = end + 2;
    return parsing->is_request ? begin_request(parsing, end)
                               : begin_response(parsing, end);
}

/* ---- what the whole means ----------------------------------------------- */

static int judge(const struct parsing *parsing) {
    const bl__http_head *head = parsing->head;
    bool has_length = head->length >= 0;
    if (head->has_coding && has_length) return BL_EHTTP_MALFORMED;
    if (head->has_coding && head->minor == 0) return BL_EHTTP_MALFORMED;
    bool lacks_host = parsing->is_request && !parsing->has_host;
    return lacks_host && head->minor > 0 ? BL_EHTTP_MALFORMED : 0;
}

static int parse(struct parsing *parsing) {
    size_t count = (size_t)(parsing->end - parsing->bytes);
    if (parsing->is_trailer) {
        return bl__http_parse_fields(parsing->bytes, count, &parsing->parsed);
    }
    int rc = begin(parsing);
    if (rc < 0) return rc;
    if (!parsing->is_request) {
        return bl__http_parse_response(parsing->bytes, count, &parsing->parsed);
    }
    rc = bl__http_parse_request(parsing->bytes, count, &parsing->parsed);
    const bl__http_span *target = &parsing->parsed.target;
    if (rc < 0) return rc;
    return target->at == parsing->head->target &&
                   target->bytes == parsing->head->target_bytes
               ? 0
               : BL_EHTTP_MALFORMED;
}

/* Ends the texts of the first line, once nobody parses it any more. */
static void finish(struct parsing *parsing) {
    bl__http_head *head = parsing->head;
    if (parsing->is_request) {
        head->target[-1] = '\0';
        head->target[head->target_bytes] = '\0';
        head->method = method_of(
            head->method_name, (size_t)(head->target - 1 - head->method_name));
    } else {
        head->status = parsing->parsed.status;
        *strchr(writable(parsing, head->reason), '\r') = '\0';
    }
}

int bl__http_head_parse(bl__http_kind kind, char *bytes, size_t count,
                        bl_http_field *items, size_t items_max,
                        bl__http_head *head) {
    struct parsing parsing = {
        .parsed = { .on_field = on_field, .context = &parsing },
        .head = head,
        .bytes = bytes,
        .end = bytes + count,
        .line = bytes,
        .items = items,
        .items_max = items_max,
        .is_request = kind == BL__HTTP_REQUEST,
        .is_trailer = kind == BL__HTTP_TRAILERS,
    };
    *head = (bl__http_head){ .length = -1, .fields = { .items = items } };
    int rc = parse(&parsing);
    if (rc < 0) return rc;
    if (parsing.line + 2 != parsing.end) return BL_EHTTP_MALFORMED;
    if (parsing.is_trailer) return 0;
    finish(&parsing);
    return judge(&parsing);
}
