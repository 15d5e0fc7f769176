/* SPDX-License-Identifier: MIT */
/*
 * belay/workers.h - many cores: a loop on each, which live and fail together
 *
 * A set of workers is to loops what a group is to tasks.  Each worker is a
 * thread with a loop of its own, and runs the same function as its root; if one
 * fails the others are cancelled, and all errors come back as one tree.  The
 * calling thread looks after them: it sleeps until the last has ended, and is
 * where signals arrive.
 *
 * Objects of a loop stay with it.  What passes between workers goes through
 * <belay/thread.h>: channels, handles, shared futures.  Descriptors can be
 * spread over the workers by the system, with a listener each on one port.
 */
#ifndef BELAY_WORKERS_H
#define BELAY_WORKERS_H

#include <belay/base.h>
#include <belay/loop.h>

BL_BEGIN_DECLS

/* A set of workers. */
typedef struct bl_workers bl_workers;

/*
 * What a set can be told when it is made.  Zero means default.
 */
typedef struct bl_workers_options {
    size_t size;      /* sizeof(bl_workers_options) */
    uint32_t count;   /* default: the CPUs that this thread may use; <= 1024 */
    bool is_pinned;   /* each thread stays on one of them, in turn */
    const char *name; /* of roots and threads, "NAME-INDEX"; up to 12 bytes;
                         copied; default "worker" */
    const bl_loop_options *loop; /* of each loop; copied; `signals` is for the
                                    calling thread */
} bl_workers_options;

/*
 * Runs `fn(arg)` as the root of `count` loops, each on a thread of its own, and
 * waits until all have ended.  A count of 0: one for each CPU.
 *
 * SIGINT and SIGTERM cancel all workers; a second one goes through shields, a
 * third has its default effect.  SIGQUIT prints the tasks of all.  As with
 * bl_run this needs the main thread.
 *
 * Returns 0 if nothing failed, also where bl_thread_workers_cancel ended it;
 * what `fn` returned above 0 is not kept.
 *
 * Errors:
 *   BL_EGROUP        a worker failed; the tree is the calling thread's current
 *                    error, the first failure first
 *   BL_EDEADLOCK     a worker had nothing left that could wake it, and nothing
 *                    else failed
 *   BL_EINTERRUPTED  a worker ended cancelled, and a signal had asked for it
 *   BL_EINVAL        fn is NULL or count is above 1024; nothing ran
 *   BL_EALREADY      a loop runs on this thread; nothing ran
 *   BL_ENOMEM        no memory for the loops; nothing ran
 *   BL_EMFILE        no descriptor left for a loop; nothing ran
 *   BL_EAGAIN        a thread could not be started; nothing ran
 */
BL_MAY_FAIL
int bl_run_workers(uint32_t count, bl_task_fn *fn, void *arg);

/*
 * Runs like bl_run_workers, with a set made as `options` say; NULL: all
 * defaults.
 *
 * Errors:
 *   BL_EINVAL  an option is out of its range; nothing ran
 */
BL_MAY_FAIL
int bl_run_workers_with(bl_task_fn *fn, void *arg,
                        const bl_workers_options *options);

/*
 * Makes a set of workers without running it, so that another thread can be
 * given it for bl_thread_workers_cancel.
 *
 * Returns 0, and the caller closes `*workers` with bl_workers_close.
 *
 * Errors:
 *   BL_EINVAL  workers is NULL or an option is out of range; nothing was
 *              written
 *   BL_ENOMEM  there was no memory; nothing was written
 *   BL_EMFILE  there was no descriptor left; nothing was written
 */
BL_MAY_FAIL
int bl_workers_open(const bl_workers_options *options, bl_workers **workers);

/*
 * Runs `fn(arg)` in each worker and waits until all have ended.  Once per set.
 *
 * Returns and fails as bl_run_workers does.
 *
 * Errors:
 *   BL_EINVAL    workers or fn is NULL; nothing ran
 *   BL_EALREADY  a loop runs on this thread, or the set was run before;
 *                nothing ran
 *   BL_EAGAIN    a thread could not be started; nothing ran
 */
BL_MAY_FAIL
int bl_workers_run(bl_workers *workers, bl_task_fn *fn, void *arg);

/*
 * Closes a set that does not run.  NULL is allowed.
 */
BL_API
void bl_workers_close(bl_workers *workers);

/*
 * Returns how many workers the set has.
 */
BL_API
uint32_t bl_workers_count(const bl_workers *workers);

/*
 * Returns the set that the calling thread is a worker of, or NULL.
 */
BL_API
bl_workers *bl_workers_running(void);

/*
 * Returns the number of the worker that the calling thread is, from 0; 0 where
 * it is none.
 */
BL_API
uint32_t bl_worker_index(void);

BL_END_DECLS

#endif
