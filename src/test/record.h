/* SPDX-License-Identifier: MIT */
/*
 * test/record.h - what a test process leaves behind for the runner
 *
 * A record lies in memory that the runner shares with the test's process, and
 * is written as things happen.  So what was found before a crash is not lost.
 *
 * Words.  A *job* is one run of one case: plain, in another order, or with
 * something injected.  The *body* of a test is what stands in its braces
 * and the tasks that it starts; fixtures are not of the body.
 */
#ifndef BL__TEST_RECORD_H
#define BL__TEST_RECORD_H

#include <stdatomic.h>

#include <belay/test.h>

#include "test/explore/strategy.h"
#include "test/text.h"

struct bl__test_case;

enum bl__test_mode {
    BL__JOB_PLAIN,
    BL__JOB_AGAIN,    /* as before, to see whether all is as before */
    BL__JOB_INPUT,    /* with the input `schedule.bytes` */
    BL__JOB_SEED,     /* in an order of its own, the `number`th */
    BL__JOB_CANCEL,   /* a cancellation at checkpoint `number` of the body */
    BL__JOB_OOM,      /* the allocation `number` of the body fails */
    BL__JOB_OOM_FROM, /* and so do all after it */
    BL__JOB_IO,       /* I/O call `number` of the body fails, by `way` */
    BL__JOB_MODES
};

struct bl__test_job {
    const struct bl__test_case *test_case;
    enum bl__test_mode mode;
    uint64_t number;
    unsigned way;   /* how an I/O call fails: one of those that fit it */
    int error;      /* or, of a replay, with what; 0: by `way` */
    bool is_traced; /* for comparing it with another run */
    uint64_t seed;  /* of what the test draws, whatever its schedule */
    struct bl__schedule schedule;
    bl_ns limit; /* of real time, if it is shorter than the test's; else 0 */
};

/* The way of an I/O failure that is named by its error. */
enum {
    BL__WAY_OF_ERROR = 1000
};

enum bl__test_phase {
    BL__PHASE_START,
    BL__PHASE_SETUP,
    BL__PHASE_BODY,
    BL__PHASE_TEARDOWN,
    BL__PHASE_LEAKS,
    BL__PHASE_DONE
};

/* What happened at one step of a run: a task passed a checkpoint. */
struct bl__test_step {
    uint64_t hash; /* of all steps up to this one */
    bl_ns when;
    char what[64]; /* task and call */
};

enum {
    BL__RECORD_FRAMES_MAX = 48,
    BL__RECORD_TEXT_BYTES = 32 * 1024,
    BL__RECORD_CHOICES_MAX = 8192,
    BL__RECORD_STEPS_MAX = 8192
};

struct bl__test_record {
    /* Written by the process of the test. */
    _Atomic(enum bl__test_phase) phase;
    bl_test_outcome outcome;
    bool is_deadlock;
    bool is_cut;               /* the process has ended without looking back */
    bool is_unwound;           /* the body ended by REQUIRE or t_skip */
    bool has_hit;              /* the injection took place */
    bool choices_are_cut;      /* there were more than fit */
    bool choices_differ;       /* a replay was asked something else */
    uint64_t step_count;       /* choices of tasks, also those that are cut */
    uint64_t checkpoint_count; /* of the body */
    uint64_t allocation_count; /* of the body */
    uint64_t io_count;         /* calls of the body */
    unsigned way_count;        /* in which the call that was hit can fail */
    int injected_error;        /* 0: it was only short */
    char injected[64];         /* what was done to it: "accept: EMFILE" */
    uint64_t trace_count;      /* steps */
    uint64_t trace_hash;       /* of all of them */
    uint64_t tolerated_count;  /* failures of an injected body */
    uint64_t failure_count;
    bl_ns virtual_ns;    /* on the loop's clock, at the end */
    char headline[320];  /* the first failure, in one line */
    bool is_consequence; /* that failure is one of cancelled code */
    char culprit[160];   /* its place and kind, for telling failures apart */
    char skip_reason[200];
    int crash_signal;
    bool is_overflow; /* of the stack of crash_task */
    int crash_frame_count;
    char crash_task[32];
    void *crash_frames[BL__RECORD_FRAMES_MAX];
    uint32_t choice_count;
    size_t text_length;

    /* Written by the runner. */
    atomic_bool is_watchdogged; /* it is being killed for taking too long */

    char text[BL__RECORD_TEXT_BYTES];
    struct bl__test_choice choices[BL__RECORD_CHOICES_MAX];
    struct bl__test_step steps[BL__RECORD_STEPS_MAX]; /* the first ones */
};

/* The record and the job of the test that this process runs, or NULL. */
extern struct bl__test_record *bl__test_record;
extern const struct bl__test_job *bl__test_job;

/* Whether the job injects something. */
bool bl__job_is_injected(const struct bl__test_job *job);

/*
 * Notes that `outcome` befell the test.  The first that is not good stays,
 * except that a failure after a skip counts.
 */
void bl__record_outcome(bl_test_outcome outcome);

/*
 * Records a failure: `summary` in one line, and more `details`, one fact per
 * line; both may be "".  `place` is NULL where none is to blame.  From any
 * thread.
 *
 * Returns false if it does not count, because the body is being injected.
 */
bool bl__record_failure(const struct bl__test_place *place, const char *summary,
                        const char *details);

/* The same, without a place in the source; the outcome is `outcome`. */
BL__PRINTF(2, 3)
void bl__record_trouble(bl_test_outcome outcome, const char *format, ...);

/*
 * The same for what has cancelled the test before anybody knew: where the
 * first failure is one of cancelled code, this is the first in its place.
 */
void bl__record_cause(bl_test_outcome outcome, const char *summary);

/* At the end of a test: says how many failures were not shown. */
void bl__record_finish(void);

/* Adds lines to the record that belong to the failure before them. */
void bl__record_note(const char *text);

/* Makes an empty record for the next job. */
void bl__record_reset(struct bl__test_record *record);

#endif
