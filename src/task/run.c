/* SPDX-License-Identifier: MIT */
/*
 * task/run.c - from a loop to a program: making, running, ending
 *
 * A loop with tasks is a scheduler.  Its root task is the only child of a
 * group that nobody hosts: cancelling that group's scope is how signals, a
 * deadlock and a host cancel the program.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <belay/inspect.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/hard.h"
#include "base/list.h"
#include "task/scope.h"
#include "task/switch.h"
#include "task/task.h"

enum {
    STACKS_CACHED_MAX = BL__HARD_OR(1, 1024),
    FAIRNESS_BUDGET = 128
};

#if BL__CTX_HAS_TOOLS
enum {
    STACK_BYTES = 256 * 1024
}; /* instrumented frames are larger */
#else
enum {
    STACK_BYTES = 64 * 1024
};
#endif

/* ---- what the loop asks of the tasks ------------------------------------ */

static void cancel_root(struct bl__sched *sched, uint8_t level, bl_cause cause,
                        const char *reason, int number) {
    if (!sched->has_root) return;
    bl__cancel(&sched->root_group._scope, level, cause, reason, number);
}

static void cancel_on_signal(bl_loop *loop, int number, unsigned count) {
    struct bl__sched *sched = bl__sched_of(loop);
    if (number == SIGQUIT) {
        bl_inspect_print_stacks(stderr);
        if (sched->workers != NULL) bl__workers_print(sched->workers);
        return;
    }
    cancel_root(sched, count > 1 ? 2 : 1, BL_CAUSE_SIGNAL, "a signal", number);
}

/*
 * The first time the root is cancelled; if that woke nobody, shields are next;
 * if that did not help either, all who wait cannot be cancelled, and there is
 * nothing left to go on with.
 */
static bool on_deadlock(bl_loop *loop) {
    struct bl__sched *sched = bl__sched_of(loop);
    if (!sched->has_root || sched->alive_count == 0) return false;

    const bl_scope *root = &sched->root_group._scope;
    if (root->_level == 0 && !loop->options.is_quiet) {
        fprintf(stderr,
                "belay: DEADLOCK: all %llu tasks wait and nothing can "
                "wake them: no timer, descriptor, thread or handle is "
                "pending\n",
                (unsigned long long)sched->alive_count);
        bl_inspect_print(stderr);
        fprintf(stderr, "the root is cancelled with the cause DEADLOCK\n");
    }
    uint8_t level = root->_level < 2 ? (uint8_t)(root->_level + 1) : 2;
    if (!bl__cancel(&sched->root_group._scope, level, BL_CAUSE_DEADLOCK,
                    "deadlock", 0)) {
        BL__MISUSE("deadlock: all %llu tasks wait, cancelled, for what cannot "
                   "be cancelled",
                   (unsigned long long)sched->alive_count);
    }
    return true;
}

/* A crash report shows the tasks of the loop that runs. */
static void print_tasks(void) {
    if (bl__loop_current != NULL) bl_inspect_print(stderr);
}

static pthread_once_t hook_once = PTHREAD_ONCE_INIT;

static void add_hook(void) {
    bl__panic_add_hook(print_tasks);
}

static const struct bl__client client = {
    .has_ready = bl__sched_has_ready,
    .run_ready = bl__sched_run_ready,
    .has_settlers = bl__sched_has_settlers,
    .settle = bl__sched_settle,
    .deadlock = on_deadlock,
    .signal = cancel_on_signal,
    .review = bl__stuck_review,
};

/* ---- making and unmaking ------------------------------------------------ */

static int run_check_options(const bl_loop_options *options) {
    if (options == NULL) return 0;
    if (options->stack_bytes > (size_t)128 * 1024 * 1024) return BL_EINVAL;
    if (options->threads_max > 1024) return BL_EINVAL;
    return 0;
}

int bl_loop_open(const bl_loop_options *options, bl_loop **loop) {
    if (loop == NULL) return BL_EINVAL;
    int rc = run_check_options(options);
    if (rc < 0) return rc;

    struct bl__sched *sched = bl__alloc_zeroed(1, sizeof *sched);
    if (sched == NULL) return BL_ENOMEM;
    rc = bl__loop_init(&sched->loop, options, &client);
    if (rc < 0) {
        bl__free(sched);
        return rc;
    }
    pthread_once(&hook_once, add_hook);
    options = &sched->loop.options;
    bl__list_init(&sched->settlers);
    sched->ready_end = &sched->ready_first;
    sched->stack_bytes =
        options->stack_bytes > 0 ? options->stack_bytes : STACK_BYTES;
    sched->budget = bl__hard_is_soft() ? FAIRNESS_BUDGET : 1;
    if (options->fairness_budget > 0) sched->budget = options->fairness_budget;
    bl__stack_pool_init(&sched->stacks, sizeof(bl_task),
                        options->stacks_cached_max > 0
                            ? options->stacks_cached_max
                            : STACKS_CACHED_MAX);
    *loop = &sched->loop;
    return 0;
}

void bl_loop_close(bl_loop *loop) {
    if (loop == NULL) return;
    struct bl__sched *sched = bl__sched_of(loop);
    if (!bl__loop_is_forked(loop)) {
        if (loop->is_running) BL__MISUSE("a loop was closed while it runs");
        if (sched->alive_count > 0) {
            bl__loop_current = loop; /* for the report's tree */
            BL__MISUSE("a loop was closed with %llu live tasks",
                       (unsigned long long)sched->alive_count);
        }
    }
    loop->is_running = false;
    bl_error_unref(sched->root_error);
    bool is_forked = bl__loop_is_forked(loop);
    bl__loop_done(loop);
    /* A forked child may stand on the stack of the task that forked. */
    if (!is_forked) bl__stack_pool_done(&sched->stacks);
    bl__free(sched);
}

/* ---- the root ----------------------------------------------------------- */

static int check_runnable(const bl_loop *loop) {
    if (loop == NULL) return BL_EINVAL;
    if (bl__loop_is_forked(loop)) return BL_ECLOSED;
    if (bl__loop_current != NULL) return BL_EALREADY;
    if (loop->is_running) return BL_EALREADY;
    return 0;
}

int bl_loop_start(bl_loop *loop, bl_task_fn *fn, void *arg) {
    if (loop == NULL || fn == NULL) return BL_EINVAL;
    if (bl__loop_is_forked(loop)) return BL_ECLOSED;
    struct bl__sched *sched = bl__sched_of(loop);
    if (sched->has_root) return BL_EALREADY;

    struct bl__stack *stack = bl__stack_get(&sched->stacks, sched->stack_bytes);
    if (stack == NULL) return BL_ENOMEM;
    bl_task *root = bl__task_init(sched, stack, fn, arg, 0);
    root->site = "main\0";
    root->group = NULL;
    bl__group_init(&sched->root_group, NULL, NULL, NULL);
    bl__scope_init(&root->base, root, &sched->root_group._scope, BL_SCOPE_PLAIN,
                   BL__ROLE_BASE, root->site);
    sched->root = root;
    sched->root_rc = 0;
    sched->has_root = true;
    loop->is_finished = false;
    bl__ready_push(sched, root);
    return 0;
}

/* A result is the root's own, unless it ended cancelled from outside. */
void bl__root_done(struct bl__sched *sched, bl_task *task) {
    const bl_scope *outer = &sched->root_group._scope;
    int rc = task->rc;
    if (task->is_cancelled && outer->_level > 0) {
        if (outer->_cause == BL_CAUSE_SIGNAL) rc = BL_EINTERRUPTED;
        if (outer->_cause == BL_CAUSE_DEADLOCK) rc = BL_EDEADLOCK;
    }
    sched->root_rc = rc;
    sched->root_error = task->error;
    task->error = NULL;
    sched->root = NULL;
    sched->loop.is_finished = true;
}

int bl_loop_finish(bl_loop *loop) {
    if (loop == NULL) return BL_EINVAL;
    struct bl__sched *sched = bl__sched_of(loop);
    if (!sched->has_root) return BL_EMISUSE;
    if (sched->root != NULL) return BL_ENOTDONE;

    sched->has_root = false;
    bl_error **slot = bl__error_slot();
    bl_error_unref(*slot);
    *slot = sched->root_error;
    sched->root_error = NULL;
    return sched->root_rc;
}

void bl_loop_cancel(bl_loop *loop, bool forced) {
    cancel_root(bl__sched_of(loop), forced ? 2 : 1, BL_CAUSE_EXPLICIT,
                "bl_loop_cancel", 0);
}

/* ---- running ------------------------------------------------------------ */

/* From here to leave_thread the loop is this thread's. */
static void enter_thread(struct bl__sched *sched) {
    sched->loop.is_running = true;
    bl__loop_current = &sched->loop;
    sched->errno_at = &errno;
    sched->loop_ctx = (struct bl__ctx){ 0 };
    bl__ctx_tools_adopt(&sched->loop_ctx);
    bl__seam_enter(&sched->loop);
    bl__ops_enter();
}

static void leave_thread(struct bl__sched *sched) {
    BL__ASSERT(bl__loop_current == &sched->loop);
    bl__ops_leave();
    bl__seam_leave();
    bl__loop_current = NULL;
    sched->loop.is_running = false;
}

int bl_loop_step(bl_loop *loop, bl_ns wait_max) {
    int rc = check_runnable(loop);
    if (rc < 0) return rc;
    if (wait_max < 0) return BL_EINVAL;
    struct bl__sched *sched = bl__sched_of(loop);

    enter_thread(sched);
    loop->is_stepped = true;
    bl__loop_iterate(loop, wait_max);
    loop->is_stepped = false;
    leave_thread(sched);
    return sched->root != NULL ? 1 : 0;
}

int bl_loop_run(bl_loop *loop, bl_task_fn *fn, void *arg) {
    int rc = check_runnable(loop);
    if (rc < 0) return rc;
    rc = bl_loop_start(loop, fn, arg);
    if (rc < 0) return rc;
    return bl__loop_run_started(loop);
}

int bl__loop_run_started(bl_loop *loop) {
    struct bl__sched *sched = bl__sched_of(loop);
    BL__ASSERT(sched->root != NULL);

    enter_thread(sched);
    if (loop->options.signals == BL_SIGNALS_ROOT) {
        BL_IGNORE(bl__signals_install(loop)); /* not the main thread: none */
    }
    bl__overflow_watch(sched);
    while (sched->root != NULL)
        bl__loop_iterate(loop, BL_FOREVER);
    bl__overflow_unwatch(sched);
    bl__signals_restore(loop);
    leave_thread(sched);
    return bl_loop_finish(loop);
}

int bl_run_with(bl_task_fn *fn, void *arg, const bl_loop_options *options) {
    static const bl_loop_options defaults = { .size = sizeof defaults };
    bl_loop_options chosen = defaults;
    if (fn == NULL) return BL_EINVAL;
    if (bl__loop_current != NULL) return BL_EALREADY;
    if (options != NULL) {
        if (options->size == 0) return BL_EINVAL;
        if (options->size > sizeof chosen) return BL_EINVAL;
        memcpy(&chosen, options, options->size);
    }
    if (chosen.signals == BL_SIGNALS_DEFAULT) chosen.signals = BL_SIGNALS_ROOT;
    chosen.size = sizeof chosen;

    bl_loop *loop;
    int rc = bl_loop_open(&chosen, &loop);
    if (rc < 0) return rc;
    rc = bl_loop_run(loop, fn, arg);
    bl_loop_close(loop);
    return rc;
}

int bl_run(bl_task_fn *fn, void *arg) {
    return bl_run_with(fn, arg, NULL);
}

/* ---- what it says about itself ------------------------------------------ */

static const char *clock_name(const bl_loop *loop) {
    if (loop->clock == BL_CLOCK_VIRTUAL) return "virtual";
    if (loop->clock == BL_CLOCK_MANUAL) return "manual";
    return loop->options.now != NULL ? "host" : "real";
}

void bl_loop_get_info(const bl_loop *loop, bl_loop_info *info) {
    const struct bl__sched *sched = bl__sched_of(loop);
    *info = (bl_loop_info){
        .driver = loop->driver != NULL ? loop->driver_ops->name : "none",
        .guard = bl__guard_name(sched->stacks.guard),
        .clock = clock_name(loop),
        .stack_bytes = sched->stack_bytes,
        .tasks_alive = sched->alive_count,
        .tasks_spawned = sched->last_id,
        .resumes = loop->resumes,
        .iterations = loop->iterations,
        .polls = loop->polls,
        .spins = loop->spin.count,
        .spins_paid = loop->spin.paid_count,
        .timers_armed = bl__heap_count(&loop->timers),
        .watches = loop->fds.watch_count,
        .thread_jobs = bl__pool_jobs(loop),
        .handles = atomic_load(&loop->pins) - bl__pool_jobs(loop),
        .stacks_mapped = sched->stacks.mapped_count,
        .stacks_cached = sched->stacks.warm_count,
    };
}
