/* SPDX-License-Identifier: MIT */
/*
 * task/local.c - values that a task and its descendants share
 *
 * The values of a task are a list of counted nodes that never change: setting
 * a value puts a node in front.  A spawn takes a snapshot by counting the
 * first node, so it costs nothing where nobody uses locals, and later sets of
 * either side are invisible to the other.
 *
 * Counts are atomic: bl_to_thread shows the list to another thread.
 */
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "loop/offload.h"
#include "task/task.h"

struct bl__locals {
    struct bl__locals *next;
    const bl_local *key;
    void *value;
    atomic_uint refcount;
};

struct bl__locals *bl__locals_ref(struct bl__locals *locals) {
    if (locals != NULL) atomic_fetch_add(&locals->refcount, 1);
    return locals;
}

/* Goes on as long as it drops last references: no recursion. */
void bl__locals_unref(struct bl__locals *locals) {
    while (locals != NULL) {
        if (atomic_fetch_sub(&locals->refcount, 1) > 1) return;
        struct bl__locals *next = locals->next;
        if (locals->key->unref != NULL && locals->value != NULL) {
            locals->key->unref(locals->value);
        }
        bl__free(locals);
        locals = next;
    }
}

/* If the first node is this key's and nobody else sees it, it is replaced. */
static bool replace_first(bl_task *task, const bl_local *local, void *value) {
    struct bl__locals *first = task->locals;
    if (first == NULL || first->key != local) return false;
    if (atomic_load(&first->refcount) > 1) return false;
    void *before = first->value;
    first->value = value;
    if (local->unref != NULL && before != NULL) local->unref(before);
    return true;
}

int bl_local_set(const bl_local *local, void *value) {
    if (local == NULL) return BL_EINVAL;
    bl_task *task = bl__task_current();
    if (task == NULL) return BL_ENOTASK;
    if (replace_first(task, local, value)) return 0;

    struct bl__locals *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->next = task->locals;
    made->key = local;
    made->value = value;
    atomic_init(&made->refcount, 1);
    task->locals = made;
    return 0;
}

void *bl_local_get(const bl_local *local) {
    const struct bl__locals *locals = NULL;
    bl_task *task = bl__task_current();
    if (task != NULL) {
        locals = task->locals;
    } else if (bl__job_current != NULL) {
        locals = bl__job_current->locals;
    }
    for (; locals != NULL; locals = locals->next) {
        if (locals->key == local) return locals->value;
    }
    return NULL;
}
