/* SPDX-License-Identifier: MIT */
/*
 * belay/scope.h - regions of a task that are cancelled, timed or shielded
 *
 * A scope is entered and left by one task, last in first out, and lives on its
 * stack.  Cancellation is a state of the scope, not an event: once it is
 * cancelled, every call that may wait inside it returns BL_ECANCELED without
 * doing anything, until the scope is left.  The scope that was cancelled turns
 * BL_ECANCELED back into success (or BL_ETIMEDOUT) at its exit; all others
 * pass it on.  Where several are cancelled the outermost wins.
 */
#ifndef BELAY_SCOPE_H
#define BELAY_SCOPE_H

#include <belay/base.h>
#include <belay/loop.h>

BL_BEGIN_DECLS

/* Why a scope was cancelled.  The first cause stays. */
typedef enum bl_cause {
    BL_CAUSE_NONE = 0,
    BL_CAUSE_EXPLICIT, /* bl_scope_cancel, bl_task_cancel, a token */
    BL_CAUSE_DEADLINE,
    BL_CAUSE_CHILD, /* a child or the body of the group failed */
    BL_CAUSE_SIGNAL,
    BL_CAUSE_DEADLOCK,
    BL_CAUSE_SHUTDOWN /* a daemon, when its group closes */
} bl_cause;

typedef enum bl_scope_kind {
    BL_SCOPE_PLAIN = 0, /* can be cancelled, has no deadline of its own */
    BL_SCOPE_FAIL,      /* its own deadline becomes BL_ETIMEDOUT */
    BL_SCOPE_MOVE_ON,   /* its own deadline becomes 0 */
    BL_SCOPE_SHIELD     /* outer cancellation does not enter; bounded */
} bl_scope_kind;

typedef struct bl_token bl_token;

/*
 * A scope.  Not moved while entered; every field belongs to the library.
 *
 * The first 64 bytes are all that a cancellation which passes through, and a
 * scope without deadline or token, have to touch.
 */
typedef struct bl_scope {
    struct bl_scope *_parent;
    bl_task *_task;
    bl_link _sibling;  /* in the parent's children */
    bl_link _children; /* in order of creation */
    uint8_t _state;    /* new, entered, left */
    uint8_t _kind;
    uint8_t _level;     /* cancelled by itself: 0 no, 1 yes, 2 forced */
    uint8_t _effective; /* counting what comes from outside: 0, 1, 2 */
    uint8_t _cause;
    bool _is_expired;
    bool _is_caught;
    uint8_t _role; /* lexical, base of a task, of a group */
    bl_token *_token;

    const char *_site; /* where it was entered */
    bl_timer _timer;
    bl_link _token_link;      /* while there is a token */
    const char *_cancel_site; /* where it was cancelled, if it was */
    const char *_reason;      /* likewise */
    int32_t _signal;          /* likewise */
} bl_scope;

/*
 * Enters a scope that has no deadline: it ends only by bl_scope_cancel.
 *
 * Outside a task this is a violated contract and ends the process, as the
 * three calls below do.
 */
BL_API
void bl_scope_enter(bl_scope *scope);

/*
 * Enters a scope with a time limit of `timeout` from now that fails: when it
 * passes, waits return BL_ECANCELED and bl_scope_exit makes it BL_ETIMEDOUT.
 *
 * A limit of 0 or less has already passed at entry; a body that never waits
 * still succeeds.  BL_FOREVER means no limit.
 */
BL_API
void bl_scope_enter_timeout(bl_scope *scope, bl_ns timeout);

/*
 * Enters a scope with a time limit that moves on: like bl_scope_enter_timeout,
 * but bl_scope_exit makes it 0, and bl_scope_is_expired tells.
 */
BL_API
void bl_scope_enter_move_on(bl_scope *scope, bl_ns timeout);

/*
 * Enters a scope that cancellation from outside does not reach, for clean-up
 * that has to wait; after `bound` it is cancelled all the same.
 *
 * BL_SHIELD_FOREVER removes the bound: a wait that never ends then never ends.
 * A repeated termination signal goes through every shield.
 */
BL_API
void bl_scope_enter_shield(bl_scope *scope, bl_ns bound);

#define BL_SHIELD_FOREVER BL_FOREVER

/*
 * What bl_scope_enter_with can be told.  Zero means default.
 */
typedef struct bl_scope_options {
    size_t size; /* sizeof(bl_scope_options) */
    bl_scope_kind kind;
    bool has_deadline;
    bl_ns deadline;  /* absolute; counts if has_deadline */
    bl_token *token; /* cancelled with it; the scope takes its own reference */
} bl_scope_options;

/*
 * Enters a scope as `options` say; NULL means all defaults.
 *
 * Returns 0 once the scope is entered.
 *
 * Errors:
 *   BL_EINVAL   scope is NULL, size is 0, kind is unknown, or a shield or a
 *               timed kind has no deadline; nothing was entered
 *   BL_ENOLOOP  no loop runs on this thread; nothing was entered
 *   BL_ENOTASK  called from a loop callback; nothing was entered
 *   BL_ETHREAD  the token belongs to another loop; nothing was entered
 */
BL_MAY_FAIL
int bl_scope_enter_with(bl_scope *scope, const bl_scope_options *options);

/*
 * Leaves the scope, which must be the innermost one of the calling task, and
 * decides what `rc`, the result of its body, means outside.
 *
 * Any `rc` but BL_ECANCELED is returned as it is.  BL_ECANCELED stays if an
 * enclosing scope is cancelled too; becomes 0, or BL_ETIMEDOUT for the own
 * deadline of a failing scope, if this scope was cancelled; and is otherwise
 * returned unchanged.  Leaving scopes out of order ends the process with a
 * report that names both.
 */
BL_API
int bl_scope_exit(bl_scope *scope, int rc);

/*
 * Cancels the scope, and all that runs inside it, for `reason` (a static
 * string for reports; may be NULL).
 *
 * Idempotent; the first cause stays.  May be called by any task of the loop,
 * or from a loop callback.  To cancel a scope that may be gone, use a token.
 *
 * Returns whether this call was the one that cancelled it.
 */
BL_API
bool bl_scope_cancel(bl_scope *scope, const char *reason);

/*
 * Returns whether the scope itself was cancelled, for whatever cause.
 */
BL_API
bool bl_scope_is_cancelled(const bl_scope *scope);

/*
 * Returns whether the scope's own deadline passed while it was entered, even
 * if its body finished with a result all the same.
 */
BL_API
bool bl_scope_is_expired(const bl_scope *scope);

/*
 * Returns whether bl_scope_exit turned BL_ECANCELED into 0 or BL_ETIMEDOUT.
 */
BL_API
bool bl_scope_is_caught(const bl_scope *scope);

/*
 * Returns why the scope was cancelled, or BL_CAUSE_NONE.
 */
BL_API
bl_cause bl_scope_cause(const bl_scope *scope);

/*
 * Moves the deadline of an entered scope to the absolute time `deadline`.
 *
 * BL_FOREVER removes it.  A time that has passed cancels the scope at once.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL    scope is NULL, or BL_FOREVER for a shield; unchanged
 *   BL_EMISUSE   the scope is not entered; unchanged
 *   BL_EALREADY  the scope is already cancelled; unchanged
 */
BL_MAY_FAIL
int bl_scope_reschedule(bl_scope *scope, bl_ns deadline);

/*
 * Returns the scope's own deadline, or BL_FOREVER.
 */
BL_API
bl_ns bl_scope_deadline(const bl_scope *scope);

/*
 * Returns the earliest deadline that binds the calling task; INT64_MIN once it
 * is cancelled, BL_FOREVER without a deadline or outside a task.
 */
BL_API
bl_ns bl_effective_deadline(void);

/*
 * Returns whether the next call that may wait would return BL_ECANCELED.
 *
 * For loops that compute without waiting.  Outside a task: false.
 */
BL_API
bool bl_is_cancelled(void);

/*
 * Makes a token: a counted name for "cancel this" that outlives any scope.
 *
 * Scopes entered with it are cancelled with it, also when it was cancelled
 * before they were entered.  The caller owns one reference.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  token is NULL
 *   BL_ENOMEM  there was no memory; nothing was written
 *   BL_ENOLOOP no loop runs on this thread; nothing was written
 */
BL_MAY_FAIL
int bl_token_new(bl_token **token);

/*
 * Cancels every scope that was or will be entered with `token`.  Idempotent;
 * the reason is a static string, or NULL.
 */
BL_API
void bl_token_cancel(bl_token *token, const char *reason);

/*
 * Returns whether the token was cancelled.
 */
BL_API
bool bl_token_is_cancelled(const bl_token *token);

/*
 * Adds a reference and returns `token`.
 */
BL_API
bl_token *bl_token_ref(bl_token *token);

/*
 * Gives one reference back; the last frees the token.  NULL is allowed.
 */
BL_API
void bl_token_unref(bl_token *token);

/*
 * Calls `fn(arg)` inside a scope with a time limit of `timeout` that fails.
 *
 * The function form of BL_TIMEOUT, in plain C.  With a limit of 0 or less,
 * `fn` is not called.  It runs in the calling task, so there is no second
 * task, and no result to lose.
 *
 * Returns what fn returned.
 *
 * Errors:
 *   BL_ETIMEDOUT  the limit passed and fn returned BL_ECANCELED
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EINVAL     fn is NULL
 *   BL_ENOLOOP    no loop runs on this thread; fn was not called
 *   BL_ENOTASK    called from a loop callback; fn was not called
 */
BL_MAY_WAIT
int bl_timeout_run(bl_ns timeout, bl_task_fn *fn, void *arg);

/*
 * BL_SCOPE_RETURN(rc); leaves the block macro around it and returns from the
 * function with what `rc` means outside of it.
 */
#define BL_SCOPE_RETURN(rc) return bl_scope_exit(bl__scope_innermost(), (rc))

/* What the block macros below stand on; not called by hand. */
BL_API
bl_scope *bl__scope_innermost(void);
struct bl__block {
    bl_scope scope;
    int *rc;
    int step;
};
BL_API
bool bl__block_next(struct bl__block *block, bl_scope_kind kind, int *rc,
                    bl_ns timeout);
BL_API
void bl__block_leave(struct bl__block *block);
BL_API
bool bl__wait_for_enter(bl_scope *scope, bl_ns timeout, int *rc);
BL_API
void bl__wait_for_leave(bl_scope *scope);

#if defined(__GNUC__)

#    define BL__PASTE_(a, b) a##b
#    define BL__PASTE(a, b)  BL__PASTE_(a, b)

#    define BL__BLOCK(what, kind, rc, timeout, id)                          \
        for (struct bl__block BL__CLEANUP(bl__block_leave) id = BL__ZEROED; \
             (bl__at(BL__SITE(what)),                                       \
              bl__block_next(&id, (kind), (rc), (timeout)));)

/*
 * BL_TIMEOUT(rc, limit) { ... } runs the block inside a scope that fails.
 *
 * `rc` is an int of the caller: 0 at entry, assigned by the block, and after
 * the block what bl_scope_exit made of it.  A block left by break, return or
 * goto leaves the scope too; a BL_ECANCELED that escapes this way still
 * becomes BL_ETIMEDOUT at the next boundary.
 */
#    define BL_TIMEOUT(rc, limit)                                          \
        BL__BLOCK("BL_TIMEOUT(" #limit ")", BL_SCOPE_FAIL, &(rc), (limit), \
                  BL__PASTE(bl__block_, __LINE__))

/* BL_MOVE_ON(rc, limit) { ... }: like BL_TIMEOUT, but the limit gives 0. */
#    define BL_MOVE_ON(rc, limit)                                             \
        BL__BLOCK("BL_MOVE_ON(" #limit ")", BL_SCOPE_MOVE_ON, &(rc), (limit), \
                  BL__PASTE(bl__block_, __LINE__))

/* BL_SHIELD(bound) { ... } runs clean-up that waits, for at most `bound`. */
#    define BL_SHIELD(bound)                                               \
        BL__BLOCK("BL_SHIELD(" #bound ")", BL_SCOPE_SHIELD, NULL, (bound), \
                  BL__PASTE(bl__block_, __LINE__))

/*
 * bl_wait_for(expression, limit) evaluates an int-like expression that waits,
 * inside a failing scope; its value is the expression's, or BL_ETIMEDOUT.
 * With a limit of 0 or less the expression is not evaluated.
 */
#    define bl_wait_for(expression, limit)                                  \
        __extension__({                                                     \
            bl_scope bl__wf_scope BL__CLEANUP(bl__wait_for_leave);          \
            int bl__wf_rc = 0;                                              \
            __typeof__(expression) bl__wf_value;                            \
            bl__at(BL__SITE("bl_wait_for(" #expression ", " #limit ")"));   \
            if (bl__wait_for_enter(&bl__wf_scope, (limit), &bl__wf_rc)) {   \
                bl__wf_value = (expression);                                \
                if (bl__wf_value == BL_ECANCELED) bl__wf_rc = BL_ECANCELED; \
                bl__wf_rc = bl_scope_exit(&bl__wf_scope, bl__wf_rc);        \
                if (bl__wf_value == BL_ECANCELED) bl__wf_value = bl__wf_rc; \
            } else {                                                        \
                bl__wf_value = bl__wf_rc;                                   \
            }                                                               \
            bl__wf_value;                                                   \
        })

#endif

#ifndef BL_NO_SITES
#    define bl_scope_enter(...) \
        BL__AT("bl_scope_enter(" #__VA_ARGS__ ")", bl_scope_enter(__VA_ARGS__))
#    define bl_scope_enter_timeout(...)                    \
        BL__AT("bl_scope_enter_timeout(" #__VA_ARGS__ ")", \
               bl_scope_enter_timeout(__VA_ARGS__))
#    define bl_scope_enter_move_on(...)                    \
        BL__AT("bl_scope_enter_move_on(" #__VA_ARGS__ ")", \
               bl_scope_enter_move_on(__VA_ARGS__))
#    define bl_scope_enter_shield(...)                    \
        BL__AT("bl_scope_enter_shield(" #__VA_ARGS__ ")", \
               bl_scope_enter_shield(__VA_ARGS__))
#    define bl_scope_enter_with(...)                    \
        BL__AT("bl_scope_enter_with(" #__VA_ARGS__ ")", \
               bl_scope_enter_with(__VA_ARGS__))
#    define bl_scope_cancel(...)                    \
        BL__AT("bl_scope_cancel(" #__VA_ARGS__ ")", \
               bl_scope_cancel(__VA_ARGS__))
#    define bl_timeout_run(...) \
        BL__AT("bl_timeout_run(" #__VA_ARGS__ ")", bl_timeout_run(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
