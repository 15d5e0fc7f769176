/* SPDX-License-Identifier: MIT */
/*
 * support/kids.c - ready-made task bodies, and a notebook of what happened
 *
 * The notebook is one text of the process, and each test is a process.
 */
#include "support/kids.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char notebook[4096];

int kid_run(void *arg) {
    struct kid *kid = arg;
    kid->has_started = true;
    int rc = kid->delay == 0 ? 0 : bl_sleep(kid->delay);
    if (rc < 0) {
        kid->was_cancelled = true;
        if (kid->cleanup > 0) {
            bl_scope shield;
            bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
            BL_IGNORE(bl_sleep(kid->cleanup));    /* nothing can end it */
            BL_IGNORE(bl_scope_exit(&shield, 0)); /* as it is given */
        }
        if (kid->name != NULL) note("%s-cancelled", kid->name);
        if (kid->cleanup_rc != 0) rc = kid->cleanup_rc;
    } else {
        kid->has_finished = true;
        if (kid->name != NULL) note("%s", kid->name);
        rc = kid->rc;
    }
    kid->ended_at = bl_now();
    return rc;
}

int kid_returns(void *arg) {
    return (int)NUMBER(arg);
}

int kid_sleeps(void *arg) {
    return bl_sleep(NUMBER(arg));
}

int kid_waits(void *arg) {
    return bl_event_wait(arg);
}

int kid_yields(void *arg) {
    for (intptr_t i = 0; i < NUMBER(arg); i++) {
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    return 0;
}

int kid_cancels(void *arg) {
    bl_scope_cancel(arg, "a child says so");
    return 0;
}

void note(const char *format, ...) {
    size_t used = strlen(notebook);
    if (used > 0 && used + 1 < sizeof(notebook)) notebook[used++] = ' ';
    va_list args;
    va_start(args, format);
    (void)vsnprintf(notebook + used, sizeof(notebook) - used, format, args);
    va_end(args);
}

const char *notes(void) {
    return notebook;
}

void forget_notes(void) {
    notebook[0] = '\0';
}

void settle(void) {
    BL_IGNORE(bl_settle()); /* the tests look at what came of it */
}

uint64_t resumes(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.resumes;
}

uint64_t tasks_alive(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.tasks_alive;
}

void count_call(void *arg) {
    int *count = arg;
    (*count)++;
}

int group_code(size_t index) {
    const bl_error *tree = bl_error_current(BL_EGROUP);
    const bl_error *child = tree == NULL ? NULL : bl_error_child(tree, index);
    return child == NULL ? 0 : bl_error_code(child);
}

size_t group_count(void) {
    const bl_error *tree = bl_error_current(BL_EGROUP);
    return tree == NULL ? 0 : bl_error_count(tree);
}
