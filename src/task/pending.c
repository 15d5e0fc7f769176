/* SPDX-License-Identifier: MIT */
/*
 * task/pending.c - what a loop still has to do, beside its tasks
 *
 * A leak is worth little without its owner.  Timers and watches are told by
 * the functions they would call, jobs by those they run, and handles by the
 * place that opened them: all known without anything being noted on the way.
 */
#include <belay/inspect.h>

#include "base/list.h"
#include "loop/heap.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "loop/watch.h"

struct walk {
    bl_pending_fn *fn;
    void *context;
};

static bool show_timer(const struct walk *walk, const bl_timer *timer) {
    const bl_pending_view view = {
        .kind = "timer",
        .object = timer,
        .code = (const void *)(uintptr_t)timer->_fn,
        .due = timer->_due,
        .fd = -1,
    };
    return walk->fn(&view, walk->context);
}

static bool show_timers(const struct walk *walk, const struct bl__heap *heap) {
    const bl_link *lists[] = { &heap->due, &heap->spilled, &heap->aside };
    for (uint32_t i = 0; i < heap->count; i++) {
        if (!show_timer(walk, heap->timers[heap->entries[i].ticket])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        bl__list_each(link, lists[i]) {
            if (!show_timer(walk, bl__container_of(link, bl_timer, _link))) {
                return false;
            }
        }
    }
    return true;
}

static bool show_watch(const struct walk *walk, const bl_watch *watch) {
    const bl_pending_view view = {
        .kind = "watch",
        .object = watch,
        .code = (const void *)(uintptr_t)watch->_fn,
        .due = BL_FOREVER,
        .fd = watch->_fd,
    };
    return walk->fn(&view, walk->context);
}

/* The table is not changed: its walk is shared with those who change it. */
static bool show_watches(const struct walk *walk, bl_loop *loop) {
    uint32_t cursor = 0;
    for (;;) {
        const struct bl__fd_record *record =
            bl__fd_table_next(&loop->fds, &cursor);
        if (record == NULL) return true;
        const bl_watch *reader = record->reader;
        const bl_watch *writer = record->writer;
        if (reader != NULL && !show_watch(walk, reader)) return false;
        if (writer == NULL || writer == reader) continue;
        if (!show_watch(walk, writer)) return false;
    }
}

static bool show_jobs(const struct walk *walk, const bl_loop *loop) {
    const bl_link *jobs = bl__pool_list(loop);
    if (jobs == NULL) return true;
    bl__list_each(link, jobs) {
        const struct bl__job *job =
            bl__container_of(link, struct bl__job, sibling);
        bl_task_fn *runs = job->asked != NULL ? job->asked : job->fn;
        const bl_pending_view view = {
            .kind = "thread job",
            .object = job->arg,
            .code = (const void *)(uintptr_t)runs,
            .due = BL_FOREVER,
            .fd = -1,
        };
        if (!walk->fn(&view, walk->context)) return false;
    }
    return true;
}

static bool show_handle(const bl_handle *handle, const void *opener,
                        void *context) {
    const struct walk *walk = context;
    const bl_pending_view view = {
        .kind = "handle",
        .object = handle,
        .code = opener,
        .due = BL_FOREVER,
        .fd = -1,
    };
    return walk->fn(&view, walk->context);
}

void bl_inspect_pending(const bl_loop *loop, bl_pending_fn *fn, void *context) {
    bl_loop *walked = (bl_loop *)(uintptr_t)loop;
    struct walk walk = { .fn = fn, .context = context };
    if (!show_timers(&walk, &walked->timers)) return;
    if (!show_watches(&walk, walked)) return;
    if (!show_jobs(&walk, walked)) return;
    bl__handles_each(walked, show_handle, &walk);
}
