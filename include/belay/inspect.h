/* SPDX-License-Identifier: MIT */
/*
 * belay/inspect.h - seeing the tasks of a live loop
 */
#ifndef BELAY_INSPECT_H
#define BELAY_INSPECT_H

#include <stdio.h>

#include <belay/base.h>

BL_BEGIN_DECLS

/* One task, as bl_inspect_tasks shows it.  Pointers are borrowed. */
typedef struct bl_task_view {
    const bl_task *task;
    uint64_t id;
    uint64_t parent_id; /* 0 for the root */
    size_t depth;       /* in the tree; 0 for the root */
    const char *name;
    const char *spawned_at; /* "file:line", or "" */
    const char *state;      /* "running", "ready", "waiting", "done" */
    const char *waits_for;  /* "event", "sleep", ...; "" unless waiting */
    const char *call;       /* "bl_event_wait(&ready)", or "" */
    const char *called_at;  /* "file:line", or "" */
    const void *object;     /* what it waits for, or NULL */
    bl_ns deadline;         /* effective; BL_FOREVER for none */
    bool is_cancelled;
    bool is_daemon;
} bl_task_view;

/*
 * Called for each task; false ends the walk.
 */
typedef bool bl_inspect_fn(const bl_task_view *view, void *context);

/*
 * Walks the task tree of `loop`, parents before children, in order of
 * creation.  On the loop's own thread.  Allocates nothing.
 */
BL_API
void bl_inspect_tasks(const bl_loop *loop, bl_inspect_fn *fn, void *context);

/*
 * Something beside the tasks that a loop still has to do, as
 * bl_inspect_pending shows it.  Pointers are borrowed.
 */
typedef struct bl_pending_view {
    const char *kind;   /* "timer", "watch", "thread job", "handle" */
    const void *object; /* the bl_timer, bl_watch or bl_handle; the argument of
                           a job */
    const void *code;   /* the function that it calls or runs; of a handle, the
                           place that opened it */
    bl_ns due;          /* of a timer; BL_FOREVER otherwise */
    int fd;             /* of a watch; -1 otherwise */
} bl_pending_view;

/*
 * Called for each of them; false ends the walk.
 */
typedef bool bl_pending_fn(const bl_pending_view *view, void *context);

/*
 * Walks the armed timers, started watches, jobs of threads and open handles of
 * `loop`, those of waiting tasks among them.  On the loop's own thread.
 * Allocates nothing.
 */
BL_API
void bl_inspect_pending(const bl_loop *loop, bl_pending_fn *fn, void *context);

/*
 * Whether a fault at `address` is a stack overflow of the running task.  For
 * handlers of a host's own; under bl_run faults are reported anyway.  May be
 * called in a signal handler.
 */
BL_API
bool bl_inspect_is_overflow(const void *address);

/*
 * Prints the task tree of the running loop to `file`: for each task its name,
 * number, state, what it waits for and where, and where it was spawned.
 */
BL_API
void bl_inspect_print(FILE *file);

/*
 * Writes the same text into `buffer`, cut to `bytes`, ended by NUL.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_inspect_format(const bl_loop *loop, char *buffer, size_t bytes);

BL_END_DECLS

#endif
