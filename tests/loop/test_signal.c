/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_signal.c - SIGINT, SIGTERM and SIGQUIT of bl_run
 *
 * A body runs in a forked child, on its main thread, with the default effect
 * of every signal.  What it saw it leaves in memory that both processes share.
 *
 * The tests have no loop: ThreadSanitizer takes each task for a thread, and
 * delivers no signals in the child of a process with threads.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

/* What a child does, and what it saw. */
struct seen {
    bl_task_fn *fn;
    int number; /* of the signal */
    int rc;     /* of bl_run */
    int wait_rc;
    int shield_rc;
    bool has_handler; /* while it ran */
    bool is_default;  /* afterwards */
    bool is_ignored;
    bool was_reached;
};

static struct seen *seen;

/* ---- helpers ------------------------------------------------------------- */

static bool has_handler(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0) return false;
    return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

static bool is_default(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0) return false;
    return action.sa_handler == SIG_DFL;
}

static int runs(void *arg) {
    (void)arg;
    seen->rc = bl_run(seen->fn, seen);
    seen->is_default =
        is_default(SIGINT) && is_default(SIGTERM) && is_default(SIGQUIT);
    return 0;
}

/* Runs `fn` as the root of bl_run in a child; the status of waitpid. */
static int run_in_child(bl_task_fn *fn, int number) {
    if (seen == NULL) seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = fn, .number = number };
    return in_child(runs, NULL);
}

/* Raises the signal and waits for what comes of it. */
static int is_interrupted(void *arg) {
    (void)arg;
    seen->has_handler = has_handler(seen->number);
    (void)raise(seen->number);
    seen->wait_rc = bl_sleep(HOUR);
    return seen->wait_rc;
}

/* ---- the first ----------------------------------------------------------- */

PARAM(int, number, SIGINT, SIGTERM);

TEST(the_first_cancels_the_root, (number), .no_loop = true) {
    CHECK_EQ(run_in_child(is_interrupted, number), 0);
    CHECK(seen->has_handler);
    CHECK_ERR(seen->wait_rc, BL_ECANCELED);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
    CHECK(seen->is_default);
}

static int recovers(void *arg) {
    return is_interrupted(arg) == BL_ECANCELED ? 42 : 0;
}

TEST(a_root_that_finishes_all_the_same_keeps_its_value, (number),
     .no_loop = true) {
    CHECK_EQ(run_in_child(recovers, number), 0);
    CHECK_EQ(seen->rc, 42);
}

static int fails(void *arg) {
    (void)is_interrupted(arg);
    return BL_EPIPE;
}

TEST(a_root_that_fails_in_its_clean_up_keeps_its_error, (number),
     .no_loop = true) {
    CHECK_EQ(run_in_child(fails, number), 0);
    CHECK_ERR(seen->rc, BL_EPIPE);
}

static int cancels_itself_too(void *arg) {
    bl_task_cancel(bl_task_current());
    return is_interrupted(arg);
}

TEST(a_signal_counts_more_than_a_cancelled_root, (number), .no_loop = true) {
    CHECK_EQ(run_in_child(cancels_itself_too, number), 0);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

static int is_interrupted_in_a_scope(void *arg) {
    int rc = 0;
    BL_MOVE_ON(rc, HOUR) {
        rc = is_interrupted(arg);
    }
    return rc;
}

TEST(a_scope_of_the_root_does_not_catch_it, (number), .no_loop = true) {
    CHECK_EQ(run_in_child(is_interrupted_in_a_scope, number), 0);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

static void *kills(void *arg) {
    (void)kill(getpid(), *(int *)arg);
    return NULL;
}

static int blocks(void *arg) {
    pthread_t thread;
    bl_handle *handle;
    (void)arg;
    int rc = bl_handle_open(&handle); /* so that it is no deadlock */
    if (rc < 0) return rc;
    if (pthread_create(&thread, NULL, kills, &seen->number) != 0) return 1;
    bl_event event = BL_EVENT_INIT;
    seen->wait_rc = bl_event_wait(&event);
    (void)pthread_join(thread, NULL);
    bl_thread_close(handle);
    return seen->wait_rc;
}

TEST(a_loop_that_blocks_is_woken, (number), .no_loop = true) {
    if (has_thread_sanitizer()) t_skip("it holds signals back, now and then");
    CHECK_EQ(run_in_child(blocks, number), 0);
    CHECK_ERR(seen->wait_rc, BL_ECANCELED);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

/* ---- the second and the third -------------------------------------------- */

static int cleans_up_until_told_again(void *arg) {
    int rc = is_interrupted(arg);
    BL_SHIELD(BL_SHIELD_FOREVER) {
        seen->shield_rc = bl_yield(); /* the first does not enter */
        (void)raise(seen->number);
        seen->wait_rc = bl_sleep(HOUR);
    }
    seen->was_reached = true;
    return rc;
}

TEST(the_second_goes_through_shields, (number), .no_loop = true) {
    CHECK_EQ(run_in_child(cleans_up_until_told_again, number), 0);
    CHECK_EQ(seen->shield_rc, 0);
    CHECK_ERR(seen->wait_rc, BL_ECANCELED);
    CHECK(seen->was_reached);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

static int never_gives_up(void *arg) {
    (void)cleans_up_until_told_again(arg);
    (void)raise(seen->number);
    seen->was_reached = false; /* not reached any more */
    return 0;
}

TEST(the_third_has_its_default_effect, (number), .no_loop = true) {
    int status = run_in_child(never_gives_up, number);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), number);
    CHECK(seen->was_reached);
}

static int mixes(void *arg) {
    (void)arg;
    (void)raise(SIGINT);
    (void)raise(SIGTERM);
    BL_SHIELD(BL_SHIELD_FOREVER) {
        seen->wait_rc = bl_sleep(HOUR);
    }
    return bl_sleep(1);
}

TEST(the_second_may_be_another_signal_than_the_first, .no_loop = true) {
    CHECK_EQ(run_in_child(mixes, SIGINT), 0);
    CHECK_ERR(seen->wait_rc, BL_ECANCELED);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

static int runs_twice(void *arg) {
    (void)runs(arg);
    int first = seen->rc;
    (void)runs(arg);
    return first == BL_EINTERRUPTED ? 0 : 1;
}

TEST(each_run_counts_anew, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen =
        (struct seen){ .fn = cleans_up_until_told_again, .number = SIGTERM };
    CHECK_EQ(in_child(runs_twice, NULL), 0); /* four of them, and alive */
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

/* ---- whose handlers ------------------------------------------------------ */

static int looks_at_ignored(void *arg) {
    (void)arg;
    (void)raise(SIGINT); /* has no effect */
    seen->wait_rc = bl_sleep(1);
    seen->has_handler = has_handler(SIGINT);
    return seen->wait_rc;
}

static int ignores_and_runs(void *arg) {
    if (signal(SIGINT, SIG_IGN) == SIG_ERR) return 1;
    (void)runs(arg);
    struct sigaction action;
    if (sigaction(SIGINT, NULL, &action) < 0) return 1;
    seen->is_ignored = action.sa_handler == SIG_IGN;
    return 0;
}

TEST(a_signal_that_is_ignored_stays_ignored, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = looks_at_ignored };
    CHECK_EQ(in_child(ignores_and_runs, NULL), 0);
    CHECK(!seen->has_handler);
    CHECK_EQ(seen->rc, 0);
    CHECK(seen->is_ignored);
}

static void own_handler(int number) {
    (void)number;
    seen->was_reached = true;
}

static int installs_its_own(void *arg) {
    (void)arg;
    return signal(SIGTERM, own_handler) == SIG_ERR ? 1 : 0;
}

static int runs_and_keeps_its_own(void *arg) {
    (void)runs(arg);
    (void)raise(SIGTERM);
    return 0;
}

TEST(a_handler_that_the_program_put_in_its_place_stays, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = installs_its_own };
    CHECK_EQ(in_child(runs_and_keeps_its_own, NULL), 0);
    CHECK(seen->was_reached);
    CHECK(!seen->is_default);
}

static int runs_as_host(void *arg) {
    bl_loop_options options = { .size = sizeof options,
                                .signals = BL_SIGNALS_HOST };
    (void)arg;
    return bl_run_with(is_interrupted, NULL, &options);
}

TEST(signals_of_the_host_are_left_alone, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .number = SIGTERM };
    int status = in_child(runs_as_host, NULL);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGTERM);
    CHECK(!seen->has_handler);
}

static int looks_for_a_handler(void *arg) {
    (void)arg;
    seen->has_handler = has_handler(SIGINT);
    return 0;
}

static int runs_an_opened_loop(void *arg) {
    bl_loop *loop;
    (void)arg;
    int rc = bl_loop_open(NULL, &loop);
    if (rc < 0) return 1;
    rc = bl_loop_run(loop, looks_for_a_handler, NULL);
    bl_loop_close(loop);
    return rc;
}

TEST(a_loop_that_was_opened_leaves_signals_to_its_host, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    CHECK_EQ(in_child(runs_an_opened_loop, NULL), 0);
    CHECK(!seen->has_handler);
}

static void runs_here(void *arg) {
    (void)runs(arg);
}

static int runs_on_a_thread(void *arg) {
    on_thread(runs_here, arg);
    return 0;
}

TEST(a_loop_on_another_thread_leaves_signals_alone, .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = looks_for_a_handler };
    CHECK_EQ(in_child(runs_on_a_thread, NULL), 0);
    CHECK(!seen->has_handler);
    CHECK_EQ(seen->rc, 0);
}

/* ---- SIGQUIT ------------------------------------------------------------- */

static int asks_for_the_tree(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_sleeps, ARG(BL_MS(1)));
        if (rc == 0) rc = bl_yield();
        (void)raise(SIGQUIT);
        if (rc == 0) rc = bl_yield();
    }
    return rc;
}

TEST(a_quit_prints_the_tasks_and_they_go_on, .no_loop = true) {
    capture_stderr();
    int status = run_in_child(asks_for_the_tree, SIGQUIT);
    const char *text = captured_stderr();
    CHECK_EQ(status, 0);
    CHECK_EQ(seen->rc, 0);
    CHECK_CONTAINS(text, "main #1");
    CHECK_CONTAINS(text, "kid_sleeps");
}

/* ---- forks --------------------------------------------------------------- */

static int looks_after_a_fork(void *arg) {
    (void)arg;
    seen->was_reached = is_default(SIGINT) && is_default(SIGTERM);
    return 0;
}

/* As in_child, but signals are left as the fork leaves them. */
static int fork_and_call(int (*fn)(void *arg), void *arg) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(fn(arg));
    if (waitpid(pid, &status, 0) != pid) return -1;
    return status;
}

static int forks_and_looks(void *arg) {
    return fork_and_call(looks_after_a_fork, arg);
}

TEST(a_forked_child_does_not_have_the_handlers_of_the_loop_it_left,
     .no_loop = true) {
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = forks_and_looks };
    CHECK_EQ(in_child(runs, NULL), 0);
    CHECK_EQ(seen->rc, 0);
    CHECK(seen->was_reached);
}

static int runs_again(void *arg) {
    seen->fn = is_interrupted;
    (void)runs(arg);
    return 0;
}

static int forks_and_runs(void *arg) {
    return fork_and_call(runs_again, arg);
}

TEST(a_forked_child_can_have_signals_of_its_own, .no_loop = true) {
    if (has_thread_sanitizer()) t_skip("no signals behind a fork of a task");
    seen = shared_memory(sizeof *seen);
    *seen = (struct seen){ .fn = forks_and_runs, .number = SIGTERM };
    CHECK_EQ(in_child(runs, NULL), 0);
    CHECK(seen->has_handler);
    CHECK_ERR(seen->wait_rc, BL_ECANCELED);
}
