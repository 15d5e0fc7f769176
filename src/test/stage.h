/* SPDX-License-Identifier: MIT */
/*
 * test/stage.h - one run of a test inside a loop: set-up, body, tear-down
 */
#ifndef BL__TEST_STAGE_H
#define BL__TEST_STAGE_H

#include "test/record.h"

/* Runs the test of the current job as tasks of a new loop. */
void bl__stage_run(const bl_loop_options *options, bl_ns timeout,
                   bool has_own_timeout);

/* Adds where the calling code stands: "in task 'test' #4, tear-down of 'x'". */
void bl__stage_where(struct bl__text *text);

/* Whether the calling code is of the body, and not of a fixture. */
bool bl__stage_is_body(void);

/* Cancels the test, because its task or one of its fixtures has given up. */
void bl__stage_stop(void);

/*
 * Looks at the time, at each checkpoint: a test that is over its limit is
 * cancelled, and so is one without a limit of its own that would never get
 * there (`is_ending` is false).
 */
void bl__stage_check_time(bool is_ending);

/*
 * Says that the test has used up most of its real time.  Safe in a signal
 * handler; the loop cancels the test when it gets to it.
 */
void bl__stage_hurry(void);

#endif
