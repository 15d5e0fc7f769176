/* SPDX-License-Identifier: MIT */
/*
 * test/child/tree.c - the tasks of a test as a text that is the same in every
 * run
 */
#include <belay/test.h>

#include "test/text.h"

enum {
    TREE_BYTES = 8192,
    DEPTH_MAX = 30
};

/* The root is the runner's, and is not shown. */
static bool add_task(const bl_task_view *view, void *context) {
    struct bl__text *text = context;
    if (view->depth == 0) return true;
    size_t depth = view->depth - 1;
    int indent = depth < DEPTH_MAX ? (int)depth * 2 : DEPTH_MAX * 2;
    bl__text_add(text, "%*s%s: ", indent, "", view->name);
    if (view->waits_for[0] != '\0') {
        bl__text_add(text, "waits for %s", view->waits_for);
    } else {
        bl__text_add(text, "%s", view->state);
    }
    if (view->call[0] != '\0' && view->waits_for[0] != '\0') {
        bl__text_add(text, " in %s", view->call);
    }
    if (view->is_daemon) bl__text_add(text, ", daemon");
    if (view->is_cancelled) bl__text_add(text, ", cancelled");
    bl__text_add(text, "\n");
    return true;
}

const char *bl_test_task_tree(void) {
    static char tree[TREE_BYTES];
    struct bl__text text = bl__text_in(tree, sizeof tree);
    if (bl_loop_running() == NULL) return text.data;
    bl_inspect_tasks(bl_loop_running(), add_task, &text);
    return text.data;
}
