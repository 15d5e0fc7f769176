/* SPDX-License-Identifier: MIT */
/*
 * test/suggest.c - "did you mean"
 *
 * Likeness is the number of letters to insert, delete, replace or swap with
 * their neighbour.  A candidate that differs in more than a third of the word
 * would confuse rather than help, and is not offered.
 */
#include "test/suggest.h"

#include <string.h>

enum {
    LENGTH_MAX = 95
};

struct bl__suggestion bl__suggest(const char *word) {
    size_t limit = strlen(word) / 3;
    if (limit < 2) limit = 2;
    return (struct bl__suggestion){ .word = word, .distance = limit + 1 };
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t distance(const char *left, const char *right) {
    /* Three rows of the table: two letters back, one back, the current one. */
    size_t rows[3][LENGTH_MAX + 1];
    size_t width = strlen(right);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    size_t at = 0;
    for (size_t i = 1; left[i - 1] != '\0'; i++) {
        const size_t *two_back = rows[(at + 2) % 3];
        const size_t *back = rows[at];
        at = (at + 1) % 3;
        size_t *row = rows[at];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t cost = left[i - 1] == right[j - 1] ? 0 : 1;
            row[j] = least(least(back[j], row[j - 1]) + 1, back[j - 1] + cost);
            if (i < 2 || j < 2) continue;
            if (left[i - 1] != right[j - 2] || left[i - 2] != right[j - 1]) {
                continue;
            }
            row[j] = least(row[j], two_back[j - 2] + 1);
        }
    }
    return rows[at][width];
}

void bl__suggest_try(struct bl__suggestion *suggestion, const char *candidate) {
    if (strlen(candidate) > LENGTH_MAX) return;
    size_t found = distance(suggestion->word, candidate);
    if (found >= suggestion->distance) return;
    suggestion->distance = found;
    suggestion->best = candidate;
}
