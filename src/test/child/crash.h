/* SPDX-License-Identifier: MIT */
/*
 * test/child/crash.h - what a test process says when it is dying
 */
#ifndef BL__TEST_CRASH_H
#define BL__TEST_CRASH_H

#include <signal.h>

#include "test/record.h"

/*
 * From now on a fatal signal leaves the stack of the code that got it in the
 * record.  `is_full`: also faults, which the library reports itself where it
 * can.
 */
void bl__crash_watch(bool is_full);

/* Whether the runner says so if it crashes: while it calls test functions. */
void bl__crash_watch_runner(bool is_on);

/* The innermost frames of a crash: the handler, and how it was entered. */
enum {
    BL__CRASH_FRAMES = 2
};

/* The signal by which the runner says that real time runs out. */
#define BL__CRASH_HURRY (SIGRTMAX - 1)

/* Describes the crash in `record` to people. */
void bl__crash_describe(struct bl__text *text,
                        const struct bl__test_record *record);

/*
 * Replaces each "<pc ADDRESS>" in `text` by the function and the line, as far
 * as the debug information tells.  Returns a new string.
 */
char *bl__crash_symbolize(const char *text);

#endif
