/* SPDX-License-Identifier: MIT */
/*
 * test/text.c - text that is put together in a buffer of fixed size
 *
 * A test process writes its failures into memory that it shares with the
 * runner, where nothing can grow; so text is cut instead, and says so.
 *
 * Invariant: length < bytes, and data[length] is NUL.
 */
#include "test/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bl__text bl__text_in(char *buffer, size_t bytes) {
    buffer[0] = '\0';
    return (struct bl__text){ .data = buffer, .bytes = bytes };
}

void bl__text_add(struct bl__text *text, const char *format, ...) {
    size_t room = text->bytes - text->length;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text->data + text->length, room, format, args);
    va_end(args);
    if (length < 0) return;

    if ((size_t)length >= room) {
        text->is_cut = true;
        text->length = text->bytes - 1;
    } else {
        text->length += (size_t)length;
    }
}

void bl__text_add_lines(struct bl__text *text, const char *indent,
                        const char *block) {
    while (*block != '\0') {
        size_t length = strcspn(block, "\n");
        bl__text_add(text, "%s%.*s\n", indent, (int)length, block);
        block += length;
        if (*block == '\n') block++;
    }
}

static void add_quoted_byte(struct bl__text *text, unsigned char byte) {
    if (byte == '\n') {
        bl__text_add(text, "\\n");
    } else if (byte == '"' || byte == '\\') {
        bl__text_add(text, "\\%c", byte);
    } else if (byte < 0x20 || byte == 0x7f) {
        bl__text_add(text, "\\x%02x", byte);
    } else {
        bl__text_add(text, "%c", byte);
    }
}

void bl__text_add_quoted(struct bl__text *text, const char *string,
                         size_t length_max) {
    if (string == NULL) {
        bl__text_add(text, "NULL");
        return;
    }
    bl__text_add(text, "\"");
    size_t length = strnlen(string, length_max + 1);
    for (size_t i = 0; i < length && i < length_max; i++) {
        add_quoted_byte(text, (unsigned char)string[i]);
    }
    bl__text_add(text, length > length_max ? "\"..." : "\"");
}

void bl__text_add_duration(struct bl__text *text, bl_ns duration) {
    double ns = (double)duration;
    if (duration == BL_FOREVER) {
        bl__text_add(text, "for ever");
    } else if (duration % 1000000000 == 0 || duration >= 1000000000) {
        bl__text_add(text, "%.9g s", ns / 1e9);
    } else if (duration >= 1000000) {
        bl__text_add(text, "%.9g ms", ns / 1e6);
    } else if (duration >= 1000) {
        bl__text_add(text, "%.9g us", ns / 1e3);
    } else {
        bl__text_add(text, "%lld ns", (long long)duration);
    }
}

/* The current directory, with a slash at its end; "" if there is none. */
static const char *directory(void) {
    static char path[1024];
    if (path[0] != '\0') return path;
    if (getcwd(path, sizeof path - 1) == NULL) return "";
    strcat(path, "/");
    return path;
}

const char *bl__test_short_path(const char *path) {
    const char *here = directory();
    size_t length = strlen(here);
    return strncmp(path, here, length) == 0 ? path + length : path;
}

void bl__text_add_tree(struct bl__text *text, const char *tree) {
    const char *here = directory();
    size_t length = strlen(here);
    while (*tree != '\0') {
        const char *found = length > 1 ? strstr(tree, here) : NULL;
        if (found == NULL) {
            bl__text_add(text, "%s", tree);
            return;
        }
        bl__text_add(text, "%.*s", (int)(found - tree), tree);
        tree = found + length;
    }
}

const char *bl__test_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
