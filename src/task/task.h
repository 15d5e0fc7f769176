/* SPDX-License-Identifier: MIT */
/*
 * task/task.h - the inside of tasks and of the scheduler that runs them
 *
 * A task lives at the top of its own stack, in the head of the slot.  A
 * *ready* task is in the line of the scheduler; a *waiting* one has a park; a
 * *running* one is the scheduler's current.
 *
 *     spawn -> READY -> RUNNING -> WAITING -> READY ...
 *                          |
 *                          +-> DONE   (kept while somebody has a handle)
 *
 * Words.  The *batch* is the tasks that were ready when the iteration began:
 * they run first, by direct switches from one to the next; who becomes ready
 * meanwhile waits behind them.  A task's *base* is the scope around its whole
 * body, whose parent is the group's scope.
 *
 * Invariants: task->park is set exactly while the task waits; task->scope is
 * the innermost scope entered; a scope's _effective is the greater of its own
 * level and what its parent lets through.
 */
#ifndef BL__TASK_TASK_H
#define BL__TASK_TASK_H

#include <belay/error.h>
#include <belay/group.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/task.h>

#include "loop/loop.h"
#include "sys/ctx.h"
#include "sys/stack.h"

enum {
    BL__NAME_BYTES = 24
};

/* Roles of a scope. */
enum {
    BL__ROLE_LEXICAL,
    BL__ROLE_BASE,
    BL__ROLE_GROUP
};

/* States of a scope. */
enum {
    BL__SCOPE_NEW,
    BL__SCOPE_ENTERED,
    BL__SCOPE_LEFT
};

/* States of a group. */
enum {
    BL__GROUP_NEW,
    BL__GROUP_OPEN,
    BL__GROUP_JOINING, /* the host waits for normal children */
    BL__GROUP_CLOSING, /* and then for daemons, which are cancelled */
    BL__GROUP_CLOSED
};

struct bl__start;
struct bl__locals;

/*
 * The head of a slot begins a cache line.  The second line is all of a task
 * that a switch, a wait and a wake-up touch; the third is the part of its base
 * that a checkpoint and a cancellation look at.
 */
struct bl_task {
    struct bl__stack stack; /* first: the head of the slot */
    bl_task *next_affected; /* while a cancellation is being delivered */
    uint64_t id;
    bl_group *group;
    uint32_t refcount;
    int rc;

    struct bl__ctx ctx; /* the second line */
    bl_task *next_ready;
    struct bl__sched *sched;
    bl_scope *scope;
    bl_park *park;
    const char *wait_site; /* the last call that may wait */
    uint32_t budget;       /* checkpoints until it must yield */
    uint8_t spin_count;
    bool has_canary; /* the guard of its stack is to be checked */
    bool is_done;
    bool has_escaped; /* a block was left early, BL_ECANCELED inside */

    bl_scope base; /* the third line begins with it */

    bl_task_fn *fn;
    void *arg;
    const char *site; /* "function\0file:line" of the spawn */

    /* From here to the flags everything begins as zero. */
    bl_error *error;   /* the slot */
    bl_error *pending; /* of blocks that were left early */
    struct bl__locals *locals;
    struct bl__start *start; /* until bl_started */
    void *value;
    bl_waitq joiners;
    bl_link holdings;
    bool is_cancelled; /* outcome */
    bool is_daemon;
    bool has_started; /* bl_started was called */
    bool has_reported_spin;
    char name[BL__NAME_BYTES]; /* "" unless set */

    int escaped_rc;           /* what the escaped BL_ECANCELED means */
    const char *escaped_site; /* where that block was entered */
};

/* The scheduler: a loop with tasks. */
struct bl__sched {
    bl_loop loop; /* first: the public type */
    bl_task *current;
    bl_task *batch;       /* the first of it */
    bl_task *ready_first; /* behind the batch */
    bl_task **ready_end;  /* where the next one is linked */
    uint32_t overtakings; /* of the batch; with a seam alone */
    uint32_t budget;      /* of each task */
    int *errno_at;        /* of the thread that runs the loop */
    struct bl__ctx loop_ctx;
    bl_task *corpse;     /* ended, its stack still to be given back */
    bl_task *overflowed; /* it has written below its stack */
    bl_link settlers;
    struct bl__stack_pool stacks;
    bl_group root_group;
    bl_task *root;
    int root_rc;
    bl_error *root_error;
    bool has_root;
    bool has_thread_ctx;
    uint64_t last_id;
    uint64_t alive_count;
    size_t stack_bytes;
    bl_ns step_began; /* these three for BL__WATCHES_STEPS */
    bl_ns cpu_began;
    long blockings_before;
    bl_ns stuck_since;          /* while the loop has a review due */
    size_t stuck_count;         /* cancelled waits that go on */
    void *alt_stack;            /* for the report of a stack overflow */
    struct bl_workers *workers; /* that the root looks after, or NULL */
};

/* Every loop is the first member of a scheduler. */
static inline struct bl__sched *bl__sched_of(const bl_loop *loop) {
    return (struct bl__sched *)(void *)(uintptr_t)loop;
}

static inline struct bl__sched *bl__sched_current(void) {
    return bl__sched_of(bl__loop_current);
}

/* The calling task, or NULL. */
static inline bl_task *bl__task_current(void) {
    bl_loop *loop = bl__loop_current;
    return loop != NULL ? bl__sched_of(loop)->current : NULL;
}

/* BL_ENOLOOP or BL_ENOTASK, where there is no task. */
int bl__no_task(void);

/* ---- sched.c; see also switch.h */
void bl__check_stack(bl_task *task);
void bl__yield_now(struct bl__sched *sched, bl_task *task);
void bl__sched_run_ready(bl_loop *loop);
bool bl__sched_has_ready(const bl_loop *loop);
bool bl__sched_has_settlers(const bl_loop *loop);
bool bl__sched_settle(bl_loop *loop);

/* ---- task.c */
/* Makes the head of a slot a task that is ready to run, but in no group yet:
 * its group and site are the caller's to fill. */
bl_task *bl__task_init(struct bl__sched *sched, struct bl__stack *stack,
                       bl_task_fn *fn, void *arg, size_t copy_bytes);
bl_error **bl__error_slot(void);
/* Copies as much of `name` as there is room for; NULL is "". */
void bl__task_name(bl_task *task, const char *name);
size_t bl__task_path(char *buffer, size_t bytes);
size_t bl__task_path_of(const bl_task *task, char *buffer, size_t bytes);
/* The error object for `rc` of `task`: its slot's, or a bare one. */
bl_error *bl__task_take_error(bl_task *task, int rc);
/* Adds `error`, which changes hands, to what the next boundary reports. */
void bl__task_add_pending(bl_task *task, bl_error *error);
/* Notes that a block was left early whose exit would make BL_ECANCELED `rc`. */
void bl__task_note_escape(bl_task *task, int rc, const char *site);
/* What BL_ECANCELED that escaped from a block means; else `rc`. */
int bl__task_map_escape(bl_task *task, int rc);
static inline int bl__task_map_escaped(bl_task *task, int rc) {
    return task->has_escaped ? bl__task_map_escape(task, rc) : rc;
}

/* ---- park.c */
/* The delivery of a cancellation to a task that came by: yields first. */
int bl__deliver_cancelled(bl_task *task);
/* Asks the park of a waiting task to give up. */
void bl__park_abort(bl_task *task);
/* The same for one that is about to wait and is cancelled already. */
void bl__park_refuse(bl_task *task);

/* ---- scope.c; see also scope.h */
void bl__scope_arm(bl_scope *scope, bl_ns deadline);
BL__NORETURN
void bl__scope_panic_order(const bl_scope *scope, bl_task *task,
                           const char *call, const void *sp);

/* ---- cancel.c */
/* Cancels at `level` (1, or 2: forced); true if this was news. */
bool bl__cancel(bl_scope *scope, uint8_t level, bl_cause cause,
                const char *reason, int signal);
/* Recomputes a subtree after its parent has changed. */
void bl__cancel_inherit(bl_scope *scope);

/* ---- group.c */
void bl__group_init(bl_group *group, bl_task *host, bl_scope *parent,
                    const char *site);
/* The child has ended: its errors, the counts, and who waits for them. */
void bl__group_child_done(bl_group *group, bl_task *task);
/* The same for one that was neither cancelled nor failed. */
void bl__group_child_succeeded(bl_group *group, bl_task *task);
void bl__group_add_error(bl_group *group, bl_error *error);
/* A start in progress has ended without giving the group a child. */
void bl__group_start_ended(bl_group *group);

/* ---- spawn.c */
/* Whether the group takes children now; the code that says why not. */
int bl__spawn_check(const bl_group *group);

/* ---- start.c */
void bl__start_child_done(bl_task *task);

/* ---- local.c */
struct bl__locals *bl__locals_ref(struct bl__locals *locals);
void bl__locals_unref(struct bl__locals *locals);

/* ---- slow.c: in builds with audits, but not under tools that slow us down */
#if defined(BELAY_AUDIT) && BELAY_AUDIT && !BL__CTX_HAS_TOOLS
#    define BL__WATCHES_STEPS 1
#else
#    define BL__WATCHES_STEPS 0
#endif
void bl__steps_begin(struct bl__sched *sched);
/* The current task gives way, for now or for good. */
void bl__step_end(struct bl__sched *sched);

/* ---- stuck.c */
/* A cancelled task goes on waiting: has the loop look again later. */
void bl__stuck_note(bl_task *task);
void bl__stuck_review(bl_loop *loop);

/* ---- overflow.c */
void bl__overflow_watch(struct bl__sched *sched);
void bl__overflow_unwatch(struct bl__sched *sched);

/* ---- run.c */
/* The root has ended. */
void bl__root_done(struct bl__sched *sched, bl_task *task);
/* The rest of bl_loop_run, for a loop that has been started. */
int bl__loop_run_started(bl_loop *loop);

/* ---- workers.c */
/* Has each worker print its tasks to stderr, one after the other. */
void bl__workers_print(struct bl_workers *workers);

#endif
