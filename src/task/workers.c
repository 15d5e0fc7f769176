/* SPDX-License-Identifier: MIT */
/*
 * task/workers.c - a loop on each core, which live and fail together
 *
 * The calling thread runs a loop too, the *supervisor*'s, with one task that
 * starts the threads, waits until each has ended, and is what signals cancel.
 * All loops and threads are there before the first root runs, behind a gate,
 * so that a failure on the way leaves nothing half started.
 *
 * What is wanted of all workers (their cancellation, a print of their tasks) is
 * an *order*.  It is kept in the set and carried to each loop by a post, which
 * the mutex allows as long as the worker has not taken its loop away.  An order
 * is no pin: like a signal it may come or not, and a loop that has nothing else
 * to wait for is in a deadlock.
 *
 * A result is judged on the worker's thread in the moment in which it is there,
 * so that the errors are in the order in which they happened.
 *
 * Invariants, under the mutex:
 *   worker->loop is set exactly while posts to it are allowed;
 *   worker->is_ordered exactly while its post is on its way.
 */
#include <belay/workers.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <belay/inspect.h>
#include <belay/thread.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "sys/cpu.h"
#include "task/task.h"

enum {
    WORKERS_MAX = 1024,
    WORKER_NAME_BYTES = 13,
    THREAD_NAME_BYTES = 16 /* the system takes no more */
};

struct worker {
    bl_workers *set;
    uint32_t index;
    pthread_t thread;
    bl_loop *loop;
    struct bl__post order;
    bool is_ordered;
    bool is_to_print;
    bl_post end; /* tells the supervisor */
};

enum gate {
    GATE_SHUT,
    GATE_OPEN,
    GATE_ABANDONED
};

struct bl_workers {
    pthread_mutex_t mutex;
    pthread_cond_t gate_moved;
    enum gate gate;
    bl_loop_options loop_options;
    bool is_pinned;
    bool was_run;
    char name[WORKER_NAME_BYTES];
    bl_task_fn *fn;
    void *arg;

    uint8_t level; /* the order to cancel: 0 none, 1, or 2 through shields */
    bl_cause cause;
    const char *reason;
    int signal;

    struct bl__errors errors;
    uint32_t deadlock_count; /* of the errors */
    uint32_t interrupted_count;

    bl_loop *supervisor; /* from here on its own thread alone */
    bl_park *waiting;
    uint32_t started_count;
    uint32_t alive_count;

    uint32_t count;
    struct worker workers[];
};

static __thread struct worker *worker_current;

/* ---- orders -------------------------------------------------------------- */

static void print_tasks_of(const struct worker *worker) {
    if (bl__sched_of(bl__loop_current)->root == NULL) return;
    flockfile(stderr);
    fprintf(stderr, "worker %u of %u, ", (unsigned)worker->index,
            (unsigned)worker->set->count);
    bl_inspect_print_stacks(stderr);
    funlockfile(stderr);
}

/* Does what was ordered, on the thread of the loop. */
static void obey(struct worker *worker, bl_loop *loop) {
    bl_workers *set = worker->set;
    struct bl__sched *sched = bl__sched_of(loop);
    pthread_mutex_lock(&set->mutex);
    bool is_to_print = worker->is_to_print;
    uint8_t level = set->level;
    bl_cause cause = set->cause;
    const char *reason = set->reason;
    int number = set->signal;
    worker->is_to_print = false;
    pthread_mutex_unlock(&set->mutex);

    if (is_to_print && bl__loop_current == loop) print_tasks_of(worker);
    if (level == 0 || !sched->has_root) return;
    bl__cancel(&sched->root_group._scope, level, cause, reason, number);
}

static void on_order(struct bl__post *post) {
    struct worker *worker = bl__container_of(post, struct worker, order);
    bl_workers *set = worker->set;
    pthread_mutex_lock(&set->mutex);
    worker->is_ordered = false;
    bl_loop *loop = worker->loop;
    pthread_mutex_unlock(&set->mutex);
    if (loop != NULL) obey(worker, loop);
}

/* Under the mutex. */
static void send_orders(bl_workers *set) {
    for (uint32_t i = 0; i < set->count; i++) {
        struct worker *worker = &set->workers[i];
        if (worker->loop == NULL || worker->is_ordered) continue;
        worker->is_ordered = true;
        worker->order.fn = on_order;
        bl__post(worker->loop, &worker->order);
    }
}

/* True if this was news; the first cause stays. */
static bool set_cancel(bl_workers *set, uint8_t level, bl_cause cause,
                       const char *reason, int number) {
    pthread_mutex_lock(&set->mutex);
    bool is_first = set->level == 0;
    bool is_news = level > set->level;
    if (is_first) {
        set->cause = cause;
        set->reason = reason;
        set->signal = number;
    }
    if (is_news) {
        set->level = level;
        send_orders(set);
    }
    pthread_mutex_unlock(&set->mutex);
    return is_news;
}

bool bl_thread_workers_cancel(bl_workers *workers, const char *reason) {
    if (workers == NULL) return false;
    return set_cancel(workers, 1, BL_CAUSE_EXPLICIT, reason, 0);
}

void bl__workers_print(bl_workers *set) {
    pthread_mutex_lock(&set->mutex);
    for (uint32_t i = 0; i < set->count; i++)
        set->workers[i].is_to_print = true;
    send_orders(set);
    pthread_mutex_unlock(&set->mutex);
}

/* ---- a worker ------------------------------------------------------------ */

/*
 * Counts the result `rc`.  A root that ended cancelled by a signal or by a
 * deadlock has a code of its own, which only its scope tells from an error that
 * happens to have the same.  True if it was a failure.
 */
static bool judge_worker(bl_workers *set, const bl_loop *loop, int rc) {
    const bl_scope *outer = &bl__sched_of(loop)->root_group._scope;
    if (rc >= 0 || rc == BL_ECANCELED) return false;
    bl_error *error = bl_error_take(rc);
    bool is_interrupted =
        rc == BL_EINTERRUPTED && outer->_cause == BL_CAUSE_SIGNAL;
    bool is_deadlock = rc == BL_EDEADLOCK && outer->_cause == BL_CAUSE_DEADLOCK;

    pthread_mutex_lock(&set->mutex);
    if (is_interrupted) {
        set->interrupted_count++;
    } else {
        bl__errors_append(&set->errors, error);
        if (is_deadlock) set->deadlock_count++;
    }
    pthread_mutex_unlock(&set->mutex);
    if (is_interrupted) bl_error_unref(error);
    return !is_interrupted;
}

static int work(struct worker *worker, bl_loop *loop) {
    const bl_workers *set = worker->set;
    int rc = bl_loop_start(loop, set->fn, set->arg);
    if (rc < 0) return rc;
    bl_task *root = bl__sched_of(loop)->root;
    snprintf(root->name, sizeof root->name, "%s-%u", set->name,
             (unsigned)worker->index);
    obey(worker, loop); /* it may begin cancelled */
    return bl__loop_run_started(loop);
}

/* The supervisor's loop calls this once for each worker that has ended. */
static void on_end(void *context) {
    bl_workers *set = context;
    bl_loop_unpin(set->supervisor);
    BL__ASSERT(set->alive_count > 0);
    set->alive_count--;
    if (set->alive_count == 0 && set->waiting != NULL) {
        bl_park_wake(set->waiting, 0);
    }
}

static bool pass_gate(bl_workers *set) {
    pthread_mutex_lock(&set->mutex);
    while (set->gate == GATE_SHUT)
        pthread_cond_wait(&set->gate_moved, &set->mutex);
    bool is_open = set->gate == GATE_OPEN;
    pthread_mutex_unlock(&set->mutex);
    return is_open;
}

static void *worker_main(void *arg) {
    struct worker *worker = arg;
    bl_workers *set = worker->set;
    if (!pass_gate(set)) return NULL;

    bl_loop *loop = worker->loop;
    worker_current = worker;
    int rc = work(worker, loop);
    if (judge_worker(set, loop, rc)) {
        set_cancel(set, 1, BL_CAUSE_CHILD, "a worker failed", 0);
    }
    bl_error_handled(); /* what the thread's slot may still hold */
    pthread_mutex_lock(&set->mutex);
    worker->loop = NULL;
    pthread_mutex_unlock(&set->mutex);
    bl_loop_close(loop);
    bl_thread_post_pinned(set->supervisor, &worker->end, on_end, set);
    return NULL;
}

/* ---- the supervisor ------------------------------------------------------ */

static int worker_start(struct worker *worker) {
    bl_workers *set = worker->set;
    char name[WORKER_NAME_BYTES + 11];
    int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (rc != 0) return BL_EAGAIN;
    set->started_count++;

    snprintf(name, sizeof name, "%s-%u", set->name, (unsigned)worker->index);
    name[THREAD_NAME_BYTES - 1] = '\0';
    pthread_setname_np(worker->thread, name);
    return set->is_pinned ? bl__cpu_pin(worker->thread, worker->index) : 0;
}

static void gate_move(bl_workers *set, enum gate gate) {
    pthread_mutex_lock(&set->mutex);
    set->gate = gate;
    pthread_cond_broadcast(&set->gate_moved);
    pthread_mutex_unlock(&set->mutex);
}

static void join_all(bl_workers *set) {
    for (uint32_t i = 0; i < set->started_count; i++)
        pthread_join(set->workers[i].thread, NULL);
}

static int start_workers(bl_workers *set) {
    int rc = 0;
    for (uint32_t i = 0; i < set->count && rc == 0; i++)
        rc = worker_start(&set->workers[i]);
    if (rc < 0) {
        gate_move(set, GATE_ABANDONED);
        join_all(set);
        return rc;
    }
    set->alive_count = set->count;
    for (uint32_t i = 0; i < set->count; i++)
        bl_loop_pin(set->supervisor);
    gate_move(set, GATE_OPEN);
    return 0;
}

static bl_abort wait_abort(bl_park *park) {
    (void)park;
    return BL_ABORTED;
}

/* BL_ECANCELED if a signal came before the last worker had ended. */
static int wait_for_end(bl_workers *set, bl_abort_fn *abort) {
    if (set->alive_count == 0) return 0;
    bl_park park;
    bl_park_init(&park, "workers", set, abort);
    set->waiting = &park;
    int rc = bl_park_wait(&park);
    set->waiting = NULL;
    return rc;
}

/* Passes on why the supervisor itself was cancelled. */
static void pass_on(bl_workers *set, uint8_t level) {
    const bl_scope *root = &bl__sched_of(set->supervisor)->root_group._scope;
    set_cancel(set, level, (bl_cause)root->_cause, root->_reason,
               root->_signal);
}

static void watch_over(bl_workers *set) {
    if (wait_for_end(set, wait_abort) == 0) return;
    pass_on(set, 1);

    bl_scope shield; /* which the second signal goes through */
    bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
    int rc = wait_for_end(set, wait_abort);
    BL_IGNORE(bl_scope_exit(&shield, 0)); /* 0, as it is given */
    if (rc == 0) return;
    pass_on(set, 2);
    BL_IGNORE(wait_for_end(set, NULL)); /* cannot be cancelled */
}

/* All workers have ended: what that means for the caller. */
static int conclude(bl_workers *set) {
    uint32_t failed_count = set->errors._count + set->errors._lost_count;
    if (failed_count > 0) {
        bl_error **slot = bl__error_slot();
        bl_error *tree = bl__error_new_group(&set->errors, NULL, NULL);
        if (failed_count == set->deadlock_count) {
            bl_error_unref(tree);
            return BL_EDEADLOCK;
        }
        bl_error_unref(*slot);
        *slot = tree;
        return BL_EGROUP;
    }
    return set->interrupted_count > 0 ? BL_EINTERRUPTED : 0;
}

static int supervise(void *arg) {
    bl_workers *set = arg;
    set->supervisor = bl_loop_running();
    bl_task_set_name("supervisor");
    int rc = start_workers(set);
    if (rc < 0) return rc;
    bl__sched_of(set->supervisor)->workers = set;
    watch_over(set);
    bl__sched_of(set->supervisor)->workers = NULL;
    join_all(set);
    return conclude(set);
}

/* ---- sets ---------------------------------------------------------------- */

static int workers_check(const bl_workers_options *options,
                         bl_workers_options *chosen) {
    *chosen = (bl_workers_options){ .size = sizeof *chosen };
    if (options != NULL) {
        if (options->size == 0) return BL_EINVAL;
        if (options->size > sizeof *chosen) return BL_EINVAL;
        memcpy(chosen, options, options->size);
    }
    if (chosen->name == NULL) chosen->name = "worker";
    if (strlen(chosen->name) >= WORKER_NAME_BYTES) return BL_EINVAL;
    if (chosen->count > WORKERS_MAX) return BL_EINVAL;
    if (chosen->count == 0) chosen->count = bl__cpu_count();
    if (chosen->count > WORKERS_MAX) chosen->count = WORKERS_MAX;
    return 0;
}

/* Takes over the options of the loops, as bl_run_with does. */
static int take_loop_options(bl_workers *set, const bl_loop_options *options) {
    bl_loop_options *taken = &set->loop_options;
    if (options != NULL) {
        if (options->size == 0) return BL_EINVAL;
        if (options->size > sizeof *taken) return BL_EINVAL;
        memcpy(taken, options, options->size);
    }
    taken->size = sizeof *taken;
    if (taken->signals == BL_SIGNALS_DEFAULT) taken->signals = BL_SIGNALS_ROOT;
    return 0;
}

int bl_workers_open(const bl_workers_options *options, bl_workers **workers) {
    bl_workers_options chosen;
    if (workers == NULL) return BL_EINVAL;
    int rc = workers_check(options, &chosen);
    if (rc < 0) return rc;

    bl_workers *set = bl__alloc_zeroed(
        1, sizeof *set + chosen.count * sizeof set->workers[0]);
    if (set == NULL) return BL_ENOMEM;
    pthread_mutex_init(&set->mutex, NULL);
    pthread_cond_init(&set->gate_moved, NULL);
    set->is_pinned = chosen.is_pinned;
    snprintf(set->name, sizeof set->name, "%s", chosen.name);
    rc = take_loop_options(set, chosen.loop);
    /* A loop that spins would do so on a CPU that another one needs. */
    bool is_crowded = chosen.count > bl__cpu_count();
    bl_ns *spin_ns_max = &set->loop_options.spin_ns_max;
    if (is_crowded && *spin_ns_max == 0) *spin_ns_max = -1;
    for (uint32_t i = 0; i < chosen.count && rc == 0; i++) {
        struct worker *worker = &set->workers[i];
        worker->set = set;
        worker->index = i;
        rc = bl_loop_open(&set->loop_options, &worker->loop);
        if (rc == 0) set->count++;
    }
    if (rc < 0) {
        bl_workers_close(set);
        return rc;
    }
    *workers = set;
    return 0;
}

/* What was asked for, but on the calling thread nothing of a test or host. */
static bl_loop_options supervisor_options(const bl_workers *set) {
    return (bl_loop_options){
        .size = sizeof(bl_loop_options),
        .signals = set->loop_options.signals,
        .is_quiet = set->loop_options.is_quiet,
    };
}

int bl_workers_run(bl_workers *workers, bl_task_fn *fn, void *arg) {
    if (workers == NULL || fn == NULL) return BL_EINVAL;
    if (bl__loop_current != NULL) return BL_EALREADY;
    if (workers->was_run) return BL_EALREADY;
    workers->was_run = true;
    workers->fn = fn;
    workers->arg = arg;
    bl_loop_options options = supervisor_options(workers);
    return bl_run_with(supervise, workers, &options);
}

void bl_workers_close(bl_workers *workers) {
    if (workers == NULL) return;
    for (uint32_t i = 0; i < workers->count; i++)
        bl_loop_close(workers->workers[i].loop); /* of a set that never ran */
    bl__errors_clear(&workers->errors);
    pthread_cond_destroy(&workers->gate_moved);
    pthread_mutex_destroy(&workers->mutex);
    bl__free(workers);
}

int bl_run_workers_with(bl_task_fn *fn, void *arg,
                        const bl_workers_options *options) {
    bl_workers *workers;
    if (fn == NULL) return BL_EINVAL;
    if (bl__loop_current != NULL) return BL_EALREADY;
    int rc = bl_workers_open(options, &workers);
    if (rc < 0) return rc;
    rc = bl_workers_run(workers, fn, arg);
    bl_workers_close(workers);
    return rc;
}

int bl_run_workers(uint32_t count, bl_task_fn *fn, void *arg) {
    bl_workers_options options = { .size = sizeof options, .count = count };
    return bl_run_workers_with(fn, arg, &options);
}

uint32_t bl_workers_count(const bl_workers *workers) {
    return workers->count;
}

bl_workers *bl_workers_running(void) {
    return worker_current != NULL ? worker_current->set : NULL;
}

uint32_t bl_worker_index(void) {
    return worker_current != NULL ? worker_current->index : 0;
}
