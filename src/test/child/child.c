/* SPDX-License-Identifier: MIT */
/*
 * test/child/child.c - the process of one test
 *
 * It was forked from the runner, so it begins with everything registered and
 * nothing run.  What it finds goes into the shared record; what it prints goes
 * where the runner has pointed its descriptors.
 */
#include "test/child/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test/case.h"
#include "test/child/crash.h"
#include "test/child/fixture.h"
#include "test/child/leaks.h"
#include "test/child/log.h"
#include "test/child/probe.h"
#include "test/child/stage.h"
#include "test/child/unwind.h"
#include "test/child/virtual.h"
#include "test/explore/checkpoint.h"
#include "test/explore/faults.h"
#include "test/explore/memory.h"
#include "test/explore/schedule.h"
#include "test/explore/trace.h"
#include "test/host.h"
#include "test/match.h"

#define VIRTUAL_TIMEOUT BL__VIRTUAL_MAX
#define REAL_TIMEOUT    BL_SEC(20)

const struct bl__test_settings *bl__test_settings;

void bl__child_end(const char *why) {
    /* The failure that led here is in the record already. */
    char text[200];
    snprintf(text, sizeof text, "the process of the test ended here: %s", why);
    bl__record_note(text);
    bl__record_outcome(BL_TEST_FAILED);
    bl__child_leave();
}

void bl__child_leave(void) {
    if (bl__test_settings->isolation == BL__ISOLATE_NONE) {
        bl__host_die("%s cannot be left without its process: %s",
                     bl__test_job->test_case->id, bl__test_record->headline);
    }
    bl__test_record->is_cut = true;
    fflush(NULL);
    atomic_store(&bl__test_record->phase, BL__PHASE_DONE);
    _exit(0);
}

/* ---- without a loop ------------------------------------------------------ */

static void call_plain(void *arg) {
    bl__fixtures_call_body(arg);
}

static void run_plain(const struct bl__test_job *job) {
    struct bl__test_record *record = bl__test_record;
    struct bl__fixtures fixtures;
    bool is_oom = job->mode == BL__JOB_OOM || job->mode == BL__JOB_OOM_FROM;
    bl__fixtures_init(&fixtures);
    bl__fixtures_begin(&fixtures, job->test_case);
    atomic_store(&record->phase, BL__PHASE_BODY);
    bl__memory_count_start(is_oom ? job->number : 0,
                           job->mode == BL__JOB_OOM_FROM);
    record->is_unwound = !bl__unwind_catch(call_plain, &fixtures);
    record->allocation_count = bl__memory_count_stop();
    record->has_hit = bl__memory_has_failed();
    bl_error_handled();
    bl__fixtures_done(&fixtures);
}

/* ---- with one ------------------------------------------------------------ */

/* The clock of the current test: its own, or that of the command line. */
static bl_test_clock current_clock(void) {
    bl_test_clock own = bl__test_job->test_case->test->options.clock;
    return own != BL_TEST_CLOCK_VIRTUAL ? own : bl__test_settings->clock;
}

static bl_clock_kind clock_kind(void) {
    switch (current_clock()) {
    case BL_TEST_CLOCK_MANUAL: return BL_CLOCK_MANUAL;
    case BL_TEST_CLOCK_REAL: return BL_CLOCK_REAL;
    case BL_TEST_CLOCK_VIRTUAL: break;
    }
    return BL_CLOCK_VIRTUAL;
}

bl_ns bl__child_timeout(bool *is_own) {
    const bl_test_options *options = &bl__test_job->test_case->test->options;
    bl_ns timeout = options->timeout;
    if (bl__test_settings->timeout > 0) timeout = bl__test_settings->timeout;
    *is_own = timeout > 0;
    if (*is_own) return timeout;
    return current_clock() == BL_TEST_CLOCK_REAL ? REAL_TIMEOUT
                                                 : VIRTUAL_TIMEOUT;
}

static void run_in_loop(const struct bl__orders *orders) {
    const bl_test_options *options = &bl__test_job->test_case->test->options;
    bl_loop_options loop = {
        .size = sizeof loop,
        .driver = options->driver != BL_DRIVER_DEFAULT
                      ? options->driver
                      : bl__test_settings->driver,
        .clock = clock_kind(),
        .signals = BL_SIGNALS_HOST,
        .stack_bytes = options->stack_bytes,
        .choose = bl__schedule_seam(),
        .on_checkpoint = bl__checkpoint_seam,
        .on_io = bl__faults_seam(),
    };
    bl__stage_run(&loop, orders);
}

/* One job, and then the end. */
static enum bl__order next_of_one(void *context) {
    bool *is_given = context;
    if (*is_given) return BL__ORDER_END;
    *is_given = true;
    return BL__ORDER_RUN;
}

/* ---- all of it ----------------------------------------------------------- */

/* Who is expected to crash needs no core file and no handler. */
static void prepare_for_crash(const bl_test_options *options) {
    static const struct rlimit none = { 0, 0 };
    if (options->signal != 0) {
        setrlimit(RLIMIT_CORE, &none);
        signal(options->signal, SIG_DFL);
        return;
    }
    bl__crash_watch(!options->no_loop);
}

void bl__child_turn_to(const struct bl__test_job *job) {
    bl__test_job = job;
    /* Who states what is usual gets that in hard mode, too. */
    if (bl__match_has_tag(job->test_case, "order")) {
        setenv("BELAY_HARD_SEED", "0", 1);
    }
    bl__log_start();
    bl__probes_start();
    bl__schedule_start(job);
}

static void begin(const struct bl__test_settings *settings,
                  const struct bl__test_job *job,
                  struct bl__test_record *record) {
    bl__test_settings = settings;
    bl__test_record = record;
    bl__child_turn_to(job);
    if (job->mode == BL__JOB_AGAIN) bl__trace_shift_heap();
    if (settings->isolation != BL__ISOLATE_NONE) {
        prepare_for_crash(&job->test_case->test->options);
    }
}

static void end(void) {
    const bl_test_options *options = &bl__test_job->test_case->test->options;
    bl__schedule_end();
    if (bl__test_job->is_traced) bl__trace_end();
    atomic_store(&bl__test_record->phase, BL__PHASE_LEAKS);
    if (!options->may_leak && !bl__test_record->is_unwound) bl__leaks_check();
    bl__record_finish();
    fflush(NULL);
    atomic_store(&bl__test_record->phase, BL__PHASE_DONE);
}

void bl__child_run(const struct bl__test_settings *settings,
                   const struct bl__test_job *job,
                   struct bl__test_record *record) {
    bool is_given = false;
    const struct bl__orders orders = { .next = next_of_one,
                                       .context = &is_given };
    begin(settings, job, record);
    if (job->test_case->test->options.no_loop) {
        run_plain(job);
    } else {
        run_in_loop(&orders);
    }
    end();
}

void bl__child_serve(const struct bl__test_settings *settings,
                     const struct bl__test_job *first,
                     const struct bl__orders *orders,
                     struct bl__test_record *record) {
    begin(settings, first, record);
    run_in_loop(orders);
    end();
}
