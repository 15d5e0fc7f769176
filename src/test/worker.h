/* SPDX-License-Identifier: MIT */
/*
 * test/worker.h - one process that runs one job, seen from the runner
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

struct bl__worker {
    struct bl__test_job job;
    struct bl__test_record *record; /* shared with the process */
    pid_t pid;                      /* 0: idle */
    int pid_fd;
    int output_fd;
    bl_ns began;
    bl_ns limit; /* of real time */
    bool is_warned;
    int status; /* of waitpid */
    char *output;
    enum bl__verdict verdict;
};

void bl__worker_open(struct bl__worker *worker);
void bl__worker_close(struct bl__worker *worker);

/* Starts `job`; on a failure to fork the job is judged right away. */
bool bl__worker_start(struct bl__worker *worker,
                      const struct bl__test_settings *settings,
                      const struct bl__test_job *job);

/* Looks at the time; when the job must be told or killed next. */
bl_ns bl__worker_watch(struct bl__worker *worker, bl_ns now);

/* Collects a process that has ended, and judges the job. */
void bl__worker_collect(struct bl__worker *worker);

/* Kills the process of a worker that is not wanted any more. */
void bl__worker_kill(struct bl__worker *worker);

#endif
