/* SPDX-License-Identifier: MIT */
/*
 * examples/queue_workers.c - a bounded queue between tasks: asyncio.Queue
 *
 * The producer waits while the queue is full, the workers while it is empty.
 * Shutting the queue down ends the workers once everything in it is done.
 */
#include <stdio.h>

#include <belay.h>

enum {
    WORKERS = 3,
    JOBS = 10,
    WAITING_MAX = 4
};

struct work {
    bl_queue jobs;
    int done;
    long sum;
};

static int worker(void *arg) {
    struct work *work = arg;

    for (;;) {
        int job;
        int rc = bl_queue_get(&work->jobs, &job);
        if (rc == BL_ESHUTDOWN) return 0; /* nothing more will come */
        if (rc < 0) return rc;

        rc = bl_sleep(BL_MS(2));
        if (rc < 0) return rc;
        work->sum += job * job;
        work->done++;
    }
}

static int produce(struct work *work) {
    for (int job = 1; job <= JOBS; job++) {
        int rc = bl_queue_put(&work->jobs, &job);
        if (rc < 0) return rc;
    }
    bl_queue_shutdown(&work->jobs);
    return 0;
}

static int main_task(void *arg) {
    (void)arg;
    struct work work = { .done = 0 };
    int rc = bl_queue_init(&work.jobs, sizeof(int), WAITING_MAX);
    if (rc < 0) return rc;

    BL_GROUP(tg, rc) {
        for (int i = 0; i < WORKERS && rc == 0; i++) {
            rc = bl_spawn(tg, worker, &work);
        }
        if (rc == 0) rc = produce(&work);
    }

    bl_queue_done(&work.jobs);
    printf("%d jobs by %d workers, at most %d in line: sum %ld\n", work.done,
           WORKERS, WAITING_MAX, work.sum);
    if (rc < 0) return rc;
    return work.done == JOBS && work.sum == 385 ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "queue_workers: %s\n", bl_strerror(rc));
    return rc < 0;
}
