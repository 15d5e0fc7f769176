/* SPDX-License-Identifier: MIT */
/*
 * task/cancel.c - cancelling a scope and all that runs inside it
 *
 * The scopes of a loop are a tree: a task's base hangs under its group's
 * scope, each scope a task enters under the one before.  A cancellation raises
 * the _effective level of a subtree, stopping at shields unless it is forced,
 * and collects the tasks that wait right there.  Then each of them, in order
 * of creation, is asked to give its wait up.
 *
 * The walk needs no recursion (the links lead back up) and no memory (a task
 * that waits lends its link), so trees of any depth and size can be cancelled
 * at any time.
 */
#include "base/assert.h"
#include "base/list.h"
#include "base/site.h"
#include "task/scope.h"
#include "task/task.h"

struct affected {
    bl_task *first;
    bl_task *last;
    bool is_sorted;
};

static void collect(struct affected *affected, bl_task *task) {
    task->next_affected = NULL;
    if (affected->first == NULL) {
        affected->first = task;
    } else {
        if (affected->last->id > task->id) affected->is_sorted = false;
        affected->last->next_affected = task;
    }
    affected->last = task;
}

/* Raises one scope; false if nothing changes here, nor therefore below. */
static bool raise_scope(bl_scope *scope, struct affected *affected) {
    uint8_t inherited = bl__scope_inherited(scope);
    uint8_t level = scope->_level > inherited ? scope->_level : inherited;
    if (level <= scope->_effective) return false;

    scope->_effective = level;
    bl_task *task = scope->_task;
    if (task != NULL && task->scope == scope && task->park != NULL) {
        collect(affected, task);
    }
    return true;
}

/* The scope after `scope` in a walk of the tree under `top`, or NULL. */
static bl_scope *next_scope(bl_scope *scope, const bl_scope *top,
                            bool descends) {
    bl_link *child = bl__list_first(&scope->_children);
    if (descends && child != NULL) {
        return bl__container_of(child, bl_scope, _sibling);
    }
    while (scope != top) {
        bl_link *next = scope->_sibling._next;
        if (next != &scope->_parent->_children) {
            return bl__container_of(next, bl_scope, _sibling);
        }
        scope = scope->_parent;
    }
    return NULL;
}

static bl_task *merge(bl_task *a, bl_task *b) {
    bl_task *first = NULL;
    bl_task **end = &first;
    while (a != NULL && b != NULL) {
        bl_task **lower = a->id < b->id ? &a : &b;
        *end = *lower;
        end = &(*end)->next_affected;
        *lower = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Sorts by merging runs of 1, 2, 4 ...: no recursion, no memory. */
static bl_task *sort(bl_task *list) {
    enum {
        BINS = 40
    };
    bl_task *bins[BINS] = { NULL };
    while (list != NULL) {
        bl_task *run = list;
        list = list->next_affected;
        run->next_affected = NULL;
        int i = 0;
        for (; bins[i] != NULL; i++) {
            run = merge(bins[i], run);
            bins[i] = NULL;
        }
        BL__ASSERT(i < BINS);
        bins[i] = run;
    }
    bl_task *sorted = NULL;
    for (int i = 0; i < BINS; i++)
        sorted = merge(bins[i], sorted);
    return sorted;
}

static void propagate(bl_scope *top) {
    struct affected affected = { NULL, NULL, true };
    bl_scope *scope = top;
    while (scope != NULL) {
        bool was_raised = raise_scope(scope, &affected);
        scope = next_scope(scope, top, was_raised);
    }
    bl_task *task = affected.first;
    if (!affected.is_sorted) task = sort(task);
    while (task != NULL) {
        bl_task *next = task->next_affected;
        /* An abort hook may have woken a task that comes later. */
        if (task->park != NULL) bl__park_abort(task);
        task = next;
    }
}

bool bl__cancel(bl_scope *scope, uint8_t level, bl_cause cause,
                const char *reason, int signal) {
    BL__ASSERT(level == 1 || level == 2);
    if (scope->_level >= level) return false;

    bool is_first = scope->_level == 0;
    scope->_level = level;
    if (is_first) {
        scope->_cause = (uint8_t)cause;
        scope->_reason = reason;
        scope->_signal = signal;
        scope->_cancel_site = bl__take_site();
    }
    propagate(scope);
    return true;
}

void bl__cancel_inherit(bl_scope *scope) {
    propagate(scope);
}
