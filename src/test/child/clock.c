/* SPDX-License-Identifier: MIT */
/*
 * test/child/clock.c - waiting for things in tests: settle, eventually, within,
 * takes
 *
 * Nothing here polls by the real clock.  A condition is looked at when all
 * other tasks have settled, and then again after each step of the loop's clock:
 * a step goes to the next timer, which is the next moment at which anything
 * can happen.  While something outside the loop is being waited for, which has
 * no time of its own, steps are short: a millisecond, then an eighth of what
 * has passed, so that a long limit does not take many of them.
 */
#include <belay/test.h>

#include <stdio.h>

#include "test/case.h"
#include "test/child/clock.h"
#include "test/child/unwind.h"
#include "test/child/watch.h"
#include "test/record.h"

enum {
    STEP_NEW,
    STEP_INSIDE,
    STEP_LEFT
};

#define OUTSIDE_STEP BL_MS(1)

/* After a failure: ends the task, if that is what was asked for. */
static void judge(const struct bl__test_place *place) {
    if (place->severity == BL__TEST_REQUIRE) bl__unwind_failed();
}

/* ---- letting time pass --------------------------------------------------- */

void bl__test_settle(void) {
    BL_IGNORE(bl_settle()); /* cancelled: the next wait will say so */
}

static bool is_manual(void) {
    return bl__test_job->test_case->test->options.clock == BL_TEST_CLOCK_MANUAL;
}

/* Moves the clock to `when`, with whatever it is. */
static int move_to(bl_ns when) {
    if (!is_manual()) return bl_sleep_until(when);
    if (when < bl_now()) when = bl_now();
    int rc = bl_loop_advance(bl_loop_running(), when - bl_now());
    if (rc < 0) return rc;
    return bl_yield();
}

bool bl__clock_settle_manual(void) {
    return is_manual() && bl_settle() == 0;
}

bool bl__clock_step_manual(void) {
    if (!is_manual()) return false;
    bl_ns next = bl_loop_next_timer(bl_loop_running());
    return next != BL_FOREVER && move_to(next) == 0;
}

static bool waits_for_outside(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.watches > 0 || info.thread_jobs > 0 || info.handles > 0;
}

/* The next timer, but not after `limit`. */
static bl_ns next_timer(bl_ns limit) {
    bl_ns next = bl_loop_next_timer(bl_loop_running());
    if (next < bl_now()) next = bl_now();
    return next < limit ? next : limit;
}

void bl__test_advance(bl_ns duration) {
    bl_ns ends = bl_ns_add(bl_now(), duration);
    int rc = bl_settle();
    while (rc == 0 && bl_now() < ends) {
        rc = move_to(next_timer(ends));
        if (rc == 0) rc = bl_settle();
    }
}

/* ---- EVENTUALLY and NEVER ------------------------------------------------ */

struct bl__test_watch bl__test_watch_begin(const struct bl__test_place *place,
                                           bl_ns limit) {
    struct bl__test_watch watch = {
        .place = place,
        .began = bl_now(),
        .ends = bl_ns_add(bl_now(), limit),
        .limit = limit,
    };
    watch.is_over = bl_settle() < 0;
    return watch;
}

/* The next moment at which something may have happened. */
static bl_ns next_moment(const struct bl__test_watch *watch) {
    bl_ns next = next_timer(watch->ends);
    if (!waits_for_outside()) return next;
    bl_ns step = (bl_now() - watch->began) / 8;
    if (step < OUTSIDE_STEP) step = OUTSIDE_STEP;
    bl_ns soon = bl_ns_add(bl_now(), step);
    return soon < next ? soon : next;
}

bool bl__test_watch_next(struct bl__test_watch *watch) {
    watch->looks++;
    if (watch->is_over) return false;
    if (bl_now() >= watch->ends) return false;
    int rc = move_to(next_moment(watch));
    if (rc == 0) rc = bl_settle();
    if (rc < 0) watch->is_over = true;
    return true;
}

/* "looked at 3 times in 10 s", and why no longer. */
static void add_looks(struct bl__text *text, const struct bl__test_watch *watch,
                      bool seen) {
    bl__text_add(text, "looked at %llu times in ",
                 (unsigned long long)watch->looks + (seen ? 1 : 0));
    bl__text_add_duration(text, bl_now() - watch->began);
    if (watch->is_over) bl__text_add(text, "; the test was cancelled");
    bl__text_add(text, "\n");
}

bool bl__test_watch_end(struct bl__test_watch *watch, bool wanted, bool seen) {
    const struct bl__test_place *place = watch->place;
    char summary_text[400];
    char details_text[200];
    struct bl__text summary = bl__text_in(summary_text, sizeof summary_text);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    if (seen == wanted) return true;

    bl__text_add(&summary, "%s(%s, %s): %s", place->macro, place->left,
                 place->right, wanted ? "it did not" : "it did");
    add_looks(&details, watch, seen);
    bl__record_failure(place, summary.data, details.data);
    judge(place);
    return false;
}

bool bl__test_watch_end_equal(struct bl__test_watch *watch,
                              struct bl__test_value left,
                              struct bl__test_value right) {
    const struct bl__test_place *place = watch->place;
    char summary_text[400];
    char details_text[200];
    struct bl__text summary = bl__text_in(summary_text, sizeof summary_text);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    if (bl__test_are_equal(left, right)) return true;

    bl__text_add(&summary, "%s(%s, %s): in the end ", place->macro, place->left,
                 place->right);
    bl__test_add_value(&summary, &left);
    bl__text_add(&summary, " vs ");
    bl__test_add_value(&summary, &right);
    add_looks(&details, watch, false);
    bl__record_failure(place, summary.data, details.data);
    judge(place);
    return false;
}

bool bl__test_wait_until(const struct bl__test_place *place, bl_ns limit,
                         bool (*fn)(void *context), void *context) {
    struct bl__test_watch watch = bl__test_watch_begin(place, limit);
    bool seen;
    do
        seen = fn(context);
    while (!seen && bl__test_watch_next(&watch));
    return seen;
}

void bl__test_not_come(const struct bl__test_place *place,
                       const char *details) {
    char summary[400];
    snprintf(summary, sizeof summary, "%s(%s, %s): it did not come",
             place->macro, place->left, place->right);
    bl__record_failure(place, summary, details);
    bl__unwind_failed();
}

/* ---- WITHIN -------------------------------------------------------------- */

bool bl__test_within_next(struct bl__test_block *block,
                          const struct bl__test_place *place, bl_ns limit) {
    if (block->step == STEP_INSIDE) {
        bl__test_within_leave(block);
        return false;
    }
    block->place = place;
    block->step = STEP_INSIDE;
    bl_scope_enter_move_on(&block->scope, limit);
    return true;
}

void bl__test_within_leave(struct bl__test_block *block) {
    char summary[400];
    struct bl__text text = bl__text_in(summary, sizeof summary);
    if (block->step != STEP_INSIDE) return;
    block->step = STEP_LEFT;
    bl_scope_exit(&block->scope, 0);
    if (!bl_scope_is_expired(&block->scope)) return;
    bl__text_add(&text, "WITHIN(%s): the block was not done in time",
                 block->place->left);
    bl__record_failure(block->place, summary, "");
}

/* ---- TAKES --------------------------------------------------------------- */

bool bl__test_takes_next(struct bl__test_block *block,
                         const struct bl__test_place *place, bl_ns duration) {
    if (block->step == STEP_NEW) {
        block->step = STEP_INSIDE;
        block->began = bl_now();
        return true;
    }
    char summary[400];
    char details[100];
    bl_ns taken = bl_now() - block->began;
    bool is_real =
        bl__test_job->test_case->test->options.clock == BL_TEST_CLOCK_REAL;
    if (taken == duration || (is_real && taken > duration)) return false;

    struct bl__text text = bl__text_in(summary, sizeof summary);
    bl__text_add(&text, "TAKES(%s): it took ", place->left);
    bl__text_add_duration(&text, taken);
    text = bl__text_in(details, sizeof details);
    bl__text_add(&text, "expected ");
    bl__text_add_duration(&text, duration);
    bl__record_failure(place, summary, details);
    return false;
}
