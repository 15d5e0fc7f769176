/* SPDX-License-Identifier: MIT */
/*
 * cli/payload.c - bytes that a command line names
 */
#include "payload.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BYTES = 4096,
    LINE_BYTES = 64
};

/* Reads the file to its end into memory that grows. */
static const char *read_all(FILE *file, unsigned char **bytes, size_t *count) {
    size_t capacity = FIRST_BYTES;
    size_t length = 0;
    unsigned char *memory = malloc(capacity);

    while (memory != NULL) {
        length += fread(memory + length, 1, capacity - length, file);
        if (length < capacity) break;
        unsigned char *larger =
            capacity < PAYLOAD_BYTES_MAX ? realloc(memory, 2 * capacity) : NULL;
        if (larger == NULL) {
            free(memory);
            return "is too large";
        }
        memory = larger;
        capacity *= 2;
    }
    if (memory == NULL) return "does not fit into memory";
    if (ferror(file)) {
        free(memory);
        return "cannot be read";
    }
    *bytes = memory;
    *count = length;
    return NULL;
}

static const char *read_file(const char *path, unsigned char **bytes,
                             size_t *count) {
    if (strcmp(path, "-") == 0) return read_all(stdin, bytes, count);

    FILE *file = fopen(path, "rb");
    if (file == NULL) return strerror(errno);
    const char *wrong = read_all(file, bytes, count);
    fclose(file);
    return wrong;
}

static int digit_of(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
    return -1;
}

/* Reads what follows a backslash; returns the byte, or -1. */
static int escaped(const char **text) {
    char letter = *(*text)++;
    switch (letter) {
    case 'r': return '\r';
    case 'n': return '\n';
    case 't': return '\t';
    case '0': return '\0';
    case '\\': return '\\';
    case 'x': break;
    default: return -1;
    }
    int high = digit_of((*text)[0]);
    int low = high < 0 ? -1 : digit_of((*text)[1]);
    if (low < 0) return -1;
    *text += 2;
    return high * 16 + low;
}

static const char *read_text(const char *text, unsigned char **bytes,
                             size_t *count) {
    unsigned char *memory = malloc(strlen(text) + 1);
    size_t length = 0;

    if (memory == NULL) return "does not fit into memory";
    while (*text != '\0') {
        int byte = (unsigned char)*text++;
        if (byte == '\\') byte = escaped(&text);
        if (byte < 0) {
            free(memory);
            return "has a backslash before something else than r n t 0 \\ xHH";
        }
        memory[length++] = (unsigned char)byte;
    }
    *bytes = memory;
    *count = length;
    return NULL;
}

const char *payload_read(const char *text, unsigned char **bytes,
                         size_t *count) {
    if (text[0] == '@') return read_file(text + 1, bytes, count);
    return read_text(text, bytes, count);
}

unsigned char *payload_pattern(size_t count) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char *memory = malloc(count > 0 ? count : 1);
    uint32_t state = 1;

    if (memory == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223; /* from Numerical Recipes */
        bool is_line_end = i % LINE_BYTES == LINE_BYTES - 1;
        memory[i] = (unsigned char)(is_line_end ? '\n' : letters[state >> 26]);
    }
    return memory;
}
