/* SPDX-License-Identifier: MIT */
/*
 * svc/supervise.c - a task that is begun again
 *
 * There is one task all along, and a loop in it: whatever it owns between two
 * tries is on its stack, and its group sees one child that takes long.  To run
 * is to go well, since a plain task has no way to say that it is ready.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/supervise.h>
#include <belay/task.h>

#include "base/assert.h"
#include "base/site.h"
#include "svc/restart.h"

/* What a supervised child gets, on its own stack. */
struct supervised {
    bl_task_fn *fn;
    void *arg;
    bl_restart_policy policy;
};

/* One try.  A cancellation that nobody asked for is a failure like others. */
static int supervise_once(struct bl__restarts *restarts, bl_task_fn *fn,
                          void *arg) {
    bl__restarts_good(restarts);
    int rc = fn(arg);
    if (rc != BL_ECANCELED || bl_is_cancelled()) return rc;
    return BL_ERR(BL_ESTRAYCANCEL, "it returned BL_ECANCELED, and nobody had "
                                   "cancelled it");
}

static int supervise_loop(bl_task_fn *fn, void *arg,
                          const bl_restart_policy *policy) {
    struct bl__restarts restarts;
    bl__restarts_init(&restarts, policy, bl_task_name(bl_task_current()));
    for (;;) {
        int rc = supervise_once(&restarts, fn, arg);
        if (bl_is_cancelled()) return rc;

        bl_ns delay = 0;
        enum bl__verdict verdict = bl__restarts_after(&restarts, rc, &delay);
        if (verdict == BL__END) return rc;
        if (verdict == BL__GIVE_UP) {
            bl__with_object(rc);
            bl__restarts_note_limit(&restarts, rc);
            return rc;
        }
        bl_error_handled();
        bl__site_forget();
        rc = bl_sleep(delay);
        if (rc < 0) return rc;
    }
}

int bl_supervise_run(bl_task_fn *fn, void *arg,
                     const bl_restart_policy *policy) {
    if (fn == NULL) return BL_EINVAL;
    int rc = bl_restart_check(policy, NULL);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;
    return supervise_loop(fn, arg, policy);
}

static int supervise_child(void *arg) {
    const struct supervised *supervised = arg; /* on this stack */
    return supervise_loop(supervised->fn, supervised->arg, &supervised->policy);
}

int bl_supervise(bl_group *group, bl_task_fn *fn, void *arg,
                 const bl_restart_policy *policy) {
    if (fn == NULL) return BL_EINVAL;
    int rc = bl_restart_check(policy, NULL);
    if (rc < 0) return rc;
    struct supervised supervised = { .fn = fn, .arg = arg, .policy = *policy };
    return bl_spawn_copy(group, supervise_child, &supervised,
                         sizeof supervised);
}
