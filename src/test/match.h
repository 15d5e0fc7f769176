/* SPDX-License-Identifier: MIT */
/*
 * test/match.h - which cases are meant
 */
#ifndef BL__TEST_MATCH_H
#define BL__TEST_MATCH_H

#include "test/case.h"
#include "test/options.h"
#include "test/text.h"

/* Whether `settings` select the case. */
bool bl__match(const struct bl__test_settings *settings,
               const struct bl__test_case *test_case);

/* Whether `pattern` names the case: file::test[param], parts of it, globs. */
bool bl__match_pattern(const char *pattern,
                       const struct bl__test_case *test_case);

/*
 * Whether the expression of -k can be read; if not, `problem` gets why.
 */
bool bl__match_check(const char *keywords, struct bl__text *problem);

/* Whether `tag` is one of the words in the tags of the test. */
bool bl__match_has_tag(const struct bl__test_case *test_case, const char *tag);

#endif
