/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/pthread_core.c - what the kernel's threads cost
 *
 * The floor of everybody who takes a thread where we take a task.  Run on one
 * CPU, so that no metric pays for waking another core; core.to_thread_us, which
 * is about another thread, is the exception.
 *
 *   core.switch_ns          two threads and two semaphores: half a round trip
 *   core.spawn_join_ns      pthread_create and pthread_join
 *   core.spawn_block_join_1000_ns, core.queue_roundtrip_ns
 *                           as for tasks, with a mutex and conditions
 *   core.to_thread_us       a job to one waiting thread and its answer
 *
 * What takes 100,000 threads has no line: the default limits end before.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "measure.h"

#define WARM_UP_ROUNDS   100
#define BLOCKED_CHILDREN 1000

static void wait_semaphore(sem_t *semaphore) {
    while (sem_wait(semaphore) < 0 && errno == EINTR)
        ;
}

struct pair {
    uint64_t count;
    sem_t mine;
    sem_t yours;
};

static void *switch_partner(void *arg) {
    struct pair *pair = arg;
    for (uint64_t i = 0; i < pair->count; i++) {
        wait_semaphore(&pair->yours);
        sem_post(&pair->mine);
    }
    return NULL;
}

static double run_switch(uint64_t count) {
    struct pair pair = { .count = count / 2 + 1 };
    sem_init(&pair.mine, 0, 0);
    sem_init(&pair.yours, 0, 0);
    pthread_t partner;
    int error = pthread_create(&partner, NULL, switch_partner, &pair);
    if (error != 0) return -error;

    double start = measure_now_ns();
    for (uint64_t i = 0; i < pair.count; i++) {
        sem_post(&pair.yours);
        wait_semaphore(&pair.mine);
    }
    double took = measure_now_ns() - start;
    pthread_join(partner, NULL);
    sem_destroy(&pair.mine);
    sem_destroy(&pair.yours);
    return took;
}

static void *return_at_once(void *arg) {
    return arg;
}

static int spawn_and_join(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        pthread_t child;
        int error = pthread_create(&child, NULL, return_at_once, NULL);
        if (error != 0) return -error;
        pthread_join(child, NULL);
    }
    return 0;
}

static double run_spawn(uint64_t count) {
    int rc = spawn_and_join(WARM_UP_ROUNDS);
    double start = measure_now_ns();
    if (rc >= 0) rc = spawn_and_join(count);
    return rc < 0 ? rc : measure_now_ns() - start;
}

/* What threads wait for, together. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t waiting_count;
    bool is_open;
};

static void *wait_once(void *arg) {
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->mutex);
    gate->waiting_count++;
    while (!gate->is_open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return NULL;
}

static int spawn_block_join(uint64_t children) {
    struct gate gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
                         false };
    pthread_t threads[BLOCKED_CHILDREN];
    uint64_t started = 0;
    int error = 0;
    while (started < children && error == 0) {
        error = pthread_create(&threads[started], NULL, wait_once, &gate);
        if (error == 0) started++;
    }

    pthread_mutex_lock(&gate.mutex);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
    for (uint64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return -error;
}

static double run_block(uint64_t count) {
    uint64_t children = count < BLOCKED_CHILDREN ? count : BLOCKED_CHILDREN;
    double start = measure_now_ns();
    for (uint64_t done = 0; done < count; done += children) {
        int rc = spawn_block_join(children);
        if (rc < 0) return rc;
    }
    return measure_now_ns() - start;
}

/* A bounded queue of one item. */
struct slot {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    pthread_cond_t emptied;
    bool is_full;
    uint64_t item;
};

#define SLOT_INIT                                            \
    {                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, \
            PTHREAD_COND_INITIALIZER, false, 0               \
    }

static void slot_put(struct slot *slot, uint64_t item) {
    pthread_mutex_lock(&slot->mutex);
    while (slot->is_full)
        pthread_cond_wait(&slot->emptied, &slot->mutex);
    slot->item = item;
    slot->is_full = true;
    pthread_cond_signal(&slot->filled);
    pthread_mutex_unlock(&slot->mutex);
}

static uint64_t slot_get(struct slot *slot) {
    pthread_mutex_lock(&slot->mutex);
    while (!slot->is_full)
        pthread_cond_wait(&slot->filled, &slot->mutex);
    uint64_t item = slot->item;
    slot->is_full = false;
    pthread_cond_signal(&slot->emptied);
    pthread_mutex_unlock(&slot->mutex);
    return item;
}

struct table_tennis {
    uint64_t count;
    struct slot there;
    struct slot back;
};

static void *return_balls(void *arg) {
    struct table_tennis *game = arg;
    for (uint64_t i = 0; i < game->count; i++)
        slot_put(&game->back, slot_get(&game->there) + 1);
    return NULL;
}

static double run_queue(uint64_t count) {
    struct table_tennis game = { count, SLOT_INIT, SLOT_INIT };
    pthread_t partner;
    int error = pthread_create(&partner, NULL, return_balls, &game);
    if (error != 0) return -error;

    uint64_t wrong_count = 0;
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        slot_put(&game.there, i);
        wrong_count += slot_get(&game.back) != i + 1;
    }
    double took = measure_now_ns() - start;
    pthread_join(partner, NULL);
    return wrong_count > 0 ? -EIO : took;
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.switch_ns", "ns", MEASURE_GROWN, run_switch, 0, 0 },
        { "core.spawn_join_ns", "ns", MEASURE_GROWN, run_spawn, 0, 0 },
        { "core.spawn_block_join_1000_ns", "ns", MEASURE_FIXED, run_block,
          BLOCKED_CHILDREN, 100 },
        { "core.queue_roundtrip_ns", "ns", MEASURE_GROWN, run_queue, 0, 0 },
        { "core.to_thread_us", "us", MEASURE_GROWN, run_queue, 0, 0 },
    };
    return measure_main(argc, argv, "pthread", metrics,
                        sizeof metrics / sizeof metrics[0]);
}
