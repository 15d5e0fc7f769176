/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_offload.c - the pool of threads behind bl_to_thread
 *
 * Jobs wait at gates that the test opens, so that what runs, what is queued
 * and what has ended is known without any clock.
 *
 * Legs: threads
 */
#include <belay/test.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>

#include "support/famine.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"

/* A job that says that it runs, and ends when it may. */
struct gate {
    sem_t opened;
    atomic_int begun;
    atomic_int ended;
    atomic_int running_max;
    atomic_int dropped;
};

static void gate_init(struct gate *gate) {
    memset(gate, 0, sizeof *gate);
    REQUIRE_EQ(sem_init(&gate->opened, 0, 0), 0);
}

static void gate_open(struct gate *gate, int count) {
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(sem_post(&gate->opened), 0);
}

static void gate_await(struct gate *gate, int count) {
    while (atomic_load(&gate->begun) < count)
        sched_yield();
}

static void pass(struct gate *gate) {
    while (sem_wait(&gate->opened) != 0) {}
}

static int job_waits(void *arg) {
    struct gate *gate = arg;
    int running =
        atomic_fetch_add(&gate->begun, 1) + 1 - atomic_load(&gate->ended);
    int most = atomic_load(&gate->running_max);
    while (running > most &&
           !atomic_compare_exchange_weak(&gate->running_max, &most, running)) {}
    pass(gate);
    atomic_fetch_add(&gate->ended, 1);
    return 17;
}

/* A task that waits for one job. */
static int offloads(void *arg) {
    return bl_to_thread(job_waits, arg);
}

static uint64_t thread_jobs(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.thread_jobs;
}

/* ---- running ------------------------------------------------------------- */

static int tells_its_thread(void *arg) {
    *(pthread_t *)arg = pthread_self();
    CHECK(bl_loop_running() == NULL);
    CHECK(bl_task_current() == NULL);
    return 23;
}

TEST(a_job_runs_on_another_thread_and_gives_its_result) {
    pthread_t thread = pthread_self();
    CHECK_EQ(bl_to_thread(tells_its_thread, &thread), 23);
    CHECK(!pthread_equal(thread, pthread_self()));
    CHECK_EQ(thread_jobs(), 0);
}

TEST(a_job_can_fail) {
    CHECK_ERR(bl_to_thread(kid_returns, ARG(BL_EPIPE)), BL_EPIPE);
}

TEST(the_loop_goes_on_while_a_job_runs, .tags = "order") {
    struct gate gate;
    bl_group group = { 0 };
    gate_init(&gate);
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, offloads, &gate));
    settle();
    CHECK_EQ(thread_jobs(), 1);
    for (int i = 0; i < 10; i++)
        settle();
    CHECK_EQ(atomic_load(&gate.ended), 0);
    gate_open(&gate, 1);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(atomic_load(&gate.ended), 1);
    sem_destroy(&gate.opened);
}

static int counts_blocked_signals(void *arg) {
    sigset_t blocked;
    (void)arg;
    if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) != 0) return -1;
    return sigismember(&blocked, SIGINT) + sigismember(&blocked, SIGTERM);
}

TEST(threads_of_the_pool_leave_signals_to_the_loop) {
    CHECK_EQ(bl_to_thread(counts_blocked_signals, NULL), 2);
}

/* ---- how many ------------------------------------------------------------ */

enum {
    POOL = 3,
    CROWD = 20
};

static int crowds_the_pool(void *arg) {
    struct gate *gate = arg;
    bl_group group = { 0 };
    CHECK_OK(bl_group_enter(&group));
    for (int i = 0; i < CROWD; i++)
        CHECK_OK(bl_spawn(&group, offloads, gate));
    settle();
    CHECK_EQ(thread_jobs(), CROWD);
    gate_await(gate, POOL);
    gate_open(gate, CROWD);
    return bl_group_exit(&group, 0);
}

TEST(the_pool_is_bounded_and_serves_all, .no_loop = true, .tags = "order") {
    struct gate gate;
    bl_loop_options options = quiet_options();
    options.threads_max = POOL;
    gate_init(&gate);
    CHECK_EQ(bl_run_with(crowds_the_pool, &gate, &options), 0);
    CHECK_EQ(atomic_load(&gate.ended), CROWD);
    CHECK_EQ(atomic_load(&gate.running_max), POOL);
    sem_destroy(&gate.opened);
}

static int notes_its_number(void *arg) {
    note("%d", (int)NUMBER(arg));
    return 0;
}

static int offloads_a_number(void *arg) {
    return bl_to_thread(notes_its_number, arg);
}

static int queues_four(void *arg) {
    bl_group group = { 0 };
    (void)arg;
    CHECK_OK(bl_group_enter(&group));
    for (int i = 1; i <= 4; i++)
        CHECK_OK(bl_spawn(&group, offloads_a_number, ARG(i)));
    return bl_group_exit(&group, 0);
}

TEST(jobs_run_in_the_order_in_which_they_were_queued, .no_loop = true,
     .tags = "order") {
    bl_loop_options options = quiet_options();
    options.threads_max = 1;
    CHECK_EQ(bl_run_with(queues_four, NULL, &options), 0);
    CHECK_STR(notes(), "1 2 3 4");
}

/* ---- delivery under a seam ----------------------------------------------- */

/*
 * A thread that has begun its next job has posted the one before.  So each
 * thread is held up by a job, then ends some, and then stands at `last`.
 */
static struct gate first, second, last;

static void open_gates(void) {
    gate_init(&first);
    gate_init(&second);
    gate_init(&last);
}

static void close_gates(void) {
    sem_destroy(&first.opened);
    sem_destroy(&second.opened);
    sem_destroy(&last.opened);
}

static uint32_t choose_first(void *context, bl_choice kind, uint32_t count,
                             const uint64_t *ids) {
    (void)context;
    (void)ids;
    if (kind == BL_CHOICE_OFFLOAD) note("of %d:", (int)count);
    return 0;
}

static uint32_t choose_last(void *context, bl_choice kind, uint32_t count,
                            const uint64_t *ids) {
    BL_IGNORE(choose_first(context, kind, count, ids));
    return kind == BL_CHOICE_OFFLOAD ? count - 1 : 0;
}

static int offloads_and_notes(void *arg) {
    note("%d", bl_to_thread(kid_returns, arg));
    return 0;
}

static int ends_three_at_once(void *arg) {
    bl_group group = { 0 };
    (void)arg;
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, offloads, &first));
    for (int i = 1; i <= 3; i++)
        CHECK_OK(bl_spawn(&group, offloads_and_notes, ARG(i)));
    CHECK_OK(bl_spawn(&group, offloads, &last));
    settle();
    gate_open(&first, 1);
    gate_await(&last, 1);
    settle();
    CHECK_EQ(thread_jobs(), 1);
    gate_open(&last, 1);
    return bl_group_exit(&group, 0);
}

TEST(a_seam_chooses_which_of_the_ended_jobs_is_delivered, .no_loop = true) {
    bl_loop_options options = quiet_options();
    options.threads_max = 1;
    options.choose = choose_last;
    open_gates();
    CHECK_EQ(bl_run_with(ends_three_at_once, NULL, &options), 0);
    CHECK_STR(notes(), "of 4: of 3: of 2: 3 2 1");
    close_gates();
}

static int waits_and_notes(void *arg) {
    BL_IGNORE(bl_to_thread(job_waits, arg));
    note(arg == &first ? "first" : "second");
    return 0;
}

static int ends_two_crosswise(void *arg) {
    bl_group group = { 0 };
    (void)arg;
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, waits_and_notes, &first));
    CHECK_OK(bl_spawn(&group, waits_and_notes, &second));
    CHECK_OK(bl_spawn(&group, offloads, &last));
    CHECK_OK(bl_spawn(&group, offloads, &last));
    settle();
    gate_open(&second, 1);
    gate_await(&last, 1);
    gate_open(&first, 1);
    gate_await(&last, 2);
    settle();
    CHECK_STR(notes(), "of 2: first second");
    gate_open(&last, 2);
    return bl_group_exit(&group, 0);
}

TEST(a_seam_is_asked_about_ended_jobs_in_the_order_of_their_calls,
     .no_loop = true) {
    bl_loop_options options = quiet_options();
    options.threads_max = 2;
    options.choose = choose_first;
    open_gates();
    CHECK_EQ(bl_run_with(ends_two_crosswise, NULL, &options), 0);
    close_gates();
}

/* ---- cancelling ---------------------------------------------------------- */

/* One thread, which is busy with the first job; the second one is queued. */
static int cancels_both(void *arg) {
    struct gate *gate = arg;
    bl_task *running, *queued;
    bl_outcome outcome;
    bl_group group = { 0 };
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, offloads, gate, &running));
    CHECK_OK(bl_spawn_task(&group, offloads, gate, &queued));
    settle();
    gate_await(gate, 1);

    bl_task_cancel(queued);
    CHECK_EQ(bl_task_join(queued, &outcome), 0);
    CHECK(outcome.is_cancelled);
    CHECK_EQ(thread_jobs(), 1);

    bl_task_cancel(running);
    settle();
    CHECK(!bl_task_is_done(running)); /* it has to wait */
    gate_open(gate, 1);
    CHECK_EQ(bl_task_join(running, &outcome), 0);
    CHECK_EQ(outcome.rc, 17); /* and keeps its result */
    CHECK(!outcome.is_cancelled);
    bl_task_unref(queued);
    bl_task_unref(running);
    return bl_group_exit(&group, 0);
}

static void with_one_thread(bl_task_fn *fn) {
    struct gate gate;
    bl_loop_options options = quiet_options();
    options.threads_max = 1;
    gate_init(&gate);
    CHECK_EQ(bl_run_with(fn, &gate, &options), 0);
    CHECK_EQ(atomic_load(&gate.begun), 1);
    CHECK_EQ(atomic_load(&gate.ended), 1);
    sem_destroy(&gate.opened);
}

TEST(a_queued_job_is_cancelled_and_a_running_one_waited_for, .no_loop = true,
     .tags = "order") {
    with_one_thread(cancels_both);
}

static int works_until_told(void *arg) {
    struct gate *gate = arg;
    atomic_fetch_add(&gate->begun, 1);
    while (!bl_thread_is_cancelled())
        sched_yield();
    atomic_fetch_add(&gate->ended, 1);
    return BL_ECANCELED;
}

static int offloads_work(void *arg) {
    return bl_to_thread(works_until_told, arg);
}

TEST(a_running_job_can_notice_that_it_is_no_longer_wanted) {
    struct gate gate;
    bl_task *task;
    bl_group group = { 0 };
    gate_init(&gate);
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, offloads_work, &gate, &task));
    settle();
    bl_task_cancel(task);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
    CHECK(!bl_thread_is_cancelled()); /* not a job */
    sem_destroy(&gate.opened);
}

/* ---- an argument that changes hands -------------------------------------- */

static void drops(void *arg) {
    struct gate *gate = arg;
    atomic_fetch_add(&gate->dropped, 1);
}

static int offloads_owned(void *arg) {
    return bl_to_thread_owned(job_waits, arg, drops);
}

TEST(an_owned_argument_is_dropped_once_its_job_is_over) {
    struct gate gate;
    gate_init(&gate);
    gate_open(&gate, 1);
    CHECK_EQ(offloads_owned(&gate), 17);
    CHECK_EQ(atomic_load(&gate.dropped), 1);
    sem_destroy(&gate.opened);
}

static int abandons(void *arg) {
    struct gate *gate = arg;
    bl_task *task;
    bl_group group = { 0 };
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_task(&group, offloads_owned, gate, &task));
    settle();
    gate_await(gate, 1);
    bl_task_cancel(task);
    CHECK_EQ(bl_group_exit(&group, 0), 0); /* at once */
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
    CHECK_EQ(atomic_load(&gate->dropped), 0);
    CHECK_EQ(atomic_load(&gate->ended), 0);
    gate_open(gate, 1); /* the loop waits for it when it closes */
    return 0;
}

TEST(an_abandoned_job_goes_on_and_the_closing_loop_waits_for_it,
     .no_loop = true, .tags = "order") {
    struct gate gate;
    gate_init(&gate);
    CHECK_EQ(bl_run_with(abandons, &gate, NULL), 0);
    CHECK_EQ(atomic_load(&gate.ended), 1);
    CHECK_EQ(atomic_load(&gate.dropped), 1);
    sem_destroy(&gate.opened);
}

static int cancels_an_owned_one_in_the_queue(void *arg) {
    struct gate *gate = arg;
    bl_task *task;
    bl_group group = { 0 };
    CHECK_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, offloads, gate));
    CHECK_OK(bl_spawn_task(&group, offloads_owned, gate, &task));
    settle();
    gate_await(gate, 1);
    bl_task_cancel(task);
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(atomic_load(&gate->dropped), 1); /* it never ran */
    bl_task_unref(task);
    gate_open(gate, 1);
    return bl_group_exit(&group, 0);
}

TEST(an_owned_argument_is_dropped_if_its_job_never_runs, .no_loop = true,
     .tags = "order") {
    with_one_thread(cancels_an_owned_one_in_the_queue);
}

TEST(an_owned_argument_is_dropped_by_each_refusal) {
    struct gate gate;
    bl_scope scope;
    gate_init(&gate);
    CHECK_ERR(bl_to_thread_owned(NULL, &gate, drops), BL_EINVAL);
    CHECK_EQ(atomic_load(&gate.dropped), 1);
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(offloads_owned(&gate), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    CHECK_EQ(atomic_load(&gate.dropped), 2);
    CHECK_EQ(atomic_load(&gate.begun), 0);
    sem_destroy(&gate.opened);
}

TEST(an_owned_argument_is_dropped_outside_a_loop, .no_loop = true) {
    struct gate gate;
    gate_init(&gate);
    CHECK_ERR(offloads_owned(&gate), BL_ENOLOOP);
    CHECK_EQ(atomic_load(&gate.dropped), 1);
    sem_destroy(&gate.opened);
}

TEST(an_owned_argument_survives_any_failure, .sweep = T_OOM | T_CANCEL) {
    struct gate gate;
    gate_init(&gate);
    gate_open(&gate, 1);
    int rc = offloads_owned(&gate);
    CHECK_ALWAYS(rc == 17 || rc == BL_ENOMEM || rc == BL_ECANCELED);
    if (rc == 17) CHECK_ALWAYS(atomic_load(&gate.dropped) == 1);
    if (rc == BL_ENOMEM) CHECK_ALWAYS(atomic_load(&gate.dropped) == 1);
    CHECK_ALWAYS(atomic_load(&gate.dropped) <= 1);
    sem_destroy(&gate.opened);
}

TEST(a_job_needs_a_function) {
    CHECK_ERR(bl_to_thread(NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_to_thread_owned(kid_returns, NULL, NULL), BL_EINVAL);
}

/* ---- no threads ---------------------------------------------------------- */

TEST(without_a_pool_there_is_no_job) {
    int calls = 0;
    famine_begin(0);
    int rc = bl_to_thread(kid_returns, ARG(1));
    int owned_rc = bl_to_thread_owned(kid_returns, &calls, count_call);
    famine_end();
    CHECK_ERR(rc, BL_EAGAIN);
    CHECK_ERR(owned_rc, BL_ENOMEM);
    CHECK_EQ(calls, 1);
    CHECK_EQ(thread_jobs(), 0);
    CHECK_EQ(bl_to_thread(kid_returns, ARG(1)), 1); /* later there is one */
}

TEST(where_no_thread_can_be_started_there_is_no_job) {
    int calls = 0;
    refuse_call(SYS_clone3, EAGAIN);
    CHECK_ERR(bl_to_thread(kid_returns, ARG(1)), BL_EAGAIN);
    CHECK_ERR(bl_to_thread_owned(kid_returns, &calls, count_call), BL_EAGAIN);
    CHECK_EQ(calls, 1);
    CHECK_EQ(thread_jobs(), 0);
}

static int offloads_in_callback(void *arg) {
    return bl_to_thread_owned(kid_returns, arg, count_call);
}

struct misplaced {
    int calls;
    int rc;
};

static void on_call(void *context) {
    struct misplaced *misplaced = context;
    misplaced->rc = offloads_in_callback(&misplaced->calls);
}

TEST(a_loop_callback_cannot_wait_for_a_job) {
    struct misplaced misplaced = { 0 };
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, on_call, &misplaced);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_ERR(misplaced.rc, BL_ENOTASK);
    CHECK_EQ(misplaced.calls, 1);
}
