/* SPDX-License-Identifier: MIT */
/*
 * test/explore/shrink.h - making the order of a failing run as plain as it can
 * be
 */
#ifndef BL__TEST_SHRINK_H
#define BL__TEST_SHRINK_H

#include "test/explore/strategy.h"

enum bl__shrink_pass {
    BL__SHRINK_CUT,   /* what is behind does not matter */
    BL__SHRINK_ZERO,  /* nor do these */
    BL__SHRINK_LOWER, /* a smaller choice will do */
    BL__SHRINK_DONE
};

struct bl__shrink {
    struct bl__test_choice *best; /* the simplest that fails alike */
    size_t best_count;
    struct bl__test_choice *trial; /* the one that is being tried */
    size_t trial_count;
    enum bl__shrink_pass pass;
    size_t at;    /* where in best */
    size_t low;   /* CUT: so few do not fail alike */
    size_t width; /* ZERO: choices at a time that are not the first */
    bool has_improved;
    unsigned runs;
    unsigned runs_max;
    bl_ns ends; /* of real time */
};

/* Begins with the choices of a failing run. */
void bl__shrink_begin(struct bl__shrink *shrink,
                      const struct bl__test_choice *choices, size_t count);

/* Makes the next trial.  False if there is none: `best` is the result. */
bool bl__shrink_next(struct bl__shrink *shrink, bl_ns now);

/*
 * Takes the verdict on the trial.  If it `fails_alike`, the choices that were
 * made in it, `choices`, are the simplest known from now on.
 */
void bl__shrink_judge(struct bl__shrink *shrink, bool fails_alike,
                      const struct bl__test_choice *choices, size_t count);

/* How many choices of the result are not the first. */
size_t bl__shrink_left(const struct bl__shrink *shrink);

void bl__shrink_done(struct bl__shrink *shrink);

#endif
