/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_misuse.c - calls from where they cannot be made, and what
 * cannot go on
 *
 * Every call that may wait says BL_ENOLOOP on a thread without a loop, in a
 * thread job and in a forked child, and BL_ENOTASK in a callback of the loop.
 * What leaves the process in no state to go on ends it with a report.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

/* Something of everything, made by a task of a loop. */
struct objects {
    bl_group group;
    bl_event event;
    bl_lock lock;
    bl_cond cond;
    bl_sem sem;
    bl_barrier barrier;
    bl_queue queue;
    bl_future future;
    bl_task *task;
    int ends[2];
    int runs;
    int code; /* what every call is expected to return */
};

static int counts(void *arg) {
    count_call(arg);
    return 0;
}

static int counts_body(bl_group *group, void *arg) {
    (void)group;
    count_call(arg);
    return 0;
}

static void objects_init(struct objects *objects, int code) {
    *objects = (struct objects){ .code = code };
    REQUIRE_OK(bl_sem_init(&objects->sem, 1, 0));
    REQUIRE_OK(bl_barrier_init(&objects->barrier, 1));
    REQUIRE_OK(bl_queue_init(&objects->queue, sizeof(int), 4));
    REQUIRE_OK(bl_future_init(&objects->future));
    REQUIRE_OK(bl_group_enter(&objects->group));
    REQUIRE_OK(
        bl_spawn_task(&objects->group, kid_returns, NULL, &objects->task));
    REQUIRE_EQ(pipe(objects->ends), 0);
    bl_event_set(&objects->event);
    settle();
}

static void objects_done(struct objects *objects) {
    CHECK_EQ(objects->runs, 0);
    CHECK_OK(bl_group_exit(&objects->group, 0));
    bl_task_unref(objects->task);
    bl_future_done(&objects->future);
    bl_queue_done(&objects->queue);
    close(objects->ends[0]);
    close(objects->ends[1]);
}

static void try_tasks(struct objects *objects) {
    int code = objects->code;
    CHECK_ERR(bl_sleep(1), code);
    CHECK_ERR(bl_sleep(0), code);
    CHECK_ERR(bl_sleep_until(1), code);
    CHECK_ERR(bl_yield(), code);
    CHECK_ERR(bl_settle(), code);
    CHECK_ERR(bl_checkpoint(), code);
    CHECK_ERR(bl_task_join(objects->task, NULL), code);
    CHECK_ERR(bl_task_wait(&objects->task, 1, BL_WAIT_ALL), code);
    CHECK_ERR(bl_start(&objects->group, counts, &objects->runs, NULL), code);
    CHECK_ERR(bl_group_run(counts_body, &objects->runs), code);
    bl_racer racers[] = { { counts, &objects->runs, NULL } };
    CHECK_ERR(bl_race(racers, 1, NULL), code);
    CHECK_ERR(bl_timeout_run(1, counts, &objects->runs), code);
    CHECK_ERR(bl_to_thread(counts, &objects->runs), code);
    bl_group group = { 0 };
    CHECK_ERR(bl_group_enter(&group), code);
    bl_scope scope;
    CHECK_ERR(bl_scope_enter_with(&scope, NULL), code);
    int rc = 0;
    BL_GROUP(none, rc) {
        CHECK(none == NULL); /* never reached */
    }
    CHECK_ERR(rc, code);
    CHECK_ERR(bl_wait_for(counts(&objects->runs), 1), code);
}

static void try_sync(struct objects *objects) {
    int code = objects->code, item = 0;
    size_t turn = 0;
    CHECK_ERR(bl_event_wait(&objects->event), code);
    CHECK_ERR(bl_lock_acquire(&objects->lock), code);
    CHECK_ERR(bl_cond_wait(&objects->cond, &objects->lock), code);
    CHECK_ERR(bl_sem_acquire(&objects->sem), code);
    CHECK_ERR(bl_barrier_wait(&objects->barrier), code);
    CHECK_ERR(bl_queue_put(&objects->queue, &item), code);
    CHECK_ERR(bl_queue_get(&objects->queue, &item), code);
    CHECK_ERR(bl_queue_join(&objects->queue), code);
    CHECK_ERR(bl_future_wait(&objects->future, NULL), code);
    bl_branch branches[] = { bl_on_event(&objects->event) };
    CHECK_ERR(bl_select(branches, 1), code);
    CHECK_ERR(bl_select_fair(branches, 1, &turn), code);
}

static void try_io(struct objects *objects) {
    int code = objects->code;
    char byte = 0;
    CHECK_ERR(bl_fd_wait(objects->ends[1], BL_WRITABLE), code);
    CHECK_ERR(bl_fd_read(objects->ends[0], &byte, 1), code);
    CHECK_ERR(bl_fd_write(objects->ends[1], &byte, 1), code);
    CHECK_ERR(bl_fd_accept(objects->ends[0], NULL, NULL), code);
}

static void try_all(void *arg) {
    struct objects *objects = arg;
    try_tasks(objects);
    try_sync(objects);
    try_io(objects);
}

TEST(a_thread_without_a_loop_cannot_wait) {
    struct objects objects;
    objects_init(&objects, BL_ENOLOOP);
    on_thread(try_all, &objects);
    objects_done(&objects);
}

static void try_all_and_tell(void *arg) {
    try_all(arg);
    note("done");
}

TEST(a_loop_callback_cannot_wait) {
    struct objects objects;
    bl_call call = { 0 };
    objects_init(&objects, BL_ENOTASK);
    bl_call_soon(bl_loop_running(), &call, try_all_and_tell, &objects);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK_STR(notes(), "done");
    objects_done(&objects);
}

TEST(a_timer_callback_cannot_wait) {
    struct objects objects;
    bl_timer timer;
    objects_init(&objects, BL_ENOTASK);
    bl_timer_init(&timer, try_all_and_tell, &objects);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + BL_MS(1));
    CHECK_EQ(bl_sleep(BL_MS(2)), 0);
    CHECK_STR(notes(), "done");
    objects_done(&objects);
}

static int job_tries_all(void *arg) {
    try_all(arg);
    CHECK(bl_loop_running() == NULL);
    CHECK(bl_task_current() == NULL);
    return 31;
}

TEST(a_thread_job_cannot_wait) {
    struct objects objects;
    objects_init(&objects, BL_ENOLOOP);
    CHECK_EQ(bl_to_thread(job_tries_all, &objects), 31);
    objects_done(&objects);
}

/* What a forked child saw; in memory that it shares. */
struct forked {
    struct objects *objects;
    bool has_loop, has_task;
    int sleep_rc, wait_rc, spawn_rc, run_rc;
};

static int tries_in_child(void *arg) {
    struct forked *seen = arg;
    seen->has_loop = bl_loop_running() != NULL;
    seen->has_task = bl_task_current() != NULL;
    seen->sleep_rc = bl_sleep(1);
    seen->wait_rc = bl_event_wait(&seen->objects->event);
    seen->spawn_rc = bl_spawn(&seen->objects->group, kid_returns, NULL);
    seen->run_rc = bl_run(kid_returns, ARG(23));
    return 0;
}

TEST(a_forked_child_has_left_the_loop) {
    struct objects objects;
    objects_init(&objects, 0);
    struct forked *seen = shared_memory(sizeof(*seen));
    seen->objects = &objects;
    CHECK_EQ(in_child(tries_in_child, seen), 0);
    CHECK(!seen->has_loop);
    CHECK(!seen->has_task);
    CHECK_ERR(seen->sleep_rc, BL_ENOLOOP);
    CHECK_ERR(seen->wait_rc, BL_ENOLOOP);
    CHECK_ERR(seen->spawn_rc, BL_ENOLOOP);
    CHECK_EQ(seen->run_rc, 23); /* a loop of its own it may have */
    CHECK_EQ(bl_event_wait(&objects.event), 0); /* and ours is unharmed */
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    objects_done(&objects);
}

/* A task that forks, and whose child returns from it instead of exiting. */
struct fork_in_task {
    pid_t child;
    int siblings_run; /* in memory that both processes share */
};

static int forks_and_returns(void *arg) {
    struct fork_in_task *in_task = arg;
    pid_t pid = fork();
    if (pid > 0) in_task->child = pid;
    return 0;
}

static int counts_a_run(void *arg) {
    struct fork_in_task *in_task = arg;
    int rc = bl_yield();
    in_task->siblings_run++;
    return rc;
}

TEST(a_forked_child_cannot_return_from_its_task) {
    struct fork_in_task *in_task = shared_memory(sizeof *in_task);
    bl_group group = { 0 };
    int status = 0;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, forks_and_returns, in_task));
    CHECK_OK(bl_spawn(&group, counts_a_run, in_task));
    capture_stderr();
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    REQUIRE_EQ(waitpid(in_task->child, &status, 0), in_task->child);
    CHECK_CONTAINS(captured_stderr(), "a forked child returned from task");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    CHECK_EQ(in_task->siblings_run, 1); /* in the parent alone */
}

/* ---- objects of another loop --------------------------------------------- */

static int uses_foreign_objects(void *arg) {
    struct objects *objects = arg;
    int item = 0;
    CHECK_ERR(bl_event_wait(&objects->event), BL_ETHREAD);
    CHECK_ERR(bl_lock_acquire(&objects->lock), BL_ETHREAD);
    CHECK_ERR(bl_lock_try_acquire(&objects->lock), BL_ETHREAD);
    CHECK_ERR(bl_sem_acquire(&objects->sem), BL_ETHREAD);
    CHECK_ERR(bl_barrier_wait(&objects->barrier), BL_ETHREAD);
    CHECK_ERR(bl_queue_put(&objects->queue, &item), BL_ETHREAD);
    CHECK_ERR(bl_queue_get(&objects->queue, &item), BL_ETHREAD);
    CHECK_ERR(bl_queue_join(&objects->queue), BL_ETHREAD);
    CHECK_ERR(bl_future_wait(&objects->future, NULL), BL_ETHREAD);
    CHECK_ERR(bl_future_set(&objects->future, 0, NULL), BL_ETHREAD);
    CHECK_ERR(bl_task_join(objects->task, NULL), BL_ETHREAD);
    CHECK_ERR(bl_spawn(&objects->group, kid_returns, NULL), BL_ETHREAD);
    CHECK_ERR(bl_start(&objects->group, kid_returns, NULL, NULL), BL_ETHREAD);
    return 0;
}

TEST(objects_belong_to_the_loop_that_used_them_first) {
    struct objects objects;
    int item = 0;
    objects_init(&objects, 0);
    CHECK_EQ(bl_event_wait(&objects.event), 0);
    CHECK_EQ(bl_lock_acquire(&objects.lock), 0);
    CHECK_EQ(bl_lock_release(&objects.lock), 0);
    CHECK_EQ(bl_sem_acquire(&objects.sem), 0);
    CHECK_EQ(bl_sem_release(&objects.sem), 0);
    CHECK_EQ(bl_barrier_wait(&objects.barrier), 0);
    CHECK_EQ(bl_queue_put(&objects.queue, &item), 0);
    CHECK_EQ(run_elsewhere(uses_foreign_objects, &objects, NULL), 0);
    objects_done(&objects);
}

/* ---- what cannot go on --------------------------------------------------- */

static volatile char *keep_alive; /* makes the frames real */

#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#    pragma GCC diagnostic ignored "-Winfinite-recursion"
#endif
__attribute__((noinline)) static int recurses(int depth) {
    volatile char frame[1024];
    if (depth == INT_MAX) return 0; /* the stack ends long before */
    frame[depth % 1024] = (char)depth;
    keep_alive = frame;
    int below = recurses(depth + 1);
    return below + frame[(depth + 1) % 1024] + *keep_alive;
}
#pragma GCC diagnostic pop

static int overflows(void *arg) {
    (void)arg;
    return recurses(1);
}

static int spawns_an_overflow(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, overflows, NULL);
    }
    return rc;
}

static int runs_an_overflow(void *arg) {
    return bl_run(spawns_an_overflow, arg);
}

TEST(a_stack_overflow_names_the_task_and_where_it_was_spawned,
     .tags = "native") {
    capture_stderr();
    int status = in_child(runs_an_overflow, NULL);
    const char *text = captured_stderr();
    CHECK(WIFSIGNALED(status));
    CHECK_CONTAINS(text, "overflows");
    CHECK_CONTAINS(text, "test_misuse.c:");
    CHECK_CONTAINS(text, "stack");
}

static int opens_and_forgets(void *arg) {
    (void)arg;
    bl_loop *loop = NULL;
    if (bl_loop_open(NULL, &loop) < 0) return 1;
    if (bl_loop_start(loop, kid_sleeps, ARG(HOUR)) < 0) return 1;
    if (bl_loop_step(loop, 0) != 1) return 1;
    bl_loop_close(loop); /* its root is alive */
    return 0;
}

TEST(closing_a_loop_with_a_live_task_crashes_with_a_report) {
    capture_stderr();
    int status = in_child(opens_and_forgets, NULL);
    CHECK_CONTAINS(captured_stderr(), "main #1");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
}

static int dies_with_a_lock(void *arg) {
    return bl_lock_acquire(arg);
}

static int leaves_a_lock_behind(void *arg) {
    bl_lock lock = BL_LOCK_INIT;
    bl_group group = { 0 };
    (void)arg;
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_spawn(&group, dies_with_a_lock, &lock);
    if (rc == 0) rc = bl_sleep(1);
    CHECK_ERR(bl_lock_acquire(&lock), BL_EOWNERDEAD);
    return bl_group_exit(&group, rc);
}

TEST(a_task_that_ends_with_a_lock_is_reported) {
    bl_loop_options options = quiet_options();
    options.is_quiet = false;
    capture_stderr();
    CHECK_EQ(run_elsewhere(leaves_a_lock_behind, NULL, &options), 0);
    CHECK_CONTAINS(captured_stderr(), "dies_with_a_lock");
}

static int crashes(void *arg) {
    bl_scope outer, inner;
    (void)arg;
    bl_task_set_name("unlucky");
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    return bl_scope_exit(&outer, 0);
}

static int spawns_a_crash(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_sleeps, ARG(HOUR));
        if (rc == 0) rc = bl_spawn(group, crashes, NULL);
    }
    return rc;
}

static int runs_a_crash(void *arg) {
    return bl_run(spawns_a_crash, arg);
}

TEST(a_crash_report_shows_the_tasks) {
    capture_stderr();
    int status = in_child(runs_a_crash, NULL);
    const char *text = captured_stderr();
    CHECK(WIFSIGNALED(status));
    CHECK_CONTAINS(text, "unlucky");
    CHECK_CONTAINS(text, "kid_sleeps"); /* and what the others did */
}

/* ---- errno --------------------------------------------------------------- */

static int spoils_errno(void *arg) {
    for (int i = 0; i < 3; i++) {
        errno = (int)NUMBER(arg);
        int rc = bl_yield();
        if (rc < 0) return rc;
        CHECK_EQ(errno, (int)NUMBER(arg));
    }
    return 0;
}

TEST(errno_belongs_to_the_task) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, spoils_errno, ARG(EIO)));
    CHECK_OK(bl_spawn(&group, spoils_errno, ARG(EPIPE)));
    errno = EDOM;
    CHECK_OK(bl_sleep(BL_MS(1)));
    CHECK_EQ(errno, EDOM);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}
