/* SPDX-License-Identifier: MIT */
/*
 * test/child/clock.h - a manual clock while fixtures are set up and torn down
 *
 * Whoever moves a manual clock is the body, and it does not run then; so time
 * moves by itself, as by a virtual clock.
 */
#ifndef BL__TEST_CLOCK_H
#define BL__TEST_CLOCK_H

#include <stdbool.h>

/* Waits until the others wait.  False if the clock is not manual. */
bool bl__clock_settle_manual(void);

/* Moves to the next timer.  False if there is none, or the clock is not
 * manual. */
bool bl__clock_step_manual(void);

#endif
