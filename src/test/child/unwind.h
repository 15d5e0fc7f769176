/* SPDX-License-Identifier: MIT */
/*
 * test/child/unwind.h - ending a task in the middle of its code
 */
#ifndef BL__TEST_UNWIND_H
#define BL__TEST_UNWIND_H

#include <belay/test.h>

/*
 * Calls `fn(arg)`, and is the place where bl__unwind lands.
 *
 * Returns true if fn returned, false if it was left by bl__unwind.
 */
bool bl__unwind_catch(void (*fn)(void *arg), void *arg);

/*
 * Leaves everything that the calling task is in the middle of, running cleanup
 * attributes on the way, and lands in the task's bl__unwind_catch.  A task
 * without one ends as if cancelled.  Where neither is possible, as in another
 * thread, the process ends.
 */
BL__NORETURN
void bl__unwind(void);

/* Cancels the test, since what it requires does not hold, and unwinds. */
BL__NORETURN
void bl__unwind_failed(void);

#endif
