/* SPDX-License-Identifier: MIT */
/*
 * cli/json.c - writes JSON that is valid, whatever is in it
 *
 * Text on a line of its own for each value of an object, so that two reports
 * can be compared line by line; arrays stand on one line.
 */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* How many bytes the UTF-8 character at `text` has; 0: it is none. */
static size_t character_bytes(const unsigned char *text) {
    size_t bytes = text[0] < 0x80   ? 1
                   : text[0] < 0xc2 ? 0
                   : text[0] < 0xe0 ? 2
                   : text[0] < 0xf0 ? 3
                   : text[0] < 0xf5 ? 4
                                    : 0;

    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
    }
    if (bytes == 3) {
        unsigned code = (text[0] & 0x0fU) << 12 | (text[1] & 0x3fU) << 6;
        if (code < 0x800) return 0;                    /* too long */
        if (code >= 0xd800 && code < 0xe000) return 0; /* half of a pair */
    }
    if (bytes == 4) {
        unsigned top = (text[0] & 0x07U) << 6 | (text[1] & 0x3fU);
        if (top < 0x10 || top > 0x10f) return 0;
    }
    return bytes;
}

/* Writes one character; returns how many bytes of `text` it was. */
static size_t put_character(FILE *file, const unsigned char *text) {
    size_t bytes = character_bytes(text);

    if (bytes == 0) {
        fputs(replacement, file);
        return 1;
    }
    if (text[0] == '"' || text[0] == '\\') {
        fprintf(file, "\\%c", text[0]);
    } else if (text[0] < 0x20 || text[0] == 0x7f) {
        fprintf(file, "\\u%04x", text[0]);
    } else {
        fwrite(text, 1, bytes, file);
    }
    return bytes;
}

static void put_string(FILE *file, const char *text) {
    const unsigned char *next = (const unsigned char *)text;

    fputc('"', file);
    while (*next != '\0')
        next += put_character(file, next);
    fputc('"', file);
}

/* What stands before a value: comma, line, key. */
static void begin_value(struct json *json, const char *key) {
    if (json->has_items[json->depth]) fputc(',', json->file);
    if (json->depth > 0 && key != NULL) {
        fprintf(json->file, "\n%*s", 2 * json->depth, "");
        put_string(json->file, key);
        fputs(": ", json->file);
    } else if (json->has_items[json->depth]) {
        fputc(' ', json->file);
    }
    json->has_items[json->depth] = true;
}

static void begin(struct json *json, const char *key, char bracket) {
    if (json->depth + 1 >= JSON_DEPTH_MAX) abort();
    begin_value(json, key);
    fputc(bracket, json->file);
    json->depth++;
    json->has_items[json->depth] = false;
}

void json_object_begin(struct json *json, const char *key) {
    begin(json, key, '{');
}

void json_object_end(struct json *json) {
    bool had_items = json->has_items[json->depth];
    if (json->depth == 0) abort();
    json->depth--;
    if (had_items) fprintf(json->file, "\n%*s", 2 * json->depth, "");
    fputc('}', json->file);
    if (json->depth == 0) fputc('\n', json->file);
}

void json_array_begin(struct json *json, const char *key) {
    begin(json, key, '[');
}

void json_array_end(struct json *json) {
    if (json->depth == 0) abort();
    json->depth--;
    fputc(']', json->file);
    if (json->depth == 0) fputc('\n', json->file);
}

void json_uint(struct json *json, const char *key, uint64_t value) {
    begin_value(json, key);
    fprintf(json->file, "%llu", (unsigned long long)value);
}

void json_int(struct json *json, const char *key, int64_t value) {
    begin_value(json, key);
    fprintf(json->file, "%lld", (long long)value);
}

void json_real(struct json *json, const char *key, double value, int decimals) {
    begin_value(json, key);
    if (isfinite(value))
        fprintf(json->file, "%.*f", decimals, value);
    else
        fputs("null", json->file);
}

void json_bool(struct json *json, const char *key, bool value) {
    begin_value(json, key);
    fputs(value ? "true" : "false", json->file);
}

void json_text(struct json *json, const char *key, const char *text) {
    begin_value(json, key);
    if (text == NULL)
        fputs("null", json->file);
    else
        put_string(json->file, text);
}
