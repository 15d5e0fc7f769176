/* SPDX-License-Identifier: MIT */
/*
 * test/run/unit.h - which cases share a process, and in which order they run
 *
 * A *unit* is a list of cases that one slot of the runner runs in order.  Most
 * have one case, in a process of its own.  Cases that need a fixture which
 * outlives a test share the process in which it stands.
 */
#ifndef BL__TEST_UNIT_H
#define BL__TEST_UNIT_H

#include "test/case.h"
#include "test/options.h"

struct bl__unit {
    const struct bl__test_case **cases;
    size_t count;
    bool is_shared;   /* one process, one loop, for all of them */
    bool has_session; /* that process may go on with other such units */
    bool is_taken;    /* by a slot */
};

struct bl__units {
    struct bl__unit *items;
    size_t count;
    size_t taken_count; /* those in front that are taken */
};

/*
 * Orders the `count` selected cases, which are numbers in `cases`.  Asks each
 * case once whether it is to be skipped.
 */
void bl__units_make(struct bl__units *units, struct bl__test_cases *cases,
                    const size_t *selected, size_t count,
                    enum bl__isolation isolation);

/*
 * Takes the next unit, in order; NULL when there is none.  `like` is not NULL
 * where a process stands ready that has run that unit: then only another that
 * it can run comes into question.
 */
struct bl__unit *bl__units_take(struct bl__units *units,
                                const struct bl__unit *like);

#endif
