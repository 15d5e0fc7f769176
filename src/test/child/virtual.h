/* SPDX-License-Identifier: MIT */
/*
 * test/child/virtual.h - virtual time that runs away
 */
#ifndef BL__TEST_VIRTUAL_H
#define BL__TEST_VIRTUAL_H

#include "test/text.h"

/* A virtual clock that has come so far has a test that never ends. */
#define BL__VIRTUAL_MAX (BL_SEC(3600) * 24 * 365 * 10)

/* Begins to count; real time is measured from here. */
void bl__virtual_start(void);

/*
 * Notes that a task passes a checkpoint of the call `site`.
 *
 * Returns false if that task has slept so often that it will never end.
 */
bool bl__virtual_note(uint64_t task_id, const char *site);

/*
 * Adds how much virtual time passed in how much real time, and who slept
 * most; nothing if no task has slept often.
 */
void bl__virtual_describe(struct bl__text *text);

#endif
