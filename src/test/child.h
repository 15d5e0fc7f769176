/* SPDX-License-Identifier: MIT */
/*
 * test/child.h - the process of one test
 */
#ifndef BL__TEST_CHILD_H
#define BL__TEST_CHILD_H

#include "test/options.h"
#include "test/record.h"

/*
 * Runs `job` in this process, from the first fixture to the leak check, and
 * writes what happens into `record`.
 */
void bl__child_run(const struct bl__test_settings *settings,
                   const struct bl__test_job *job,
                   struct bl__test_record *record);

/*
 * Ends the process in the middle of the test, because the calling code was
 * told to end and cannot: `why` completes "REQUIRE ends the process here: ".
 */
BL__NORETURN
void bl__child_end(const char *why);

#endif
