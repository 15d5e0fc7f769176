/* SPDX-License-Identifier: MIT */
/*
 * task/trace.c - the stack of a task, as addresses and as names
 */
#include "task/trace.h"

#include <stdio.h>
#include <string.h>

#include <belay/inspect.h>

#include "sys/place.h"
#include "sys/trace.h"

enum {
    PLACE_BYTES = 400
};

__attribute__((noinline)) size_t bl_inspect_stack(const bl_task *task,
                                                  const void **frames,
                                                  size_t max) {
    if (task == NULL || task == bl__task_current()) {
        return bl__trace_here(__builtin_return_address(0), frames, max);
    }
    if (task->is_done || task->sched->current == task) return 0;
    return bl__trace_context(&task->ctx, frames, max);
}

size_t bl_inspect_place(const void *frame, char *buffer, size_t bytes) {
    bl__place_read();
    return bl__place_format(frame, buffer, bytes);
}

bool bl_inspect_learn_names(bl_ns patience) {
    return bl__place_learn(patience);
}

/* ---- beneath rows of tasks ----------------------------------------------- */

void bl__fold_end(const struct bl__fold *fold) {
    char line[PLACE_BYTES + 16];
    for (size_t i = 0; i < fold->count; i++) {
        int length =
            snprintf(line, sizeof line, "      %s ", i == 0 ? "in" : "<-");
        bl__place_format(fold->frames[i], line + length, PLACE_BYTES);
        fold->line(line, fold->context);
    }
    if (fold->count == 0 || fold->rows == 1) return;
    snprintf(line, sizeof line, "      [same stack x%zu]", fold->rows);
    fold->line(line, fold->context);
}

void bl__fold_next(struct bl__fold *fold, const bl_task *task) {
    const void *frames[BL__FOLD_FRAMES];
    size_t count =
        task != NULL ? bl_inspect_stack(task, frames, BL__FOLD_FRAMES) : 0;
    size_t bytes = count * sizeof *frames;
    if (count != fold->count || memcmp(frames, fold->frames, bytes) != 0) {
        bl__fold_end(fold);
        memcpy(fold->frames, frames, bytes);
        fold->count = count;
        fold->rows = 0;
    }
    fold->rows++;
}
