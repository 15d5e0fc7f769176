/* SPDX-License-Identifier: MIT */
/*
 * test/explore/dfs.c - all orders of a test, depth first, within a bound
 *
 * Without a bound there are too many orders of even a small test.  Most bugs
 * need few unusual choices, so the search takes the orders with few choices
 * that are not the first.  A run that begins with a prefix, and goes on with
 * first choices, shows what there is to choose behind the prefix.
 */
#include "test/explore/strategy.h"

static unsigned unusual_before(const struct bl__test_choice *choices,
                               size_t end) {
    unsigned count = 0;
    for (size_t i = 0; i < end; i++) {
        if (choices[i].picked != 0) count++;
    }
    return count;
}

bool bl__dfs_next(struct bl__test_choice *choices, size_t *count,
                  unsigned bound) {
    unsigned before = unusual_before(choices, *count);
    for (size_t i = *count; i-- > 0;) {
        struct bl__test_choice *last = &choices[i];
        if (last->picked != 0) before--;
        if (before >= bound) continue;
        if (last->picked + 1 >= last->count) continue;
        last->picked++;
        *count = i + 1;
        return true;
    }
    return false;
}
