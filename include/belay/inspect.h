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

/*
 * Writes the stack of `task` into `frames`, innermost call first: of each call
 * the address behind it.  Of the running task and of NULL, which is whatever
 * runs on this thread, the stack begins with the caller of this function; in a
 * signal handler, with what the signal has interrupted.  On the loop's own
 * thread, or while that stands still.  Allocates nothing; may be called in a
 * signal handler with glibc since 2.35, and elsewhere unless the signal may
 * interrupt the dynamic linker.
 *
 * Returns how many frames it has written, at most `max`; 0 for a task that has
 * not begun, that is done, or that runs on another thread, and for all that
 * wait in a build with the portable switch (-DBELAY_CTX=generic).
 */
BL_API
size_t bl_inspect_stack(const bl_task *task, const void **frames, size_t max);

/*
 * Writes what a frame is into `buffer`, cut to `bytes`, ended by NUL: the
 * function and the place in its source, "read_request src/http.c:212", and
 * behind " <- " each function that it was inlined into.  Without debug
 * information "read_request+0x1c", and where nothing has names, or in a library
 * that was built without libbacktrace, the file and the offset in it:
 * "server+0x1234".  From any thread.  The first call reads the symbols of the
 * program, unless bl_inspect_learn_names has them read; who calls meanwhile
 * does not wait, and gets file and offset.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_inspect_place(const void *frame, char *buffer, size_t bytes);

/*
 * Has a thread of its own read the symbols of the program, which takes some
 * milliseconds, or a tenth of a second where the C library has debug
 * information; it is done once in a process.  Blocks the calling thread for at
 * most `patience` until it is done.  From any thread.
 *
 * Returns whether the symbols have been read, so that names are known; true in
 * a library that was built without libbacktrace, which knows none.
 */
BL_API
bool bl_inspect_learn_names(bl_ns patience);

/*
 * Like bl_inspect_print, with the stack of each task that waits.  Tasks that
 * follow one another and have the same stack have it told once.  After the
 * first 1,000 tasks no stacks are shown.  Waits for names a quarter of a second
 * at most.
 */
BL_API
void bl_inspect_print_stacks(FILE *file);

/*
 * Like bl_inspect_format, with the stacks of bl_inspect_print_stacks.  Waits
 * for no names.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_inspect_format_stacks(const bl_loop *loop, char *buffer,
                                size_t bytes);

/*
 * Reports those tasks of `loop` that `is_meant` says true of, in the way of
 * bl_report: what each waits for, where, and its stack; of more than ten, how
 * many more there are.  On the loop's own thread, which waits for names 10 ms
 * at most; by a clock that is not the real one not at all, and then only those
 * are there that somebody has read.
 */
BL_API
void bl_inspect_report(const bl_loop *loop, bl_inspect_fn *is_meant,
                       void *context);

BL_END_DECLS

#endif
