/* SPDX-License-Identifier: MIT */
/*
 * task/spawn.c - giving a group a new child
 *
 * A child that is accepted goes to the end of the ready line and always runs;
 * one that is refused never runs, and an argument that changed hands is given
 * to its destructor right here.
 */
#include "base/assert.h"
#include "base/list.h"
#include "task/scope.h"
#include "task/switch.h"
#include "task/task.h"

#include <string.h>

enum {
    STACK_BYTES_MAX = 128 * 1024 * 1024
};

int bl__spawn_check(const bl_group *group) {
    bl_loop *loop = bl__loop_current;
    if (BL__UNLIKELY(loop == NULL)) return BL_ENOLOOP;
    if (BL__UNLIKELY(group->_state == BL__GROUP_NEW)) return BL_EMISUSE;
    if (BL__UNLIKELY(group->_state == BL__GROUP_CLOSED)) return BL_ECLOSED;
    if (BL__UNLIKELY(&group->_host->sched->loop != loop)) return BL_ETHREAD;
    if (BL__UNLIKELY(group->_state == BL__GROUP_JOINING &&
                     group->_alive_count == 0 && group->_pending_count == 0)) {
        return BL_ECLOSED;
    }
    if (BL__UNLIKELY(group->_scope._effective > 0 ||
                     group->_state == BL__GROUP_CLOSING)) {
        return bl_is_cancelled() ? BL_ECANCELED : BL_ECLOSING;
    }
    return 0;
}

/* In short, the usual case of the above. */
static BL__INLINE bool is_plainly_open(const bl_group *group) {
    return group->_state == BL__GROUP_OPEN && group->_scope._effective == 0 &&
           &group->_host->sched->loop == bl__loop_current;
}

static int spawn_check_options(const bl_spawn_options *options) {
    if (options->size == 0) return BL_EINVAL;
    if (options->size > sizeof *options) return BL_EINVAL;
    if (options->stack_bytes > STACK_BYTES_MAX) return BL_EINVAL;
    return 0;
}

/* Links a made task into its group; from now on it is accepted. */
static BL__INLINE void adopt(bl_group *group, bl_task *task, const char *site,
                             bool is_daemon) {
    struct bl__sched *sched = task->sched;
    const bl_task *spawner = sched->current;
    task->site = site;
    task->group = group;
    if (is_daemon) {
        task->is_daemon = true;
        bl__scope_init(&task->base, task, &group->_scope, BL_SCOPE_SHIELD,
                       BL__ROLE_BASE, site);
        group->_daemon_count++;
    } else {
        bl__scope_init(&task->base, task, &group->_scope, BL_SCOPE_PLAIN,
                       BL__ROLE_BASE, site);
        group->_alive_count++;
    }
    if (BL__UNLIKELY(spawner != NULL && spawner->locals != NULL)) {
        task->locals = bl__locals_ref(spawner->locals);
    }
    bl__ready_push(sched, task);
}

/* What all forms of spawning come to. */
static int spawn(bl_group *group, bl_task_fn *fn, void *arg,
                 const bl_spawn_options *options, bl_task **handle) {
    const char *site = bl__take_site();
    if (group == NULL) return BL_EINVAL;
    if (fn == NULL) return BL_EINVAL;
    int rc = bl__spawn_check(group);
    if (rc < 0) return rc;

    struct bl__sched *sched = group->_host->sched;
    size_t stack_bytes = sched->stack_bytes;
    if (options->stack_bytes > 0) stack_bytes = options->stack_bytes;
    if (options->copy_bytes > 0) {
        if (arg == NULL) return BL_EINVAL;
        if (options->copy_bytes > stack_bytes / 2) return BL_EINVAL;
    }
    struct bl__stack *stack = bl__stack_get(&sched->stacks, stack_bytes);
    if (stack == NULL) return BL_ENOMEM;
    bl_task *task = bl__task_init(sched, stack, fn, arg, options->copy_bytes);
    if (options->name != NULL) bl__task_name(task, options->name);
    adopt(group, task, site, options->is_daemon);
    if (handle != NULL) *handle = bl_task_ref(task);
    return 0;
}

/*
 * Nearly every spawn is without options, by the body of an open group that
 * nobody cancelled, while a warm stack is at hand.  Then nothing can fail, and
 * no function is called.
 */
static BL__INLINE int spawn_plainly(bl_group *group, bl_task_fn *fn, void *arg,
                                    bl_task **handle) {
    static const bl_spawn_options defaults = { 0 };
    struct bl__stack *stack = NULL;
    if (BL__LIKELY(group != NULL && fn != NULL && is_plainly_open(group))) {
        struct bl__sched *sched = group->_host->sched;
        stack = bl__stack_get_at_once(&sched->stacks, sched->stack_bytes);
    }
    if (BL__UNLIKELY(stack == NULL)) {
        return spawn(group, fn, arg, &defaults, handle);
    }
    bl_task *task = bl__task_init(group->_host->sched, stack, fn, arg, 0);
    adopt(group, task, bl__take_site(), false);
    if (handle != NULL) *handle = bl_task_ref(task);
    return 0;
}

int bl_spawn_with(bl_group *group, bl_task_fn *fn, void *arg,
                  const bl_spawn_options *options, bl_task **task) {
    bl_spawn_options chosen = { 0 };
    int rc = 0;
    if (options != NULL) {
        rc = spawn_check_options(options);
        if (options->size <= sizeof chosen) {
            memcpy(&chosen, options, options->size);
        }
    }
    if (rc == 0) rc = spawn(group, fn, arg, &chosen, task);
    if (rc < 0 && chosen.dtor != NULL) chosen.dtor(arg);
    return rc;
}

int bl_spawn(bl_group *group, bl_task_fn *fn, void *arg) {
    return spawn_plainly(group, fn, arg, NULL);
}

int bl_spawn_task(bl_group *group, bl_task_fn *fn, void *arg, bl_task **task) {
    if (task == NULL) return BL_EINVAL;
    return spawn_plainly(group, fn, arg, task);
}

int bl_spawn_copy(bl_group *group, bl_task_fn *fn, const void *data,
                  size_t bytes) {
    bl_spawn_options options = { .copy_bytes = bytes };
    if (bytes == 0) return BL_EINVAL;
    return spawn(group, fn, (void *)(uintptr_t)data, &options, NULL);
}

int bl_spawn_owned(bl_group *group, bl_task_fn *fn, void *arg,
                   void (*dtor)(void *arg)) {
    static const bl_spawn_options defaults = { 0 };
    if (dtor == NULL) return BL_EINVAL;
    int rc = spawn(group, fn, arg, &defaults, NULL);
    if (rc < 0) dtor(arg);
    return rc;
}

int bl_spawn_daemon(bl_group *group, bl_task_fn *fn, void *arg) {
    static const bl_spawn_options options = { .is_daemon = true };
    return spawn(group, fn, arg, &options, NULL);
}
