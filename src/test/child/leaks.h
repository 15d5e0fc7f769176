/* SPDX-License-Identifier: MIT */
/*
 * test/child/leaks.h - what a test has left behind outside its loop
 */
#ifndef BL__TEST_LEAKS_H
#define BL__TEST_LEAKS_H

#include <stdbool.h>

/* Notes what there is at the start of a process: more at its end is a leak. */
void bl__leaks_note(void);

/*
 * Looks for descriptors, memory and processes that are left at the end of a
 * process, records them, and ends the processes.
 */
void bl__leaks_check(void);

/* Notes what there is before one of several tests of a process. */
void bl__leaks_note_test(void);

/*
 * The same look after one of several tests; memory apart, which is known to be
 * nobody's only at the end.  What is changed and can be put back is put back.
 * `is_exact`: descriptors count too.
 *
 * Returns whether something was left that cannot be put back.
 */
bool bl__leaks_check_test(bool is_exact);

#endif
