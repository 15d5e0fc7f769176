/* SPDX-License-Identifier: MIT */
/*
 * test/run/runner.c - from a command line to an exit status
 *
 * The selected cases are put into units, which the slots take one after the
 * other and work through side by side.  Each case is a series of jobs.
 *
 * Invariant: a slot with a running job has a case; a case is reported once.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "test/case.h"
#include "test/child/child.h"
#include "test/child/crash.h"
#include "test/child/leaks.h"
#include "test/child/tmpdir.h"
#include "test/explore/memory.h"
#include "test/explore/replay.h"
#include "test/host.h"
#include "test/options.h"
#include "test/report/report.h"
#include "test/run/anchor.h"
#include "test/run/list.h"
#include "test/run/orphan.h"
#include "test/run/select.h"
#include "test/run/series.h"
#include "test/run/tool.h"
#include "test/run/unit.h"
#include "test/run/worker.h"

enum {
    WORKERS_MAX = 64
};

/*
 * One case after the other goes through its jobs here.  Plain runs of cases
 * that share fixtures are given to the shared process, all other jobs have
 * their own.  The last case before the shared process tears fixtures down is
 * reported when it has: what goes wrong then belongs to that case.
 */
struct slot {
    struct bl__worker own;
    struct bl__worker shared;
    struct bl__worker *active; /* what runs the current job; NULL: none */
    struct bl__series series;
    struct bl__unit *unit; /* NULL: none */
    size_t at;             /* the next case in it */
    bool is_busy;          /* there is a case */
    bool is_closing;       /* its result is complete but for the tear-down */
};

struct runner {
    struct bl__test_settings settings;
    struct bl__test_cases cases;
    struct bl__units units;
    struct bl__anchor anchor;
    struct bl__selection selection;
    struct slot *slots;
    int slot_count;
    struct bl__test_job replayed; /* with --replay, the only job */
    struct bl__result *results;   /* by number of the case */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- what comes next ----------------------------------------------------- */

/* Whether the run has failed often enough, with `more` failures. */
static bool is_enough(const struct runner *runner, size_t more) {
    int max = runner->settings.failures_max;
    if (interrupted) return true;
    return max > 0 && bl__report_failed() + more >= (size_t)max;
}

/* Finds the next case of the slot.  False if there is none for it. */
static bool find_case(struct runner *runner, struct slot *slot) {
    if (is_enough(runner, 0)) return false;
    if (slot->unit != NULL && slot->at < slot->unit->count) return true;
    slot->unit = bl__units_take(&runner->units, NULL);
    slot->at = 0;
    return slot->unit != NULL;
}

/* Begins with the next case.  Returns whether it is to be run. */
static bool begin_case(struct runner *runner, struct slot *slot) {
    const struct bl__test_case *test_case = slot->unit->cases[slot->at++];
    struct bl__series *series = &slot->series;
    bool is_run;
    slot->is_busy = true;
    if (runner->replayed.test_case != NULL) {
        is_run = bl__series_begin_replay(series, &runner->settings,
                                         &runner->replayed);
    } else {
        is_run = bl__series_begin(series, &runner->settings, test_case);
    }
    if (!is_run) return false;
    const char *problem = bl__anchor_problem(&runner->anchor, test_case);
    if (problem != NULL) bl__series_refuse(series, problem);
    return problem == NULL;
}

static void finish_case(struct runner *runner, struct slot *slot) {
    size_t index =
        (size_t)(slot->series.result.test_case - runner->cases.items);
    runner->results[index] = slot->series.result;
    bl__report_case(&runner->results[index]);
    slot->is_busy = false;
    slot->is_closing = false;
    slot->active = NULL;
}

/* What the fixtures have to do that the slot's last case has shared. */
static enum bl__order order_after(struct runner *runner, struct slot *slot) {
    const struct bl__result *result = &slot->series.result;
    bool is_failure =
        result->is_xpass ||
        (bl__verdict_is_bad(result->verdict) && !result->is_xfail);
    if (is_enough(runner, is_failure ? 1 : 0)) return BL__ORDER_END;
    if (slot->at < slot->unit->count) return BL__ORDER_RUN;
    if (!slot->unit->has_session) return BL__ORDER_END;
    struct bl__unit *next = bl__units_take(&runner->units, slot->unit);
    if (next == NULL) return BL__ORDER_END;
    slot->unit = next;
    slot->at = 0;
    return BL__ORDER_END_MODULE;
}

/* ---- the slots ----------------------------------------------------------- */

static void end_series(struct runner *runner, struct slot *slot) {
    struct bl__worker *shared = &slot->shared;
    if (shared->pid != 0) {
        enum bl__order order = order_after(runner, slot);
        if (order != BL__ORDER_RUN) {
            bl__worker_end(shared, &runner->settings,
                           order == BL__ORDER_END_MODULE);
            slot->active = shared;
            slot->is_closing = true;
            return;
        }
    }
    finish_case(runner, slot);
}

/* What went wrong in a shared process after its last case was reported. */
static void report_late(struct bl__worker *shared) {
    if (!bl__verdict_is_bad(shared->verdict)) return;
    struct bl__result *result = bl__host_alloc(sizeof *result);
    bl__result_take(result, shared);
    bl__result_explain(result, bl__host_format("the tear-down after it"),
                       bl__host_format("%s", ""));
    result->test_case = shared->job.test_case;
    bl__report_extra(result);
}

/* Starts the job of the series.  False if it could not even be started. */
static bool start_job(struct runner *runner, struct slot *slot) {
    const struct bl__test_settings *settings = &runner->settings;
    const struct bl__test_job *job = &slot->series.job;
    struct bl__worker *shared = &slot->shared;
    bool is_alone = job->mode != BL__JOB_PLAIN || job->is_traced;
    if (!slot->unit->is_shared || is_alone) {
        slot->active = &slot->own;
        return bl__worker_start(slot->active, settings, job);
    }
    slot->active = shared;
    if (shared->pid != 0 && !bl__worker_is_alive(shared)) {
        bl__worker_collect(shared);
        report_late(shared);
    }
    if (shared->pid == 0) {
        return bl__worker_start_shared(shared, settings, job);
    }
    bl__worker_give(shared, settings, job);
    return true;
}

/* Runs the job of the series, and those that cannot even be started. */
static void run_job(struct runner *runner, struct slot *slot) {
    while (!start_job(runner, slot)) {
        if (!bl__series_next(&slot->series, slot->active)) {
            end_series(runner, slot);
            return;
        }
    }
}

static void after_job(struct runner *runner, struct slot *slot) {
    if (slot->is_closing) {
        bl__result_add(&slot->series.result, slot->active);
        bl__result_close(&slot->series.result, slot->series.job.test_case);
        finish_case(runner, slot);
    } else if (bl__series_next(&slot->series, slot->active)) {
        run_job(runner, slot);
    } else {
        end_series(runner, slot);
    }
}

static void fill_slots(struct runner *runner) {
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        while (!slot->is_busy && find_case(runner, slot)) {
            if (begin_case(runner, slot)) {
                run_job(runner, slot);
            } else {
                end_series(runner, slot);
            }
        }
    }
}

/* Waits until a process says something or ends, or a limit is reached. */
static void wait_slots(struct runner *runner) {
    struct pollfd fds[WORKERS_MAX * 2];
    bl_ns now = bl__host_now();
    bl_ns due = BL_FOREVER;
    for (int i = 0; i < runner->slot_count; i++) {
        struct bl__worker *worker = runner->slots[i].active;
        struct pollfd *pair = &fds[i * 2];
        pair[0] = pair[1] = (struct pollfd){ .fd = -1, .events = POLLIN };
        if (worker == NULL) continue;
        pair[0].fd = worker->pid_fd;
        pair[1].fd = worker->channel;
        bl_ns own = bl__worker_watch(worker, now);
        if (own < due) due = own;
    }
    int timeout_ms = due == BL_FOREVER ? -1 : (int)((due - now) / 1000000) + 1;
    if (poll(fds, (nfds_t)runner->slot_count * 2, timeout_ms) <= 0) return;
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        if (fds[i * 2].revents == 0 && fds[i * 2 + 1].revents == 0) continue;
        if (bl__worker_look(slot->active)) after_job(runner, slot);
    }
}

static bool is_any_busy(const struct runner *runner) {
    for (int i = 0; i < runner->slot_count; i++) {
        if (runner->slots[i].is_busy) return true;
    }
    return false;
}

/*
 * A shared process that waits for a case which will not come, because the run
 * has failed elsewhere.
 */
static void dismiss(struct runner *runner, struct bl__worker *shared) {
    bl__worker_end(shared, &runner->settings, false);
    bl__worker_wait(shared);
    report_late(shared);
}

static void run_all(struct runner *runner) {
    for (;;) {
        fill_slots(runner);
        if (interrupted || !is_any_busy(runner)) break;
        wait_slots(runner);
    }
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        if (!interrupted && slot->shared.pid != 0) {
            dismiss(runner, &slot->shared);
        }
        bl__worker_close(&slot->own);
        bl__worker_close(&slot->shared);
    }
}

/* The T_RUN fixtures fail behind all cases, as one more. */
static void finish_anchor(struct runner *runner) {
    if (!bl__anchor_finish(&runner->anchor, &runner->settings)) return;
    bl__report_extra(&runner->anchor.result);
}

/* ---- without processes --------------------------------------------------- */

/* The job of the slot has been run here: goes on as if by a worker. */
static void end_here(struct runner *runner, struct slot *slot) {
    struct bl__worker *worker = &slot->own;
    worker->job = slot->series.job;
    worker->verdict = (enum bl__verdict)worker->record->outcome;
    slot->series.is_single = true;
    bl__series_next(&slot->series, worker);
    finish_case(runner, slot);
}

/* Begins with the next case of the unit that is not refused. */
static bool begin_here(struct runner *runner, struct slot *slot) {
    while (!is_enough(runner, 0) && slot->at < slot->unit->count) {
        if (begin_case(runner, slot)) return true;
        finish_case(runner, slot);
    }
    return false;
}

/* The last case stays open until the fixtures have been torn down. */
static enum bl__order next_here(void *context) {
    struct runner *runner = context;
    struct slot *slot = &runner->slots[0];
    if (slot->active != NULL) {
        size_t failures = slot->own.record->failure_count > 0 ? 1 : 0;
        if (is_enough(runner, failures)) return BL__ORDER_END;
        if (slot->at == slot->unit->count) return BL__ORDER_END;
        end_here(runner, slot);
        if (!begin_here(runner, slot)) return BL__ORDER_END;
        bl__record_reset(slot->own.record);
        bl__child_turn_to(&slot->series.job);
    }
    slot->active = &slot->own;
    return BL__ORDER_RUN;
}

/* For debuggers: the tests run right here, one after the other. */
static void run_here(struct runner *runner) {
    struct slot *slot = &runner->slots[0];
    const struct bl__orders orders = { .next = next_here,
                                       .context = runner,
                                       .is_shared = true };
    bl__memory_watch();
    while (find_case(runner, slot)) {
        if (!begin_here(runner, slot)) continue;
        const struct bl__test_job *job = &slot->series.job;
        bl__record_reset(slot->own.record);
        bl__leaks_note();
        if (slot->unit->is_shared) {
            bl__child_serve(&runner->settings, job, &orders, slot->own.record);
        } else {
            bl__child_run(&runner->settings, job, slot->own.record);
        }
        if (slot->is_busy) end_here(runner, slot);
    }
}

/* ---- the whole ----------------------------------------------------------- */

/* Selects the case of --replay alone.  False if there is none. */
static bool select_replayed(struct runner *runner) {
    const char *token = runner->settings.replay;
    if (!bl__replay_read(token, &runner->cases, &runner->replayed)) {
        return false;
    }
    runner->selection.count = 1;
    runner->selection.numbers[0] =
        (size_t)(runner->replayed.test_case - runner->cases.items);
    return true;
}

static bool select_cases(struct runner *runner) {
    if (!bl__select(&runner->settings, &runner->cases, &runner->selection)) {
        return false;
    }
    return runner->settings.replay == NULL || select_replayed(runner);
}

/* Asks the functions of .skip_if as well, which may do anything. */
static void make_units(struct runner *runner) {
    const struct bl__selection *selection = &runner->selection;
    bl__crash_watch_runner(true);
    bl__units_make(&runner->units, &runner->cases, selection->numbers,
                   selection->count, runner->settings.isolation);
    bl__crash_watch_runner(false);
}

static void open_slot(struct slot *slot) {
    bl__worker_open(&slot->own);
    bl__worker_open(&slot->shared);
}

static void open_slots(struct runner *runner) {
    int count = runner->settings.worker_count;
    if (count < 1) count = 1;
    if (count > WORKERS_MAX) count = WORKERS_MAX;
    runner->slot_count = count;
    runner->slots = bl__host_alloc((size_t)count * sizeof *runner->slots);
    for (int i = 0; i < count; i++)
        open_slot(&runner->slots[i]);
    runner->results =
        bl__host_alloc(runner->cases.count * sizeof *runner->results);
}

/* A debugger, and whoever uses one, wants to have them. */
static void catch_interrupts(const struct bl__test_settings *settings) {
    if (settings->isolation == BL__ISOLATE_NONE) return;
    struct sigaction action = { .sa_handler = on_interrupt };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Nothing was run: that is hardly what was wanted. */
static void explain_nothing(const struct runner *runner) {
    if (runner->selection.count > 0) return;
    if (runner->cases.function_count > 0) {
        fprintf(stderr, "belay-test: no test fits what was asked for\n");
        return;
    }
    fprintf(stderr,
            "belay-test: the program has no tests; if they are in a static "
            "library, the linker\nhas left them out: link their object files "
            "(in CMake: an OBJECT library)\n");
}

static int end_run(const struct runner *runner) {
    bool is_complete = bl__report_end(interrupted);
    if (interrupted) return 2;
    if (!is_complete) return 3;
    if (runner->selection.count == 0) return 5;
    return bl__report_failed() > 0 ? 1 : 0;
}

int bl_test_main(int argc, char **argv) {
    static struct runner runner; /* to the end: nothing in it is a leak */
    int rc = bl__options_parse(&runner.settings, argc, argv);
    if (rc != 0) return rc > 0 ? 0 : 4;
    if (runner.settings.replay != NULL) bl__replay_fix_addresses(argv);
    bl__cases_make(&runner.cases);
    if (runner.settings.tool != NULL) {
        bl__tool_exec(&runner.settings, &runner.cases);
        return 4;
    }
    if (!select_cases(&runner)) return 4;
    if (runner.settings.listing != BL__LIST_NOTHING) {
        bl__list(&runner.settings, &runner.cases, &runner.selection);
        return 0;
    }

    const struct bl__selection *selection = &runner.selection;
    if (!bl__report_begin(&runner.settings, &runner.cases, selection->numbers,
                          selection->count)) {
        return 4;
    }
    make_units(&runner);
    bl__anchor_init(&runner.anchor, &runner.units);
    open_slots(&runner);
    bl__tmpdir_open();
    explain_nothing(&runner);
    catch_interrupts(&runner.settings);
    bl__orphans_adopt();
    bl__anchor_start(&runner.anchor, &runner.settings);
    if (runner.settings.isolation == BL__ISOLATE_NONE) {
        run_here(&runner);
    } else {
        run_all(&runner);
    }
    finish_anchor(&runner);
    return end_run(&runner);
}
