/* SPDX-License-Identifier: MIT */
/*
 * test/leaks.h - what a test has left behind outside its loop
 */
#ifndef BL__TEST_LEAKS_H
#define BL__TEST_LEAKS_H

/* Notes the descriptors that are open now: later ones are the test's. */
void bl__leaks_note_descriptors(void);

/*
 * Looks for descriptors, memory and processes that the test has left, records
 * them, and ends the processes.
 */
void bl__leaks_check(void);

#endif
