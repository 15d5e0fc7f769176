/* SPDX-License-Identifier: MIT */
/*
 * task/trace.h - stacks beneath the rows of tasks, and each told once
 *
 * Tasks are shown in rows, each with its stack beneath.  Of many that do the
 * same the stacks are the same: then their rows follow one another, and the
 * stack is told under the last of them.
 */
#ifndef BL__TASK_TRACE_H
#define BL__TASK_TRACE_H

#include "task/task.h"

enum {
    BL__FOLD_FRAMES = 32
};

/* Shows a line, which has no newline. */
typedef void bl__fold_line_fn(const char *line, void *context);

struct bl__fold {
    bl__fold_line_fn *line;
    void *context;
    const void *frames[BL__FOLD_FRAMES]; /* of the rows shown last */
    size_t count;                        /* of them; 0: nothing to tell */
    size_t rows;                         /* that have this stack */
};

/* Before the row of a task, or of one whose stack is not wanted: NULL.  Tells
 * the stack of the rows before it if it is another. */
void bl__fold_next(struct bl__fold *fold, const bl_task *task);

/* After the last row. */
void bl__fold_end(const struct bl__fold *fold);

#endif
