/* SPDX-License-Identifier: MIT */
/*
 * task/block.c - what BL_GROUP, BL_TIMEOUT, BL_SHIELD and bl_wait_for stand on
 *
 * A block macro is a for loop around a variable with a clean-up attribute.
 * The loop's condition enters before the first pass and exits after it; a
 * block left by break, return or goto skips the exit, and the clean-up finds
 * the object still entered.
 *
 * What it does then must lose nothing.  A group is cancelled and joined, and
 * its errors wait for the next boundary.  A scope that would have caught
 * BL_ECANCELED notes what it would have made of it, since the code is already
 * on its way out as a return value.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/site.h"
#include "task/task.h"

enum {
    STEP_NEW,
    STEP_INSIDE,
    STEP_LEFT
};

/* ---- scopes ------------------------------------------------------------ */

static void enter_kind(bl_scope *scope, bl_scope_kind kind, bl_ns limit) {
    if (kind == BL_SCOPE_FAIL) {
        bl_scope_enter_timeout(scope, limit);
    } else if (kind == BL_SCOPE_MOVE_ON) {
        bl_scope_enter_move_on(scope, limit);
    } else {
        bl_scope_enter_shield(scope, limit);
    }
}

bool bl__block_next(struct bl__block *block, bl_scope_kind kind, int *rc,
                    bl_ns timeout) {
    if (block->step == STEP_NEW) {
        if (bl__task_current() == NULL && rc != NULL) {
            *rc = bl__no_task();
            block->step = STEP_LEFT;
            return false;
        }
        if (rc != NULL) *rc = 0;
        block->rc = rc;
        enter_kind(&block->scope, kind, timeout);
        block->step = STEP_INSIDE;
        return true;
    }
    BL__ASSERT(block->step == STEP_INSIDE);
    block->step = STEP_LEFT;
    if (block->scope._state != BL__SCOPE_ENTERED) return false;
    int result = bl_scope_exit(&block->scope, rc != NULL ? *rc : 0);
    if (rc != NULL) *rc = result;
    return false;
}

/*
 * After a break the caller still looks at its variable, which can be put
 * right; after a return the code is on its way, and the next boundary will.
 */
static void note_escape(bl_task *task, const bl_scope *scope, int meaning,
                        int *rc) {
    bl__task_note_escape(task, meaning, scope->_site);
    if (rc != NULL && *rc == BL_ECANCELED) *rc = meaning;
}

/*
 * Leaves a scope whose body's result is not known: as if it were BL_ECANCELED,
 * to learn what that would have meant.
 */
static void leave_early(bl_scope *scope, int *rc) {
    bl_task *task = bl__task_current();
    int meaning = bl_scope_exit(scope, BL_ECANCELED);
    if (meaning == BL_ECANCELED) return;
    scope->_is_caught = false;
    note_escape(task, scope, meaning, rc);
}

void bl__block_leave(struct bl__block *block) {
    if (block->step != STEP_INSIDE) return;
    block->step = STEP_LEFT;
    if (block->scope._state != BL__SCOPE_ENTERED) return;
    leave_early(&block->scope, block->rc);
}

int bl_timeout_run(bl_ns timeout, bl_task_fn *fn, void *arg) {
    bl_scope scope;
    int rc;
    if (fn == NULL) return BL_EINVAL;
    if (!bl__wait_for_enter(&scope, timeout, &rc)) return rc;
    return bl_scope_exit(&scope, fn(arg));
}

/* False, with the result, if the body is not to be run at all. */
bool bl__wait_for_enter(bl_scope *scope, bl_ns timeout, int *rc) {
    const char *site = bl__site;
    scope->_state = BL__SCOPE_NEW;
    *rc = 0;
    if (timeout > 0 && bl__task_current() != NULL) {
        bl_scope_enter_timeout(scope, timeout);
        return true;
    }
    *rc = bl_checkpoint();
    bl__site = site;
    if (*rc == 0) *rc = BL_ETIMEDOUT;
    return false;
}

void bl__wait_for_leave(bl_scope *scope) {
    if (scope->_state != BL__SCOPE_ENTERED) return;
    leave_early(scope, NULL);
}

/* ---- groups ------------------------------------------------------------ */

bool bl__group_next(bl_group *group, int *rc) {
    if (group->_block_step == STEP_NEW) {
        *rc = bl_group_enter(group);
        group->_block_step = *rc < 0 ? STEP_LEFT : STEP_INSIDE;
        group->_block_rc = rc;
        return *rc == 0;
    }
    BL__ASSERT(group->_block_step == STEP_INSIDE);
    group->_block_step = STEP_LEFT;
    if (group->_state == BL__GROUP_CLOSED) return false;
    *rc = bl_group_exit(group, *rc);
    return false;
}

void bl__group_scoped_enter(bl_group *group) {
    int rc = bl_group_enter(group);
    if (rc < 0) {
        BL__MISUSE("BL_GROUP_SCOPED outside a task: %s", bl_strerror(rc));
    }
    group->_block_step = STEP_INSIDE;
}

void bl__group_leave(bl_group *group) {
    if (group->_block_step != STEP_INSIDE) return;
    group->_block_step = STEP_LEFT;
    if (group->_state == BL__GROUP_CLOSED) return;
    bl_task *task = bl__task_current();
    BL__ASSERT(task != NULL);

    bool had_children = bl_group_alive_count(group) > 0;
    bool was_cancelled = bl_group_is_cancelled(group);
    bool had_escaped = task->has_escaped;
    task->has_escaped = false;
    bl_group_cancel_because(group, "its block was left early");
    int rc = bl_group_exit(group, 0);
    if (rc == BL_EGROUP) {
        bl__task_add_pending(task, bl_error_take(BL_EGROUP));
    }
    if (group->_block_rc != NULL && (had_children || rc == BL_EGROUP)) {
        bl_report("the group opened at %s was left without bl_group_exit: its "
                  "tasks were cancelled",
                  bl__site_place(group->_scope._site));
    }
    task->has_escaped = had_escaped;
    /* The body may be on its way out with this group's BL_ECANCELED. */
    if (was_cancelled && !had_escaped && !bl_is_cancelled()) {
        note_escape(task, &group->_scope, 0, group->_block_rc);
    }
}
