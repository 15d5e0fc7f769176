/* SPDX-License-Identifier: MIT */
/*
 * test/child/difference.h - showing where texts or bytes differ
 */
#ifndef BL__TEST_DIFFERENCE_H
#define BL__TEST_DIFFERENCE_H

#include "test/text.h"

/* Returns the first place where the bytes differ; the shorter length if one
 * begins with the other. */
size_t bl__difference_find(const void *left, size_t left_bytes,
                           const void *right, size_t right_bytes);

/*
 * Adds "name = " and the string as a C literal.  Of a long one only the
 * neighbourhood of `at` is shown.
 */
void bl__difference_add_string(struct bl__text *text, const char *name,
                               const char *string, size_t at);

/* Adds "name:" and a few rows of a hexadecimal dump around `at`. */
void bl__difference_add_dump(struct bl__text *text, const char *name,
                             const void *bytes, size_t count, size_t at);

/* Whether the bytes are text that a person can read. */
bool bl__difference_is_text(const void *bytes, size_t count);

/* Adds the line of some text in which `at` stands: "name, line 3: "..."". */
void bl__difference_add_line(struct bl__text *text, const char *name,
                             const char *bytes, size_t count, size_t at);

#endif
