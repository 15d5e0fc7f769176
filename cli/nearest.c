/* SPDX-License-Identifier: MIT */
/*
 * cli/nearest.c - which word was probably meant
 *
 * The distance is Damerau's, row by row: cell (i, j) says what it takes to
 * make the first j letters of the right word of the first i of the left one.
 * Two rows above the current one are kept, since a swap looks two letters
 * back.
 */
#include "nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    LETTERS_MAX = 63,
    DISTANCE_MIN = 2 /* allowed for any word, however short */
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Fills one row from the two above it.  `i` counts from 1. */
static void fill_row(const char *left, const char *right, size_t i,
                     size_t (*rows)[LETTERS_MAX + 1]) {
    size_t *row = rows[i % 3];
    const size_t *above = rows[(i + 2) % 3];
    const size_t *two_above = rows[(i + 1) % 3];

    row[0] = i;
    for (size_t j = 1; right[j - 1] != '\0'; j++) {
        bool is_same = left[i - 1] == right[j - 1];
        row[j] = least(least(above[j], row[j - 1]) + 1,
                       above[j - 1] + (is_same ? 0 : 1));
        if (i > 1 && j > 1 && left[i - 1] == right[j - 2] &&
            left[i - 2] == right[j - 1]) {
            row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
}

size_t word_distance(const char *left, const char *right) {
    size_t rows[3][LETTERS_MAX + 1] = { { 0 } };
    size_t left_letters = strlen(left);
    size_t right_letters = strlen(right);

    if (left_letters > LETTERS_MAX || right_letters > LETTERS_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= right_letters; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_letters; i++)
        fill_row(left, right, i, rows);
    return rows[left_letters % 3][right_letters];
}

const char *nearest_word(const char *word, const char *const *words,
                         size_t count) {
    size_t limit = strlen(word) / 3;
    if (limit < DISTANCE_MIN) limit = DISTANCE_MIN;

    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = word_distance(word, words[i]);
        if (distance > limit) continue;
        if (nearest != NULL && distance == limit) continue;
        nearest = words[i];
        limit = distance;
    }
    return nearest;
}
