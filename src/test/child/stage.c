/* SPDX-License-Identifier: MIT */
/*
 * test/child/stage.c - tests inside a loop: set-up, body, tear-down
 *
 * The loop of a process runs one test, or several that share fixtures, as its
 * orders say.
 *
 *     root --- keeper --- [shield] --- fixture, fixture, ...
 *        \---- test, the body: [guard] --- what the body spawns
 *
 * The root waits; it does nothing that could fail.  A deadlock, which cancels
 * the root, therefore reaches the body but not the fixtures.
 *
 * The body has a group around it, the *guard*.  REQUIRE, a time limit and a
 * failing fixture end the test by cancelling the guard; errors of tasks that
 * nobody has dealt with end up there, and fail the test.
 *
 * Time.  A test without a limit of its own has no timer of ours in its loop,
 * since that would hide a deadlock and give an idle virtual clock somewhere to
 * jump to: its time is looked at when a task passes a checkpoint.  A limit of
 * its own is a timer, and exact.  When real time runs short, the runner sends
 * a signal, and the test is cancelled when the loop wakes up.
 */
#include "test/child/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test/child/child.h"
#include "test/child/fixture.h"
#include "test/child/leaks.h"
#include "test/child/leftover.h"
#include "test/child/sequence.h"
#include "test/child/unwind.h"
#include "test/child/virtual.h"
#include "test/explore/memory.h"
#include "test/host.h"

enum {
    TREE_BYTES = 4096,
    NAME_BYTES = 23
};

static struct {
    const struct bl__orders *orders;
    struct bl__fixtures fixtures;
    struct bl__leftover before;  /* when the loop began */
    struct bl__leftover at_test; /* when what outlives the test stood */
    bl_ns began;                 /* the test, by the loop's clock */
    bl_group tests;              /* of the root: the keeper and the body */
    bl_group guard;              /* of the body */
    bl_waitq line;               /* the root, while the body runs */
    bl_timer limit;
    bl_call hurry;
    bl_ns timeout;
    bl_ns ends; /* when the phase has taken too long */
    volatile sig_atomic_t is_hurried;
    bool has_own_timeout;
    bool is_running;
    bool is_guarded;
    bool is_stopped;
    bool is_body_done;
    bool has_busy_fixtures; /* some that outlive the test have tasks */
    bool has_loop_leaks;    /* which have been recorded */
    bool is_poisoned;       /* what went wrong would reach the next test */
} stage;

static void set_phase(enum bl__test_phase phase) {
    atomic_store(&bl__test_record->phase, phase);
}

/* ---- who and where ------------------------------------------------------- */

bool bl__stage_is_body(void) {
    enum bl__test_phase phase = atomic_load(&bl__test_record->phase);
    if (!stage.is_running) return phase == BL__PHASE_BODY;
    if (bl_task_current() == NULL) return phase == BL__PHASE_BODY;
    if (bl__fixture_owner() != NULL) return false;
    return phase == BL__PHASE_BODY;
}

void bl__stage_where(struct bl__text *text) {
    enum bl__test_phase phase = atomic_load(&bl__test_record->phase);
    const bl_task *task = bl_task_current();
    struct bl__fixture_run *owner =
        stage.is_running ? bl__fixture_owner() : NULL;
    if (task != NULL) {
        bl__text_add(text, "in task '%s' #%llu", bl_task_name(task),
                     (unsigned long long)bl_task_id(task));
    } else {
        bl__text_add(text, "%s",
                     bl_loop_running() != NULL ? "in a callback of the loop"
                     : stage.is_running        ? "in another thread"
                                               : "outside a loop");
    }
    if (owner == NULL) return;
    bl__text_add(text, ", %s of fixture '%s'",
                 phase == BL__PHASE_SETUP      ? "set-up"
                 : phase == BL__PHASE_TEARDOWN ? "tear-down"
                                               : "background",
                 bl__fixture_name(owner));
}

/* ---- ending the test early ----------------------------------------------- */

static void cancel_guard(const char *reason) {
    stage.is_stopped = true;
    if (stage.is_guarded) bl_group_cancel_because(&stage.guard, reason);
}

void bl__stage_stop(void) {
    if (!stage.is_running) return;
    if (bl_loop_running() == NULL) return; /* another thread */
    struct bl__fixture_run *owner = bl__fixture_owner();
    if (owner != NULL) bl__fixture_cancel(owner);
    cancel_guard("the test has failed");
}

static void note_tree(void) {
    static char tree[TREE_BYTES];
    bl_inspect_format(bl_loop_running(), tree, sizeof tree);
    bl__record_note(tree);
}

/* Whether no task could ever have been woken but by the time limit. */
static bool is_dead(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.timers_armed == 0 && info.watches == 0 &&
           info.thread_jobs == 0 && info.handles == 0;
}

/* The phase has taken too long: ends what it is doing. */
static void expire(const char *message) {
    char buffer[200];
    struct bl__text note = bl__text_in(buffer, sizeof buffer);
    bool is_body = atomic_load(&bl__test_record->phase) == BL__PHASE_BODY;
    stage.ends = BL_FOREVER;
    bl__record_trouble(is_body ? BL_TEST_TIMEOUT : BL_TEST_BROKEN, "%s",
                       message);
    bl__virtual_describe(&note);
    bl__record_note(note.data);
    note_tree();
    if (is_body) {
        cancel_guard("the time limit of the test");
    } else {
        bl__fixtures_cancel_current(&stage.fixtures);
    }
}

static void expire_by_clock(void) {
    char buffer[160];
    struct bl__text message = bl__text_in(buffer, sizeof buffer);
    bl__text_add(&message, "TIMEOUT: it has taken ");
    bl__text_add_duration(&message, stage.timeout);
    bl__text_add(&message, " by the clock of its loop");
    expire(message.data);
}

static void on_limit(void *context) {
    (void)context;
    if (!is_dead()) {
        expire_by_clock();
        return;
    }
    bl__test_record->is_deadlock = true;
    expire("DEADLOCK: every task waits, and nothing can wake one");
}

void bl__stage_check_time(bool is_ending) {
    if (stage.ends == BL_FOREVER) return;
    if (bl_now() >= stage.ends) {
        expire_by_clock();
    } else if (!is_ending && !stage.has_own_timeout) {
        expire("TIMEOUT: it polls, and would never end");
    }
}

void bl__stage_hurry(void) {
    stage.is_hurried = 1;
}

static void on_hurry(void *context) {
    (void)context;
    if (stage.ends == BL_FOREVER) return;
    expire("TIMEOUT: it waits for something outside, and its real time runs "
           "out");
}

/* The loop is awake again, perhaps because of the signal. */
static void after_block(void *context) {
    (void)context;
    if (!stage.is_hurried) return;
    stage.is_hurried = 0;
    bl_call_soon(bl_loop_running(), &stage.hurry, on_hurry, NULL);
}

static void start_phase(enum bl__test_phase phase) {
    bl__virtual_start();
    stage.ends = bl_ns_add(bl_now(), stage.timeout);
    set_phase(phase);
}

/* ---- the body ------------------------------------------------------------ */

static void call_body(void *arg) {
    (void)arg;
    bl__fixtures_call_body(&stage.fixtures);
}

static void start_counting(void) {
    const struct bl__test_job *job = bl__test_job;
    bool is_oom = job->mode == BL__JOB_OOM || job->mode == BL__JOB_OOM_FROM;
    bl__memory_count_start(is_oom ? job->number : 0,
                           job->mode == BL__JOB_OOM_FROM);
}

static void stop_counting(void) {
    struct bl__test_record *record = bl__test_record;
    record->allocation_count = bl__memory_count_stop();
    if (bl__memory_has_failed()) record->has_hit = true;
}

/* What the guard made of the body and its tasks. */
static void judge(int rc) {
    char tree[2048];
    bool is_injected = bl__job_is_injected(bl__test_job);
    if (rc == BL_EGROUP && !stage.is_stopped && !is_injected) {
        bl_error_format(bl_error_current(rc), tree, sizeof tree);
        bl__record_trouble(BL_TEST_FAILED, "a task of the test failed, and "
                                           "nobody has dealt with it");
        bl__record_note(tree);
    }
    bl_error_handled();
}

/* The loop cancels the root when nothing can wake anybody. */
static void judge_deadlock(void) {
    if (!bl_is_cancelled()) return;
    stage.is_poisoned = true;
    if (bl__test_record->is_deadlock) return; /* of a fixture */
    bl__test_record->is_deadlock = true;
    bl__record_cause(BL_TEST_TIMEOUT, "DEADLOCK: every task waits, and nothing "
                                      "can wake one");
}

static int body_main(void *arg) {
    (void)arg;
    if (bl_group_enter(&stage.guard) < 0) bl__host_die("no guard");
    stage.is_guarded = true;
    start_phase(BL__PHASE_BODY);
    if (stage.has_own_timeout) {
        bl_timer_start(bl_loop_running(), &stage.limit, stage.ends);
    }
    start_counting();
    bool has_returned = bl__unwind_catch(call_body, NULL);
    bl__test_record->is_unwound = !has_returned;
    int rc = bl_group_exit(&stage.guard, 0);
    stop_counting();
    bl_timer_stop(&stage.limit);
    stage.is_guarded = false;
    judge(rc);
    start_phase(BL__PHASE_TEARDOWN);
    stage.is_body_done = true;
    bl_waitq_serve_all(&stage.line, 0);
    return 0;
}

static void run_body(void) {
    const bl_spawn_options options = { .size = sizeof options, .name = "test" };
    bl_waiter waiter;
    int rc = bl_spawn_with(&stage.tests, body_main, NULL, &options, NULL);
    if (rc < 0) {
        bl__record_trouble(BL_TEST_BROKEN, "the test cannot be spawned: %s",
                           bl_error_name(rc));
        return;
    }
    while (!stage.is_body_done) {
        BL_IGNORE(
            bl_waitq_wait_shielded(&stage.line, &waiter, "the test", NULL));
    }
}

/* ---- what is left over --------------------------------------------------- */

static void check_loop(const struct bl__leftover *before) {
    if (!bl__leftover_check(before)) return;
    stage.is_poisoned = true;
    stage.has_loop_leaks = true;
}

/* Whether leaks of the test count. */
static bool must_be_clean(void) {
    const bl_test_options *options = &bl__test_job->test_case->test->options;
    return !options->may_leak && !bl__test_record->is_unwound;
}

/*
 * After one of several tests of this loop.  Fixtures with tasks of their own
 * may go on with what the test has begun: what is left then is nobody's for
 * certain, until the end of the loop.
 */
static void check_test(void) {
    BL_IGNORE(bl_settle()); /* cancelled: then it is the last test anyway */
    bool is_exact = must_be_clean() && !stage.has_busy_fixtures;
    if (is_exact) check_loop(&stage.at_test);
    if (bl__leaks_check_test(is_exact)) stage.is_poisoned = true;
    if (!must_be_clean()) bl__memory_forgive();
    bl__memory_label(NULL);
    if (stage.fixtures.has_died) stage.is_poisoned = true;
}

/*
 * A loop cannot be closed while somebody has something in it.  It was reported
 * as a leak, or nobody minds.
 */
static void end_loop(void) {
    if (must_be_clean() && !stage.has_loop_leaks) check_loop(&stage.before);
    if (!bl__leftover_keeps_loop(&stage.before)) return;
    if (stage.has_loop_leaks) bl__child_end("its loop cannot be closed");
    bl__child_leave();
}

/* ---- the root ------------------------------------------------------------ */

static void begin_test(void) {
    stage.timeout = bl__child_timeout(&stage.has_own_timeout);
    stage.began = bl_now();
    stage.is_stopped = false;
    stage.is_body_done = false;
    bl__sequence_reset();
    start_phase(BL__PHASE_SETUP);
    bl__fixtures_begin(&stage.fixtures, bl__test_job->test_case);
}

/* Sets up what outlives the test, and notes how things are then. */
static bool begin_shared(void) {
    bl__fixtures_retire(&stage.fixtures);
    if (!bl__fixtures_set_up(&stage.fixtures, &stage.tests,
                             BL_TEST_SCOPE_MODULE)) {
        return false;
    }
    stage.has_busy_fixtures = bl__fixtures_have_tasks(&stage.fixtures);
    bl__leftover_note(&stage.at_test);
    bl__leaks_note_test();
    bl__memory_label(bl__test_job->test_case->id);
    return true;
}

static void run_test(void) {
    bool is_shared = stage.orders->is_shared;
    begin_test();
    bool has_begun = !is_shared || begin_shared();
    if (has_begun && bl__fixtures_set_up(&stage.fixtures, &stage.tests,
                                         BL_TEST_SCOPE_TEST)) {
        run_body();
    }
    judge_deadlock();
    start_phase(BL__PHASE_TEARDOWN);
    bl__fixtures_tear_down(&stage.fixtures, BL_TEST_SCOPE_TEST);
    set_phase(BL__PHASE_LEAKS);
    if (is_shared && has_begun) check_test();
    if (is_shared) bl__record_finish();
    bl__test_record->virtual_ns = bl_now() - stage.began;
}

/* Runs what is ordered, until the end or something that would spread. */
static void run_orders(void) {
    while (!stage.is_poisoned) {
        switch (stage.orders->next(stage.orders->context)) {
        case BL__ORDER_RUN: run_test(); break;
        case BL__ORDER_END_MODULE:
            start_phase(BL__PHASE_TEARDOWN);
            bl__fixtures_tear_down(&stage.fixtures, BL_TEST_SCOPE_MODULE);
            break;
        case BL__ORDER_END: return;
        }
    }
}

static int root_main(void *arg) {
    (void)arg;
    bl_task_set_name("root");
    bl__leftover_note(&stage.before);
    if (bl_group_enter(&stage.tests) < 0) bl__host_die("no group");

    run_orders();
    start_phase(BL__PHASE_TEARDOWN);
    bl__fixtures_tear_down(&stage.fixtures, BL_TEST_SCOPE_RUN);
    bl__fixtures_close(&stage.fixtures);

    BL_IGNORE(bl_group_exit(&stage.tests, 0)); /* its tasks have reported */
    bl_error_handled();
    bl_call_cancel(&stage.hurry);
    set_phase(BL__PHASE_LEAKS);
    end_loop();
    return 0;
}

void bl__stage_run(const bl_loop_options *options,
                   const struct bl__orders *orders) {
    bl_loop_options chosen = *options;
    chosen.after_block = after_block;
    memset(&stage, 0, sizeof stage);
    stage.orders = orders;
    stage.ends = BL_FOREVER;
    bl_timer_init(&stage.limit, on_limit, NULL);
    bl_waitq_init(&stage.line);
    bl__fixtures_init(&stage.fixtures);
    stage.is_running = true;
    int rc = bl_run_with(root_main, NULL, &chosen);
    stage.is_running = false;
    bl__fixtures_done(&stage.fixtures);
    bl_error_handled();
    if (rc < 0) {
        bl__record_trouble(BL_TEST_BROKEN, "the loop cannot run: %s",
                           bl_error_name(rc));
    }
}
