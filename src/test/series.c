/* SPDX-License-Identifier: MIT */
/*
 * test/series.c - one case on its way through its jobs
 *
 * The plain run comes first, then shuffled schedules, then sweeps, until one
 * of them fails.  A failing schedule is shrunk before it is shown.
 */
#include "test/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/replay.h"

enum {
    SWEEP_MAX = 5000, /* points of one kind, of one test */
    SHRINK_MAX = 200  /* runs to make a failing schedule simpler */
};

/* ---- which job is next --------------------------------------------------- */

static unsigned schedules_of(const struct bl__series *series) {
    unsigned own =
        bl__host_share(series->job.test_case->test->options.schedules);
    unsigned asked = series->settings->schedules;
    return own > asked ? own : asked;
}

static unsigned sweep_of(const struct bl__series *series) {
    return series->job.test_case->test->options.sweep | series->settings->sweep;
}

static bool begin_mode(struct bl__series *series, enum bl__test_mode mode,
                       uint64_t number) {
    series->job.mode = mode;
    series->job.number = number;
    return true;
}

/* Moves on to the first job of a mode after `mode` that the case has. */
static bool next_mode(struct bl__series *series, enum bl__test_mode mode) {
    unsigned sweep = sweep_of(series);
    bool has_loop = !series->job.test_case->test->options.no_loop;
    if (mode < BL__JOB_SEED && has_loop && schedules_of(series) > 0) {
        return begin_mode(series, BL__JOB_SEED, series->settings->seed);
    }
    if (mode < BL__JOB_CANCEL && has_loop &&
        (sweep & BL_TEST_SWEEP_CANCEL) != 0) {
        return begin_mode(series, BL__JOB_CANCEL, 1);
    }
    if (mode < BL__JOB_OOM && (sweep & BL_TEST_SWEEP_OOM) != 0) {
        return begin_mode(series, BL__JOB_OOM, 1);
    }
    if (mode == BL__JOB_OOM) return begin_mode(series, BL__JOB_OOM_FROM, 1);
    return false;
}

/* After a job that passed: the next one, or false at the end. */
static bool next_job(struct bl__series *series,
                     const struct bl__test_record *record) {
    uint64_t number = series->job.number + 1;
    switch (series->job.mode) {
    case BL__JOB_PLAIN: return next_mode(series, BL__JOB_PLAIN);
    case BL__JOB_SEED:
        if (number - series->settings->seed < schedules_of(series)) {
            return begin_mode(series, BL__JOB_SEED, number);
        }
        return next_mode(series, BL__JOB_SEED);
    case BL__JOB_CANCEL:
    case BL__JOB_OOM:
    case BL__JOB_OOM_FROM:
        if (record->has_hit && number <= SWEEP_MAX) {
            return begin_mode(series, series->job.mode, number);
        }
        return next_mode(series, series->job.mode);
    default: return false;
    }
}

/* ---- the end ------------------------------------------------------------- */

static char *describe_job(const struct bl__series *series) {
    unsigned long long number = series->job.number;
    switch (series->job.mode) {
    case BL__JOB_SEED:
        return bl__host_format("the schedule of seed %llu; %zu choices that "
                               "are not the default",
                               number, series->choice_count);
    case BL__JOB_CANCEL:
        return bl__host_format("the cancellation sweep at injection point %llu",
                               number);
    case BL__JOB_OOM:
        return bl__host_format("the allocation sweep at injection point %llu",
                               number);
    case BL__JOB_OOM_FROM:
        return bl__host_format("the allocation sweep, all from injection point "
                               "%llu on",
                               number);
    default: return bl__host_format("%s", "");
    }
}

static bool finish(struct bl__series *series) {
    struct bl__result *result = &series->result;
    bool is_bad = bl__verdict_is_bad(result->verdict);
    if (is_bad && result->found_by[0] == '\0') {
        bl__result_explain(result, describe_job(series),
                           bl__replay_format(&series->job, series->choices,
                                             series->choice_count));
    }
    bl__result_close(result, series->job.test_case);
    result->real_ns = bl__host_now() - series->began;
    result->runs = series->runs;
    result->virtual_ns = series->virtual_ns;
    memcpy(result->runs_of, series->runs_of, sizeof result->runs_of);
    free(series->choices);
    free(series->trial);
    series->choices = NULL;
    series->trial = NULL;
    return false;
}

/* ---- shrinking ----------------------------------------------------------- */

static bool is_same_failure(const struct bl__series *series,
                            const struct bl__worker *worker,
                            const char *culprit) {
    return worker->verdict == series->result.verdict &&
           strcmp(worker->record->culprit, culprit) == 0;
}

/*
 * The next simpler schedule: one choice after the other set back to the
 * default.
 */
static bool next_trial(struct bl__series *series) {
    if (series->shrinks_left == 0) return false;
    series->shrinks_left--;
    memcpy(series->trial, series->choices,
           series->choice_count * sizeof *series->trial);
    while (series->shrink_at < series->choice_count &&
           series->choices[series->shrink_at].picked == 0) {
        series->shrink_at++;
    }
    if (series->shrink_at >= series->choice_count) return false;
    series->trial_count = series->choice_count;
    series->trial[series->shrink_at].picked = 0;
    return true;
}

static void end_shrinking(struct bl__series *series) {
    size_t changed = 0;
    for (size_t i = 0; i < series->choice_count; i++) {
        if (series->choices[i].picked != 0) changed++;
    }
    series->is_shrinking = false;
    series->job.mode = BL__JOB_SEED;
    bl__result_explain(
        &series->result,
        bl__host_format("the schedule of seed %llu; shrunk to %zu choices that "
                        "are not the default, in %u runs",
                        (unsigned long long)series->job.number, changed,
                        SHRINK_MAX - series->shrinks_left),
        bl__replay_format(&series->job, series->choices, series->choice_count));
}

static bool shrink_on(struct bl__series *series) {
    if (!next_trial(series)) {
        end_shrinking(series);
        return finish(series);
    }
    series->job.mode = BL__JOB_REPLAY;
    series->job.choices = series->trial;
    series->job.choice_count = series->trial_count;
    return true;
}

static void start_shrinking(struct bl__series *series,
                            const struct bl__test_record *record) {
    size_t count = record->choice_count;
    series->choices = bl__host_alloc(count * sizeof *series->choices);
    series->trial = bl__host_alloc(count * sizeof *series->trial);
    memcpy(series->choices, record->choices, count * sizeof *series->choices);
    series->choice_count = count;
    series->shrink_at = 0;
    series->shrinks_left = SHRINK_MAX;
    series->is_shrinking = true;
}

static bool after_trial(struct bl__series *series,
                        const struct bl__worker *worker) {
    series->runs++;
    if (is_same_failure(series, worker, worker->record->culprit)) {
        memcpy(series->choices, series->trial,
               series->trial_count * sizeof *series->choices);
        series->choice_count = series->trial_count;
    }
    series->shrink_at++;
    return shrink_on(series);
}

/* ---- the whole ----------------------------------------------------------- */

/* The result of a case that is not run at all.  False if it is run. */
static bool skip(struct bl__series *series) {
    const struct bl__test_case *test_case = series->job.test_case;
    const char *why = test_case->skip;
    enum bl__verdict verdict = BL__VERDICT_SKIPPED;
    if (test_case->error != NULL) {
        why = test_case->error;
        verdict = BL__VERDICT_BROKEN;
    }
    if (why == NULL) return false;
    bl__result_make(&series->result, verdict, why);
    finish(series);
    return true;
}

static void begin(struct bl__series *series,
                  const struct bl__test_settings *settings,
                  const struct bl__test_job *job) {
    *series = (struct bl__series){
        .settings = settings,
        .job = *job,
        .began = bl__host_now(),
    };
}

bool bl__series_begin(struct bl__series *series,
                      const struct bl__test_settings *settings,
                      const struct bl__test_case *test_case) {
    const struct bl__test_job job = { .test_case = test_case,
                                      .mode = BL__JOB_PLAIN };
    begin(series, settings, &job);
    return !skip(series);
}

void bl__series_refuse(struct bl__series *series, const char *why) {
    bl__result_make(&series->result, BL__VERDICT_BROKEN, why);
    finish(series);
}

bool bl__series_begin_replay(struct bl__series *series,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job) {
    begin(series, settings, job);
    series->is_single = true;
    return true;
}

static bool end_replay(struct bl__series *series, struct bl__worker *worker) {
    if (worker->record->choices_differ) {
        fprintf(stderr, "belay-test: the test has changed since: it asked for "
                        "other choices than the token has\n");
    }
    bl__result_take(&series->result, worker);
    return finish(series);
}

/* What is told of runs that have passed, too. */
static void note_run(struct bl__series *series,
                     const struct bl__test_record *record) {
    const bl_test_options *options = &series->job.test_case->test->options;
    bool is_real = options->clock == BL_TEST_CLOCK_REAL ||
                   series->settings->clock == BL_TEST_CLOCK_REAL;
    if (series->runs == 0 && !is_real) series->virtual_ns = record->virtual_ns;
    if (series->job.mode == BL__JOB_SEED || record->has_hit) {
        series->runs_of[series->job.mode]++;
    }
}

bool bl__series_next(struct bl__series *series, struct bl__worker *worker) {
    if (!series->is_shrinking) note_run(series, worker->record);
    if (series->is_single) return end_replay(series, worker);
    if (series->is_shrinking) return after_trial(series, worker);
    bool is_plain = series->job.mode == BL__JOB_PLAIN;
    if (!is_plain) series->runs++;
    bool has_passed = worker->verdict == BL__VERDICT_PASSED ||
                      (!is_plain && worker->verdict == BL__VERDICT_SKIPPED);
    if (has_passed && next_job(series, worker->record)) return true;

    bl__result_take(&series->result, worker);
    if (has_passed) {
        series->result.verdict = BL__VERDICT_PASSED;
    } else if (series->job.mode == BL__JOB_SEED &&
               !worker->record->choices_are_cut) {
        start_shrinking(series, worker->record);
        return shrink_on(series);
    }
    return finish(series);
}
