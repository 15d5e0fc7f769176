/* SPDX-License-Identifier: MIT */
/*
 * test/child/fixture.h - the fixtures of one run
 */
#ifndef BL__TEST_FIXTURE_H
#define BL__TEST_FIXTURE_H

#include "test/case.h"
#include "test/record.h"

struct bl__fixture_run;

/* Those of one loop. */
struct bl__fixtures {
    const struct bl__test_case *test_case; /* the current one */
    const void **values;             /* of its fixtures; NULL: not set up */
    struct bl__fixture_run **stands; /* in the order of set-up */
    size_t stand_count;
    size_t stand_capacity;
    bl_group group; /* shielded: what cancels the test is outside */
    bool is_open;   /* the group is */
    bool is_dismissed;
    bool has_died; /* a task of one that outlives a test has failed */
    bl_waitq line; /* of the root, and of the keeper of the group */
    struct bl__fixture_run *current; /* being set up or torn down */
};

/* Prepares for a loop; nothing runs yet. */
void bl__fixtures_init(struct bl__fixtures *all);

/*
 * Turns to the next case.  Outside a loop this is all that its PARAMs need.
 */
void bl__fixtures_begin(struct bl__fixtures *all,
                        const struct bl__test_case *test_case);

/*
 * Tears down what stands and does not fit the case: fixtures of another file,
 * or with other values of a PARAM, and those that need them.
 */
void bl__fixtures_retire(struct bl__fixtures *all);

/*
 * Sets up those of scope `narrowest` and wider that do not stand, one after
 * the other.  `owner` is the group of the calling task, the root.  Returns
 * whether all stand; if not, why has been recorded.
 */
bool bl__fixtures_set_up(struct bl__fixtures *all, bl_group *owner,
                         bl_test_scope narrowest);

/* Tears down those of scope `widest` and narrower, in reverse order. */
void bl__fixtures_tear_down(struct bl__fixtures *all, bl_test_scope widest);

/* Whether one of them stands that outlives a test, and has tasks of its own. */
bool bl__fixtures_have_tasks(const struct bl__fixtures *all);

/* Calls the body of the test with the values of its fixtures. */
void bl__fixtures_call_body(const struct bl__fixtures *all);

/* Ends the group, when all are torn down. */
void bl__fixtures_close(struct bl__fixtures *all);

/* Frees what was allocated. */
void bl__fixtures_done(struct bl__fixtures *all);

/* Cancels what the current fixture does. */
void bl__fixtures_cancel_current(struct bl__fixtures *all);

/* The fixture that the calling task belongs to, or NULL. */
struct bl__fixture_run *bl__fixture_owner(void);

/* Cancels the tasks of a fixture, and its own. */
void bl__fixture_cancel(struct bl__fixture_run *run);

const char *bl__fixture_name(const struct bl__fixture_run *run);

#endif
