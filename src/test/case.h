/* SPDX-License-Identifier: MIT */
/*
 * test/case.h - what there is to run: tests, fixtures, and their combinations
 */
#ifndef BL__TEST_CASE_H
#define BL__TEST_CASE_H

#include <belay/test.h>

/*
 * A case: a test with one value for each PARAM that it depends on.
 *
 * Its fixtures are in the order of set-up: the longer a fixture lives, the
 * earlier; and each behind those it needs.
 */
struct bl__test_case {
    const struct bl__test *test;
    const char *file; /* without folders */
    char *name;       /* "retry[3]" */
    char *id;         /* "test_timers.c::retry[3]" */
    struct bl__fixture **fixtures;
    size_t fixture_count;
    const void **values; /* beside fixtures: the value of a PARAM, or NULL */
    const char *error;   /* why it can never run; NULL if it can */
    const char *skip;    /* why it is skipped, once it was asked; or NULL */
};

struct bl__test_cases {
    struct bl__test_case *items;
    size_t count;
    size_t capacity;
    size_t function_count;
    size_t file_count;
};

/* Lists all cases, in the order of the sources. */
void bl__cases_make(struct bl__test_cases *cases);

/* Whether `fixture` needs `other`, or something that does. */
bool bl__fixture_needs(const struct bl__fixture *fixture,
                       const struct bl__fixture *other);

/* The first of all fixtures, in no particular order; the others follow it. */
const struct bl__fixture *bl__cases_fixtures(void);

/* Returns where `needed` stands in the case's fixtures. */
size_t bl__case_find(const struct bl__test_case *test_case,
                     const struct bl__fixture *needed);

#endif
