/* SPDX-License-Identifier: MIT */
/*
 * test/child/ambient.h - what a process has only one of, put back between tests
 */
#ifndef BL__TEST_AMBIENT_H
#define BL__TEST_AMBIENT_H

#include "test/text.h"

/* Notes how things are now. */
void bl__ambient_note(void);

/*
 * Puts back what differs from the note, and writes a line about each into
 * `text`.  Returns how many there were.
 */
int bl__ambient_restore(struct bl__text *text);

#endif
