/* SPDX-License-Identifier: MIT */
/*
 * task/start.c - spawning a child and waiting until it is ready
 *
 * Until the child calls bl_started, it lives under the scopes of the caller of
 * bl_start, and the group merely knows that somebody is on the way.  With
 * bl_started its base moves to the group, and it is a child like any other.
 *
 * Invariant: task->start is set exactly from the spawn to bl_started or to the
 * child's end, whichever comes first, and the caller waits all that time.
 */
#include "base/assert.h"
#include "base/list.h"
#include "task/scope.h"
#include "task/switch.h"
#include "task/task.h"

/* A start in progress, on the caller's stack. */
struct bl__start {
    bl_park park;
    bl_group *group;
    bl_task *child;
    void *value;
    int rc; /* of the child, if it ended first */
    bool was_called;
};

static void start_done(struct bl__start *start, int rc) {
    bl_group *group = start->group;
    BL__ASSERT(group->_pending_count > 0);
    group->_pending_count--;
    start->child->start = NULL;
    bl_park_wake(&start->park, rc);
}

int bl_started(void *value) {
    bl_task *task = bl__task_current();
    if (task == NULL) return BL_ENOTASK;
    if (task->has_started) return BL_EALREADY;
    struct bl__start *start = task->start;
    if (start == NULL) return BL_EMISUSE;

    task->has_started = true;
    start->was_called = true;
    start->value = value;
    if (task->base._effective > 0) return 0; /* a cancelled start: no effect */

    bl_group *group = start->group;
    bl__list_remove(&task->base._sibling);
    task->base._parent = &group->_scope;
    bl__list_append(&group->_scope._children, &task->base._sibling);
    group->_alive_count++;
    start_done(start, 0);
    bl__cancel_inherit(&task->base);
    return 0;
}

/* The child has ended before it was handed over. */
void bl__start_child_done(bl_task *task) {
    struct bl__start *start = task->start;
    bl_group *group = start->group;
    start->rc = task->rc;
    if (task->rc >= 0 && !start->was_called) start->rc = BL_ENOTSTARTED;
    if (task->rc >= 0 && start->was_called) start->rc = 0;
    start_done(start, start->rc);
    bl__group_start_ended(group);
}

static int start_spawn(struct bl__start *start, bl_task_fn *fn, void *arg,
                       const char *site) {
    bl_task *caller = bl__task_current();
    struct bl__sched *sched = caller->sched;
    struct bl__stack *stack = bl__stack_get(&sched->stacks, sched->stack_bytes);
    if (stack == NULL) return BL_ENOMEM;
    bl_task *child = bl__task_init(sched, stack, fn, arg, 0);

    child->site = site;
    child->group = start->group;
    child->start = start;
    bl__scope_init(&child->base, child, caller->scope, BL_SCOPE_PLAIN,
                   BL__ROLE_BASE, site);
    if (caller->locals != NULL) child->locals = bl__locals_ref(caller->locals);
    start->child = bl_task_ref(child);
    start->group->_pending_count++;
    bl__ready_push(sched, child);
    return 0;
}

int bl_start(bl_group *group, bl_task_fn *fn, void *arg, void **value) {
    const char *site = bl__site;
    if (group == NULL) return BL_EINVAL;
    if (fn == NULL) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = bl__spawn_check(group);
    if (rc < 0) return rc;

    struct bl__start start = { .group = group };
    /* What cancels the caller cancels the child, which ends the wait. */
    bl_park_init(&start.park, "start", group, NULL);
    rc = start_spawn(&start, fn, arg, site);
    if (rc < 0) return rc;
    rc = bl_park_wait(&start.park);

    bl_task *child = start.child;
    if (rc < 0 && child->error != NULL && bl_error_code(child->error) == rc) {
        bl_error **slot = bl__error_slot();
        bl_error_unref(*slot);
        *slot = bl_error_ref(child->error);
    }
    bl_task_unref(child);
    if (rc == 0 && value != NULL) *value = start.value;
    return rc;
}
