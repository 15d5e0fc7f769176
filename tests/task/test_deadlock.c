/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_deadlock.c - every task waits and nothing can wake one
 *
 * The report, the cancellation of the root, the result of the run; and every
 * source of a wake-up that must keep a program from being called dead.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <signal.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- the verdict --------------------------------------------------------- */

TEST(a_root_that_can_never_be_woken_is_deadlocked) {
    CHECK_ERR(run_elsewhere(kid_waits, &never, NULL), BL_EDEADLOCK);
}

static int waits_for_a_lock_of_its_parent(void *arg) {
    return bl_lock_acquire(arg);
}

static int holds_and_joins(void *arg) {
    bl_lock lock = BL_LOCK_INIT;
    int rc = bl_lock_acquire(&lock);
    (void)arg;
    if (rc < 0) return rc;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, waits_for_a_lock_of_its_parent, &lock);
    }
    bl_lock_release(&lock);
    return rc;
}

TEST(a_parent_and_a_child_that_wait_for_each_other_are_deadlocked) {
    CHECK_ERR(run_elsewhere(holds_and_joins, NULL, NULL), BL_EDEADLOCK);
}

static int cleans_up(void *arg) {
    int rc = bl_event_wait(&never);
    bool *was_cancelled = arg;
    *was_cancelled = rc == BL_ECANCELED;
    return rc;
}

TEST(a_deadlock_cancels_the_root_so_that_it_can_clean_up) {
    bool was_cancelled = false;
    CHECK_ERR(run_elsewhere(cleans_up, &was_cancelled, NULL), BL_EDEADLOCK);
    CHECK(was_cancelled);
}

static int recovers(void *arg) {
    int rc = bl_event_wait(arg);
    return rc == BL_ECANCELED ? 8 : rc;
}

TEST(a_root_that_recovers_keeps_its_value) {
    CHECK_EQ(run_elsewhere(recovers, &never, NULL), 8);
}

static int fails_in_clean_up(void *arg) {
    return bl_event_wait(arg) < 0 ? BL_EIO : 0;
}

TEST(a_root_that_fails_in_its_clean_up_keeps_its_error) {
    CHECK_ERR(run_elsewhere(fails_in_clean_up, &never, NULL), BL_EIO);
}

static int sleeps_then_waits(void *arg) {
    int rc = bl_sleep(BL_MS(5));
    return rc < 0 ? rc : bl_event_wait(arg);
}

TEST(a_deadlock_is_noticed_when_the_last_timer_is_gone) {
    CHECK_ERR(run_elsewhere(sleeps_then_waits, &never, NULL), BL_EDEADLOCK);
}

static int catches_in_a_scope(void *arg) {
    bl_scope scope;
    bl_scope_enter(&scope);
    int rc = bl_scope_exit(&scope, bl_event_wait(arg));
    CHECK_ERR(rc, BL_ECANCELED); /* the root's scope is further out */
    return rc;
}

TEST(an_inner_scope_does_not_catch_the_deadlock) {
    CHECK_ERR(run_elsewhere(catches_in_a_scope, &never, NULL), BL_EDEADLOCK);
}

/* ---- the report ---------------------------------------------------------- */

static int deadlocks_with_children(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_waits, arg);
        if (rc == 0) rc = bl_spawn(group, holds_and_joins, arg);
    }
    return rc;
}

TEST(the_report_names_every_task_and_what_it_waits_for) {
    bl_loop_options options = quiet_options();
    options.is_quiet = false;
    capture_stderr();
    int rc = run_elsewhere(deadlocks_with_children, &never, &options);
    const char *text = captured_stderr();
    CHECK_ERR(rc, BL_EDEADLOCK);
    CHECK_CONTAINS(text, "kid_waits");
    CHECK_CONTAINS(text, "holds_and_joins");
    CHECK_CONTAINS(text, "waits_for_a_lock_of_its_parent");
    CHECK_CONTAINS(text, "bl_lock_acquire");
    CHECK_CONTAINS(text, "test_deadlock.c:");
}

TEST(a_quiet_loop_reports_nothing) {
    capture_stderr();
    CHECK_ERR(run_elsewhere(kid_waits, &never, NULL), BL_EDEADLOCK);
    const char *text = captured_stderr();
    CHECK(strstr(text, "kid_waits") == NULL);
}

/* ---- what is no deadlock ------------------------------------------------- */

static bl_loop_options real_time(void) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_REAL;
    return options;
}

static int sleeps_a_little(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_sleeps, arg);
        if (rc == 0) rc = bl_spawn(group, kid_sleeps, arg);
    }
    return rc;
}

TEST(tasks_that_sleep_are_not_deadlocked) {
    bl_loop_options options = real_time();
    CHECK_EQ(run_elsewhere(sleeps_a_little, ARG(BL_MS(2)), &options), 0);
    CHECK_EQ(run_elsewhere(sleeps_a_little, ARG(HOUR), NULL), 0);
}

static int waits_within_a_deadline(void *arg) {
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(1)) {
        rc = bl_event_wait(arg);
    }
    return rc;
}

TEST(a_wait_with_a_deadline_is_not_deadlocked) {
    bl_loop_options options = real_time();
    CHECK_ERR(run_elsewhere(waits_within_a_deadline, &never, &options),
              BL_ETIMEDOUT);
}

static int waits_for_shielded_deadline(void *arg) {
    BL_SHIELD(BL_MS(1)) {
        BL_IGNORE(bl_event_wait(arg)); /* the bound ends it */
    }
    return 4;
}

TEST(a_wait_in_a_bounded_shield_is_not_deadlocked) {
    CHECK_EQ(run_elsewhere(waits_for_shielded_deadline, &never, NULL), 4);
}

struct signalled {
    bl_handle *handle;
    bl_event event;
    sem_t go;
};

static void set_event(void *arg) {
    bl_event_set(arg);
}

static void *posts_when_told(void *arg) {
    struct signalled *signalled = arg;
    while (sem_wait(&signalled->go) != 0) {}
    CHECK_OK(bl_thread_post(signalled->handle, set_event, &signalled->event));
    bl_thread_close(signalled->handle);
    return NULL;
}

static void let_go(void *arg) {
    struct signalled *signalled = arg;
    sem_post(&signalled->go);
}

/* The thread is told only once the loop is about to block. */
static int waits_for_a_thread(void *arg) {
    struct signalled *signalled = arg;
    pthread_t thread;
    int rc = bl_handle_open(&signalled->handle);
    if (rc < 0) return rc;
    if (pthread_create(&thread, NULL, posts_when_told, signalled) != 0) {
        return BL_EIO;
    }
    rc = bl_event_wait(&signalled->event);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return rc;
}

TEST(an_open_handle_of_another_thread_is_a_source_of_wake_ups) {
    struct signalled signalled = { .handle = NULL };
    bl_loop_options options = quiet_options();
    options.before_block = let_go;
    options.block_context = &signalled;
    CHECK_EQ(sem_init(&signalled.go, 0, 0), 0);
    CHECK_EQ(run_elsewhere(waits_for_a_thread, &signalled, &options), 0);
    CHECK_EQ(sem_destroy(&signalled.go), 0);
}

static int opens_and_closes_a_handle(void *arg) {
    bl_handle *handle = NULL;
    int rc = bl_handle_open(&handle);
    if (rc < 0) return rc;
    bl_thread_close(handle);
    return bl_event_wait(arg);
}

TEST(a_closed_handle_is_no_longer_a_source) {
    CHECK_ERR(run_elsewhere(opens_and_closes_a_handle, &never, NULL),
              BL_EDEADLOCK);
}

static int shares_a_future_and_waits(void *arg) {
    bl_future *future = arg;
    int rc = bl_future_init(future);
    if (rc == 0) rc = bl_future_share(future);
    if (rc == 0) rc = bl_future_wait(future, NULL);
    return rc;
}

struct shared {
    bl_future future;
    sem_t go;
};

static void *sets_when_told(void *arg) {
    struct shared *shared = arg;
    while (sem_wait(&shared->go) != 0) {}
    CHECK_OK(bl_thread_future_set(&shared->future, 15, NULL));
    return NULL;
}

static void let_setter_go(void *arg) {
    struct shared *shared = arg;
    sem_post(&shared->go);
}

TEST(a_shared_future_that_is_not_set_is_a_source_of_wake_ups) {
    struct shared shared;
    pthread_t thread;
    bl_loop_options options = quiet_options();
    memset(&shared, 0, sizeof(shared));
    CHECK_EQ(sem_init(&shared.go, 0, 0), 0);
    options.before_block = let_setter_go;
    options.block_context = &shared;
    REQUIRE_EQ(pthread_create(&thread, NULL, sets_when_told, &shared), 0);
    CHECK_EQ(run_elsewhere(shares_a_future_and_waits, &shared.future, &options),
             15);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(sem_destroy(&shared.go), 0);
}

static int job_returns(void *arg) {
    return (int)NUMBER(arg);
}

static int waits_for_a_job(void *arg) {
    return bl_to_thread(job_returns, arg);
}

TEST(a_thread_job_is_a_source_of_wake_ups) {
    CHECK_EQ(run_elsewhere(waits_for_a_job, ARG(6), NULL), 6);
}

struct piped {
    int ends[2];
    sem_t go;
};

static int reads_from_a_pipe(void *arg) {
    struct piped *piped = arg;
    char byte = 0;
    return (int)bl_fd_read(piped->ends[0], &byte, 1);
}

static void *writes_when_told(void *arg) {
    struct piped *piped = arg;
    while (sem_wait(&piped->go) != 0) {}
    CHECK_EQ(write(piped->ends[1], "x", 1), 1);
    return NULL;
}

static void let_writer_go(void *arg) {
    struct piped *piped = arg;
    sem_post(&piped->go);
}

TEST(a_descriptor_that_is_waited_for_is_a_source_of_wake_ups) {
    struct piped piped;
    pthread_t thread;
    bl_loop_options options = real_time();
    memset(&piped, 0, sizeof(piped));
    REQUIRE_EQ(pipe(piped.ends), 0);
    CHECK_EQ(sem_init(&piped.go, 0, 0), 0);
    options.before_block = let_writer_go;
    options.block_context = &piped;
    REQUIRE_EQ(pthread_create(&thread, NULL, writes_when_told, &piped), 0);
    CHECK_EQ(run_elsewhere(reads_from_a_pipe, &piped, &options), 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(sem_destroy(&piped.go), 0);
    close(piped.ends[0]);
    close(piped.ends[1]);
}

/* A host that wakes tasks by means of its own switches the check off. */
static void step_and_wake(void *arg) {
    bl_event *event = arg;
    bl_loop *loop = NULL;
    bl_loop_options options = quiet_options();
    options.has_no_deadlock_check = true;
    CHECK_OK(bl_loop_open(&options, &loop));
    CHECK_OK(bl_loop_start(loop, kid_waits, event));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(bl_loop_step(loop, 0), 1);
    bl_event_set(event); /* between steps, by the host */
    for (int i = 0; i < 5 && bl_loop_step(loop, 0) == 1; i++) {}
    CHECK_EQ(bl_loop_finish(loop), 0);
    bl_loop_close(loop);
}

TEST(a_host_can_switch_the_check_off) {
    bl_event event = BL_EVENT_INIT;
    on_thread(step_and_wake, &event);
}

static int waits_in_a_line_that_nobody_serves(void *arg) {
    bl_waitq line;
    bl_waiter waiter;
    (void)arg;
    bl_waitq_init(&line);
    return bl_waitq_wait_shielded(&line, &waiter, "nobody", NULL);
}

TEST(a_deadlock_that_cannot_be_cancelled_ends_the_process, .no_loop = true,
     .signal = SIGABRT, .output = "cancelled, for what cannot be cancelled") {
    BL_IGNORE(bl_run(waits_in_a_line_that_nobody_serves, NULL)); /* dies */
}
