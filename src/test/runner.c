/* SPDX-License-Identifier: MIT */
/*
 * test/runner.c - from a command line to an exit status
 *
 * Each selected case goes through its jobs, one after the other: the plain
 * run, then shuffled schedules, then sweeps, until one of them fails.  Several
 * cases run side by side, one per slot.  A failing schedule is shrunk before
 * it is shown.
 *
 * Invariant: a slot with a process has a case; a case is reported once.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/case.h"
#include "test/child.h"
#include "test/crash.h"
#include "test/host.h"
#include "test/match.h"
#include "test/memory.h"
#include "test/options.h"
#include "test/report.h"
#include "test/schedule.h"
#include "test/worker.h"

enum {
    SWEEP_MAX = 5000, /* points of one kind, of one test */
    SHRINK_MAX = 200, /* runs to make a failing schedule simpler */
    WORKERS_MAX = 64
};

/* One case on its way through its jobs. */
struct slot {
    struct bl__worker worker;
    size_t case_index;
    bool is_busy;
    bl_ns began;
    unsigned runs; /* beside the plain one */
    struct bl__test_job job;
    unsigned shrinks_left;
    struct bl__test_choice *choices; /* the simplest failing schedule */
    size_t choice_count;
    struct bl__test_choice *trial; /* the one that is being tried */
    size_t trial_count;
    size_t shrink_at;
    bool is_shrinking;
    struct bl__result result; /* of the failing run */
};

struct runner {
    struct bl__test_settings settings;
    struct bl__test_cases cases;
    size_t *selected;
    size_t selected_count;
    size_t next;
    size_t done;
    struct slot *slots;
    int slot_count;
    struct bl__result *results; /* by number of the case */
    struct bl__tally tally;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- the jobs of a case -------------------------------------------------- */

static unsigned schedules_of(const struct runner *runner,
                             const struct bl__test_case *test_case) {
    unsigned own = test_case->test->options.schedules;
    unsigned asked = runner->settings.schedules;
    return own > asked ? own : asked;
}

static unsigned sweep_of(const struct runner *runner,
                         const struct bl__test_case *test_case) {
    return test_case->test->options.sweep | runner->settings.sweep;
}

static bool begin_mode(struct slot *slot, enum bl__test_mode mode,
                       uint64_t number) {
    slot->job.mode = mode;
    slot->job.number = number;
    return true;
}

/* Moves on to the first job of a mode after `mode` that the case has. */
static bool next_mode(const struct runner *runner, struct slot *slot,
                      enum bl__test_mode mode) {
    const struct bl__test_case *test_case = slot->job.test_case;
    unsigned sweep = sweep_of(runner, test_case);
    bool has_loop = !test_case->test->options.no_loop;
    if (mode < BL__JOB_SEED && has_loop && schedules_of(runner, test_case)) {
        return begin_mode(slot, BL__JOB_SEED, runner->settings.seed);
    }
    if (mode < BL__JOB_CANCEL && has_loop &&
        (sweep & BL_TEST_SWEEP_CANCEL) != 0) {
        return begin_mode(slot, BL__JOB_CANCEL, 1);
    }
    if (mode < BL__JOB_OOM && (sweep & BL_TEST_SWEEP_OOM) != 0) {
        return begin_mode(slot, BL__JOB_OOM, 1);
    }
    if (mode == BL__JOB_OOM) return begin_mode(slot, BL__JOB_OOM_FROM, 1);
    return false;
}

/* After a job that passed: the next one, or false at the end. */
static bool next_job(const struct runner *runner, struct slot *slot) {
    const struct bl__test_case *test_case = slot->job.test_case;
    uint64_t number = slot->job.number + 1;
    switch (slot->job.mode) {
    case BL__JOB_PLAIN: return next_mode(runner, slot, BL__JOB_PLAIN);
    case BL__JOB_SEED:
        if (number - runner->settings.seed < schedules_of(runner, test_case)) {
            return begin_mode(slot, BL__JOB_SEED, number);
        }
        return next_mode(runner, slot, BL__JOB_SEED);
    case BL__JOB_CANCEL:
    case BL__JOB_OOM:
    case BL__JOB_OOM_FROM:
        if (slot->worker.record->has_hit && number <= SWEEP_MAX) {
            return begin_mode(slot, slot->job.mode, number);
        }
        return next_mode(runner, slot, slot->job.mode);
    default: return false;
    }
}

/* ---- what a failing job is called ---------------------------------------- */

static char *describe_job(const struct slot *slot) {
    unsigned long long number = slot->job.number;
    switch (slot->job.mode) {
    case BL__JOB_SEED:
        return bl__host_format("the schedule of seed %llu; %zu choices that "
                               "are not the default",
                               number, slot->choice_count);
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

static const char *const mode_words[BL__JOB_MODES] = {
    [BL__JOB_SEED] = "seed",
    [BL__JOB_CANCEL] = "cancel",
    [BL__JOB_OOM] = "oom",
    [BL__JOB_OOM_FROM] = "oomfrom",
};

static char *replay_token(const struct slot *slot) {
    const char *id = slot->job.test_case->id;
    if (slot->job.mode == BL__JOB_PLAIN) return bl__host_format("%s", "");
    if (slot->job.mode == BL__JOB_SEED && slot->choices != NULL) {
        char buffer[8192];
        struct bl__text text = bl__text_in(buffer, sizeof buffer);
        bl__schedule_format(&text, slot->choices, slot->choice_count);
        if (!text.is_cut) return bl__host_format("%s@%s", id, buffer);
    }
    return bl__host_format("%s@%s@%llu", id, mode_words[slot->job.mode],
                           (unsigned long long)slot->job.number);
}

/* Reads "ID@MODE@NUMBER" or "ID@s1:..." into a job of its own. */
static bool read_replay(const char *token, const char **choices,
                        enum bl__test_mode *mode, uint64_t *number,
                        size_t *id_length) {
    const char *at = strchr(token, '@');
    if (at == NULL) return false;
    *id_length = (size_t)(at - token);
    *choices = NULL;
    for (int i = 0; i < BL__JOB_MODES; i++) {
        size_t length = mode_words[i] != NULL ? strlen(mode_words[i]) : 0;
        if (length == 0 || strncmp(at + 1, mode_words[i], length) != 0 ||
            at[1 + length] != '@') {
            continue;
        }
        *mode = (enum bl__test_mode)i;
        *number = strtoull(at + 2 + length, NULL, 10);
        return true;
    }
    *mode = BL__JOB_REPLAY;
    *choices = at + 1;
    return true;
}

/* ---- results ------------------------------------------------------------- */

static void take_result(struct slot *slot) {
    const struct bl__worker *worker = &slot->worker;
    struct bl__result *result = &slot->result;
    result->verdict = worker->verdict;
    result->headline = bl__host_format("%s", worker->record->headline);
    if (worker->verdict == BL__VERDICT_SKIPPED) {
        free(result->headline);
        result->headline = bl__host_format("%s", worker->record->skip_reason);
    }
    worker->record->text[worker->record->text_length] = '\0';
    result->details = bl__crash_symbolize(worker->record->text);
    result->output = slot->worker.output;
    slot->worker.output = NULL;
    result->found_by = bl__host_format("%s", "");
    result->replay = bl__host_format("%s", "");
}

static void finish_case(struct runner *runner, struct slot *slot) {
    struct bl__result *result = &slot->result;
    const char *xfail = slot->job.test_case->test->options.xfail;
    bool has_failed = result->verdict != BL__VERDICT_PASSED &&
                      result->verdict != BL__VERDICT_SKIPPED;
    if (has_failed && result->found_by[0] == '\0') {
        free(result->found_by);
        free(result->replay);
        result->found_by = describe_job(slot);
        result->replay = replay_token(slot);
    }
    result->test_case = slot->job.test_case;
    result->is_xfail = xfail != NULL && has_failed;
    result->is_xpass = xfail != NULL && result->verdict == BL__VERDICT_PASSED;
    result->real_ns = bl__host_now() - slot->began;
    result->runs = slot->runs;
    runner->results[slot->case_index] = *result;
    bl__report_case(&runner->settings, &runner->results[slot->case_index],
                    &runner->tally);
    runner->done++;
    slot->is_busy = false;
    free(slot->choices);
    free(slot->trial);
    slot->choices = NULL;
    slot->trial = NULL;
}

/* A case that is not run at all. */
static bool skip_case(struct runner *runner, struct slot *slot) {
    const struct bl__test_case *test_case = slot->job.test_case;
    const bl_test_options *options = &test_case->test->options;
    const char *why = options->skip;
    enum bl__verdict verdict = BL__VERDICT_SKIPPED;
    if (why == NULL && options->skip_if != NULL) why = options->skip_if();
    if (test_case->error != NULL) {
        why = test_case->error;
        verdict = BL__VERDICT_BROKEN;
    }
    if (why == NULL) return false;
    slot->result.verdict = verdict;
    slot->result.headline = bl__host_format("%s", why);
    slot->result.details = bl__host_format("  %s\n", why);
    slot->result.found_by = bl__host_format("%s", "");
    slot->result.replay = bl__host_format("%s", "");
    finish_case(runner, slot);
    return true;
}

/* ---- shrinking ----------------------------------------------------------- */

static bool is_same_failure(const struct slot *slot, const char *culprit) {
    return slot->worker.verdict == slot->result.verdict &&
           strcmp(slot->worker.record->culprit, culprit) == 0;
}

/*
 * The next simpler schedule: first the first half of it alone, and so on, then
 * one choice after the other set back to the default.
 */
static bool next_trial(struct slot *slot) {
    if (slot->shrinks_left == 0) return false;
    slot->shrinks_left--;
    memcpy(slot->trial, slot->choices,
           slot->choice_count * sizeof *slot->trial);
    while (slot->shrink_at < slot->choice_count &&
           slot->choices[slot->shrink_at].picked == 0) {
        slot->shrink_at++;
    }
    if (slot->shrink_at >= slot->choice_count) return false;
    slot->trial_count = slot->choice_count;
    slot->trial[slot->shrink_at].picked = 0;
    return true;
}

static void start_shrinking(struct slot *slot) {
    const struct bl__test_record *record = slot->worker.record;
    size_t count = record->choice_count;
    slot->choices = bl__host_alloc(count * sizeof *slot->choices);
    slot->trial = bl__host_alloc(count * sizeof *slot->trial);
    memcpy(slot->choices, record->choices, count * sizeof *slot->choices);
    slot->choice_count = count;
    slot->shrink_at = 0;
    slot->shrinks_left = SHRINK_MAX;
    slot->is_shrinking = true;
}

/* ---- the slots ----------------------------------------------------------- */

static void run_job(struct runner *runner, struct slot *slot);

static void shrink_on(struct runner *runner, struct slot *slot) {
    if (!next_trial(slot)) {
        slot->is_shrinking = false;
        size_t changed = 0;
        for (size_t i = 0; i < slot->choice_count; i++) {
            if (slot->choices[i].picked != 0) changed++;
        }
        free(slot->result.found_by);
        free(slot->result.replay);
        slot->job.mode = BL__JOB_SEED;
        slot->result.replay = replay_token(slot);
        slot->result.found_by = bl__host_format(
            "the schedule of seed %llu; shrunk to %zu choices that are not the "
            "default, in %u runs",
            (unsigned long long)slot->job.number, changed,
            SHRINK_MAX - slot->shrinks_left);
        finish_case(runner, slot);
        return;
    }
    slot->job.mode = BL__JOB_REPLAY;
    slot->job.choices = slot->trial;
    slot->job.choice_count = slot->trial_count;
    run_job(runner, slot);
}

static void after_job(struct runner *runner, struct slot *slot) {
    if (slot->is_shrinking) {
        slot->runs++;
        if (is_same_failure(slot, slot->worker.record->culprit)) {
            memcpy(slot->choices, slot->trial,
                   slot->trial_count * sizeof *slot->choices);
            slot->choice_count = slot->trial_count;
        }
        slot->shrink_at++;
        shrink_on(runner, slot);
        return;
    }
    bool is_plain = slot->job.mode == BL__JOB_PLAIN;
    if (!is_plain) slot->runs++;
    bool has_passed =
        slot->worker.verdict == BL__VERDICT_PASSED ||
        (!is_plain && slot->worker.verdict == BL__VERDICT_SKIPPED);
    if (has_passed && next_job(runner, slot)) {
        run_job(runner, slot);
        return;
    }
    take_result(slot);
    if (has_passed) {
        slot->result.verdict = BL__VERDICT_PASSED;
    } else if (slot->job.mode == BL__JOB_SEED &&
               !slot->worker.record->choices_are_cut) {
        start_shrinking(slot);
        shrink_on(runner, slot);
        return;
    }
    finish_case(runner, slot);
}

static void run_job(struct runner *runner, struct slot *slot) {
    if (!bl__worker_start(&slot->worker, &runner->settings, &slot->job)) {
        after_job(runner, slot);
    }
}

static bool may_start(const struct runner *runner) {
    int max = runner->settings.failures_max;
    if (interrupted) return false;
    if (max > 0 && runner->tally.failed >= (size_t)max) return false;
    return runner->next < runner->selected_count;
}

static void fill_slots(struct runner *runner) {
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        while (!slot->is_busy && may_start(runner)) {
            slot->case_index = runner->selected[runner->next++];
            slot->is_busy = true;
            slot->began = bl__host_now();
            slot->runs = 0;
            slot->is_shrinking = false;
            memset(&slot->result, 0, sizeof slot->result);
            slot->job = (struct bl__test_job){
                .test_case = &runner->cases.items[slot->case_index],
                .mode = BL__JOB_PLAIN,
            };
            if (!skip_case(runner, slot)) run_job(runner, slot);
        }
    }
}

/* Waits until a process ends or a limit is reached. */
static void wait_slots(struct runner *runner) {
    struct pollfd fds[WORKERS_MAX];
    bl_ns now = bl__host_now();
    bl_ns due = BL_FOREVER;
    for (int i = 0; i < runner->slot_count; i++) {
        struct bl__worker *worker = &runner->slots[i].worker;
        fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        if (worker->pid == 0) continue;
        fds[i].fd = worker->pid_fd;
        bl_ns own = bl__worker_watch(worker, now);
        if (own < due) due = own;
    }
    int timeout_ms = due == BL_FOREVER ? -1 : (int)((due - now) / 1000000) + 1;
    if (poll(fds, (nfds_t)runner->slot_count, timeout_ms) < 0) return;
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        if (fds[i].fd < 0 || fds[i].revents == 0) continue;
        bl__worker_collect(&slot->worker);
        after_job(runner, slot);
    }
}

static bool is_any_busy(const struct runner *runner) {
    for (int i = 0; i < runner->slot_count; i++) {
        if (runner->slots[i].is_busy) return true;
    }
    return false;
}

static void run_all(struct runner *runner) {
    for (;;) {
        fill_slots(runner);
        if (interrupted || !is_any_busy(runner)) break;
        wait_slots(runner);
    }
    for (int i = 0; i < runner->slot_count; i++) {
        bl__worker_close(&runner->slots[i].worker);
    }
}

/* ---- without processes, and replays -------------------------------------- */

/* For debuggers: the tests run right here, one after the other. */
static void run_here(struct runner *runner) {
    bl__memory_watch();
    while (may_start(runner)) {
        struct slot *slot = &runner->slots[0];
        slot->case_index = runner->selected[runner->next++];
        slot->began = bl__host_now();
        memset(&slot->result, 0, sizeof slot->result);
        slot->job = (struct bl__test_job){
            .test_case = &runner->cases.items[slot->case_index],
        };
        if (skip_case(runner, slot)) continue;
        struct bl__test_record *record = slot->worker.record;
        bl__record_reset(record);
        bl__child_run(&runner->settings, &slot->job, record);
        slot->worker.job = slot->job;
        slot->worker.verdict = (enum bl__verdict)record->outcome;
        take_result(slot);
        finish_case(runner, slot);
    }
}

static int find_replayed(struct runner *runner, size_t id_length) {
    const char *token = runner->settings.replay;
    for (size_t i = 0; i < runner->cases.count; i++) {
        const struct bl__test_case *test_case = &runner->cases.items[i];
        if (strlen(test_case->id) == id_length &&
            strncmp(test_case->id, token, id_length) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int run_replay(struct runner *runner) {
    static struct bl__test_choice choices[BL__RECORD_CHOICES_MAX];
    const char *text;
    size_t id_length;
    struct slot *slot = &runner->slots[0];
    if (!read_replay(runner->settings.replay, &text, &slot->job.mode,
                     &slot->job.number, &id_length)) {
        fprintf(stderr, "belay-test: '%s' is not a replay token\n",
                runner->settings.replay);
        return 4;
    }
    int found = find_replayed(runner, id_length);
    if (found < 0) {
        fprintf(stderr, "belay-test: there is no test %.*s\n", (int)id_length,
                runner->settings.replay);
        return 4;
    }
    slot->case_index = (size_t)found;
    slot->job.test_case = &runner->cases.items[found];
    slot->is_busy = true;
    slot->began = bl__host_now();
    if (text != NULL) {
        bl_ssize count =
            bl__schedule_parse(text, choices, BL__RECORD_CHOICES_MAX);
        if (count < 0) {
            fprintf(stderr, "belay-test: cannot read the choices %s\n", text);
            return 4;
        }
        slot->job.choices = choices;
        slot->job.choice_count = (size_t)count;
    }
    if (bl__worker_start(&slot->worker, &runner->settings, &slot->job)) {
        while (slot->worker.pid != 0) {
            bl_ns due = bl__worker_watch(&slot->worker, bl__host_now());
            struct pollfd end = { slot->worker.pid_fd, POLLIN, 0 };
            bl_ns left = due == BL_FOREVER ? BL_SEC(1) : due - bl__host_now();
            if (poll(&end, 1, (int)(left / 1000000) + 1) > 0) {
                bl__worker_collect(&slot->worker);
            }
        }
    }
    if (slot->worker.record->choices_differ) {
        fprintf(stderr, "belay-test: the test has changed since: it asked for "
                        "other choices than the token has\n");
    }
    take_result(slot);
    runner->selected_count = 1;
    finish_case(runner, slot);
    return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static void select_cases(struct runner *runner) {
    runner->selected =
        bl__host_alloc(runner->cases.count * sizeof *runner->selected);
    for (size_t i = 0; i < runner->cases.count; i++) {
        if (!bl__match(&runner->settings, &runner->cases.items[i])) continue;
        runner->selected[runner->selected_count++] = i;
    }
}

static int list_cases(const struct runner *runner) {
    for (size_t i = 0; i < runner->selected_count; i++) {
        printf("%s\n", runner->cases.items[runner->selected[i]].id);
    }
    return 0;
}

static void open_slots(struct runner *runner) {
    int count = runner->settings.worker_count;
    if (count < 1) count = 1;
    if (count > WORKERS_MAX) count = WORKERS_MAX;
    runner->slot_count = count;
    runner->slots = bl__host_alloc((size_t)count * sizeof *runner->slots);
    for (int i = 0; i < count; i++)
        bl__worker_open(&runner->slots[i].worker);
    runner->results =
        bl__host_alloc(runner->cases.count * sizeof *runner->results);
}

static void catch_interrupts(void) {
    struct sigaction action = { .sa_handler = on_interrupt };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int bl_test_main(int argc, char **argv) {
    struct runner runner = { 0 };
    int rc = bl__options_parse(&runner.settings, argc, argv);
    if (rc != 0) return rc > 0 ? 0 : 4;
    bl__cases_make(&runner.cases);
    select_cases(&runner);
    if (runner.settings.lists) return list_cases(&runner);

    bl_ns began = bl__host_now();
    open_slots(&runner);
    bl__report_begin(&runner.settings, &runner.cases);
    if (runner.settings.replay != NULL) {
        rc = run_replay(&runner);
        if (rc != 0) return rc;
    } else if (runner.settings.isolation == BL__ISOLATE_NONE) {
        run_here(&runner);
    } else {
        catch_interrupts();
        run_all(&runner);
    }
    size_t missing = 0;
    if (interrupted) missing = runner.selected_count - runner.done;
    bl__report_end(&runner.settings, runner.results, runner.cases.count,
                   missing, &runner.tally, bl__host_now() - began);
    if (interrupted) return 2;
    if (runner.selected_count == 0) return 5;
    return runner.tally.failed > 0 ? 1 : 0;
}
