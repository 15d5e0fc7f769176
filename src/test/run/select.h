/* SPDX-License-Identifier: MIT */
/*
 * test/run/select.h - the cases of this run, in order
 */
#ifndef BL__TEST_SELECT_H
#define BL__TEST_SELECT_H

#include "test/case.h"
#include "test/options.h"

/* Numbers of cases. */
struct bl__selection {
    size_t *numbers; /* owned */
    size_t count;
};

/*
 * Selects what patterns, -k, --lf and --ff ask for.
 *
 * Returns false if a pattern names a test that does not exist, which has been
 * said.
 */
bool bl__select(const struct bl__test_settings *settings,
                const struct bl__test_cases *cases,
                struct bl__selection *selection);

/*
 * Returns the one case that `pattern` names, or NULL if there is none or more
 * than one, which has been said.
 */
const struct bl__test_case *bl__select_one(const struct bl__test_cases *cases,
                                           const char *pattern);

#endif
