/* SPDX-License-Identifier: MIT */
/*
 * test/child/leftover.c - what a test has left behind inside its loop
 *
 * Whether something is left is a matter of numbers, which the loop keeps.  To
 * name it, the loop is walked, and what was there before is passed over.  The
 * runner turns <pc ...> into the name of a function.
 */
#include "test/child/leftover.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/record.h"
#include "test/text.h"

enum {
    SHOWN_MAX = 8,
    DETAILS_BYTES = 2000
};

/* ---- what was there ------------------------------------------------------ */

static void know(struct bl__leftover *before, uint64_t key) {
    if (before->known_count < BL__LEFTOVER_KNOWN_MAX) {
        before->known[before->known_count] = key;
    }
    before->known_count++;
}

static bool is_known(const struct bl__leftover *before, uint64_t key) {
    for (size_t i = 0; i < before->known_count; i++) {
        if (before->known[i] == key) return true;
    }
    return false;
}

static bool know_task(const bl_task_view *view, void *context) {
    know(context, view->id);
    return true;
}

static uint64_t key_of(const bl_pending_view *view) {
    return (uint64_t)(uintptr_t)view->object;
}

static bool know_pending(const bl_pending_view *view, void *context) {
    know(context, key_of(view));
    return true;
}

void bl__leftover_note(struct bl__leftover *before) {
    const bl_loop *loop = bl_loop_running();
    before->known_count = 0;
    bl_loop_get_info(loop, &before->info);
    bl_inspect_tasks(loop, know_task, before);
    bl_inspect_pending(loop, know_pending, before);
}

/* ---- what is there now --------------------------------------------------- */

struct search {
    const struct bl__leftover *before;
    const char *kind;
    struct bl__text text;
    uint64_t found;
};

static bool must_show(struct search *search, uint64_t key) {
    if (is_known(search->before, key)) return false;
    return search->found++ < SHOWN_MAX;
}

static bool show_task(const bl_task_view *view, void *context) {
    struct search *search = context;
    struct bl__text *text = &search->text;
    if (!must_show(search, view->id)) return true;
    bl__text_add(text, "%s #%llu  ", view->name, (unsigned long long)view->id);
    if (view->waits_for[0] != '\0') {
        bl__text_add(text, "waits for %s", view->waits_for);
    } else {
        bl__text_add(text, "%s", view->state);
    }
    if (view->call[0] != '\0') bl__text_add(text, ", in %s", view->call);
    if (view->called_at[0] != '\0') {
        bl__text_add(text, " at %s", bl__test_short_path(view->called_at));
    }
    if (view->spawned_at[0] != '\0') {
        bl__text_add(text, "  spawned at %s",
                     bl__test_short_path(view->spawned_at));
    }
    bl__text_add(text, "\n");
    return true;
}

static void add_target(struct bl__text *text, int fd) {
    char path[64];
    char target[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    bl__text_add(text, " of descriptor %d (%s)", fd,
                 length > 0 ? target : "closed");
}

/* Names are looked up one byte before: a function's first has none before it.
 */
static const void *inside(const void *function) {
    return (const char *)function + 1;
}

static bool show_pending(const bl_pending_view *view, void *context) {
    struct search *search = context;
    struct bl__text *text = &search->text;
    if (strcmp(view->kind, search->kind) != 0) return true;
    if (!must_show(search, key_of(view))) return true;
    bl__text_add(text, "%s", view->kind);
    if (view->fd >= 0) add_target(text, view->fd);
    if (view->due != BL_FOREVER) {
        bl__text_add(text, " due in ");
        bl__text_add_duration(text, view->due - bl_now());
    }
    if (strcmp(view->kind, "handle") == 0) {
        bl__text_add(text, ", opened by <pc %p>\n", view->code);
    } else {
        const char *verb =
            view->fd < 0 && view->due == BL_FOREVER ? "runs" : "calls";
        bl__text_add(text, ", %s <pc %p>\n", verb, inside(view->code));
    }
    return true;
}

static void name_them(const struct bl__leftover *before, const char *kind,
                      uint64_t count) {
    char details[DETAILS_BYTES];
    struct search search = { .before = before,
                             .kind = kind,
                             .text = bl__text_in(details, sizeof details) };
    if (before->known_count > BL__LEFTOVER_KNOWN_MAX) return;
    if (strcmp(kind, "task") == 0) {
        bl_inspect_tasks(bl_loop_running(), show_task, &search);
    } else {
        bl_inspect_pending(bl_loop_running(), show_pending, &search);
    }
    if (search.found > SHOWN_MAX) {
        bl__text_add(&search.text, "and %llu more\n",
                     (unsigned long long)(search.found - SHOWN_MAX));
    }
    if (strcmp(kind, "handle") == 0 && search.found < count) {
        bl__text_add(&search.text, "%llu by bl_future_share or bl_loop_pin\n",
                     (unsigned long long)(count - search.found));
    }
    bl__record_note(details);
}

static bool check(const struct bl__leftover *before, const char *kind,
                  const char *what, uint64_t now, uint64_t then) {
    if (now <= then) return false;
    bl__record_trouble(BL_TEST_BROKEN, "LEAK: %llu %s left in the loop",
                       (unsigned long long)(now - then), what);
    name_them(before, kind, now - then);
    return true;
}

bool bl__leftover_check(const struct bl__leftover *before) {
    bl_loop_info now;
    const bl_loop_info *then = &before->info;
    bool is_any = false;
    bl_loop_get_info(bl_loop_running(), &now);
    is_any |=
        check(before, "task", "tasks", now.tasks_alive, then->tasks_alive);
    is_any |= check(before, "timer", "armed timers", now.timers_armed,
                    then->timers_armed);
    is_any |= check(before, "watch", "watches", now.watches, then->watches);
    is_any |= check(before, "thread job", "thread jobs", now.thread_jobs,
                    then->thread_jobs);
    is_any |=
        check(before, "handle", "open handles", now.handles, then->handles);
    return is_any;
}

bool bl__leftover_keeps_loop(const struct bl__leftover *before) {
    bl_loop_info now;
    const bl_loop_info *then = &before->info;
    bl_loop_get_info(bl_loop_running(), &now);
    return now.timers_armed > then->timers_armed ||
           now.watches > then->watches || now.thread_jobs > then->thread_jobs ||
           now.handles > then->handles;
}
