/* SPDX-License-Identifier: MIT */
/*
 * http/event_parser.c - server-sent events, out of the bytes that carry them
 *
 * As the WHATWG's "HTML", section "Server-sent events", has it: lines end with
 * CR, LF or both; a line is a field and its value; an empty line hands out the
 * event, if it has data.  What the standard passes over is passed over here:
 * comments, fields that it does not know, an id with a NUL, a retry that is no
 * number, an event that was not finished.
 *
 * A line is kept until its end has come, so bytes may come in any pieces.
 *
 * Invariant: no text is longer than bytes_max.
 */
#include "http/event_parser.h"

#include <belay/error.h>

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    EVENT_CAPACITY_MIN = 256,
    EVENT_RETRY_DIGITS_MAX = 9 /* eleven days */
};

static const char event_bom[] = { '\xef', '\xbb', '\xbf' };

/* ---- texts --------------------------------------------------------------- */

static int text_reserve(struct bl__event_text *text, size_t count) {
    size_t capacity = text->capacity;
    if (count < capacity) return 0; /* and a NUL */
    if (capacity == 0) capacity = EVENT_CAPACITY_MIN;
    while (capacity <= count)
        capacity *= 2;
    char *bytes = bl_realloc(text->bytes, capacity);
    if (bytes == NULL) return BL_ENOMEM;
    text->bytes = bytes;
    text->capacity = capacity;
    return 0;
}

static int text_add(struct bl__event_text *text, const char *bytes,
                    size_t count, size_t bytes_max) {
    if (count > bytes_max - text->count) {
        return BL_ERR(BL_EMSGSIZE, "an event of more than %zu bytes",
                      bytes_max);
    }
    int rc = text_reserve(text, text->count + count);
    if (rc < 0) return rc;
    memcpy(text->bytes + text->count, bytes, count);
    text->count += count;
    text->bytes[text->count] = '\0';
    return 0;
}

static void text_clear(struct bl__event_text *text) {
    text->count = 0;
    if (text->bytes != NULL) text->bytes[0] = '\0';
}

/* ---- fields -------------------------------------------------------------- */

static int text_set(struct bl__event_text *text, const char *bytes,
                    size_t count) {
    int rc = text_reserve(text, count);
    if (rc < 0) return rc;
    memcpy(text->bytes, bytes, count);
    text->count = count;
    text->bytes[count] = '\0';
    return 0;
}

static void set_retry(struct bl__event_parser *parser, const char *value,
                      size_t count) {
    bl_ns retry = 0;
    if (count == 0 || count > EVENT_RETRY_DIGITS_MAX) return;
    for (size_t i = 0; i < count; i++) {
        if (value[i] < '0' || value[i] > '9') return;
        retry = retry * 10 + (value[i] - '0');
    }
    parser->retry = BL_MS(retry);
}

static bool is_text(const char *bytes, size_t count, const char *text) {
    return count == strlen(text) && memcmp(bytes, text, count) == 0;
}

static int take_field(struct bl__event_parser *parser, const char *name,
                      size_t length, const char *value, size_t count) {
    if (is_text(name, length, "data")) {
        int rc = text_add(&parser->data, value, count, parser->bytes_max);
        if (rc < 0) return rc;
        return text_add(&parser->data, "\n", 1, parser->bytes_max);
    }
    if (is_text(name, length, "event")) {
        return text_set(&parser->type, value, count);
    }
    if (is_text(name, length, "id")) {
        if (memchr(value, '\0', count) != NULL) return 0;
        int rc = text_set(&parser->next_id, value, count);
        if (rc == 0) parser->has_next_id = true;
        return rc;
    }
    if (is_text(name, length, "retry")) set_retry(parser, value, count);
    return 0;
}

/* "name: value", "name:value", "name"; a comment has no name. */
static int take_line(struct bl__event_parser *parser) {
    const char *line = parser->line.bytes;
    size_t length = parser->line.count;
    const char *colon = memchr(line, ':', length);
    if (colon == line) return 0;
    if (colon == NULL) return take_field(parser, line, length, "", 0);

    const char *end = line + length;
    const char *value = colon + 1;
    if (value < end && *value == ' ') value++;
    return take_field(parser, line, (size_t)(colon - line), value,
                      (size_t)(end - value));
}

/* The event with the next id is over. */
static void take_id(struct bl__event_parser *parser) {
    if (!parser->has_next_id) return;
    struct bl__event_text id = parser->next_id;
    parser->next_id = parser->id;
    parser->id = id;
    parser->has_next_id = false;
}

/* The line is complete.  Returns 1 if that completes an event. */
static int end_line(struct bl__event_parser *parser) {
    if (parser->line.count > 0) {
        int rc = take_line(parser);
        if (rc < 0) return rc;
        text_clear(&parser->line);
        return 0;
    }
    take_id(parser);
    if (parser->data.count == 0) {
        text_clear(&parser->type);
        return 0;
    }
    parser->data.bytes[--parser->data.count] = '\0'; /* its last LF */
    parser->has_dispatched = true;
    return 1;
}

/* ---- bytes --------------------------------------------------------------- */

/* Takes a byte order mark off the very start.  Returns how many bytes. */
static size_t skip_bom(struct bl__event_parser *parser, const char *bytes,
                       size_t count) {
    size_t used = 0;
    while (!parser->has_begun && used < count) {
        if (parser->bom_bytes < sizeof event_bom &&
            bytes[used] == event_bom[parser->bom_bytes]) {
            parser->bom_bytes++;
            used++;
        } else {
            parser->has_begun = true;
        }
        if (parser->bom_bytes == sizeof event_bom) parser->has_begun = true;
    }
    return used;
}

/* A start that only looked like a mark is a part of the first line. */
static int keep_no_bom(struct bl__event_parser *parser) {
    size_t count = parser->bom_bytes;
    if (!parser->has_begun || count == 0) return 0;
    parser->bom_bytes = 0;
    if (count == sizeof event_bom) return 0;
    return text_add(&parser->line, event_bom, count, parser->bytes_max);
}

int bl__event_parser_feed(struct bl__event_parser *parser, const char *bytes,
                          size_t count, size_t *used) {
    if (parser->has_dispatched) {
        parser->has_dispatched = false;
        text_clear(&parser->data);
        text_clear(&parser->type);
    }
    size_t at = skip_bom(parser, bytes, count);
    int rc = keep_no_bom(parser);
    while (rc == 0 && at < count) {
        if (parser->skips_lf && bytes[at] == '\n') at++;
        parser->skips_lf = false;
        size_t start = at;
        while (at < count && bytes[at] != '\n' && bytes[at] != '\r')
            at++;
        rc = text_add(&parser->line, bytes + start, at - start,
                      parser->bytes_max);
        if (rc < 0 || at == count) break;
        parser->skips_lf = bytes[at++] == '\r';
        rc = end_line(parser);
    }
    if (rc == BL_EMSGSIZE) take_id(parser); /* it would be so again */
    *used = at;
    return rc;
}

/* ---- beginning and end --------------------------------------------------- */

void bl__event_parser_init(struct bl__event_parser *parser, size_t bytes_max) {
    *parser = (struct bl__event_parser){ .bytes_max = bytes_max, .retry = -1 };
}

int bl__event_parser_set_id(struct bl__event_parser *parser, const char *id) {
    return text_set(&parser->id, id, strlen(id));
}

void bl__event_parser_done(struct bl__event_parser *parser) {
    bl__free(parser->line.bytes);
    bl__free(parser->data.bytes);
    bl__free(parser->type.bytes);
    bl__free(parser->id.bytes);
    bl__free(parser->next_id.bytes);
    *parser = (struct bl__event_parser){ 0 };
}

void bl__event_parser_restart(struct bl__event_parser *parser) {
    text_clear(&parser->line);
    text_clear(&parser->data);
    text_clear(&parser->type);
    parser->bom_bytes = 0;
    parser->has_begun = false;
    parser->skips_lf = false;
    parser->has_next_id = false;
    parser->has_dispatched = false;
}
