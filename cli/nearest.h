/* SPDX-License-Identifier: MIT */
/*
 * cli/nearest.h - which word was probably meant
 */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

/*
 * Returns how many letters have to be put in, taken out, replaced, or swapped
 * with their neighbour to make one word of the other.  Words longer than 63
 * letters are as different as can be: SIZE_MAX.
 */
size_t word_distance(const char *left, const char *right);

/*
 * Returns the one of `count` words that is nearest to `word`, the first of
 * those that are equally near; NULL if all differ in more than a third of it.
 */
const char *nearest_word(const char *word, const char *const *words,
                         size_t count);

#endif
