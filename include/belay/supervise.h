/* SPDX-License-Identifier: MIT */
/*
 * belay/supervise.h - beginning again what has failed
 *
 * A restart policy says what is begun again, after which delay, and when it is
 * given up.  Services (service.h) and supervised tasks share it.
 *
 *     delay  = min(delay_min * 2^n, delay_max), times something in [0.5, 1)
 *     n      = failures since it last went well for `reset_after`
 *     end    = more than `restarts_max` restarts within `window`
 *
 * Cancellation is never a failure: what is cancelled is not begun again.
 */
#ifndef BELAY_SUPERVISE_H
#define BELAY_SUPERVISE_H

#include <belay/base.h>
#include <belay/group.h>

BL_BEGIN_DECLS

/* What is begun again. */
typedef enum bl_restart {
    BL_RESTART_NEVER = 0,
    BL_RESTART_ON_FAILURE,
    BL_RESTART_ALWAYS /* also what has ended well */
} bl_restart;

/* The most that `restarts_max` can be, and the value for "no limit". */
#define BL_RESTARTS_MAX      32
#define BL_RESTARTS_NO_LIMIT UINT32_MAX

/* One restart to come, as `on_restart` is told of it. */
typedef struct bl_restart_view {
    int rc;         /* how it ended */
    uint32_t count; /* of failures since it last went well, this one included */
    bl_ns delay;    /* until it is begun again */
} bl_restart_view;

/*
 * When something is begun again.  Zero means default.
 *
 * Delays are drawn from the time of the failure and the name of what failed:
 * by a virtual clock they are the same in each run.
 */
typedef struct bl_restart_policy {
    size_t size; /* sizeof(bl_restart_policy) */
    bl_restart when;
    bl_ns delay_min;       /* before the first restart; default 100 ms */
    bl_ns delay_max;       /* default 30 s */
    bl_ns reset_after;     /* of going well; default 10 s */
    uint32_t restarts_max; /* within `window`; default 10, at most 32, or
                              BL_RESTARTS_NO_LIMIT */
    bl_ns window;          /* default 300 s */
    bool has_no_jitter;    /* the delay itself, for tests and diagrams */
    /* Told before each delay; the current error has the details.  It must not
     * wait. */
    void (*on_restart)(const bl_restart_view *view, void *context);
    void *context;
} bl_restart_policy;

/*
 * Looks for what cannot be meant in `policy`, and for what probably is not:
 * `*warning` (may be NULL) is set to a static sentence, or to NULL if there is
 * nothing to say.  A limit that trips before the delay has reached its maximum
 * is such a case.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  policy is NULL, or a field is out of its range; nothing was
 *              written
 */
BL_MAY_FAIL
int bl_restart_check(const bl_restart_policy *policy, const char **warning);

/*
 * Calls `fn(arg)` in the calling task, and again as `policy` says, until it
 * has ended well, was cancelled, or is given up.
 *
 * Returns what fn returned last.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; fn has returned
 *   BL_EINVAL     fn is NULL or the policy is not valid; fn was not called
 *   BL_ENOLOOP    no loop runs on this thread; fn was not called
 *   BL_ENOTASK    called from a loop callback; fn was not called
 *
 * Any other code is the last one of fn; the limit is noted on its error.
 */
BL_MAY_WAIT
int bl_supervise_run(bl_task_fn *fn, void *arg,
                     const bl_restart_policy *policy);

/*
 * Spawns a child of the group that is begun again as `policy` says.
 *
 * It is one task, and an ordinary child: it fails when the policy gives it up,
 * and ends like any other when it is cancelled.  To begin several tasks again
 * together, let `fn` run them in a group of its own.  The policy is copied.
 *
 * Returns and fails as bl_spawn does.
 *
 * Errors:
 *   BL_EINVAL  group or fn is NULL, or the policy is not valid
 */
BL_MAY_FAIL
int bl_supervise(bl_group *group, bl_task_fn *fn, void *arg,
                 const bl_restart_policy *policy);

#ifndef BL_NO_SITES
#    define bl_supervise_run(fn, ...)                         \
        BL__AT("bl_supervise_run(" #fn ", " #__VA_ARGS__ ")", \
               bl_supervise_run((fn), __VA_ARGS__))
/* A spawn notes the function's name: it becomes the task's. */
#    define bl_supervise(group, fn, ...) \
        BL__AT(#fn, bl_supervise((group), (fn), __VA_ARGS__))
#endif

BL_END_DECLS

#endif
