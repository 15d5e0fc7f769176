/* SPDX-License-Identifier: MIT */
/*
 * test/run/series.c - one case on its way through its jobs
 *
 * The plain run comes first, then one to compare it with, then other orders,
 * then sweeps, until one of them fails.  The order of a failing run is made
 * simpler before it is shown.
 *
 *     plain -- again -- input, ... -- order, ... -- cancel -- oom -- io
 *                          |             |
 *                          +-------------+-- fails: shrink, shrink, ...
 */
#include "test/run/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/explore/replay.h"
#include "test/host.h"

enum {
    INPUTS_DEFAULT = 100, /* that are made, of one FUZZ test */
    SWEEP_MAX = 5000,     /* points of one kind, of one test */
    DFS_DEFAULT = 10000,  /* orders, if the command line does not say */
    DETAILS_BYTES = 2000, /* of a difference */
    TRIAL_SLOWNESS = 20   /* a trial may take so much longer */
};

/* A trial that is as good as hanging is no good. */
#define TRIAL_LIMIT_MIN BL_MS(500)

/* ---- other orders -------------------------------------------------------- */

/* How many other orders the case is run in. */
static uint64_t orders_of(const struct bl__series *series) {
    const struct bl__test_settings *settings = series->settings;
    const bl_test_options *own = &series->job.test_case->test->options;
    uint64_t count = settings->schedules;
    unsigned own_count = bl__host_share(own->schedules);
    if (own->no_loop) return 0;
    if (own_count > count) count = own_count;
    if (count > 0) return count;
    if (settings->explore_time > 0) return UINT64_MAX;
    return settings->schedule == BL__SCHEDULE_DFS ? DFS_DEFAULT : 0;
}

/* The order of runs that are not to try another one. */
static void set_plain_order(const struct bl__series *series,
                            struct bl__schedule *order) {
    const struct bl__test_settings *settings = series->settings;
    *order = (struct bl__schedule){
        .seed = settings->seed,
        .depth = settings->depth,
        .is_noted = orders_of(series) > 0,
    };
    /* The search begins with first choices, as production does. */
    if (settings->schedule != BL__SCHEDULE_DFS)
        order->kind = settings->schedule;
}

static bool is_search(const struct bl__series *series) {
    return series->settings->schedule == BL__SCHEDULE_DFS;
}

/* Where DFS goes on after the run in `record`.  False at the end. */
static bool search_on(struct bl__series *series,
                      const struct bl__test_record *record) {
    free(series->choices);
    series->choice_count = record->choice_count;
    series->choices =
        bl__host_alloc(series->choice_count * sizeof *series->choices);
    memcpy(series->choices, record->choices,
           series->choice_count * sizeof *series->choices);
    return bl__dfs_next(series->choices, &series->choice_count,
                        series->settings->depth);
}

static bool is_time_over(const struct bl__series *series) {
    bl_ns limit = series->settings->explore_time;
    return limit > 0 && bl__host_now() - series->began > limit;
}

/* Makes the job that tries order `number`, from 0.  False if there is none. */
static bool begin_order(struct bl__series *series, uint64_t number,
                        const struct bl__test_record *record) {
    const struct bl__test_settings *settings = series->settings;
    if (number >= orders_of(series)) return false;
    if (is_time_over(series)) return false;
    if (record->step_count > series->steps) series->steps = record->step_count;
    series->job.mode = BL__JOB_SEED;
    series->job.number = number;
    series->job.schedule = (struct bl__schedule){
        .kind = BL__SCHEDULE_RANDOM,
        .depth = settings->depth,
        .seed = settings->seed + number,
        .steps = series->steps,
    };
    if (settings->schedule == BL__SCHEDULE_PCT) {
        series->job.schedule.kind = BL__SCHEDULE_PCT;
    }
    if (!is_search(series)) return true;
    if (!search_on(series, record)) return false;
    series->job.schedule.kind = BL__SCHEDULE_DFS;
    series->job.schedule.seed = settings->seed;
    series->job.schedule.choices = series->choices;
    series->job.schedule.choice_count = series->choice_count;
    return true;
}

/* ---- which job is next --------------------------------------------------- */

static unsigned sweep_of(const struct bl__series *series) {
    return series->job.test_case->test->options.sweep | series->settings->sweep;
}

static bool begin_mode(struct bl__series *series, enum bl__test_mode mode,
                       uint64_t number) {
    series->job.mode = mode;
    series->job.number = number;
    series->job.way = 0;
    series->job.is_traced = false;
    set_plain_order(series, &series->job.schedule);
    if (mode >= BL__JOB_CANCEL) series->job.schedule.kind = BL__SCHEDULE_FIFO;
    return true;
}

/* ---- inputs -------------------------------------------------------------- */

static uint64_t inputs_of(const struct bl__series *series) {
    const bl_test_options *own = &series->job.test_case->test->options;
    if (series->settings->fuzz_time > 0) return UINT64_MAX;
    unsigned made = own->inputs > 0 ? own->inputs : INPUTS_DEFAULT;
    return series->corpus.count + made;
}

static void set_input(struct bl__series *series,
                      const struct bl__input *input) {
    series->job.schedule.kind = BL__SCHEDULE_BYTES;
    series->job.schedule.bytes = input->bytes;
    series->job.schedule.byte_count = input->count;
}

/* Makes the job with input `number`, from 0.  False if there is none. */
static bool begin_input(struct bl__series *series, uint64_t number) {
    const struct bl__test *test = series->job.test_case->test;
    bl_ns limit = series->settings->fuzz_time;
    if (!test->is_fuzz) return false;
    if (number == 0) bl__corpus_load(&series->corpus, test);
    if (number >= inputs_of(series)) return false;
    if (limit > 0 && bl__host_now() - series->began > limit) return false;
    begin_mode(series, BL__JOB_INPUT, number);
    bl__input_done(&series->input);
    series->input =
        bl__input_make(&series->corpus, series->settings->seed, number);
    set_input(series, &series->input);
    return true;
}

/* ---- the next mode ------------------------------------------------------- */

/* Moves on to the first job of a mode after `mode` that the case has. */
static bool next_mode(struct bl__series *series, enum bl__test_mode mode,
                      const struct bl__test_record *record) {
    unsigned sweep = sweep_of(series);
    if (series->settings->is_once) return false;
    if (series->job.test_case->test->options.no_loop) {
        sweep &= BL_TEST_SWEEP_OOM;
    }
    if (mode < BL__JOB_AGAIN && series->job.is_traced) {
        begin_mode(series, BL__JOB_AGAIN, 0);
        return series->job.is_traced = true;
    }
    series->job.is_traced = false;
    if (mode < BL__JOB_INPUT && begin_input(series, 0)) return true;
    if (mode < BL__JOB_SEED && begin_order(series, 0, record)) return true;
    if (mode < BL__JOB_CANCEL && (sweep & BL_TEST_SWEEP_CANCEL) != 0) {
        return begin_mode(series, BL__JOB_CANCEL, 1);
    }
    if (mode < BL__JOB_OOM && (sweep & BL_TEST_SWEEP_OOM) != 0) {
        return begin_mode(series, BL__JOB_OOM, 1);
    }
    if (mode == BL__JOB_OOM) return begin_mode(series, BL__JOB_OOM_FROM, 1);
    if (mode < BL__JOB_IO && (sweep & BL_TEST_SWEEP_IO) != 0) {
        return begin_mode(series, BL__JOB_IO, 1);
    }
    return false;
}

/* The next way in which the same call can fail, or the next call. */
static bool next_io(struct bl__series *series,
                    const struct bl__test_record *record) {
    unsigned way = series->job.way + 1;
    if (way >= record->way_count) {
        return begin_mode(series, BL__JOB_IO, series->job.number + 1);
    }
    series->job.way = way;
    return true;
}

/* After a job that passed: the next one, or false at the end. */
static bool next_job(struct bl__series *series,
                     const struct bl__test_record *record) {
    enum bl__test_mode mode = series->job.mode;
    uint64_t number = series->job.number + 1;
    bool goes_on = record->has_hit && number <= SWEEP_MAX;
    switch (mode) {
    case BL__JOB_INPUT:
        if (begin_input(series, number)) return true;
        break;
    case BL__JOB_SEED:
        if (begin_order(series, number, record)) return true;
        break;
    case BL__JOB_CANCEL:
    case BL__JOB_OOM:
    case BL__JOB_OOM_FROM:
        if (goes_on) return begin_mode(series, mode, number);
        break;
    case BL__JOB_IO:
        if (goes_on) return next_io(series, record);
        break;
    default: break;
    }
    return next_mode(series, mode, record);
}

/* ---- the end ------------------------------------------------------------- */

static char *describe_order(const struct bl__series *series) {
    static const char *const names[BL__SCHEDULE_KINDS] = {
        [BL__SCHEDULE_RANDOM] = "random",
        [BL__SCHEDULE_PCT] = "pct",
        [BL__SCHEDULE_DFS] = "dfs",
    };
    const struct bl__test_job *job = &series->failed;
    return bl__host_format(
        "schedule %llu (%s, seed %llu)", (unsigned long long)job->number + 1,
        names[job->schedule.kind], (unsigned long long)job->schedule.seed);
}

static char *describe_job(const struct bl__series *series,
                          const struct bl__test_record *record) {
    unsigned long long number = series->job.number;
    switch (series->job.mode) {
    case BL__JOB_AGAIN:
        return bl__host_format("comparing two runs with the same seed");
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
    case BL__JOB_IO:
        return bl__host_format("the I/O sweep at injection point %llu: %s",
                               number, record->injected);
    default: return bl__host_format("%s", "");
    }
}

static void finish(struct bl__series *series) {
    struct bl__result *result = &series->result;
    bl__result_close(result, series->job.test_case);
    result->real_ns = bl__host_now() - series->began;
    result->runs = series->runs;
    result->virtual_ns = series->virtual_ns;
    memcpy(result->runs_of, series->runs_of, sizeof result->runs_of);
    bl__shrink_done(&series->shrink);
    bl__input_shrink_done(&series->input_shrink);
    bl__input_done(&series->input);
    bl__corpus_done(&series->corpus);
    free(series->trace.steps);
    free(series->choices);
    series->trace.steps = NULL;
    series->choices = NULL;
}

/* ---- shrinking ----------------------------------------------------------- */

static bool end_shrinking(struct bl__series *series, const char *remark) {
    struct bl__shrink *shrink = &series->shrink;
    char *order = describe_order(series);
    size_t left = bl__shrink_left(shrink);
    bl__result_explain(
        &series->result,
        bl__host_format("%s; shrunk to %zu %s not the first, in %u runs%s",
                        order, left,
                        left == 1 ? "choice that is" : "choices that are",
                        shrink->runs, remark),
        bl__replay_format(&series->failed, shrink->best, shrink->best_count));
    free(order);
    finish(series);
    return false;
}

static void set_trial(struct bl__series *series,
                      const struct bl__test_choice *choices, size_t count) {
    series->job.schedule.kind = BL__SCHEDULE_NOTED;
    series->job.schedule.choices = choices;
    series->job.schedule.choice_count = count;
}

/* The next trial; the last one is what comes out, once more. */
static bool shrink_on(struct bl__series *series) {
    struct bl__shrink *shrink = &series->shrink;
    if (bl__shrink_next(shrink, bl__host_now())) {
        set_trial(series, shrink->trial, shrink->trial_count);
    } else {
        series->is_confirming = true;
        set_trial(series, shrink->best, shrink->best_count);
    }
    return true;
}

/* ---- shrinking an input -------------------------------------------------- */

static bool end_input(struct bl__series *series, const char *remark) {
    const struct bl__input *best = &series->input_shrink.best;
    set_input(series, best);
    series->is_shrinking = false;
    bl__result_explain(
        &series->result,
        bl__host_format("input %llu (seed %llu); shrunk to %zu bytes in %u "
                        "runs%s",
                        (unsigned long long)series->job.number + 1,
                        (unsigned long long)series->job.seed, best->count,
                        series->input_shrink.runs, remark),
        bl__replay_format(&series->job, NULL, 0));
    finish(series);
    return false;
}

static bool shrink_input_on(struct bl__series *series) {
    struct bl__input_shrink *shrink = &series->input_shrink;
    series->is_confirming = !bl__input_shrink_next(shrink);
    set_input(series, series->is_confirming ? &shrink->best : &shrink->trial);
    return true;
}

static bool after_input(struct bl__series *series, struct bl__worker *worker,
                        bool fails_alike) {
    if (!series->is_confirming) {
        bl__input_shrink_judge(&series->input_shrink, fails_alike);
        return shrink_input_on(series);
    }
    if (!fails_alike) return end_input(series, "; it does not fail each time");
    bl__result_done(&series->result);
    bl__result_take(&series->result, worker);
    return end_input(series, "");
}

/* ---- after a failure ----------------------------------------------------- */

static bool start_shrinking(struct bl__series *series,
                            const struct bl__worker *worker) {
    const struct bl__test_record *record = worker->record;
    bl_ns limit = (bl__host_now() - worker->began) * TRIAL_SLOWNESS;
    bool hangs = atomic_load(&record->is_watchdogged);
    series->is_shrinking = true;
    snprintf(series->culprit, sizeof series->culprit, "%s", record->culprit);
    series->job.limit = limit > TRIAL_LIMIT_MIN ? limit : TRIAL_LIMIT_MIN;
    /* Where it hangs, each trial would take all of its time. */
    if (series->job.mode == BL__JOB_INPUT) {
        bl__input_shrink_begin(&series->input_shrink, &series->input);
        if (hangs) return end_input(series, "; it hangs");
        return shrink_input_on(series);
    }
    series->job.mode = BL__JOB_SEED;
    bl__shrink_begin(&series->shrink, record->choices, record->choice_count);
    if (hangs) return end_shrinking(series, "; it hangs");
    return shrink_on(series);
}

/* What is shown is the simplest run, not the first. */
static bool after_trial(struct bl__series *series, struct bl__worker *worker) {
    const struct bl__test_record *record = worker->record;
    bool fails_alike = worker->verdict == series->result.verdict &&
                       strcmp(record->culprit, series->culprit) == 0;
    series->runs++;
    if (series->job.mode == BL__JOB_INPUT) {
        return after_input(series, worker, fails_alike);
    }
    if (!series->is_confirming) {
        bl__shrink_judge(&series->shrink, fails_alike, record->choices,
                         record->choice_count);
        return shrink_on(series);
    }
    if (!fails_alike) {
        return end_shrinking(series, "; it does not fail each time");
    }
    bl__result_done(&series->result);
    bl__result_take(&series->result, worker);
    return end_shrinking(series, "");
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
                                      .seed = settings->seed };
    begin(series, settings, &job);
    begin_mode(series, BL__JOB_PLAIN, 0);
    series->job.is_traced =
        settings->checks_determinism && !test_case->test->options.no_loop;
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
                        "other choices than the token has, and went on with "
                        "the first\n");
    }
    bl__result_take(&series->result, worker);
    finish(series);
    return false;
}

/* Whether the second run did what the first had done; says so if not. */
static void compare_runs(struct bl__series *series, struct bl__worker *worker) {
    char details[DETAILS_BYTES];
    char summary[160];
    struct bl__text text = bl__text_in(details, sizeof details);
    uint64_t number = bl__trace_compare(&series->trace, worker->record);
    if (number == 0) return;
    bl__trace_describe(&text, &series->trace, worker->record, number);
    snprintf(summary, sizeof summary,
             "NOT REPEATABLE: two runs of the test part at step %llu",
             (unsigned long long)number);
    bl__worker_blame(worker, summary);
    bl__worker_detail(worker, details);
    worker->verdict = BL__VERDICT_FAILED;
}

static bool has_passed(const struct bl__series *series,
                       const struct bl__worker *worker) {
    if (worker->verdict == BL__VERDICT_PASSED) return true;
    return series->job.mode != BL__JOB_PLAIN &&
           worker->verdict == BL__VERDICT_SKIPPED;
}

/* Whether the run was in an order that production does not have. */
static bool is_in_order(const struct bl__series *series) {
    return series->job.schedule.kind != BL__SCHEDULE_FIFO;
}

static void explain(struct bl__series *series,
                    const struct bl__test_record *record) {
    series->job.error = record->injected_error;
    char *found_by = is_in_order(series) ? describe_order(series)
                                         : describe_job(series, record);
    bl__result_explain(&series->result, found_by,
                       bl__replay_format(&series->job, NULL, 0));
}

/* A job has failed, or the case is over. */
static bool conclude(struct bl__series *series, struct bl__worker *worker) {
    bool is_good = has_passed(series, worker);
    bl__result_take(&series->result, worker);
    series->failed = series->job;
    if (is_good) {
        series->result.verdict = BL__VERDICT_PASSED;
    } else if (bl__verdict_is_bad(worker->verdict)) {
        bool can_shrink = is_in_order(series) &&
                          series->job.mode != BL__JOB_AGAIN &&
                          !worker->record->choices_are_cut;
        if (can_shrink) return start_shrinking(series, worker);
        explain(series, worker->record);
    }
    finish(series);
    return false;
}

/* What is told of runs that have passed, too. */
static void note_run(struct bl__series *series,
                     const struct bl__test_record *record) {
    const bl_test_options *options = &series->job.test_case->test->options;
    bool is_real = options->clock == BL_TEST_CLOCK_REAL ||
                   series->settings->clock == BL_TEST_CLOCK_REAL;
    bool is_plain = series->job.mode == BL__JOB_PLAIN;
    if (is_plain && !is_real) series->virtual_ns = record->virtual_ns;
    bool tries =
        series->job.mode == BL__JOB_SEED || series->job.mode == BL__JOB_INPUT;
    if (tries || record->has_hit) {
        series->runs_of[series->job.mode]++;
    }
}

bool bl__series_next(struct bl__series *series, struct bl__worker *worker) {
    if (!series->is_shrinking) note_run(series, worker->record);
    if (series->is_single) return end_replay(series, worker);
    if (series->is_shrinking) return after_trial(series, worker);
    if (series->job.mode != BL__JOB_PLAIN) series->runs++;
    if (series->job.mode == BL__JOB_PLAIN && series->job.is_traced) {
        series->trace = bl__trace_take(worker->record);
    }
    if (series->job.mode == BL__JOB_AGAIN && has_passed(series, worker)) {
        compare_runs(series, worker);
    }
    if (has_passed(series, worker) && next_job(series, worker->record)) {
        return true;
    }
    return conclude(series, worker);
}
