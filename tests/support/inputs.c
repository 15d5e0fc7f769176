/* SPDX-License-Identifier: MIT */
/*
 * support/inputs.c - very many inputs, most of them a little wrong; see
 * inputs.h
 */
#include "support/inputs.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHANGES_MAX = 4
};

int inputs_wanted(int usual) {
    const char *text = getenv("BELAY_TEST_INPUTS");
    return text != NULL ? atoi(text) : usual;
}

/* Makes one change at `at`, which is in the bytes or just behind them. */
static size_t spoil_at(bl_test_rng *rng, char *bytes, size_t count, size_t at,
                       size_t room) {
    size_t rest = count - at;
    switch (t_rng_below(rng, 4)) {
    case 0: return at;
    case 1:
        if (count == room) return count;
        memmove(bytes + at + 1, bytes + at, rest);
        bytes[at] = (char)t_rng_next(rng);
        return count + 1;
    case 2:
        if (rest == 0) return count;
        memmove(bytes + at, bytes + at + 1, rest - 1);
        return count - 1;
    default:
        if (rest > 0) bytes[at] = (char)t_rng_next(rng);
        return count;
    }
}

size_t spoil_bytes(bl_test_rng *rng, void *bytes, size_t count, size_t room) {
    uint64_t changes = t_rng_below(rng, CHANGES_MAX + 1);
    for (uint64_t i = 0; i < changes; i++) {
        size_t at = t_rng_below(rng, count + 1);
        count = spoil_at(rng, bytes, count, at, room);
    }
    return count;
}
