/* SPDX-License-Identifier: MIT */
/*
 * test/report/clean.c - what tests have printed, made fit to be printed
 *
 * Tests print anything: halves of characters, control sequences, lines that
 * look like ours.  Readers of our output split it into lines, and differ in
 * what they think a line ends with: "\r", U+0085 and U+2028 do for some.  So
 * whatever is not a visible character, a newline or a tab, is written as \xNN.
 */
#include "test/report/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* How long the character at `at` is, if it is one of UTF-8; else 0. */
static size_t length_of(const unsigned char *at) {
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc0 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf8 ? 4
                                   : 0;
    if (length < 2) return length;
    uint32_t point = at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (at[i] & 0x3fu);
    }
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    bool is_control = point < 0xa0 || point == 0x2028 || point == 0x2029;
    bool is_no_character = (point & 0xfffe) == 0xfffe || point > 0x10ffff;
    if (point < least[length] || is_surrogate) return 0;
    return is_control || is_no_character ? 0 : length;
}

size_t bl__clean_next(const char **text, char clean[8]) {
    const unsigned char *at = (const unsigned char *)*text;
    if (*at == '\0') return 0;
    size_t length = length_of(at);
    bool is_control = (*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
    if (length > 0 && !is_control) {
        memcpy(clean, at, length);
        *text += length;
        return length;
    }
    *text += 1;
    return (size_t)snprintf(clean, 8, "\\x%02x", (unsigned)*at);
}

void bl__put_clean(FILE *file, const char *text) {
    char clean[8];
    size_t length;
    while ((length = bl__clean_next(&text, clean)) > 0)
        fwrite(clean, 1, length, file);
}

void bl__put_clean_lines(FILE *file, const char *indent, const char *text) {
    char clean[8];
    size_t length;
    bool is_fresh = true;
    while ((length = bl__clean_next(&text, clean)) > 0) {
        if (is_fresh) fputs(indent, file);
        fwrite(clean, 1, length, file);
        is_fresh = clean[0] == '\n';
    }
    if (!is_fresh) putc('\n', file);
}

void bl__put_json(FILE *file, const char *text) {
    char clean[8];
    size_t length;
    if (text == NULL) {
        fputs("null", file);
        return;
    }
    putc('"', file);
    while ((length = bl__clean_next(&text, clean)) > 0) {
        switch (clean[0]) {
        case '\n': fputs("\\n", file); break;
        case '\t': fputs("\\t", file); break;
        case '"': fputs("\\\"", file); break;
        case '\\':
            /* The backslash of \xNN, too: JSON has no such escape. */
            putc('\\', file);
            fwrite(clean, 1, length, file);
            break;
        default: fwrite(clean, 1, length, file);
        }
    }
    putc('"', file);
}
