/* SPDX-License-Identifier: MIT */
/*
 * test/runner.c - from a command line to an exit status
 *
 * Each selected case is a series of jobs, one after the other.  Several cases
 * run side by side, one per slot.
 *
 * Invariant: a slot with a process has a case; a case is reported once.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "test/case.h"
#include "test/child.h"
#include "test/host.h"
#include "test/match.h"
#include "test/memory.h"
#include "test/options.h"
#include "test/replay.h"
#include "test/report.h"
#include "test/series.h"
#include "test/worker.h"

enum {
    WORKERS_MAX = 64
};

struct slot {
    struct bl__worker worker;
    struct bl__series series;
    size_t case_index;
    bool is_busy;
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
    struct bl__test_job replayed; /* with --replay, the only job */
    struct bl__result *results;   /* by number of the case */
    struct bl__tally tally;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- the slots ----------------------------------------------------------- */

static void finish_case(struct runner *runner, struct slot *slot) {
    struct bl__result *result = &runner->results[slot->case_index];
    *result = slot->series.result;
    bl__report_case(&runner->settings, result, &runner->tally);
    runner->done++;
    slot->is_busy = false;
}

/* Runs the job of the series, and those that cannot even be started. */
static void run_job(struct runner *runner, struct slot *slot) {
    while (!bl__worker_start(&slot->worker, &runner->settings,
                             &slot->series.job)) {
        if (!bl__series_next(&slot->series, &slot->worker)) {
            finish_case(runner, slot);
            return;
        }
    }
}

static void after_job(struct runner *runner, struct slot *slot) {
    if (bl__series_next(&slot->series, &slot->worker)) {
        run_job(runner, slot);
    } else {
        finish_case(runner, slot);
    }
}

static bool may_start(const struct runner *runner) {
    int max = runner->settings.failures_max;
    if (interrupted) return false;
    if (max > 0 && runner->tally.failed >= (size_t)max) return false;
    return runner->next < runner->selected_count;
}

/* Begins with the next case.  Returns whether it is to be run. */
static bool begin_case(struct runner *runner, struct slot *slot) {
    slot->case_index = runner->selected[runner->next++];
    slot->is_busy = true;
    if (runner->replayed.test_case != NULL) {
        return bl__series_begin_replay(&slot->series, &runner->settings,
                                       &runner->replayed);
    }
    return bl__series_begin(&slot->series, &runner->settings,
                            &runner->cases.items[slot->case_index]);
}

static void fill_slots(struct runner *runner) {
    for (int i = 0; i < runner->slot_count; i++) {
        struct slot *slot = &runner->slots[i];
        while (!slot->is_busy && may_start(runner)) {
            if (begin_case(runner, slot)) {
                run_job(runner, slot);
            } else {
                finish_case(runner, slot);
            }
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

/* For debuggers: the tests run right here, one after the other. */
static void run_here(struct runner *runner) {
    struct slot *slot = &runner->slots[0];
    struct bl__worker *worker = &slot->worker;
    bl__memory_watch();
    while (may_start(runner)) {
        if (begin_case(runner, slot)) {
            bl__record_reset(worker->record);
            bl__child_run(&runner->settings, &slot->series.job, worker->record);
            worker->job = slot->series.job;
            worker->verdict = (enum bl__verdict)worker->record->outcome;
            slot->series.is_single = true;
            bl__series_next(&slot->series, worker);
        }
        finish_case(runner, slot);
    }
}

/* ---- the whole ----------------------------------------------------------- */

/* Selects the case of --replay alone.  False if there is none. */
static bool select_replayed(struct runner *runner) {
    const char *token = runner->settings.replay;
    if (!bl__replay_read(token, &runner->cases, &runner->replayed)) {
        return false;
    }
    runner->selected_count = 1;
    runner->selected[0] =
        (size_t)(runner->replayed.test_case - runner->cases.items);
    return true;
}

static bool select_cases(struct runner *runner) {
    runner->selected =
        bl__host_alloc(runner->cases.count * sizeof *runner->selected);
    if (runner->settings.replay != NULL) return select_replayed(runner);
    for (size_t i = 0; i < runner->cases.count; i++) {
        if (!bl__match(&runner->settings, &runner->cases.items[i])) continue;
        runner->selected[runner->selected_count++] = i;
    }
    return true;
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
    if (!select_cases(&runner)) return 4;
    if (runner.settings.lists) return list_cases(&runner);

    bl_ns began = bl__host_now();
    open_slots(&runner);
    bl__report_begin(&runner.settings, &runner.cases);
    if (runner.settings.isolation == BL__ISOLATE_NONE) {
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
