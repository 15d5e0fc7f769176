/* SPDX-License-Identifier: MIT */
/*
 * tests/base/trees.h - error trees made by hand, and their shapes
 *
 * TREE(leaf(-5), TREE(leaf(-6))) owns what it is made of.  Its shape is the
 * text "(5 (6))": the magnitudes of the codes, a pair of parentheses for each
 * group.
 */
#ifndef TESTS_BASE_TREES_H
#define TESTS_BASE_TREES_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <belay/group.h>

#include "base/error.h"

#define GROUP_SITE "BL_GROUP(g)\0server.c:30"

static inline BL__UNUSED bl_error *leaf(int code) {
    return bl__error_new_bare(code, NULL, NULL, NULL);
}

static inline BL__UNUSED BL__PRINTF(2,
                                    3) bl_error *leaf_saying(int code,
                                                             const char *format,
                                                             ...) {
    va_list args;
    va_start(args, format);
    bl_error *error =
        bl__error_new(code, "parse", "f.c:12", "main/conn-7", format, args);
    va_end(args);
    return error;
}

static inline BL__UNUSED bl_error *tree_of(bl_error *const *children,
                                           size_t count) {
    struct bl__errors errors = { 0 };
    for (size_t i = 0; i < count; i++)
        bl__errors_append(&errors, children[i]);
    return bl__error_new_group(&errors, GROUP_SITE, "main/server");
}

#define TREE(...)                          \
    tree_of((bl_error *[]){ __VA_ARGS__ }, \
            sizeof((bl_error *[]){ __VA_ARGS__ }) / sizeof(bl_error *))

/* The writing of a shape; recursion is fine, its trees are small. */
static inline BL__UNUSED char *shape_write(const bl_error *error, char *at) {
    size_t count = bl_error_count(error);
    if (count == 0) return at + sprintf(at, "%d", -bl_error_code(error));
    *at++ = '(';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) *at++ = ' ';
        at = shape_write(bl_error_child(error, i), at);
    }
    *at++ = ')';
    *at = '\0';
    return at;
}

/* Returns the shape, valid until the next call; "" for NULL. */
static inline BL__UNUSED const char *shape(const bl_error *error) {
    static char text[512];
    text[0] = '\0';
    if (error != NULL) shape_write(error, text);
    return text;
}

/* Puts `depth` groups around `error`, each with it as its only child. */
static inline BL__UNUSED bl_error *nest(bl_error *error, size_t depth) {
    while (depth-- > 0)
        error = TREE(error);
    return error;
}

#endif
