/* SPDX-License-Identifier: MIT */
/*
 * task/to_thread.c - waiting for a blocking call on another thread
 *
 * bl_to_thread's job is on the waiter's stack: it allocates nothing, and so it
 * has to wait for a job that runs.  bl_to_thread_owned's job is on the heap
 * and owns its argument, so a cancelled caller can leave at once.
 */
#include <belay/thread.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "loop/offload.h"
#include "task/task.h"

struct call {
    struct bl__job job;
    bl_park park;
};

bool bl_thread_is_cancelled(void) {
    struct bl__job *job = bl__job_current;
    return job != NULL && atomic_load(&job->is_cancelled);
}

static void call_finished(struct bl__job *job) {
    struct call *call = bl__container_of(job, struct call, job);
    bl_park_wake(&call->park, job->rc);
}

static bl_abort call_abort(bl_park *park) {
    struct call *call = bl__container_of(park, struct call, park);
    if (bl__pool_withdraw(&call->job)) return BL_ABORTED;
    atomic_store(&call->job.is_cancelled, true);
    return BL_PENDING;
}

int bl_to_thread(bl_task_fn *fn, void *arg) {
    if (fn == NULL) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    bl_task *task = bl__task_current();
    struct call call = { .job = { .fn = fn, .arg = arg } };
    call.job.finished = call_finished;
    call.job.locals = task->locals;
    bl_park_init(&call.park, "thread job", NULL, call_abort);
    rc = bl__pool_submit(&task->sched->loop, &call.job);
    if (rc < 0) return rc == BL_ENOMEM ? BL_EAGAIN : rc;
    return bl_park_wait(&call.park);
}

/* ---- with an argument that changes hands ------------------------------- */

struct owned_call {
    struct bl__job job;
    bl_park *park; /* NULL once the caller has left */
    bl_task_fn *fn;
    void *arg;
    void (*dtor)(void *arg);
};

/* The park of a caller, with the way to its job. */
struct owned_park {
    bl_park park;
    struct owned_call *call;
};

static int owned_run(void *arg) {
    struct owned_call *call = arg;
    int rc = call->fn(call->arg);
    call->dtor(call->arg);
    return rc;
}

static void owned_free(struct owned_call *call) {
    bl__locals_unref(call->job.locals);
    bl__free(call);
}

static void owned_finished(struct bl__job *job) {
    struct owned_call *call = bl__container_of(job, struct owned_call, job);
    if (call->park != NULL) bl_park_wake(call->park, job->rc);
    owned_free(call);
}

static bl_abort owned_abort(bl_park *park) {
    struct owned_park *owned = bl__container_of(park, struct owned_park, park);
    struct owned_call *call = owned->call;
    if (bl__pool_withdraw(&call->job)) {
        call->dtor(call->arg);
        owned_free(call);
    } else {
        atomic_store(&call->job.is_cancelled, true);
        call->park = NULL;
    }
    return BL_ABORTED;
}

int bl_to_thread_owned(bl_task_fn *fn, void *arg, void (*dtor)(void *arg)) {
    if (dtor == NULL) return BL_EINVAL;
    int rc = fn != NULL ? bl_checkpoint() : BL_EINVAL;
    if (rc < 0) goto drop_arg;

    bl_task *task = bl__task_current();
    rc = BL_ENOMEM;
    struct owned_call *call = bl__alloc_zeroed(1, sizeof *call);
    if (call == NULL) goto drop_arg;

    struct owned_park owned = { .call = call };
    bl_park_init(&owned.park, "thread job", NULL, owned_abort);
    call->park = &owned.park;
    call->fn = fn;
    call->arg = arg;
    call->dtor = dtor;
    call->job.fn = owned_run;
    call->job.arg = call;
    call->job.asked = fn;
    call->job.finished = owned_finished;
    call->job.locals = bl__locals_ref(task->locals);
    rc = bl__pool_submit(&task->sched->loop, &call->job);
    if (rc < 0) goto free_call;
    return bl_park_wait(&owned.park);

free_call:
    owned_free(call);
drop_arg:
    dtor(arg);
    return rc;
}
