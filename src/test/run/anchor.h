/* SPDX-License-Identifier: MIT */
/*
 * test/run/anchor.h - the process in which T_RUN fixtures stand
 */
#ifndef BL__TEST_ANCHOR_H
#define BL__TEST_ANCHOR_H

#include "test/run/result.h"
#include "test/run/unit.h"

struct bl__anchor {
    struct bl__worker worker;
    struct bl__test test; /* stands for the fixtures */
    struct bl__test_case test_case;
    struct bl__fixture **needs;
    struct bl__result result; /* once it is over */
    char *problem;            /* why the fixtures do not stand, or NULL */
    bool is_needed;
    bool is_over;
};

/*
 * Finds the T_RUN fixtures that the cases of `units` need.  Before any process
 * is forked.
 */
void bl__anchor_init(struct bl__anchor *anchor, const struct bl__units *units);

/* Sets them up, in a process of their own, and waits until they stand. */
void bl__anchor_start(struct bl__anchor *anchor,
                      const struct bl__test_settings *settings);

/*
 * Why `test_case` cannot have its T_RUN fixtures; NULL if it can, or needs
 * none.
 */
const char *bl__anchor_problem(struct bl__anchor *anchor,
                               const struct bl__test_case *test_case);

/*
 * Tears them down.  Returns whether the result is a failure, which no case has
 * reported.
 */
bool bl__anchor_finish(struct bl__anchor *anchor,
                       const struct bl__test_settings *settings);

/* The value of a T_RUN fixture that stands elsewhere; NULL for any other. */
const void *bl__anchor_value(const struct bl__fixture *fixture);

#endif
