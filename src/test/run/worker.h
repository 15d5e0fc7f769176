/* SPDX-License-Identifier: MIT */
/*
 * test/run/worker.h - one process that runs jobs, seen from the runner
 *
 * The runner forks a worker for each job, points its output into a file in
 * memory, and reads record and output when it has ended.  A worker that takes
 * too long is told, then killed, with all that it has started.
 */
#ifndef BL__TEST_WORKER_H
#define BL__TEST_WORKER_H

#include <sys/types.h>

#include "test/options.h"
#include "test/record.h"

/* What became of a job. */
enum bl__verdict {
    BL__VERDICT_PASSED,
    BL__VERDICT_FAILED,
    BL__VERDICT_TIMEOUT,
    BL__VERDICT_SKIPPED,
    BL__VERDICT_BROKEN,
    BL__VERDICT_CRASHED
};

/* What was done about a job that takes too long. */
enum bl__urgency {
    BL__URGENCY_NONE,
    BL__URGENCY_HURRIED, /* its loop was asked to cancel it */
    BL__URGENCY_WARNED,  /* it was sent SIGABRT */
    BL__URGENCY_KILLED
};

struct bl__worker {
    struct bl__test_job job;
    struct bl__test_record *record; /* shared with the process */
    pid_t pid;                      /* 0: there is none */
    int pid_fd;
    int output_fd;
    int channel; /* to a shared process; -1: it runs one job and ends */
    bl_ns began;
    bl_ns limit; /* of real time */
    enum bl__urgency urgency;
    bool is_anchor; /* it answers by itself, in the middle of its job */
    bool is_idle;   /* shared: it waits for an order */
    int status;     /* of waitpid */
    char *output;
    enum bl__verdict verdict;
};

void bl__worker_open(struct bl__worker *worker);
void bl__worker_close(struct bl__worker *worker);

/* Starts `job`; if that fails the job is judged right away. */
bool bl__worker_start(struct bl__worker *worker,
                      const struct bl__test_settings *settings,
                      const struct bl__test_job *job);

/* The same, in a process that will be given more jobs. */
bool bl__worker_start_shared(struct bl__worker *worker,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job);

/*
 * Starts the process of T_RUN fixtures: `job` answers while it runs, through
 * bl__worker_own_channel, and is idle from then on.
 */
bool bl__worker_start_anchor(struct bl__worker *worker,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job);

/* In the process of a worker: the way to the runner. */
int bl__worker_own_channel(void);

/* Gives an idle process another job. */
void bl__worker_give(struct bl__worker *worker,
                     const struct bl__test_settings *settings,
                     const struct bl__test_job *job);

/*
 * Has an idle process tear down the fixtures of its module, or all of them and
 * end.  What goes wrong is judged as another job of the same case.
 */
void bl__worker_end(struct bl__worker *worker,
                    const struct bl__test_settings *settings,
                    bool is_module_only);

/* Looks at the time; when the job must be told or killed next. */
bl_ns bl__worker_watch(struct bl__worker *worker, bl_ns now);

/* Whether the process has not ended. */
bool bl__worker_is_alive(const struct bl__worker *worker);

/*
 * Looks whether the job is done, or the process has ended; then it is judged.
 */
bool bl__worker_look(struct bl__worker *worker);

/* Waits until the job is done, or the process has ended or was killed. */
void bl__worker_wait(struct bl__worker *worker);

/* Collects a process that has ended, and judges the job. */
void bl__worker_collect(struct bl__worker *worker);

/* Kills the process of a worker that is not wanted any more. */
void bl__worker_kill(struct bl__worker *worker);

/* ---- judge.c; and for worker.c ---------------------------------------- */

/* Sets the verdict on the job that is done. */
void bl__worker_judge(struct bl__worker *worker);

/* Adds `what` to the record as a failure that the runner has noticed. */
void bl__worker_blame(struct bl__worker *worker, const char *what);

/* Adds lines to the record that belong to the failure before them. */
void bl__worker_detail(struct bl__worker *worker, const char *details);

#endif
