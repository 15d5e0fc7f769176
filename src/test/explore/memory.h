/* SPDX-License-Identifier: MIT */
/*
 * test/explore/memory.h - the library's memory in a test: counted, failed on
 * demand
 */
#ifndef BL__TEST_MEMORY_H
#define BL__TEST_MEMORY_H

#include "test/text.h"

/* Becomes the allocator of the process. */
void bl__memory_watch(void);

/*
 * Counts allocations from now on, from 1.  The one with the number
 * `failing` fails, and all after it too if `is_lasting`; 0: none does.
 */
void bl__memory_count_start(uint64_t failing, bool is_lasting);

/* Stops counting, and failing.  Returns the count. */
uint64_t bl__memory_count_stop(void);

/* Whether an allocation was made to fail since counting last began. */
bool bl__memory_has_failed(void);

/* Says which test allocates from now on: shown with leaks.  NULL: none. */
void bl__memory_label(const char *id);

/* Blocks that were allocated under the current label are no leaks. */
void bl__memory_forgive(void);

/*
 * Describes the blocks that are still there, and forgets them.  Returns how
 * many there were.
 */
size_t bl__memory_leaks(struct bl__text *text);

#endif
