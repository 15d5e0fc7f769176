/* SPDX-License-Identifier: MIT */
/*
 * support/words.h - the words of a command line
 */
#ifndef SUPPORT_WORDS_H
#define SUPPORT_WORDS_H

enum {
    WORDS_MAX = 24
};

/*
 * Splits the line at spaces, as argc and argv have it: NULL follows the last
 * of `words`, of WORDS_MAX + 1.  They are valid until the next call.
 *
 * Returns how many there are; more than WORDS_MAX fail the test.
 */
int words_of(const char *line, char **words);

#endif
