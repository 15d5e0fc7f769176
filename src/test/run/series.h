/* SPDX-License-Identifier: MIT */
/*
 * test/run/series.h - one case on its way through its jobs
 */
#ifndef BL__TEST_SERIES_H
#define BL__TEST_SERIES_H

#include "test/explore/input.h"
#include "test/explore/shrink.h"
#include "test/explore/trace.h"
#include "test/options.h"
#include "test/run/result.h"

struct bl__series {
    const struct bl__test_settings *settings;
    struct bl__test_job job; /* to be run now, or running */
    bool is_single;          /* a replay: one job, and nothing after it */
    bl_ns began;
    unsigned runs;                   /* beside the plain one */
    unsigned runs_of[BL__JOB_MODES]; /* that shuffled or injected something */
    bl_ns virtual_ns;                /* of the first run; 0 by a real clock */
    struct bl__result result;

    struct bl__trace trace; /* of the plain run, if it is checked */

    /* Running it in other orders. */
    uint64_t steps;                  /* of the longest run */
    struct bl__test_choice *choices; /* of DFS: the next run begins so */
    size_t choice_count;

    /* Running a FUZZ test with inputs. */
    struct bl__corpus corpus;
    struct bl__input input; /* of the job */
    struct bl__input_shrink input_shrink;

    /* Making the order of a failing run simpler. */
    bool is_shrinking;
    bool is_confirming;         /* the result of it is run once more */
    struct bl__test_job failed; /* the job that failed */
    char culprit[160];          /* its failure */
    struct bl__shrink shrink;
};

/*
 * Begins with a case's plain run.  Returns false if the case is not run at
 * all: then the result is complete.
 */
bool bl__series_begin(struct bl__series *series,
                      const struct bl__test_settings *settings,
                      const struct bl__test_case *test_case);

/* Ends a series that has just begun, because of `why`. */
void bl__series_refuse(struct bl__series *series, const char *why);

/* Begins with `job`, a replay, and will end with it. */
bool bl__series_begin_replay(struct bl__series *series,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job);

/*
 * Goes on after `worker` has done the current job.  Returns true if there is
 * another; else the result is complete.
 */
bool bl__series_next(struct bl__series *series, struct bl__worker *worker);

#endif
