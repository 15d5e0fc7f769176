/* SPDX-License-Identifier: MIT */
/*
 * task/inspect.c - the task tree of a loop, walked and printed
 *
 * The tree is read off the scopes: a task's base hangs under a scope of its
 * group, which hangs under the scopes of the host.  The walk follows the
 * links, so it allocates nothing and needs no recursion.
 *
 * A task that waits has its stack beneath it, if stacks are asked for.
 */
#include <belay/inspect.h>

#include <stdarg.h>
#include <stdio.h>

#include "base/list.h"
#include "base/site.h"
#include "task/trace.h"

enum {
    STACKS_SHOWN_MAX = 1000
};

static const bl_ns print_names_patience = BL_MS(250);

static const char *state_name(const bl_task *task) {
    if (task->is_done) return "done";
    if (task->park != NULL) return "waiting";
    return task->sched->current == task ? "running" : "ready";
}

static bl_ns deadline_of(const bl_task *task) {
    bl_ns earliest = BL_FOREVER;
    for (const bl_scope *s = task->scope; s != NULL; s = s->_parent) {
        if (s->_timer._index != 0 && s->_timer._due < earliest) {
            earliest = s->_timer._due;
        }
        if (s->_kind == BL_SCOPE_SHIELD) break;
    }
    return earliest;
}

/* The task whose scopes `base` hangs under, or NULL for the root. */
static const bl_task *parent_of(const bl_task *task) {
    const bl_scope *scope = task->base._parent;
    return scope != NULL ? scope->_task : NULL;
}

static void view_fill(const bl_task *task, size_t depth, bl_task_view *view) {
    const bl_task *parent = parent_of(task);
    const bl_park *park = task->park;
    *view = (bl_task_view){
        .task = task,
        .id = task->id,
        .parent_id = parent != NULL ? parent->id : 0,
        .depth = depth,
        .name = bl_task_name(task),
        .spawned_at = bl_task_site(task),
        .state = state_name(task),
        .waits_for = park != NULL ? park->_what : "",
        .call = bl__site_call(task->wait_site),
        .called_at = bl__site_place(task->wait_site),
        .object = park != NULL ? park->_object : NULL,
        .deadline = deadline_of(task),
        .is_cancelled = task->scope->_effective > 0,
        .is_daemon = task->is_daemon,
    };
}

void bl_inspect_tasks(const bl_loop *loop, bl_inspect_fn *fn, void *context) {
    const struct bl__sched *sched = bl__sched_of(loop);
    if (sched->root == NULL) return;

    const bl_scope *top = &sched->root->base;
    const bl_scope *scope = top;
    size_t depth = 0;
    for (;;) {
        if (scope->_role == BL__ROLE_BASE) {
            bl_task_view view;
            view_fill(scope->_task, depth, &view);
            if (!fn(&view, context)) return;
            depth++;
        }
        const bl_link *next = bl__list_first(&scope->_children);
        while (next == NULL) {
            if (scope->_role == BL__ROLE_BASE) depth--;
            if (scope == top) return;
            next = scope->_sibling._next;
            if (next == &scope->_parent->_children) {
                next = NULL;
                scope = scope->_parent;
            }
        }
        scope = bl__container_of(next, const bl_scope, _sibling);
    }
}

/* ---- as text ------------------------------------------------------------ */

struct tree_text {
    char *buffer;
    size_t bytes;
    size_t length; /* of the whole, written or not */
    FILE *file;    /* instead of the buffer */
    bl_ns now;
    bool has_stacks;
    size_t count;         /* of tasks that have one */
    struct bl__fold fold; /* the stack of those shown last */
};

BL__PRINTF(2, 3)
static void tree_put(struct tree_text *text, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0) return;
    if (length >= (int)sizeof line) length = (int)sizeof line - 1;

    if (text->file != NULL) fputs(line, text->file);
    for (int i = 0; i < length; i++) {
        if (text->length + 1 < text->bytes)
            text->buffer[text->length] = line[i];
        text->length++;
    }
}

static void put_stack_line(const char *line, void *context) {
    tree_put(context, "  %s\n", line);
}

static void put_stack(struct tree_text *text, const bl_task *task) {
    bool has_one = task->park != NULL && text->count++ < STACKS_SHOWN_MAX;
    bl__fold_next(&text->fold, has_one ? task : NULL);
}

static bool put_task(const bl_task_view *view, void *context) {
    struct tree_text *text = context;
    int indent = view->depth < 20 ? (int)view->depth * 2 : 40;
    if (text->has_stacks) put_stack(text, view->task);
    tree_put(text, "  %*s%s #%llu", indent, "", view->name,
             (unsigned long long)view->id);
    if (view->waits_for[0] != '\0') {
        tree_put(text, "  waits for %s", view->waits_for);
        if (view->object != NULL) tree_put(text, " %p", view->object);
    } else {
        tree_put(text, "  %s", view->state);
    }
    if (view->call[0] != '\0') tree_put(text, ", in %s", view->call);
    if (view->called_at[0] != '\0') tree_put(text, " at %s", view->called_at);
    if (view->is_daemon) tree_put(text, "  [daemon]");
    if (view->is_cancelled) tree_put(text, "  [cancelled]");
    if (view->deadline != BL_FOREVER) {
        tree_put(text, "  [deadline in %.3f s]",
                 (double)(view->deadline - text->now) / 1e9);
    }
    if (view->spawned_at[0] != '\0') {
        tree_put(text, "  spawned at %s", view->spawned_at);
    }
    tree_put(text, "\n");
    return true;
}

static void put_tree(struct tree_text *text, const bl_loop *loop) {
    const struct bl__sched *sched = bl__sched_of(loop);
    text->now = bl__loop_now(loop);
    tree_put(text, "tasks: %llu alive\n",
             (unsigned long long)sched->alive_count);
    text->fold.line = put_stack_line;
    text->fold.context = text;
    bl_inspect_tasks(loop, put_task, text);
    bl__fold_end(&text->fold);
}

static void print_tree(FILE *file, bool has_stacks) {
    const bl_loop *loop = bl_loop_running();
    if (loop == NULL) {
        fputs("no loop runs on this thread\n", file);
        return;
    }
    struct tree_text text = { .file = file, .has_stacks = has_stacks };
    put_tree(&text, loop);
    fflush(file);
}

void bl_inspect_print(FILE *file) {
    print_tree(file, false);
}

void bl_inspect_print_stacks(FILE *file) {
    bl_inspect_learn_names(print_names_patience);
    print_tree(file, true);
}

static size_t format_tree(const bl_loop *loop, char *buffer, size_t bytes,
                          bool has_stacks) {
    struct tree_text text = { .buffer = buffer,
                              .bytes = bytes,
                              .has_stacks = has_stacks };
    put_tree(&text, loop);
    if (bytes > 0) {
        buffer[text.length < bytes ? text.length : bytes - 1] = '\0';
    }
    return text.length;
}

size_t bl_inspect_format(const bl_loop *loop, char *buffer, size_t bytes) {
    return format_tree(loop, buffer, bytes, false);
}

size_t bl_inspect_format_stacks(const bl_loop *loop, char *buffer,
                                size_t bytes) {
    return format_tree(loop, buffer, bytes, true);
}
