/* SPDX-License-Identifier: MIT */
/*
 * task/task.c - the beginning and the end of a task
 *
 * A task starts on a stack of its own and ends by returning.  At its end, in
 * this order: its result is judged, locks it still holds are broken, those who
 * join it are served, and then its owner is told, which may cancel siblings.
 * So a sibling that was already joining a failed task gets its result, not a
 * cancellation.
 */
#include "task/task.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "base/site.h"
#include "task/switch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    STACK_ALIGNMENT = 16,
    ZERO_BEGIN = offsetof(bl_task, error),
    ZERO_BYTES = offsetof(bl_task, is_cancelled) - ZERO_BEGIN
};

static_assert(sizeof(bl_task) <= 1024,
              "an idle task fits into one page, with its frames");
static_assert(sizeof(struct bl__ctx) != 16 || offsetof(bl_task, base) == 128,
              "the third line of a task begins with its base");
static_assert(ZERO_BYTES <= 80, "gcc clears more by `rep stos`, which alone "
                                "takes as long as half a spawn");

/* ---- the end ----------------------------------------------------------- */

/*
 * The open scope was in a frame that is gone: what the report needs of it was
 * read before anything else ran on this stack, and the tree that the report
 * shows must end above it.
 */
BL__NORETURN
static void panic_open(bl_task *task, bool is_group, const char *site) {
    task->scope = &task->base;
    bl__list_init(&task->base._children);
    BL__MISUSE("task \"%s\" #%llu, spawned at %s, returned with an open %s, "
               "entered at %s",
               bl_task_name(task), (unsigned long long)task->id,
               bl_task_site(task), is_group ? "group" : "scope",
               site != NULL ? bl__site_place(site) : "a place now unwound");
}

/* Errors of blocks that were left early join the task's own. */
static int merge_pending(bl_task *task, int rc) {
    char path[256];
    struct bl__errors all = { 0 };
    bl__errors_append(&all, task->pending);
    task->pending = NULL;
    if (rc < 0 && rc != BL_ECANCELED) {
        bl__errors_append(&all, bl__task_take_error(task, rc));
    }
    bl__task_path_of(task, path, sizeof path);
    bl_error_unref(task->error);
    task->error = bl__error_new_group(&all, task->site, path);
    return BL_EGROUP;
}

__attribute__((noinline)) static void judge(bl_task *task, int rc) {
    rc = bl__task_map_escaped(task, rc);
    if (task->pending != NULL) rc = merge_pending(task, rc);

    bool is_cancelled = rc == BL_ECANCELED && task->base._effective > 0;
    if (rc == BL_ECANCELED && !is_cancelled) {
        rc = BL_ERR(BL_ESTRAYCANCEL,
                    "task \"%s\" returned BL_ECANCELED, but nothing had "
                    "cancelled it",
                    bl_task_name(task));
    }
    bl_error *error = NULL;
    if (rc < 0 && !is_cancelled) error = bl__task_take_error(task, rc);
    if (task->error != NULL) bl_error_unref(task->error);
    task->error = error;
    task->rc = rc;
    task->is_cancelled = is_cancelled;
}

static void break_holdings(bl_task *task) {
    while (!bl__list_is_empty(&task->holdings)) {
        bl_holding *holding = bl__container_of(bl__list_first(&task->holdings),
                                               bl_holding, _link);
        bl_holding_detach(holding);
        holding->_on_owner_end(holding);
    }
}

/* Its siblings would go on in the child too. */
static BL__INLINE void check_fork(const bl_task *task) {
    if (BL__LIKELY(!bl__loop_is_forked(&task->sched->loop))) return;
    BL__MISUSE("a forked child returned from task \"%s\" #%llu, spawned at %s, "
               "instead of ending with _exit or exec",
               bl_task_name(task), (unsigned long long)task->id,
               bl_task_site(task));
}

/* A task that has succeeded and leaves nothing behind.  One test, of what is
 * zero in nearly all. */
static BL__INLINE bool is_plain_end(const bl_task *task, int rc) {
    uintptr_t left_behind = (uintptr_t)task->error | (uintptr_t)task->pending;
    left_behind |= (uintptr_t)task->locals | (uintptr_t)task->start;
    left_behind |= (uintptr_t)task->holdings._next;
    left_behind |= (uintptr_t)task->has_escaped | (uintptr_t)(rc < 0);
    return left_behind == 0;
}

/* What any other task needs before those who join it may look at it... */
__attribute__((noinline)) static void settle(bl_task *task, int rc) {
    judge(task, rc);
    task->is_done = true;
    if (task->holdings._next != NULL) break_holdings(task);
    if (task->locals != NULL) bl__locals_unref(task->locals);
    task->locals = NULL;
}

/* ... and how its owner is told. */
__attribute__((noinline)) static void tell_owner(bl_task *task) {
    if (task->group == NULL) {
        bl__root_done(task->sched, task);
    } else if (task->start != NULL) {
        bl__start_child_done(task);
    } else {
        bl__group_child_done(task->group, task);
    }
    if (task->refcount > 1 || task->error == NULL) return;
    bl_error_unref(task->error);
    task->error = NULL;
}

/* Inlined, and with it the last switch: a call that never returns costs the
 * next task its predicted returns (sys/ctx.h). */
BL__NORETURN
static BL__INLINE void finish(bl_task *task, int rc) {
    struct bl__sched *sched = task->sched;
    check_fork(task);
    BL__ASSERT(task->scope == &task->base);
    BL__ASSERT(task->base._children._next == &task->base._children);
    bool is_plain = is_plain_end(task, rc);
    task->rc = rc;
    task->is_done = true;
    if (BL__UNLIKELY(!is_plain)) settle(task, rc);

    bl__list_unlink(&task->base._sibling);
    task->base._state = BL__SCOPE_LEFT;
    if (task->joiners._count > 0) bl_waitq_serve_all(&task->joiners, 0);
    sched->alive_count--;
    if (BL__LIKELY(is_plain && task->group != NULL)) {
        bl__group_child_succeeded(task->group, task);
    } else {
        tell_owner(task);
    }
    bl__leave(sched, task);
}

/*
 * Something has unwound the whole stack of the task (a failed assertion of a
 * test, a C++ exception, pthread_exit): it ends as if its function had
 * returned BL_ECANCELED.  Leaving for good from here is allowed, since the
 * unwinder's own state was on this stack too.
 */
static void on_unwound(bl_task **task) {
    if (*task == NULL) return;
    if ((*task)->scope != &(*task)->base) panic_open(*task, false, NULL);
    finish(*task, BL_ECANCELED);
}

__attribute__((hot)) static void task_main(void *arg) {
    bl_task *task = arg;
    bl_task *unwound BL__CLEANUP(on_unwound) = task;
    bl__ctx_tools_enter(&task->ctx);
    int rc = task->fn(task->arg);
    unwound = NULL;
    const bl_scope *scope = task->scope;
    if (BL__UNLIKELY(scope != &task->base)) {
        panic_open(task, scope->_role == BL__ROLE_GROUP, scope->_site);
    }
    finish(task, rc);
}

/* ---- the beginning ----------------------------------------------------- */

BL__INLINED bl_task *bl__task_init(struct bl__sched *sched,
                                   struct bl__stack *stack, bl_task_fn *fn,
                                   void *arg, size_t copy_bytes) {
    bl_task *task = (bl_task *)(void *)stack;
    char *low = bl__stack_low(stack);
    char *high = (char *)task;
    bl__ctx_tools_open(&task->ctx, low, high + sizeof *task);
    if (copy_bytes > 0) {
        high -=
            (copy_bytes + STACK_ALIGNMENT - 1) & ~(size_t)(STACK_ALIGNMENT - 1);
        memcpy(high, arg, copy_bytes);
        arg = high;
    }
    task->sched = sched;
    task->scope = &task->base;
    task->park = NULL;
    task->wait_site = NULL;
    task->budget = sched->budget;
    task->spin_count = 0;
    task->has_canary = stack->guard == BL__GUARD_CANARY;
    task->is_done = false;
    task->has_escaped = false;
    task->id = ++sched->last_id;
    task->fn = fn;
    task->arg = arg;
    task->refcount = 1;
    task->rc = 0;
    memset((char *)task + ZERO_BEGIN, 0, ZERO_BYTES);
    task->is_cancelled = false;
    task->is_daemon = false;
    task->has_started = false;
    task->has_reported_spin = false;
    task->name[0] = '\0';
    bl__ctx_make(&task->ctx, low, high, task_main, task);
    sched->alive_count++;
    return task;
}

/* ---- its errors -------------------------------------------------------- */

/* A thread's own slot is emptied when the thread ends. */
static __thread bl_error *thread_error;
static __thread bool has_thread_slot;
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void thread_ends(void *unused) {
    (void)unused;
    bl_error_unref(thread_error);
    thread_error = NULL;
}

static void make_thread_key(void) {
    BL_IGNORE(pthread_key_create(&thread_key, thread_ends)); /* then a leak */
}

static bl_error **thread_slot(void) {
    if (!has_thread_slot) {
        has_thread_slot = true;
        pthread_once(&thread_once, make_thread_key);
        BL_IGNORE(pthread_setspecific(thread_key, &thread_key));
    }
    return &thread_error;
}

bl_error **bl__error_slot(void) {
    bl_task *task = bl__task_current();
    return task != NULL ? &task->error : thread_slot();
}

bl_error *bl__task_take_error(bl_task *task, int rc) {
    bl_error *error = task->error;
    if (error != NULL && bl_error_code(error) == rc) {
        task->error = NULL;
        return error;
    }
    char path[256];
    bl__task_path_of(task, path, sizeof path);
    return bl__error_new_bare(rc, bl_task_name(task), task->site, path);
}

void bl__task_add_pending(bl_task *task, bl_error *error) {
    if (task->pending == NULL) {
        task->pending = error;
        return;
    }
    struct bl__errors both = { 0 };
    bl__errors_append(&both, task->pending);
    bl__errors_append(&both, error);
    task->pending = bl__error_new_group(&both, task->site, NULL);
}

void bl__task_note_escape(bl_task *task, int rc, const char *site) {
    task->has_escaped = true;
    task->escaped_rc = rc;
    task->escaped_site = site;
}

int bl__task_map_escape(bl_task *task, int rc) {
    task->has_escaped = false;
    if (rc != BL_ECANCELED) return rc;
    bl_report(
        "%s at %s was left early with BL_ECANCELED, which is taken as "
        "%s here; leave it with BL_SCOPE_RETURN (task \"%s\" #%llu)",
        bl__site_call(task->escaped_site), bl__site_place(task->escaped_site),
        task->escaped_rc < 0 ? bl_error_name(task->escaped_rc) : "success",
        bl_task_name(task), (unsigned long long)task->id);
    return task->escaped_rc;
}

/* ---- its name ---------------------------------------------------------- */

const char *bl_task_name(const bl_task *task) {
    if (task->name[0] != '\0') return task->name;
    const char *name = bl__site_call(task->site);
    return name[0] != '\0' ? name : "task";
}

void bl__task_name(bl_task *task, const char *name) {
    const size_t last = sizeof task->name - 1;
    size_t length = name != NULL ? strnlen(name, last) : 0;
    if (length > 0) memcpy(task->name, name, length);
    task->name[length] = '\0';
}

void bl_task_set_name(const char *name) {
    bl_task *task = bl__task_current();
    if (task != NULL) bl__task_name(task, name);
}

const char *bl_task_site(const bl_task *task) {
    return bl__site_place(task->site);
}

uint64_t bl_task_id(const bl_task *task) {
    return task->id;
}

/* Writes the names from the root to `task`, "main/server/conn-7". */
size_t bl__task_path_of(const bl_task *task, char *buffer, size_t bytes) {
    enum {
        DEPTH_MAX = 16
    };
    const bl_task *line[DEPTH_MAX];
    int depth = 0;
    while (task != NULL && depth < DEPTH_MAX) {
        line[depth++] = task;
        task = task->group != NULL ? task->group->_host : NULL;
    }
    size_t length = 0;
    buffer[0] = '\0';
    if (task != NULL) length = (size_t)snprintf(buffer, bytes, ".../");
    while (depth > 0 && length < bytes) {
        depth--;
        length +=
            (size_t)snprintf(buffer + length, bytes - length, "%s%s",
                             bl_task_name(line[depth]), depth > 0 ? "/" : "");
    }
    return length < bytes ? length : bytes - 1;
}

size_t bl__task_path(char *buffer, size_t bytes) {
    bl_task *task = bl__task_current();
    if (task != NULL) return bl__task_path_of(task, buffer, bytes);
    if (bytes > 0) buffer[0] = '\0';
    return 0;
}

size_t bl_stack_left(void) {
    bl_task *task = bl__task_current();
    if (task == NULL) return 0;
    const char *here = __builtin_frame_address(0);
    return (size_t)(here - bl__stack_low(&task->stack));
}

void bl_task_set_value(void *value) {
    bl_task *task = bl__task_current();
    if (task != NULL) task->value = value;
}
