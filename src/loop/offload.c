/* SPDX-License-Identifier: MIT */
/*
 * loop/offload.c - the bounded pool of threads of a loop
 *
 * Threads are started one at a time, when a job comes and none is idle, and
 * stay until the loop is closed.  The memory of the pool is taken with the
 * first job.  A job pins the loop until it has been delivered.
 *
 * Jobs are delivered as they end.  Under a seam, those that have ended by one
 * turn of the loop are collected first, in the order in which they were
 * submitted, which does not depend on threads; then the seam chooses.
 *
 * Invariant: under the mutex, idle_count threads wait for the condition, and
 * the queue is empty while idle_count exceeds the wake-ups on their way.
 */
#include "loop/offload.h"

#include <belay/error.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"

enum {
    THREADS_MAX = 32,
    THREADS_PER_CPU = 4
};

struct bl__pool {
    pthread_mutex_t mutex;
    pthread_cond_t has_job;
    bl_link queue;
    uint32_t queued_count;
    uint32_t idle_count;
    uint32_t thread_count;
    uint32_t thread_max;
    bool is_closing;
    /* Of the loop's thread alone: */
    uint64_t job_count;     /* queued, running, or not yet delivered */
    bl_link jobs;           /* those, in the order of submission */
    uint64_t job_last;      /* the number of the last one submitted */
    struct bl__post *ended; /* by number, under a seam */
    uint32_t ended_count;
    pthread_t threads[];
};

__thread struct bl__job *bl__job_current;

static struct bl__job *job_of(struct bl__post *post) {
    return bl__container_of(post, struct bl__job, post);
}

static void job_deliver(struct bl__job *job) {
    bl_loop *loop = job->loop;
    loop->pool->job_count--;
    bl__list_remove(&job->sibling);
    bl_loop_unpin(loop);
    job->finished(job); /* may free the job */
}

static void ended_insert(struct bl__pool *pool, struct bl__job *job) {
    struct bl__post **place = &pool->ended;
    while (*place != NULL && job_of(*place)->number < job->number)
        place = &(*place)->next;
    job->post.next = *place;
    *place = &job->post;
    pool->ended_count++;
}

/* On the loop's thread. */
static void job_ended(struct bl__post *post) {
    struct bl__job *job = job_of(post);
    if (job->loop->options.choose == NULL) {
        job_deliver(job);
    } else {
        ended_insert(job->loop->pool, job);
    }
}

void bl__pool_deliver(bl_loop *loop) {
    struct bl__pool *pool = loop->pool;
    if (pool == NULL) return;
    while (pool->ended != NULL) {
        uint32_t pick =
            bl__loop_choose(loop, BL_CHOICE_OFFLOAD, pool->ended_count);
        struct bl__post **place = &pool->ended;
        for (; pick > 0; pick--)
            place = &(*place)->next;
        struct bl__job *job = job_of(*place);
        *place = job->post.next;
        pool->ended_count--;
        job_deliver(job);
    }
    BL__ASSERT(pool->ended_count == 0);
}

static struct bl__job *take_job(struct bl__pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    while (pool->queued_count == 0 && !pool->is_closing) {
        pool->idle_count++;
        pthread_cond_wait(&pool->has_job, &pool->mutex);
        pool->idle_count--;
    }
    struct bl__job *job = NULL;
    if (pool->queued_count > 0) {
        bl_link *first = bl__list_first(&pool->queue);
        bl__list_remove(first);
        pool->queued_count--;
        job = bl__container_of(first, struct bl__job, link);
    }
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static void *thread_main(void *arg) {
    struct bl__pool *pool = arg;
    for (;;) {
        struct bl__job *job = take_job(pool);
        if (job == NULL) return NULL;
        bl__job_current = job;
        job->rc = job->fn(job->arg);
        bl__job_current = NULL;
        bl__post(job->loop, &job->post); /* the job may be gone from here on */
    }
}

/* Signals are the loop's business: threads of the pool block them all. */
static int start_thread(struct bl__pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&pool->threads[pool->thread_count], NULL,
                            thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) return BL_EAGAIN;
    pool->thread_count++;
    return 0;
}

static uint32_t default_thread_max(void) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus < 1) cpus = 1;
    long max = cpus * THREADS_PER_CPU;
    return (uint32_t)(max < THREADS_MAX ? max : THREADS_MAX);
}

static int open_pool(bl_loop *loop) {
    if (loop->pool != NULL) return 0;
    uint32_t max = loop->options.threads_max;
    if (max == 0) max = default_thread_max();

    struct bl__pool *pool =
        bl__alloc_zeroed(1, sizeof *pool + max * sizeof pool->threads[0]);
    if (pool == NULL) return BL_ENOMEM;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_job, NULL);
    bl__list_init(&pool->queue);
    bl__list_init(&pool->jobs);
    pool->thread_max = max;
    loop->pool = pool;
    return 0;
}

int bl__pool_submit(bl_loop *loop, struct bl__job *job) {
    int rc = open_pool(loop);
    if (rc < 0) return rc;
    struct bl__pool *pool = loop->pool;

    job->loop = loop;
    job->number = ++pool->job_last;
    job->post.fn = job_ended;
    atomic_store(&job->is_cancelled, false);

    pthread_mutex_lock(&pool->mutex);
    bool wants_thread = pool->idle_count <= pool->queued_count &&
                        pool->thread_count < pool->thread_max;
    if (wants_thread) rc = start_thread(pool);
    if (rc < 0 && pool->thread_count > 0) rc = 0; /* others will take it */
    if (rc == 0) {
        bl__list_append(&pool->queue, &job->link);
        pool->queued_count++;
        pthread_cond_signal(&pool->has_job);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (rc < 0) return rc;

    pool->job_count++;
    bl__list_append(&pool->jobs, &job->sibling);
    bl_loop_pin(loop);
    return 0;
}

bool bl__pool_withdraw(struct bl__job *job) {
    struct bl__pool *pool = job->loop->pool;
    pthread_mutex_lock(&pool->mutex);
    bool was_queued = bl__list_is_linked(&job->link);
    if (was_queued) {
        bl__list_remove(&job->link);
        pool->queued_count--;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (was_queued) {
        pool->job_count--;
        bl__list_remove(&job->sibling);
        bl_loop_unpin(job->loop);
    }
    return was_queued;
}

uint64_t bl__pool_jobs(const bl_loop *loop) {
    return loop->pool != NULL ? loop->pool->job_count : 0;
}

const bl_link *bl__pool_list(const bl_loop *loop) {
    return loop->pool != NULL ? &loop->pool->jobs : NULL;
}

void bl__pool_done(bl_loop *loop) {
    struct bl__pool *pool = loop->pool;
    if (pool == NULL) return;

    pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->has_job);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    bl__posts_run(loop); /* jobs that their waiters have abandoned */
    BL__ASSERT(pool->queued_count == 0);
    BL__ASSERT(pool->job_count == 0);

    pthread_cond_destroy(&pool->has_job);
    pthread_mutex_destroy(&pool->mutex);
    bl__free(pool);
    loop->pool = NULL;
}
