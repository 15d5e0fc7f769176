/* SPDX-License-Identifier: MIT */
/*
 * support/host.h - threads without a loop, loops of one's own, child
 * processes, and what was written to stderr
 *
 * A test body is a task of a loop that already runs.  What a loop does as a
 * whole (its result, its deadlock, its signals, its reports) is tested on a
 * thread or in a process where none runs.
 */
#ifndef SUPPORT_HOST_H
#define SUPPORT_HOST_H

#include <belay.h>

/* Calls `fn(arg)` on a new thread, where no loop runs, and waits for it. */
void on_thread(void (*fn)(void *arg), void *arg);

/* Does bl_run_with on a new thread; `options` NULL: a quiet virtual loop. */
int run_elsewhere(bl_task_fn *fn, void *arg, const bl_loop_options *options);

/* The options of a loop with a virtual clock that says nothing. */
bl_loop_options quiet_options(void);

/*
 * Calls `fn(arg)` in a forked child, on its main thread, with no loop and with
 * the default effect of every signal.  What it returns is its exit status.
 *
 * Returns what waitpid reported.
 */
int in_child(int (*fn)(void *arg), void *arg);

/* Whether this is a build with ThreadSanitizer. */
bool has_thread_sanitizer(void);

/* Whether the stack of a task that waits can be read in this build. */
bool shows_stacks(void);

/* Whether functions on a stack have names in this build.  If so they are known
 * from then on, here and in children, so reports wait for none. */
bool shows_names(void);

/* Returns zeroed memory that forked children share with their parent. */
void *shared_memory(size_t bytes);

/* From now on collects what this process writes to stderr. */
void capture_stderr(void);

/* Ends that, and returns the text; valid until the next call. */
const char *captured_stderr(void);

#endif
