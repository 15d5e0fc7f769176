/* SPDX-License-Identifier: MIT */
/*
 * test/suggest.h - "did you mean"
 */
#ifndef BL__TEST_SUGGEST_H
#define BL__TEST_SUGGEST_H

#include <stddef.h>

/* A search for the candidate that is most like `word`. */
struct bl__suggestion {
    const char *word;
    const char *best; /* NULL if nothing is like it */
    size_t distance;  /* of the best */
};

struct bl__suggestion bl__suggest(const char *word);

/* Offers a candidate, which has to outlive the search. */
void bl__suggest_try(struct bl__suggestion *suggestion, const char *candidate);

#endif
