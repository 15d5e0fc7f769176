/* SPDX-License-Identifier: MIT */
/*
 * test/child/stage.h - tests inside a loop: set-up, body, tear-down
 */
#ifndef BL__TEST_STAGE_H
#define BL__TEST_STAGE_H

#include "test/record.h"

/* What a loop is told to do next. */
enum bl__order {
    BL__ORDER_RUN,        /* the test of bl__test_job, into bl__test_record */
    BL__ORDER_END_MODULE, /* tear down what lives as long as a file */
    BL__ORDER_END         /* tear down everything, and end */
};

struct bl__orders {
    /* Called when what was ordered before is done; may block. */
    enum bl__order (*next)(void *context);
    void *context;
    bool is_shared; /* there may be several tests */
};

/* Runs what is ordered as tasks of a new loop. */
void bl__stage_run(const bl_loop_options *options,
                   const struct bl__orders *orders);

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
