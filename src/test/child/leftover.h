/* SPDX-License-Identifier: MIT */
/*
 * test/child/leftover.h - what a test has left behind inside its loop
 */
#ifndef BL__TEST_LEFTOVER_H
#define BL__TEST_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>

#include <belay.h>

enum {
    BL__LEFTOVER_KNOWN_MAX = 512
};

/* What the loop had at some moment. */
struct bl__leftover {
    bl_loop_info info;
    uint64_t known[BL__LEFTOVER_KNOWN_MAX]; /* tasks by number, others by
                                               address */
    size_t known_count;                     /* may be more than there is room */
};

/* Notes what the running loop has. */
void bl__leftover_note(struct bl__leftover *before);

/*
 * Records what the running loop has more than it had, by kinds, and names
 * each.  Returns whether there is any.
 */
bool bl__leftover_check(const struct bl__leftover *before);

/* Whether it has more of what keeps a loop from being closed. */
bool bl__leftover_keeps_loop(const struct bl__leftover *before);

#endif
