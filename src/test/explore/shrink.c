/* SPDX-License-Identifier: MIT */
/*
 * test/explore/shrink.c - making the order of a failing run as plain as it can
 * be
 *
 * Three passes over the choices.  The first finds out by halving how much of
 * the beginning is needed; behind it all choices are the first.  The second
 * sets choices back to the first, many at a time and then one by one.  The
 * third lowers those that are left.  The last two are repeated while they help.
 *
 * A trial is run by the caller, who knows whether it fails in the same way.
 * Trials may hang, or fail otherwise: then they are not simpler, and the number
 * of runs and the time for all of them are bounded.
 *
 * Invariant: the runs of `best` as a whole fail alike; each next `best` is
 * nowhere greater than the one before, and somewhere less, or shorter.
 */
#include "test/explore/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "test/host.h"

enum {
    RUNS_MAX = 200
};

#define TIME_MAX BL_SEC(10)

static size_t count_unusual(const struct bl__test_choice *choices,
                            size_t count) {
    size_t unusual = 0;
    for (size_t i = 0; i < count; i++) {
        if (choices[i].picked != 0) unusual++;
    }
    return unusual;
}

/* First choices at the end go without saying. */
static void set_best(struct bl__shrink *shrink,
                     const struct bl__test_choice *choices, size_t count) {
    while (count > 0 && choices[count - 1].picked == 0)
        count--;
    memmove(shrink->best, choices, count * sizeof *choices);
    shrink->best_count = count;
}

void bl__shrink_begin(struct bl__shrink *shrink,
                      const struct bl__test_choice *choices, size_t count) {
    *shrink = (struct bl__shrink){
        .best = bl__host_alloc(count * sizeof *choices),
        .trial = bl__host_alloc(count * sizeof *choices),
        .pass = BL__SHRINK_CUT,
        .runs_max = RUNS_MAX,
        .ends =
            bl__host_now() + (bl_ns)((double)TIME_MAX * bl__host_slowness()),
    };
    set_best(shrink, choices, count);
}

/* ---- the passes ---------------------------------------------------------- */

static void start_pass(struct bl__shrink *shrink, enum bl__shrink_pass pass) {
    shrink->pass = pass;
    shrink->at = 0;
    if (pass == BL__SHRINK_ZERO) {
        size_t unusual = count_unusual(shrink->best, shrink->best_count);
        shrink->width = unusual > 1 ? unusual / 2 : 1;
        shrink->has_improved = false;
    }
}

static bool next_cut(struct bl__shrink *shrink) {
    if (shrink->best_count <= shrink->low + 1) return false;
    shrink->trial_count = shrink->low + (shrink->best_count - shrink->low) / 2;
    return true;
}

static bool find_unusual(struct bl__shrink *shrink) {
    while (shrink->at < shrink->best_count &&
           shrink->best[shrink->at].picked == 0) {
        shrink->at++;
    }
    return shrink->at < shrink->best_count;
}

static bool next_zero(struct bl__shrink *shrink) {
    if (!find_unusual(shrink)) {
        if (shrink->width == 1) return false;
        shrink->width /= 2;
        shrink->at = 0;
        if (!find_unusual(shrink)) return false;
    }
    size_t left = shrink->width;
    for (size_t i = shrink->at; i < shrink->trial_count && left > 0; i++) {
        if (shrink->trial[i].picked == 0) continue;
        shrink->trial[i].picked = 0;
        left--;
    }
    return true;
}

/* Tries 1 at first, then half. */
static bool next_lower(struct bl__shrink *shrink) {
    while (shrink->at < shrink->best_count &&
           shrink->best[shrink->at].picked < 2) {
        shrink->at++;
    }
    if (shrink->at >= shrink->best_count) return false;
    uint32_t *picked = &shrink->trial[shrink->at].picked;
    *picked = shrink->low == 0 ? 1 : *picked / 2;
    return true;
}

static bool next_of_pass(struct bl__shrink *shrink) {
    memcpy(shrink->trial, shrink->best,
           shrink->best_count * sizeof *shrink->best);
    shrink->trial_count = shrink->best_count;
    switch (shrink->pass) {
    case BL__SHRINK_CUT: return next_cut(shrink);
    case BL__SHRINK_ZERO: return next_zero(shrink);
    case BL__SHRINK_LOWER: return next_lower(shrink);
    case BL__SHRINK_DONE: break;
    }
    return false;
}

static enum bl__shrink_pass pass_after(const struct bl__shrink *shrink) {
    if (shrink->pass == BL__SHRINK_CUT) return BL__SHRINK_ZERO;
    if (shrink->pass == BL__SHRINK_ZERO) return BL__SHRINK_LOWER;
    return shrink->has_improved ? BL__SHRINK_ZERO : BL__SHRINK_DONE;
}

bool bl__shrink_next(struct bl__shrink *shrink, bl_ns now) {
    if (shrink->runs == shrink->runs_max) return false;
    if (now >= shrink->ends) return false;
    while (!next_of_pass(shrink)) {
        start_pass(shrink, pass_after(shrink));
        shrink->low = 0;
        if (shrink->pass == BL__SHRINK_DONE) return false;
    }
    shrink->runs++;
    return true;
}

/* Where to go on behind a trial that was no good. */
static void step(struct bl__shrink *shrink) {
    switch (shrink->pass) {
    case BL__SHRINK_CUT: shrink->low = shrink->trial_count; return;
    case BL__SHRINK_ZERO: {
        size_t left = shrink->width;
        while (shrink->at < shrink->best_count && left > 0) {
            if (shrink->best[shrink->at++].picked != 0) left--;
        }
        return;
    }
    case BL__SHRINK_LOWER:
        if (shrink->low == 0 && shrink->best[shrink->at].picked > 3) {
            shrink->low = 1;
            return;
        }
        shrink->low = 0;
        shrink->at++;
        return;
    case BL__SHRINK_DONE: return;
    }
}

void bl__shrink_judge(struct bl__shrink *shrink, bool fails_alike,
                      const struct bl__test_choice *choices, size_t count) {
    if (!fails_alike) {
        step(shrink);
        return;
    }
    /* What the trial asked for beyond it was the first choice. */
    if (count > shrink->trial_count) count = shrink->trial_count;
    set_best(shrink, choices, count);
    if (shrink->pass != BL__SHRINK_CUT) shrink->has_improved = true;
}

size_t bl__shrink_left(const struct bl__shrink *shrink) {
    return count_unusual(shrink->best, shrink->best_count);
}

void bl__shrink_done(struct bl__shrink *shrink) {
    free(shrink->best);
    free(shrink->trial);
    *shrink = (struct bl__shrink){ .pass = BL__SHRINK_DONE };
}
