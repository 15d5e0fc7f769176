/* SPDX-License-Identifier: MIT */
/*
 * test/child/child.h - the process of one test
 */
#ifndef BL__TEST_CHILD_H
#define BL__TEST_CHILD_H

#include "test/child/stage.h"
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
 * Runs tests in this process as `orders` say, until they end or the process is
 * not fit for another.  All of them live in one loop, made for the first job.
 */
void bl__child_serve(const struct bl__test_settings *settings,
                     const struct bl__test_job *first,
                     const struct bl__orders *orders,
                     struct bl__test_record *record);

/* Makes `job` the current one of this process. */
void bl__child_turn_to(const struct bl__test_job *job);

/* How long a phase of the current test may take, by the loop's clock. */
bl_ns bl__child_timeout(bool *is_own);

/*
 * Ends the process in the middle of the test, because the calling code was
 * told to end and cannot: `why` completes "REQUIRE ends the process here: ".
 */
BL__NORETURN
void bl__child_end(const char *why);

/* Ends the process at once, with the outcome as it is. */
BL__NORETURN
void bl__child_leave(void);

#endif
