/* SPDX-License-Identifier: MIT */
/*
 * test/run/result.h - what became of a case
 */
#ifndef BL__TEST_RESULT_H
#define BL__TEST_RESULT_H

#include "test/case.h"
#include "test/run/worker.h"

/* The end of a case: all of its jobs, or the one that failed. */
struct bl__result {
    const struct bl__test_case *test_case;
    enum bl__verdict verdict;
    bool is_xfail;   /* it failed, as was known */
    bool is_xpass;   /* it passed, although it was known to fail */
    bool is_stopped; /* the run was over before it was */
    bl_ns real_ns;
    bl_ns virtual_ns;                /* 0 by a real clock */
    char *headline;                  /* owned; "" if there is nothing to say */
    char *details;                   /* owned */
    char *output;                    /* owned; NULL if nothing was printed */
    char *found_by;                  /* owned; "" for a plain run */
    char *replay;                    /* owned; "" for a plain run */
    unsigned runs;                   /* beside the plain one */
    unsigned runs_of[BL__JOB_MODES]; /* that shuffled or injected something */
};

/* Whether a verdict is neither passed nor skipped. */
bool bl__verdict_is_bad(enum bl__verdict verdict);

/* Takes what `worker` has found out, and its output from it. */
void bl__result_take(struct bl__result *result, struct bl__worker *worker);

/* Makes the result of a case that is not run at all: `why`. */
void bl__result_make(struct bl__result *result, enum bl__verdict verdict,
                     const char *why);

/* Says how a failure was found, and how to see it again; takes both strings. */
void bl__result_explain(struct bl__result *result, char *found_by,
                        char *replay);

/*
 * Adds what went wrong when the fixtures that the case shared with others were
 * torn down, after it.
 */
void bl__result_add(struct bl__result *result, struct bl__worker *worker);

/* Frees what a result has that is not wanted. */
void bl__result_done(struct bl__result *result);

/* Completes the result of `test_case`, which may be known to fail. */
void bl__result_close(struct bl__result *result,
                      const struct bl__test_case *test_case);

#endif
