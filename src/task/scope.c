/* SPDX-License-Identifier: MIT */
/*
 * task/scope.c - entering and leaving scopes, deadlines, tokens
 *
 * A scope with a deadline has a timer of its own in the loop's heap; that it
 * fires is a cancellation with the cause DEADLINE.  The first cause stays, and
 * bl_scope_exit decides by it.
 *
 * Invariant: the scopes of a task are left in the reverse order of entering,
 * by that task; anything else has destroyed a stack frame that others still
 * point to, and ends the process.
 */
#include "task/scope.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "base/site.h"
#include "task/task.h"

/* A counted name for a cancellation. */
struct bl_token {
    bl_loop *loop;
    bl_link scopes; /* entered with it */
    uint32_t refcount;
    bool is_cancelled;
    const char *reason;
};

/* ---- entering ---------------------------------------------------------- */

static void on_deadline(void *context) {
    bl_scope *scope = context;
    scope->_is_expired = true;
    bl__cancel(scope, 1, BL_CAUSE_DEADLINE, NULL, 0);
}

void bl__scope_arm(bl_scope *scope, bl_ns deadline) {
    bl_loop *loop = scope->_task->sched != NULL ? &scope->_task->sched->loop
                                                : bl__loop_current;
    bl_timer_init(&scope->_timer, on_deadline, scope);
    scope->_timer._due = deadline;
    if (deadline == BL_FOREVER) return;
    if (deadline <= bl__loop_now(loop)) {
        on_deadline(scope);
        return;
    }
    bl_timer_start(loop, &scope->_timer, deadline);
}

static bl_task *need_task(const char *call) {
    bl_task *task = bl__task_current();
    if (task == NULL) {
        BL__MISUSE("%s called outside a task: %s", call,
                   bl_strerror(bl__no_task()));
    }
    return task;
}

static void scope_push(bl_scope *scope, bl_task *task, bl_scope_kind kind) {
    if (BL__UNLIKELY(task->scope == scope)) {
        BL__MISUSE("the scope entered at %s is entered already",
                   bl__site_place(scope->_site));
    }
    bl__scope_init(scope, task, task->scope, kind, BL__ROLE_LEXICAL,
                   bl__take_site());
    scope->_token = NULL;
    scope->_timer._due = BL_FOREVER;
    task->scope = scope;
}

/* A limit of 0 or less has passed at entry: no clock is asked. */
static void enter_limited(bl_scope *scope, bl_scope_kind kind, bl_ns limit,
                          const char *call) {
    bl_task *task = need_task(call);
    scope_push(scope, task, kind);
    if (limit == BL_FOREVER) return;
    if (limit <= 0) {
        on_deadline(scope);
        return;
    }
    bl__scope_arm(scope, bl_ns_add(bl__loop_now(&task->sched->loop), limit));
}

void bl_scope_enter(bl_scope *scope) {
    scope_push(scope, need_task("bl_scope_enter"), BL_SCOPE_PLAIN);
}

void bl_scope_enter_timeout(bl_scope *scope, bl_ns timeout) {
    enter_limited(scope, BL_SCOPE_FAIL, timeout, "bl_scope_enter_timeout");
}

void bl_scope_enter_move_on(bl_scope *scope, bl_ns timeout) {
    enter_limited(scope, BL_SCOPE_MOVE_ON, timeout, "bl_scope_enter_move_on");
}

void bl_scope_enter_shield(bl_scope *scope, bl_ns bound) {
    enter_limited(scope, BL_SCOPE_SHIELD, bound, "bl_scope_enter_shield");
}

static int scope_check_options(const bl_scope_options *options) {
    if (options->size == 0) return BL_EINVAL;
    if (options->size > sizeof *options) return BL_EINVAL;
    if ((unsigned)options->kind > BL_SCOPE_SHIELD) return BL_EINVAL;
    if (options->kind != BL_SCOPE_PLAIN && !options->has_deadline) {
        return BL_EINVAL;
    }
    return 0;
}

static void bind_token(bl_scope *scope, bl_token *token) {
    scope->_token = bl_token_ref(token);
    bl__list_append(&token->scopes, &scope->_token_link);
    if (token->is_cancelled) {
        bl__cancel(scope, 1, BL_CAUSE_EXPLICIT, token->reason, 0);
    }
}

int bl_scope_enter_with(bl_scope *scope, const bl_scope_options *options) {
    static const bl_scope_options defaults = { .size = sizeof defaults };
    bl_scope_options chosen = defaults;
    if (scope == NULL) return BL_EINVAL;
    if (options != NULL) {
        int rc = scope_check_options(options);
        if (rc < 0) return rc;
        __builtin_memcpy(&chosen, options, options->size);
    }
    bl_task *task = bl__task_current();
    if (task == NULL) return bl__no_task();
    if (chosen.token != NULL && chosen.token->loop != &task->sched->loop) {
        return BL_ETHREAD;
    }
    scope_push(scope, task, chosen.kind);
    if (chosen.has_deadline) bl__scope_arm(scope, chosen.deadline);
    if (chosen.token != NULL) bind_token(scope, chosen.token);
    return 0;
}

/* ---- leaving ----------------------------------------------------------- */

/* Whether the innermost scope was in a function that has returned: it is below
 * `sp`, where the stack ended when the call was made that is to be refused. */
static bool is_gone(const bl_task *task, const void *sp) {
    const char *scope = (const char *)task->scope;
    return scope < (const char *)sp && scope >= bl__stack_low(&task->stack);
}

void bl__scope_panic_order(const bl_scope *scope, bl_task *task,
                           const char *call, const void *sp) {
    const char *innermost = "";
    if (task != NULL && is_gone(task, sp)) {
        innermost = "(a function that has returned)";
        task->scope = &task->base;
        bl__list_init(&task->base._children);
    } else if (task != NULL) {
        innermost = bl__site_place(task->scope->_site);
    }
    BL__MISUSE("%s: scopes are left in the reverse order of entering, by the "
               "task that entered them\n  left here: the one entered at %s\n  "
               "innermost of this task: the one entered at %s",
               call, bl__site_place(scope->_site),
               innermost[0] != '\0' ? innermost : "(its start)");
}

static void unbind_token(bl_scope *scope) {
    bl__list_remove(&scope->_token_link);
    bl_token_unref(scope->_token);
    scope->_token = NULL;
}

/* A body that never waited may have overrun its deadline unnoticed. */
static void note_expiry(bl_scope *scope) {
    if (scope->_timer._index == 0) return;
    if (bl__loop_now(scope->_timer._loop) >= scope->_timer._due) {
        scope->_is_expired = true;
    }
}

int bl_scope_exit(bl_scope *scope, int rc) {
    bl_task *task = bl__task_current();
    if (task == NULL || task->scope != scope ||
        scope->_role != BL__ROLE_LEXICAL ||
        scope->_state != BL__SCOPE_ENTERED) {
        bl__scope_panic_order(scope, task, "bl_scope_exit",
                              __builtin_dwarf_cfa());
    }
    rc = bl__task_map_escaped(task, rc);
    note_expiry(scope);
    bool is_cancelled_outside = bl__scope_inherited(scope) > 0;
    bl_timer_stop(&scope->_timer);
    bl__scope_pop(scope, task);
    if (scope->_token != NULL) unbind_token(scope);

    if (rc != BL_ECANCELED) return rc;
    if (is_cancelled_outside) return BL_ECANCELED;
    if (scope->_level == 0) return BL_ECANCELED;
    scope->_is_caught = true;
    if (scope->_kind != BL_SCOPE_FAIL) return 0;
    if (scope->_cause != BL_CAUSE_DEADLINE) return 0;
    return bl_error_raise(BL_ETIMEDOUT, "bl_scope_exit", scope->_site,
                          "cancelled: the deadline of the scope entered at %s "
                          "passed",
                          bl__site_place(scope->_site));
}

bl_scope *bl__scope_innermost(void) {
    bl_task *task = need_task("BL_SCOPE_RETURN");
    return task->scope;
}

/* ---- cancelling and asking --------------------------------------------- */

bool bl_scope_cancel(bl_scope *scope, const char *reason) {
    if (scope->_state != BL__SCOPE_ENTERED) return false;
    return bl__cancel(scope, 1, BL_CAUSE_EXPLICIT, reason, 0);
}

bool bl_scope_is_cancelled(const bl_scope *scope) {
    return scope->_level > 0;
}

bool bl_scope_is_expired(const bl_scope *scope) {
    return scope->_is_expired;
}

bool bl_scope_is_caught(const bl_scope *scope) {
    return scope->_is_caught;
}

bl_cause bl_scope_cause(const bl_scope *scope) {
    return (bl_cause)scope->_cause;
}

int bl_scope_reschedule(bl_scope *scope, bl_ns deadline) {
    if (scope == NULL) return BL_EINVAL;
    if (scope->_state != BL__SCOPE_ENTERED) return BL_EMISUSE;
    if (scope->_kind == BL_SCOPE_SHIELD && deadline == BL_FOREVER) {
        return BL_EINVAL;
    }
    if (scope->_level > 0) return BL_EALREADY;
    bl_timer_stop(&scope->_timer);
    bl__scope_arm(scope, deadline);
    return 0;
}

bl_ns bl_scope_deadline(const bl_scope *scope) {
    return scope->_timer._due;
}

bl_ns bl_effective_deadline(void) {
    bl_task *task = bl__task_current();
    if (task == NULL) return BL_FOREVER;
    if (task->scope->_effective > 0) return INT64_MIN;

    bl_ns earliest = BL_FOREVER;
    for (const bl_scope *s = task->scope; s != NULL; s = s->_parent) {
        if (s->_timer._index != 0 && s->_timer._due < earliest) {
            earliest = s->_timer._due;
        }
        if (s->_kind == BL_SCOPE_SHIELD) break;
    }
    return earliest;
}

bool bl_is_cancelled(void) {
    bl_task *task = bl__task_current();
    return task != NULL && task->scope->_effective > 0;
}

/* ---- tokens ------------------------------------------------------------ */

int bl_token_new(bl_token **token) {
    if (token == NULL) return BL_EINVAL;
    if (bl__loop_current == NULL) return BL_ENOLOOP;
    bl_token *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->loop = bl__loop_current;
    made->refcount = 1;
    bl__list_init(&made->scopes);
    *token = made;
    return 0;
}

/*
 * Scopes are asked one by one from the front; a cancellation runs no code of
 * tasks, so none of them leaves the list meanwhile.
 */
void bl_token_cancel(bl_token *token, const char *reason) {
    if (token->is_cancelled) return;
    token->is_cancelled = true;
    token->reason = reason;
    bl__list_each(link, &token->scopes) {
        bl_scope *scope = bl__container_of(link, bl_scope, _token_link);
        bl__cancel(scope, 1, BL_CAUSE_EXPLICIT, reason, 0);
    }
}

bool bl_token_is_cancelled(const bl_token *token) {
    return token->is_cancelled;
}

bl_token *bl_token_ref(bl_token *token) {
    token->refcount++;
    return token;
}

void bl_token_unref(bl_token *token) {
    if (token == NULL) return;
    BL__ASSERT(token->refcount > 0);
    if (--token->refcount > 0) return;
    BL__ASSERT(bl__list_is_empty(&token->scopes));
    bl__free(token);
}
