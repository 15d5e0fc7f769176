/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy_noted.c - an order that was written down
 *
 * What was noted may not fit any more: the test, or the library, has changed
 * since.  Then the run goes on with the first choice where there is no such
 * choice as the noted one, and says that it did.
 */
#include "test/explore/strategy.h"

static struct {
    const struct bl__test_choice *choices;
    size_t count;
    size_t at;
    bool has_misfit;
} noted;

static void begin(const struct bl__schedule *schedule) {
    noted.choices = schedule->choices;
    noted.count = schedule->choice_count;
    noted.at = 0;
    noted.has_misfit = false;
}

static uint32_t pick(bl_choice kind, uint32_t count, const uint64_t *ids) {
    (void)ids;
    if (noted.at >= noted.count) return 0;
    const struct bl__test_choice *choice = &noted.choices[noted.at++];
    /* A token tells picks alone, not what they were picks of. */
    bool is_known = choice->count > 0;
    if (choice->picked >= count) noted.has_misfit = true;
    if (is_known &&
        (choice->kind != (uint32_t)kind || choice->count != count)) {
        noted.has_misfit = true;
    }
    return choice->picked < count ? choice->picked : 0;
}

/* Choices that nobody asked for do not fit either. */
bool bl__strategy_noted_differs(void) {
    return noted.has_misfit || noted.at < noted.count;
}

const struct bl__strategy bl__strategy_noted = { .begin = begin, .pick = pick };
