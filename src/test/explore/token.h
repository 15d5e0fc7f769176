/* SPDX-License-Identifier: MIT */
/*
 * test/explore/token.h - the choices of a run, as a text that can be pasted
 */
#ifndef BL__TEST_TOKEN_H
#define BL__TEST_TOKEN_H

#include "test/explore/strategy.h"
#include "test/text.h"

/*
 * Writes the choices of a run with `seed`: "s1:5.a2.a" is seed 1, five first
 * choices, the second, two first choices, the second.  First choices at the
 * end are left out.
 */
void bl__token_format(struct bl__text *text, uint64_t seed,
                      const struct bl__test_choice *choices, size_t count);

/*
 * Reads a token into `choices`, of which there is room for `count_max`.
 *
 * Returns how many choices it stands for, or BL_EINVAL.
 */
bl_ssize bl__token_parse(const char *token, uint64_t *seed,
                         struct bl__test_choice *choices, size_t count_max);

#endif
