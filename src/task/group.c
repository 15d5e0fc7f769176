/* SPDX-License-Identifier: MIT */
/*
 * task/group.c - groups: opening, collecting, leaving
 *
 * A group's scope is entered by its host, so the body is inside it, and the
 * bases of its children hang under it.  Leaving takes the normal children
 * first, then the daemons, which are shielded from everything outside until
 * then.
 *
 * The host's wait in bl_group_exit cannot be cancelled: what cancels the host
 * cancels the children too, and the host waits for them.
 *
 * Invariant: a closed group has no children, no daemons, and no start in
 * progress.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "base/site.h"
#include "task/scope.h"
#include "task/switch.h"
#include "task/task.h"

BL__INLINED void bl__group_init(bl_group *group, bl_task *host,
                                bl_scope *parent, const char *site) {
    bl__scope_init(&group->_scope, host, parent, BL_SCOPE_PLAIN, BL__ROLE_GROUP,
                   site);
    group->_host = host;
    group->_joiner = NULL;
    group->_alive_count = 0;
    group->_daemon_count = 0;
    group->_pending_count = 0;
    group->_state = BL__GROUP_OPEN;
    group->_saw_cancelled = false;
    group->_errors._items = NULL;
    group->_errors._count = 0;
    group->_errors._capacity = 0;
    group->_errors._lost_count = 0;
}

/* Among the scopes of the task, or its owner.  A group that was never entered
 * may hold anything, so it is not asked itself. */
static bool is_entered_by(const bl_group *group, const bl_task *task) {
    if (task->group == group) return true;
    const bl_scope *scope = task->scope;
    for (; scope != &task->base; scope = scope->_parent) {
        if (scope == &group->_scope) return true;
    }
    return false;
}

int bl_group_enter(bl_group *group) {
    if (group == NULL) return BL_EINVAL;
    bl_task *task = bl__task_current();
    if (task == NULL) return bl__no_task();
    if (is_entered_by(group, task)) return BL_EMISUSE;

    bl__group_init(group, task, task->scope, bl__take_site());
    task->scope = &group->_scope;
    return 0;
}

/* ---- what children report ---------------------------------------------- */

void bl__group_add_error(bl_group *group, bl_error *error) {
    bl__errors_append(&group->_errors, error);
    bl__cancel(&group->_scope, 1, BL_CAUSE_CHILD, "a task failed", 0);
}

/* Nobody is left of those that the host, which waits, waits for. */
static BL__INLINE bool has_no_more(const bl_group *group) {
    if (BL__LIKELY(group->_state == BL__GROUP_JOINING)) {
        return group->_alive_count == 0 && group->_pending_count == 0;
    }
    BL__ASSERT(group->_state == BL__GROUP_CLOSING);
    return group->_daemon_count == 0;
}

/* Wakes the host if this was the last one it waits for. */
static BL__INLINE void tell_host(bl_group *group) {
    bl_park *joiner = group->_joiner;
    if (joiner == NULL || !has_no_more(group)) return;
    group->_joiner = NULL;
    bl__park_wake(joiner, 0);
}

BL__INLINED void bl__group_child_succeeded(bl_group *group, bl_task *task) {
    if (BL__UNLIKELY(task->is_daemon)) {
        BL__ASSERT(group->_daemon_count > 0);
        group->_daemon_count--;
    } else {
        BL__ASSERT(group->_alive_count > 0);
        group->_alive_count--;
    }
    tell_host(group);
}

void bl__group_child_done(bl_group *group, bl_task *task) {
    if (task->is_cancelled) {
        if (group->_scope._effective > 0) group->_saw_cancelled = true;
    } else if (task->rc < 0) {
        bl__group_add_error(group, bl_error_ref(task->error));
    }
    bl__group_child_succeeded(group, task);
}

void bl__group_start_ended(bl_group *group) {
    tell_host(group);
}

/* ---- leaving ----------------------------------------------------------- */

/* The body is judged as a child is. */
static void judge_body(bl_group *group, bl_task *host, int rc) {
    rc = bl__task_map_escaped(host, rc);
    if (host->pending != NULL) {
        bl_error *pending = host->pending;
        host->pending = NULL;
        bl__group_add_error(group, pending);
    }
    if (rc >= 0) return;
    if (rc == BL_ECANCELED && group->_scope._effective > 0) {
        group->_saw_cancelled = true;
        return;
    }
    if (rc == BL_ECANCELED) {
        rc = BL_ERR(BL_ESTRAYCANCEL,
                    "the body of a group returned BL_ECANCELED, but nothing "
                    "had cancelled it");
    }
    bl__group_add_error(group, bl__task_take_error(host, rc));
}

static BL__INLINE void wait_for_children(bl_group *group, bl_task *host,
                                         const char *what) {
    if (has_no_more(group)) return;
    bl_park joiner;
    bl__park_init(&joiner, host, what, group, NULL);
    group->_joiner = &joiner;
    BL_IGNORE(bl__park_wait(host, &joiner)); /* cannot be cancelled */
}

__attribute__((noinline)) static void end_daemons(bl_group *group) {
    bl__list_each(link, &group->_scope._children) {
        bl_scope *base = bl__container_of(link, bl_scope, _sibling);
        bl__cancel(base, 1, BL_CAUSE_SHUTDOWN, "the group closes", 0);
    }
    wait_for_children(group, group->_host, "daemons");
}

/* The tree becomes the host's current error. */
static int report_errors(bl_group *group, bl_task *host) {
    char path[256];
    bl__task_path_of(host, path, sizeof path);
    bl_error *tree =
        bl__error_new_group(&group->_errors, group->_scope._site, path);
    bl_error_unref(host->error);
    host->error = tree;
    return BL_EGROUP;
}

/* Leaves a group of which something was cancelled, perhaps by an error. */
__attribute__((noinline)) static int leave_cancelled(bl_group *group) {
    bl_task *host = group->_host;
    bool is_cancelled_outside = bl__scope_inherited(&group->_scope) > 0;
    bl__scope_pop(&group->_scope, host);
    group->_state = BL__GROUP_CLOSED;
    if (group->_errors._count + group->_errors._lost_count > 0) {
        return report_errors(group, host);
    }
    if (!group->_saw_cancelled) return 0;
    if (is_cancelled_outside) return BL_ECANCELED;
    group->_scope._is_caught = true;
    return 0;
}

int bl_group_exit(bl_group *group, int rc) {
    if (group == NULL) return BL_EINVAL;
    bl_task *task = bl__task_current();
    if (task == NULL) return BL_EMISUSE;
    if (group->_state != BL__GROUP_OPEN) return BL_EMISUSE;
    if (group->_host != task) return BL_EMISUSE;
    if (task->scope != &group->_scope) {
        bl__scope_panic_order(&group->_scope, task, "bl_group_exit",
                              __builtin_dwarf_cfa());
    }
    const char *site = bl__take_site();
    if (site != NULL) task->wait_site = site;

    bool is_plain = rc >= 0 && task->pending == NULL && !task->has_escaped;
    if (BL__UNLIKELY(!is_plain)) judge_body(group, task, rc);
    group->_state = BL__GROUP_JOINING;
    wait_for_children(group, task, "children");
    group->_state = BL__GROUP_CLOSING;
    if (BL__UNLIKELY(group->_daemon_count > 0)) end_daemons(group);
    BL__ASSERT(group->_alive_count + group->_pending_count == 0);
    BL__ASSERT(group->_daemon_count == 0);

    /* An error cancels the group, so without a cancellation there is none. */
    if (BL__UNLIKELY(group->_scope._effective > 0)) {
        return leave_cancelled(group);
    }
    bl__scope_pop(&group->_scope, group->_host);
    group->_state = BL__GROUP_CLOSED;
    return 0;
}

int bl_group_run(bl_group_fn *body, void *arg) {
    if (body == NULL) return BL_EINVAL;
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    return bl_group_exit(&group, body(&group, arg));
}

/* ---- cancelling and asking --------------------------------------------- */

bool bl_group_cancel_because(bl_group *group, const char *reason) {
    if (group->_state == BL__GROUP_NEW) return false;
    if (group->_state == BL__GROUP_CLOSED) return false;
    return bl__cancel(&group->_scope, 1, BL_CAUSE_EXPLICIT, reason, 0);
}

bool bl_group_cancel(bl_group *group) {
    return bl_group_cancel_because(group, NULL);
}

bool bl_group_is_cancelled(const bl_group *group) {
    return group->_scope._level > 0;
}

bool bl_group_is_caught(const bl_group *group) {
    return group->_scope._is_caught;
}

size_t bl_group_alive_count(const bl_group *group) {
    return (size_t)group->_alive_count + group->_daemon_count;
}

size_t bl_group_error_count(const bl_group *group) {
    return (size_t)group->_errors._count + group->_errors._lost_count;
}
