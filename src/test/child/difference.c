/* SPDX-License-Identifier: MIT */
/*
 * test/child/difference.c - showing where texts or bytes differ
 *
 * Of what is long, the neighbourhood of the first difference is shown: what
 * comes after it often differs only because of it.
 */
#include "test/child/difference.h"

#include <stdio.h>
#include <string.h>

enum {
    SHOWN_MAX = 200,
    BEFORE_MAX = 60, /* of what is shown, before the difference */
    ROW_BYTES = 16,
    ROWS_MAX = 4
};

size_t bl__difference_find(const void *left, size_t left_bytes,
                           const void *right, size_t right_bytes) {
    const unsigned char *a = left;
    const unsigned char *b = right;
    size_t common = left_bytes < right_bytes ? left_bytes : right_bytes;
    size_t at = 0;
    while (at < common && a[at] == b[at])
        at++;
    return at;
}

/* ---- text ---------------------------------------------------------------- */

/* Bytes from `begin` on, as a literal, with dots where something is left out.
 */
static void add_part(struct bl__text *text, const char *string, size_t begin) {
    if (begin > 0) bl__text_add(text, "...");
    bl__text_add_quoted(text, string + begin, SHOWN_MAX);
}

/* Where to begin, so that `at` is seen with a little of what is before it. */
static size_t begin_of(size_t length, size_t at) {
    if (length <= SHOWN_MAX) return 0;
    return at > BEFORE_MAX ? at - BEFORE_MAX : 0;
}

void bl__difference_add_string(struct bl__text *text, const char *name,
                               const char *string, size_t at) {
    bl__text_add(text, "%s = ", name);
    if (string == NULL) {
        bl__text_add(text, "NULL");
    } else {
        add_part(text, string, begin_of(strlen(string), at));
    }
    bl__text_add(text, "\n");
}

bool bl__difference_is_text(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        bool is_space = at[i] == '\n' || at[i] == '\t' || at[i] == '\r';
        if ((at[i] < 0x20 && !is_space) || at[i] == 0x7f) return false;
    }
    return true;
}

void bl__difference_add_line(struct bl__text *text, const char *name,
                             const char *bytes, size_t count, size_t at) {
    char line[SHOWN_MAX + BEFORE_MAX + 2];
    size_t number = 1;
    size_t begin = 0;
    for (size_t i = 0; i < at; i++) {
        if (bytes[i] != '\n') continue;
        number++;
        begin = i + 1;
    }
    bl__text_add(text, "%s, line %zu: ", name, number);
    if (begin >= count) {
        bl__text_add(text, "the end\n");
        return;
    }
    const char *newline = memchr(bytes + begin, '\n', count - begin);
    size_t end = newline != NULL ? (size_t)(newline - bytes) : count;
    size_t skipped = begin_of(end - begin, at - begin);
    size_t length = end - begin - skipped;
    if (length >= sizeof line) length = sizeof line - 1;
    memcpy(line, bytes + begin + skipped, length);
    line[length] = '\0';
    if (skipped > 0) bl__text_add(text, "...");
    bl__text_add_quoted(text, line, SHOWN_MAX);
    bl__text_add(text, "\n");
}

/* ---- bytes --------------------------------------------------------------- */

/* One row of a dump; `mark` is the first byte that differs. */
static void add_row(struct bl__text *text, const unsigned char *bytes,
                    size_t count, size_t row, size_t mark) {
    bl__text_add(text, "%04zx:", row);
    for (size_t i = row; i < row + ROW_BYTES; i++) {
        if (i >= count) {
            bl__text_add(text, "   ");
        } else {
            bl__text_add(text, "%c%02x", i == mark ? '>' : ' ', bytes[i]);
        }
    }
    bl__text_add(text, "  |");
    for (size_t i = row; i < row + ROW_BYTES && i < count; i++) {
        bool is_plain = bytes[i] >= 0x20 && bytes[i] < 0x7f;
        bl__text_add(text, "%c", is_plain ? bytes[i] : '.');
    }
    bl__text_add(text, "|\n");
}

void bl__difference_add_dump(struct bl__text *text, const char *name,
                             const void *bytes, size_t count, size_t at) {
    size_t row = at / ROW_BYTES * ROW_BYTES;
    if (row >= ROW_BYTES) row -= ROW_BYTES;
    bl__text_add(text, "%s:\n", name);
    for (int i = 0; i < ROWS_MAX && row < count; i++, row += ROW_BYTES) {
        bl__text_add(text, "  ");
        add_row(text, bytes, count, row, at);
    }
}
