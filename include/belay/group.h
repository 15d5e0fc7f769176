/* SPDX-License-Identifier: MIT */
/*
 * belay/group.h - task groups: every task has an owner
 *
 * A group is entered and left by one task, its host, and lives on the host's
 * stack.  bl_group_exit waits until every child has returned.  If a child or
 * the body fails, the others are cancelled, and all errors come back together
 * as one tree with the code BL_EGROUP.
 *
 * A group is a scope: cancelling it cancels the children and the body.
 */
#ifndef BELAY_GROUP_H
#define BELAY_GROUP_H

#include <belay/base.h>
#include <belay/error.h>
#include <belay/park.h>
#include <belay/scope.h>

BL_BEGIN_DECLS

/*
 * A group.  Not moved while entered; every field belongs to the library.  It
 * need not be initialised before it is entered; one of zeroes is known to be
 * not yet entered.
 */
typedef struct bl_group {
    bl_scope _scope;
    bl_task *_host;
    bl_park *_joiner;      /* the host's, while it waits in bl_group_exit */
    uint32_t _alive_count; /* children that keep the group open */
    uint32_t _daemon_count;
    uint32_t _pending_count; /* bl_start calls in progress */
    uint8_t _state;          /* new, open, joining, closing, closed */
    bool _saw_cancelled;     /* a child or the body ended cancelled */
    uint8_t _block_step;     /* of BL_GROUP */
    struct bl__errors _errors;
    int *_block_rc;
} bl_group;

/*
 * Opens the group; the calling task becomes its host.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   group is NULL
 *   BL_EMISUSE  the group is open already; unchanged
 *   BL_ENOLOOP  no loop runs on this thread; not opened
 *   BL_ENOTASK  called from a loop callback; not opened
 */
BL_MAY_FAIL
int bl_group_enter(bl_group *group);

/*
 * Waits until every child has returned, then closes the group.
 *
 * `rc` is the result of the body and counts like a child's.  The wait itself
 * is not a point of cancellation: a cancellation from outside reaches the
 * children, and the group waits for them.  Normal children are waited for
 * first, then daemons are cancelled and waited for.
 *
 * Returns 0 if nothing failed; a cancellation of the group itself ends here.
 *
 * Errors:
 *   BL_EGROUP     a child or the body failed; the tree is the current error
 *   BL_ECANCELED  something ended cancelled because of an enclosing scope
 *   BL_EINVAL     group is NULL
 *   BL_EMISUSE    the group is not open, or another task is its host
 */
BL_MAY_WAIT
int bl_group_exit(bl_group *group, int rc);

/* The body of bl_group_run. */
typedef int bl_group_fn(bl_group *group, void *arg);

/*
 * Opens a group, calls `body(group, arg)`, and closes the group.
 *
 * The function form of BL_GROUP, in plain C: there is no way out of it that
 * skips the exit.
 *
 * Returns and fails as bl_group_exit does.
 *
 * Errors:
 *   BL_EINVAL   body is NULL; nothing ran
 *   BL_EGROUP   a child or the body failed; the tree is the current error
 *   BL_ENOLOOP  no loop runs on this thread; nothing ran
 *   BL_ENOTASK  called from a loop callback; nothing ran
 */
BL_MAY_WAIT
int bl_group_run(bl_group_fn *body, void *arg);

/*
 * Cancels the children and the body.  Idempotent; the first cause stays.
 *
 * Returns whether this call was the one that cancelled it.
 */
BL_API
bool bl_group_cancel(bl_group *group);

/*
 * Cancels with a reason for reports, a static string.
 *
 * Returns whether this call was the one that cancelled it.
 */
BL_API
bool bl_group_cancel_because(bl_group *group, const char *reason);

/*
 * Returns whether the group was cancelled, by itself or by a failure.
 */
BL_API
bool bl_group_is_cancelled(const bl_group *group);

/*
 * Returns whether a cancellation of the group ended in its exit, as 0.
 */
BL_API
bool bl_group_is_caught(const bl_group *group);

/*
 * Returns how many tasks of the group are alive, daemons included.
 */
BL_API
size_t bl_group_alive_count(const bl_group *group);

/*
 * Returns how many errors the group has collected so far.
 */
BL_API
size_t bl_group_error_count(const bl_group *group);

/*
 * What bl_spawn_with can be told.  Zero means default.
 */
typedef struct bl_spawn_options {
    size_t size;        /* sizeof(bl_spawn_options) */
    const char *name;   /* copied, up to 23 bytes; default: the function's */
    size_t stack_bytes; /* default: the loop's; rounded up */
    bool is_daemon;     /* does not keep the group open; cancelled last */
    size_t copy_bytes;  /* > 0: arg points to this much, copied to the task */
    void (*dtor)(void *arg); /* called once if fn will never run */
} bl_spawn_options;

/*
 * Spawns `fn(arg)` as a child of the group.
 *
 * The child is readied behind all ready tasks; the caller goes on.  A child
 * that was accepted always runs, at least to its first wait.  The group may be
 * any open group of this loop: its host, its children and other tasks may all
 * spawn into it.  Scopes come from the group, task-locals from the caller.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL    group or fn is NULL
 *   BL_ENOMEM    no memory for a stack; fn will not run
 *   BL_ECANCELED the group and the caller are both cancelled; fn will not run
 *   BL_ECLOSING  the group is cancelled, the caller is not; fn will not run
 *   BL_ECLOSED   the group is closed, or has nothing alive while it is being
 *                left; fn will not run
 *   BL_EMISUSE   the group was never entered; fn will not run
 *   BL_ETHREAD   the group belongs to another loop; fn will not run
 *   BL_ENOLOOP   no loop runs on this thread; fn will not run
 */
BL_MAY_FAIL
int bl_spawn(bl_group *group, bl_task_fn *fn, void *arg);

/*
 * Spawns with `bytes` of `data` copied onto the child's own stack; `fn` gets
 * a pointer to the copy.  No memory is allocated for it.
 *
 * Returns and fails as bl_spawn does.
 *
 * Errors:
 *   BL_EINVAL  data is NULL, or bytes is 0 or more than half the stack
 */
BL_MAY_FAIL
int bl_spawn_copy(bl_group *group, bl_task_fn *fn, const void *data,
                  size_t bytes);

/*
 * Spawns with an argument that changes hands: `fn` owns it once it runs, and
 * if it never will, `dtor(arg)` is called, exactly once, before the error is
 * returned.
 *
 * Returns and fails as bl_spawn does.
 *
 * Errors:
 *   BL_EINVAL  group, fn or dtor is NULL
 */
BL_MAY_FAIL
int bl_spawn_owned(bl_group *group, bl_task_fn *fn, void *arg,
                   void (*dtor)(void *arg));

/*
 * Spawns a child that does not keep the group open: once the body and the
 * normal children are gone it is cancelled, and waited for.
 *
 * Returns and fails as bl_spawn does.
 *
 * Errors:
 *   BL_EINVAL  group or fn is NULL
 */
BL_MAY_FAIL
int bl_spawn_daemon(bl_group *group, bl_task_fn *fn, void *arg);

/*
 * Spawns a child and gives the caller a handle with one reference, to join,
 * cancel or ask it, also after the group is closed.
 *
 * Returns and fails as bl_spawn does; `*task` is written on success only.
 *
 * Errors:
 *   BL_EINVAL  group, fn or task is NULL
 */
BL_MAY_FAIL
int bl_spawn_task(bl_group *group, bl_task_fn *fn, void *arg, bl_task **task);

/*
 * Spawns as `options` say; NULL means all defaults.  `task` may be NULL.
 *
 * Returns and fails as bl_spawn does.
 *
 * Errors:
 *   BL_EINVAL  an option is out of its range
 */
BL_MAY_FAIL
int bl_spawn_with(bl_group *group, bl_task_fn *fn, void *arg,
                  const bl_spawn_options *options, bl_task **task);

/*
 * Spawns a child and waits until it calls bl_started.
 *
 * Until then the child lives under the caller's scopes, and its failure is
 * returned here and does not harm the group.  From then on it is an ordinary
 * child of the group.  `*value` (may be NULL) is what bl_started was given.
 *
 * Returns 0 once the child has started.
 *
 * Errors:
 *   BL_ENOTSTARTED  the child returned >= 0 without calling bl_started
 *   BL_ECANCELED    the caller's scope was cancelled; the child has ended
 *   BL_EINVAL       group or fn is NULL
 *
 * Any other code is the child's own, or one of bl_spawn's.
 */
BL_MAY_WAIT
int bl_start(bl_group *group, bl_task_fn *fn, void *arg, void **value);

/*
 * Says that the calling task, spawned by bl_start, is ready.
 *
 * In a start that is already cancelled it has no effect.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EALREADY  it was called before; no effect
 *   BL_EMISUSE   the task was not spawned by bl_start; no effect
 *   BL_ENOTASK   called outside a task
 */
BL_MAY_FAIL
int bl_started(void *value);

/* One contender of bl_race. */
typedef struct bl_racer {
    bl_task_fn *fn;
    void *arg;
    void (*drop)(void *arg); /* called if fn succeeded too late; may be NULL */
} bl_racer;

/*
 * Runs all contenders at once; the first that returns >= 0 wins, and the
 * others are cancelled and waited for.
 *
 * `*winner` (may be NULL) is its index.
 *
 * Returns what the winner returned.
 *
 * Errors:
 *   BL_EGROUP     all failed; the tree is the current error
 *   BL_ECANCELED  the caller's scope was cancelled
 *   BL_EINVAL     racers is NULL or count is 0; nothing ran
 *   BL_ENOMEM     no memory for a stack; those that ran were cancelled
 *   BL_ENOLOOP    no loop runs on this thread; nothing ran
 *   BL_ENOTASK    called from a loop callback; nothing ran
 */
BL_MAY_WAIT
int bl_race(const bl_racer *racers, size_t count, size_t *winner);

/* What the macros below stand on; not called by hand. */
BL_API
bool bl__group_next(bl_group *group, int *rc);
BL_API
void bl__group_leave(bl_group *group);
BL_API
void bl__group_scoped_enter(bl_group *group);

#if defined(__GNUC__)
static inline BL__UNUSED void bl__group_leave_block(bl_group (*group)[1]) {
    bl__group_leave(*group);
}

/*
 * BL_GROUP(name, rc) { ... } runs the block with a group; `name` is a
 * bl_group * inside it.
 *
 * `rc` is an int of the caller: 0 at entry, the body's result as the block
 * assigns it, and after the block what bl_group_exit returned.  A block left
 * by break, return or goto cancels the children, waits for them, and keeps
 * their errors for the next boundary: an enclosing group or the task's end.
 */
#    define BL_GROUP(name, rc)                                                 \
        for (bl_group BL__CLEANUP(bl__group_leave_block) name[1] = BL__ZEROED; \
             (bl__at(BL__SITE("BL_GROUP(" #name ")")),                         \
              bl__group_next(name, &(rc)));)

/*
 * BL_GROUP_SCOPED(name); opens a group that lives to the end of the enclosing
 * block.  Unless bl_group_exit was called, leaving the block cancels the
 * children and waits for them.  `name` is a variable: pass `&name`.
 */
#    define BL_GROUP_SCOPED(name)                                \
        bl_group BL__CLEANUP(bl__group_leave) name = BL__ZEROED; \
        bl__at(BL__SITE("BL_GROUP_SCOPED(" #name ")"));          \
        bl__group_scoped_enter(&name)
#endif

#ifndef BL_NO_SITES
#    define bl_group_enter(...) \
        BL__AT("bl_group_enter(" #__VA_ARGS__ ")", bl_group_enter(__VA_ARGS__))
#    define bl_group_exit(...) \
        BL__AT("bl_group_exit(" #__VA_ARGS__ ")", bl_group_exit(__VA_ARGS__))
#    define bl_group_run(...) \
        BL__AT("bl_group_run(" #__VA_ARGS__ ")", bl_group_run(__VA_ARGS__))
#    define bl_race(...) \
        BL__AT("bl_race(" #__VA_ARGS__ ")", bl_race(__VA_ARGS__))
/* A spawn notes the function's name: it becomes the task's. */
#    define bl_spawn(group, fn, ...) \
        BL__AT(#fn, bl_spawn((group), (fn), __VA_ARGS__))
#    define bl_spawn_copy(group, fn, ...) \
        BL__AT(#fn, bl_spawn_copy((group), (fn), __VA_ARGS__))
#    define bl_spawn_owned(group, fn, ...) \
        BL__AT(#fn, bl_spawn_owned((group), (fn), __VA_ARGS__))
#    define bl_spawn_daemon(group, fn, ...) \
        BL__AT(#fn, bl_spawn_daemon((group), (fn), __VA_ARGS__))
#    define bl_spawn_task(group, fn, ...) \
        BL__AT(#fn, bl_spawn_task((group), (fn), __VA_ARGS__))
#    define bl_spawn_with(group, fn, ...) \
        BL__AT(#fn, bl_spawn_with((group), (fn), __VA_ARGS__))
#    define bl_start(group, fn, ...) \
        BL__AT(#fn, bl_start((group), (fn), __VA_ARGS__))
#endif

BL_END_DECLS

#endif
