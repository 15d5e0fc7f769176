/* SPDX-License-Identifier: MIT */
/*
 * test/child/watch.h - waiting for a condition that C code evaluates
 */
#ifndef BL__TEST_WATCH_H
#define BL__TEST_WATCH_H

#include <belay/test.h>

#include "test/text.h"

/* Adds a value as checks show it. */
void bl__test_add_value(struct bl__text *text,
                        const struct bl__test_value *value);

/*
 * Waits until `fn(context)` is true, looking whenever something may have
 * changed.  Returns whether it became true; if not, that is not recorded.
 */
bool bl__test_wait_until(const struct bl__test_place *place, bl_ns limit,
                         bool (*fn)(void *context), void *context);

/* Records that what `place` waited for has not come; does not return. */
BL__NORETURN
void bl__test_not_come(const struct bl__test_place *place, const char *details);

#endif
