/* SPDX-License-Identifier: MIT */
/*
 * test/fixture.h - the fixtures of one run
 */
#ifndef BL__TEST_FIXTURE_H
#define BL__TEST_FIXTURE_H

#include "test/case.h"
#include "test/record.h"

struct bl__fixture_run;

/* Those of the current job, in the order of set-up. */
struct bl__fixtures {
    const struct bl__test_case *test_case;
    struct bl__fixture_run *runs;
    bl_group group; /* shielded: what cancels the test is outside */
    bool has_tasks; /* not only PARAMs */
    bool is_open;   /* the group is */
    bool is_dismissed;
    bl_waitq line; /* of the root, and of the keeper of the group */
    struct bl__fixture_run *current; /* being set up or torn down */
};

/* Prepares; nothing runs yet.  Outside a loop this gives PARAMs their values.
 * Prepares; nothing runs yet.  Outside a loop this gives PARAMs their
 * values. */
void bl__fixtures_init(struct bl__fixtures *all,
                       const struct bl__test_case *test_case);

/*
 * Sets all up, one after the other.  `owner` is the group of the calling task,
 * the root.  Returns whether all stand; if not, why has been recorded.
 */
bool bl__fixtures_set_up(struct bl__fixtures *all, bl_group *owner);

/* Tears down those that stand, in reverse order, and waits for them. */
void bl__fixtures_tear_down(struct bl__fixtures *all);

/* Calls the body of the test with the values of its fixtures. */
void bl__fixtures_call_body(const struct bl__fixtures *all);

/* Frees the values. */
void bl__fixtures_done(struct bl__fixtures *all);

/* Cancels what the current fixture does. */
void bl__fixtures_cancel_current(struct bl__fixtures *all);

/* The fixture that the calling task belongs to, or NULL. */
struct bl__fixture_run *bl__fixture_owner(void);

/* Cancels the tasks of a fixture, and its own. */
void bl__fixture_cancel(struct bl__fixture_run *run);

const char *bl__fixture_name(const struct bl__fixture_run *run);

#endif
