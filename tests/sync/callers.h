/* SPDX-License-Identifier: MIT */
/*
 * sync/callers.h - tasks that make one waiting call, and calls made from where
 * they must not be made
 *
 * Most tests of this layer say: these tasks wait, this happens to the object
 * or to one of them, and that is what their calls returned.  A *caller* is such
 * a task, in a scope of its own by which the test cancels it.
 */
#ifndef SYNC_CALLERS_H
#define SYNC_CALLERS_H

#include <belay/test.h>

#include "support/host.h"
#include "support/kids.h"

/* The call under test: a function of one object. */
typedef int object_fn(void *object);

struct caller {
    object_fn *fn;
    void *object;
    const char *name; /* noted when the call returns; NULL: nothing is */
    bl_scope scope;   /* around the call */
    int rc;           /* these tell what became of it: the call returned */
    int after_rc;     /* and then a checkpoint in the same scope */
    bool has_begun;
    bool is_done;
};

static inline int caller_run(void *arg) {
    struct caller *caller = arg;
    bl_scope_enter(&caller->scope);
    caller->has_begun = true;
    caller->rc = caller->fn(caller->object);
    if (caller->name != NULL) note("%s", caller->name);
    caller->after_rc = bl_checkpoint();
    BL_IGNORE(bl_scope_exit(&caller->scope, 0)); /* 0, as it is given */
    caller->is_done = true;
    return 0;
}

static inline struct caller calls_as(const char *name, object_fn *fn,
                                     void *object) {
    return (struct caller){ .name = name, .fn = fn, .object = object };
}

static inline struct caller calls(object_fn *fn, void *object) {
    return calls_as(NULL, fn, object);
}

/* Spawns the callers in order, and waits until they are where they wait. */
static inline void callers_start(bl_group *group, struct caller *callers,
                                 size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(bl_spawn(group, caller_run, &callers[i]));
        settle();
    }
}

/* Cancels the call, if it has begun and not returned. */
static inline void caller_cancel(struct caller *caller) {
    if (!caller->has_begun || caller->is_done) return;
    bl_scope_cancel(&caller->scope, "test");
}

/* ---- the wrong places ---------------------------------------------------- */

struct misplaced {
    object_fn *fn;
    void *object;
    int rc;
};

static inline void misplaced_call(void *arg) {
    struct misplaced *misplaced = arg;
    misplaced->rc = misplaced->fn(misplaced->object);
}

static inline int misplaced_run(void *arg) {
    misplaced_call(arg);
    return 0;
}

/* What `fn(object)` returns on a thread without a loop. */
static inline int without_loop(object_fn *fn, void *object) {
    struct misplaced misplaced = { fn, object, 1 };
    on_thread(misplaced_call, &misplaced);
    return misplaced.rc;
}

/* What it returns in a callback of the running loop. */
static inline int in_callback(object_fn *fn, void *object) {
    struct misplaced misplaced = { fn, object, 1 };
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, misplaced_call, &misplaced);
    CHECK_OK(bl_sleep(1));
    return misplaced.rc;
}

/* What it returns in a task of another loop, on another thread. */
static inline int in_other_loop(object_fn *fn, void *object) {
    struct misplaced misplaced = { fn, object, 1 };
    CHECK_OK(run_elsewhere(misplaced_run, &misplaced, NULL));
    return misplaced.rc;
}

/* What it returns in a task of this loop whose scope is cancelled. */
static inline int in_cancelled_scope(object_fn *fn, void *object) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "test");
    int rc = fn(object);
    BL_IGNORE(bl_scope_exit(&scope, 0)); /* 0, as it is given */
    return rc;
}

#endif
