/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_workers_signal.c - workers and what happens to their process:
 * signals, and a limit of threads
 *
 * Each run is in a forked child, on its main thread.  TSan allows no threads
 * there, so the rest is in test_workers.c.
 */
#include <belay/test.h>

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

enum {
    WORKERS = 3,
    MANY = 64
};

/* What the workers of one run see; each writes its own places. */
struct seen {
    int number; /* of the signal */
    int rc;     /* of the run */
    int wait_rc[WORKERS];
    int shield_rc[WORKERS];
    bool has_entered[WORKERS];
    atomic_int ready_count;
};

/* ---- signals ------------------------------------------------------------- */

static struct seen *shared;

static int runs_in_child(void *arg) {
    shared->rc = bl_run_workers(WORKERS, (bl_task_fn *)arg, shared);
    return 0;
}

/* The status of waitpid. */
static int with_signals(bl_task_fn *fn, int number) {
    if (shared == NULL) shared = shared_memory(sizeof *shared);
    memset(shared, 0, sizeof *shared);
    shared->number = number;
    return in_child(runs_in_child, (void *)fn);
}

static int is_interrupted(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    if (index == 0) (void)raise(seen->number);
    seen->wait_rc[index] = bl_sleep(HOUR);
    return seen->wait_rc[index];
}

PARAM(int, number, SIGINT, SIGTERM);

TEST(the_first_signal_cancels_all, (number)) {
    CHECK_EQ(with_signals(is_interrupted, number), 0);
    for (int i = 0; i < WORKERS; i++)
        CHECK_ERR(shared->wait_rc[i], BL_ECANCELED);
    CHECK_ERR(shared->rc, BL_EINTERRUPTED);
}

static int recovers(void *arg) {
    return is_interrupted(arg) == BL_ECANCELED ? 0 : 1;
}

TEST(workers_that_finish_all_the_same_have_not_failed) {
    CHECK_EQ(with_signals(recovers, SIGTERM), 0);
    CHECK_OK(shared->rc);
}

static int one_fails_in_its_clean_up(void *arg) {
    int rc = is_interrupted(arg);
    return bl_worker_index() == 1 ? BL_EPIPE : rc;
}

TEST(a_failure_beside_a_signal_is_not_hidden) {
    CHECK_EQ(with_signals(one_fails_in_its_clean_up, SIGTERM), 0);
    CHECK_ERR(shared->rc, BL_EGROUP);
}

/* Behind a shield there is nobody but the second signal. */
static int cleans_up_until_told_again(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    int rc = is_interrupted(arg);
    BL_SHIELD(BL_SHIELD_FOREVER) {
        seen->has_entered[index] = bl_yield() == 0;
        seen->ready_count++;
        while (index == 0 && seen->ready_count < WORKERS)
            sched_yield();
        if (index == 0) (void)raise(seen->number);
        seen->shield_rc[index] = bl_sleep(HOUR);
    }
    return rc;
}

TEST(the_second_signal_goes_through_the_shields_of_all, (number)) {
    CHECK_EQ(with_signals(cleans_up_until_told_again, number), 0);
    for (int i = 0; i < WORKERS; i++) {
        CHECK(shared->has_entered[i]); /* the first did not */
        CHECK_ERR(shared->shield_rc[i], BL_ECANCELED);
    }
    CHECK_ERR(shared->rc, BL_EINTERRUPTED);
}

static int waits_for_ever(void) {
    bl_event never = BL_EVENT_INIT;
    return bl_event_wait(&never);
}

static int never_gives_up(void *arg) {
    struct seen *seen = arg;
    BL_IGNORE(cleans_up_until_told_again(arg)); /* goes on */
    if (bl_worker_index() != 0) {
        BL_IGNORE(waits_for_ever()); /* cancelled too */
        return 0;
    }
    (void)raise(seen->number);
    seen->number = 0; /* not reached any more */
    return 0;
}

TEST(the_third_signal_has_its_default_effect) {
    int status = with_signals(never_gives_up, SIGTERM);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGTERM);
    CHECK_EQ(shared->number, SIGTERM);
}

/* Prints are done before the cancellation that comes after them. */
static int asks_for_trees(void *arg) {
    struct seen *seen = arg;
    seen->ready_count++;
    if (bl_worker_index() == 0) {
        while (seen->ready_count < WORKERS)
            sched_yield();
        (void)raise(SIGQUIT);
        (void)raise(SIGTERM);
    }
    return bl_sleep(HOUR);
}

TEST(a_quit_prints_the_tasks_of_all) {
    capture_stderr();
    int status = with_signals(asks_for_trees, SIGQUIT);
    const char *text = captured_stderr();
    CHECK_EQ(status, 0);
    CHECK_ERR(shared->rc, BL_EINTERRUPTED);
    CHECK_CONTAINS(text, "supervisor #1  waits for workers");
    CHECK_CONTAINS(text, "worker 0 of 3, tasks: 1 alive\n  worker-0 #1");
    CHECK_CONTAINS(text, "worker 1 of 3, tasks: 1 alive\n  worker-1 #1");
    CHECK_CONTAINS(text, "worker 2 of 3, tasks: 1 alive\n  worker-2 #1");
}

/* ---- a limit of threads -------------------------------------------------- */

static int counts_run(void *arg) {
    (*(atomic_int *)arg)++;
    return 0;
}

static int entries(const char *folder) {
    DIR *dir = opendir(folder);
    int count = 0;
    if (dir == NULL) return -1;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

enum {
    NOBODY_ELSE = 54321, /* a user without other processes */
    PROCESSES = 4
};

/* Room for this thread and three more; the exit status tells what failed. */
static int hires_too_many(void *arg) {
    struct rlimit limit = { PROCESSES, PROCESSES };
    atomic_int runs = 0;
    (void)arg;
    if (setuid(NOBODY_ELSE) < 0) return 1;
    if (setrlimit(RLIMIT_NPROC, &limit) < 0) return 1;
    int fds = entries("/proc/self/fd");
    if (bl_run_workers(MANY, counts_run, &runs) != BL_EAGAIN) return 2;
    if (runs != 0) return 3;
    if (entries("/proc/self/task") != 3) return 4; /* one, and two dots */
    if (entries("/proc/self/fd") != fds) return 5;
    if (bl_run_workers(2, counts_run, &runs) != 0) return 6;
    return runs == 2 ? 0 : 7;
}

TEST(a_thread_that_cannot_be_started_ends_those_that_were, .tags = "native") {
    if (geteuid() != 0) t_skip("a limit of processes needs a user of its own");
    CHECK_EQ(in_child(hires_too_many, NULL), 0);
}
