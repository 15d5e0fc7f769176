/* SPDX-License-Identifier: MIT */
/*
 * loop/offload.h - jobs on the threads of a loop's pool
 *
 * A job is embedded by its owner.  It is queued, taken by a thread, run, and
 * posted back to the loop, where `finished` is called.  Until a thread takes
 * it, it can be withdrawn.
 */
#ifndef BL__LOOP_OFFLOAD_H
#define BL__LOOP_OFFLOAD_H

#include <stdatomic.h>

#include "loop/loop.h"

struct bl__job {
    bl_link link;    /* in the queue; guarded by the pool's mutex */
    bl_link sibling; /* among all of the pool; of the loop's thread */
    bl_loop *loop;
    uint64_t number; /* of submission, in this pool */
    bl_task_fn *fn;
    void *arg;
    bl_task_fn *asked; /* what the user wanted to run, if that is not fn */
    int rc;
    atomic_bool is_cancelled; /* the waiter was; for bl_thread_is_cancelled */
    void *locals;             /* of the waiter, visible to fn */
    void (*finished)(struct bl__job *job); /* on the loop's thread */
    struct bl__post post;
};

/* The job that this thread runs, or NULL. */
extern __thread struct bl__job *bl__job_current;

/* Queues the job; 0, BL_ENOMEM, or BL_EAGAIN: there is no thread at all. */
int bl__pool_submit(bl_loop *loop, struct bl__job *job);

/* Takes a job back that no thread has taken; false if it is too late. */
bool bl__pool_withdraw(struct bl__job *job);

/* Delivers what a batch of posts has brought, as the seam chooses. */
void bl__pool_deliver(bl_loop *loop);

/* Returns the list of all jobs by `sibling`, or NULL without a pool. */
const bl_link *bl__pool_list(const bl_loop *loop);

#endif
