/* SPDX-License-Identifier: MIT */
/*
 * test/text.h - text that is put together in a buffer of fixed size
 */
#ifndef BL__TEST_TEXT_H
#define BL__TEST_TEXT_H

#include <belay/base.h>

/* What does not fit is dropped; the text always ends in NUL. */
struct bl__text {
    char *data;
    size_t bytes; /* of the buffer */
    size_t length;
    bool is_cut;
};

/* Starts an empty text in `buffer`. */
struct bl__text bl__text_in(char *buffer, size_t bytes);

BL__PRINTF(2, 3)
void bl__text_add(struct bl__text *text, const char *format, ...);

/* Adds `block`, each line behind `indent`, with a newline at its end. */
void bl__text_add_lines(struct bl__text *text, const char *indent,
                        const char *block);

/* Adds an error tree, with its paths below the current directory shortened. */
void bl__text_add_tree(struct bl__text *text, const char *tree);

/* Adds `string` as a C literal, cut at `length_max` bytes. */
void bl__text_add_quoted(struct bl__text *text, const char *string,
                         size_t length_max);

/* Adds a duration for people: "2.5 s", "300 ms". */
void bl__text_add_duration(struct bl__text *text, bl_ns duration);

/* Returns a path as people want to see it: below the current directory. */
const char *bl__test_short_path(const char *path);

/* Returns the last component of a path. */
const char *bl__test_base_name(const char *path);

#endif
