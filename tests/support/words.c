/* SPDX-License-Identifier: MIT */
/*
 * support/words.c - the words of a command line
 */
#include "support/words.h"

#include <stdio.h>
#include <string.h>

#include <belay/test.h>

int words_of(const char *line, char **words) {
    static char copy[512];
    int count = 0;

    REQUIRE_LT(strlen(line), sizeof(copy));
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL;
         word = strtok(NULL, " ")) {
        REQUIRE_LT(count, WORDS_MAX);
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}
