/* SPDX-License-Identifier: MIT */
/*
 * support/kids.h - ready-made task bodies, and a notebook of what happened
 *
 * Most tests of tasks and groups need children that sleep, return, fail, or
 * clean up slowly, and then a statement about the order in which things
 * happened.  The children are described by a struct; the order is a line of
 * words, compared as text.
 */
#ifndef SUPPORT_KIDS_H
#define SUPPORT_KIDS_H

#include <belay.h>

/* An integer as the argument of a task, and back. */
#define ARG(number) ((void *)(intptr_t)(number))
#define NUMBER(arg) ((intptr_t)(arg))

/* Longer than any test, shorter than for ever. */
#define HOUR BL_SEC(3600)

/* What a child does, and what became of it. */
struct kid {
    const char *name;   /* noted at its end; NULL: nothing is noted */
    bl_ns delay;        /* it sleeps so long; 0: it does not wait at all */
    int rc;             /* and then returns this */
    bl_ns cleanup;      /* when cancelled, it waits so long under a shield */
    int cleanup_rc;     /* and returns this; 0: the BL_ECANCELED it got */
    bool has_started;   /* these four tell what happened */
    bool has_finished;  /* slept to the end */
    bool was_cancelled; /* the sleep was */
    bl_ns ended_at;
};

/* The task body for `arg`, a struct kid. */
int kid_run(void *arg);

/* Returns NUMBER(arg). */
int kid_returns(void *arg);

/* Sleeps for NUMBER(arg) nanoseconds; returns what bl_sleep returned. */
int kid_sleeps(void *arg);

/* Waits for `arg`, an event; returns what bl_event_wait returned. */
int kid_waits(void *arg);

/* Yields NUMBER(arg) times; returns 0 or the first failure. */
int kid_yields(void *arg);

/* Cancels `arg`, a scope, at once. */
int kid_cancels(void *arg);

/* Appends words to the notebook, separated by one space. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns what was noted so far. */
const char *notes(void);

/* Empties the notebook. */
void forget_notes(void);

/* Waits until every other task is blocked; in a cancelled scope it does not. */
void settle(void);

/* Returns how often the running loop has switched into a task. */
uint64_t resumes(void);

/* The test itself, and the root that it runs under. */
enum {
    ALONE = 2
};

/* Returns how many tasks of the running loop are alive. */
uint64_t tasks_alive(void);

/* Counts one more call; for destructors: `arg` is an int. */
void count_call(void *arg);

/* Returns the code of the error number `index` of the current BL_EGROUP. */
int group_code(size_t index);

/* Returns how many errors the current BL_EGROUP has; 0 without one. */
size_t group_count(void);

#endif
