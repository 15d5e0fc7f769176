/* SPDX-License-Identifier: MIT */
/*
 * task/scope.h - entering and leaving a scope, inlined
 *
 * Every group and every task enters a scope and leaves it, and in most nothing
 * ever happens.  So what a scope needs only when it is cancelled is left as it
 * is until then, and with a constant kind and role all its flags are one store.
 */
#ifndef BL__TASK_SCOPE_H
#define BL__TASK_SCOPE_H

#include "base/assert.h"
#include "base/list.h"
#include "task/task.h"

/* Takes the call-site record, so that it is not used twice. */
static BL__INLINE const char *bl__take_site(void) {
    const char *site = bl__site;
    bl__site = NULL;
    return site;
}

/* What the parent lets through to `scope`. */
static BL__INLINE uint8_t bl__scope_inherited(const bl_scope *scope) {
    const bl_scope *parent = scope->_parent;
    if (parent == NULL) return 0;
    if (scope->_kind == BL_SCOPE_SHIELD) return parent->_effective == 2 ? 2 : 0;
    return parent->_effective;
}

/*
 * Enters a scope without deadline; `site` is where.  A token is known to
 * lexical scopes only.
 */
static BL__INLINE void bl__scope_init(bl_scope *scope, bl_task *task,
                                      bl_scope *parent, bl_scope_kind kind,
                                      uint8_t role, const char *site) {
    scope->_parent = parent;
    scope->_task = task;
    bl__list_init(&scope->_children);
    scope->_state = BL__SCOPE_ENTERED;
    scope->_kind = (uint8_t)kind;
    scope->_level = 0;
    scope->_cause = BL_CAUSE_NONE;
    scope->_is_expired = false;
    scope->_is_caught = false;
    scope->_role = role;
    scope->_site = site;
    scope->_timer._index = 0;
    if (parent != NULL) {
        bl__list_append(&parent->_children, &scope->_sibling);
    } else {
        bl__list_init(&scope->_sibling);
    }
    scope->_effective = bl__scope_inherited(scope);
}

/* Leaves the innermost scope of `task`, whose timer is not armed. */
static BL__INLINE void bl__scope_pop(bl_scope *scope, bl_task *task) {
    BL__ASSERT(scope->_state == BL__SCOPE_ENTERED);
    BL__ASSERT(scope->_children._next == &scope->_children);
    bl__list_unlink(&scope->_sibling);
    task->scope = scope->_parent;
    task->spin_count = 0;
    scope->_state = BL__SCOPE_LEFT;
}

#endif
