/* SPDX-License-Identifier: MIT */
/*
 * proc/process.c - starting a program
 *
 * All that its end will need is had before it is started: memory, watches,
 * descriptors.  So if anything is missing, nothing was started; and to end it
 * nothing has to be asked for.
 */
#include "proc/process.h"

#include <belay/error.h>
#include <belay/task.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "proc/plan.h"
#include "proc/stdio.h"
#include "sys/signals.h"

static const bl_ns process_grace_default = BL_SEC(5);

enum {
    PROCESS_STACK_ALIGN = 16
};

/* ---- memory ------------------------------------------------------------ */

static bl_process *process_new(bl_loop *loop,
                               const bl_process_options *options) {
    bl_process *process = bl_alloc(sizeof *process);
    if (process == NULL) return NULL;
    memset(process, 0, sizeof *process);
    process->loop = loop;
    process->pidfd = -1;
    process->cgroup = -1;
    process->reach = options->reach;
    process->has_group = options->place != BL_PROCESS_SAME_GROUP;
    process->has_shim = options->reach == BL_PROCESS_TREE;
    process->shim.socket = process->shim.pidfd = -1;
    process->stop_signal =
        options->stop_signal > 0 ? options->stop_signal : SIGTERM;
    process->grace =
        options->grace != 0 ? options->grace : process_grace_default;
    bl_waitq_init(&process->waiters);
    bl_waitq_init(&process->closers);
    return process;
}

static void process_close_fd(int fd) {
    if (fd >= 0) close(fd);
}

void bl__process_free(bl_process *process) {
    bl_watch_stop(&process->end_watch);
    bl_watch_stop(&process->gone_watch);
    bl_waitq_serve_all(&process->waiters, BL_ECLOSED);
    for (int i = 0; i < BL__PROCESS_STREAMS; i++)
        bl_stream_abort(process->streams[i]);
    process_close_fd(process->pidfd);
    process_close_fd(process->shim.socket);
    process_close_fd(process->shim.pidfd);
    process_close_fd(process->cgroup);
    bl_free(process->stack);
    bl_free(process);
}

/* ---- streams ----------------------------------------------------------- */

static int process_make_stream(int *fd, bool is_input, bool is_both,
                               bl_stream **stream) {
    if (*fd < 0) return 0;
    int reads = is_input ? -1 : *fd;
    int writes = is_input || is_both ? *fd : -1;
    int rc = bl_stream_take_pipe(reads, writes, stream);
    if (rc == 0) *fd = -1;
    return rc;
}

static int process_make_streams(bl_process *process, struct bl__stdio *stdio) {
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = process_make_stream(&stdio->parent[i], i == BL__PROCESS_IN, false,
                                 &process->streams[i]);
    }
    if (rc < 0) return rc;
    return process_make_stream(&stdio->terminal, false, true,
                               &process->streams[BL__PROCESS_TERMINAL]);
}

bl_stream *bl_process_in(const bl_process *process) {
    return process != NULL ? process->streams[BL__PROCESS_IN] : NULL;
}

bl_stream *bl_process_out(const bl_process *process) {
    return process != NULL ? process->streams[BL__PROCESS_OUT] : NULL;
}

bl_stream *bl_process_err(const bl_process *process) {
    return process != NULL ? process->streams[BL__PROCESS_ERR] : NULL;
}

bl_stream *bl_process_terminal(const bl_process *process) {
    return process != NULL ? process->streams[BL__PROCESS_TERMINAL] : NULL;
}

/* What was written to a pipe is in it; there is nothing to wait for. */
void bl_process_close_in(bl_process *process) {
    if (process == NULL) return;
    bl_stream_abort(process->streams[BL__PROCESS_IN]);
    process->streams[BL__PROCESS_IN] = NULL;
}

int bl_process_resize(bl_process *process, unsigned short rows,
                      unsigned short columns) {
    bl_stream *terminal = bl_process_terminal(process);
    if (terminal == NULL) return BL_EINVAL;
    return bl__stdio_resize(bl_stream_fd(terminal), rows, columns);
}

/* ---- starting ---------------------------------------------------------- */

static void *process_align(void *memory) {
    uintptr_t address = (uintptr_t)memory + PROCESS_STACK_ALIGN - 1;
    return (void *)(address - address % PROCESS_STACK_ALIGN);
}

/* The stack of a shim is needed until its end; any other until exec. */
static int process_start(bl_process *process, struct bl__plan *plan) {
    struct bl__spawn_failure failure = { .step = BL__SPAWN_NONE };
    struct bl__spawned spawned;
    size_t bytes =
        process->has_shim ? BL__SHIM_STACK_BYTES : BL__SPAWN_STACK_BYTES;
    process->stack = bl_alloc(bytes + PROCESS_STACK_ALIGN);
    if (process->stack == NULL) return BL_ENOMEM;
    void *stack = process_align(process->stack);
    int rc = process->has_shim
                 ? bl__shim_spawn(&plan->spawn, stack, &process->shim, &spawned,
                                  &failure)
                 : bl__spawn(&plan->spawn, stack, &spawned, &failure);
    if (rc < 0) return bl__plan_error(plan, &failure);
    if (!process->has_shim) {
        bl_free(process->stack);
        process->stack = NULL;
    }
    process->pid = spawned.pid;
    process->pidfd = spawned.pidfd;
    return 0;
}

static int process_open_cgroup(bl_process *process, const char *path) {
    if (path == NULL) return 0;
    process->cgroup = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process->cgroup >= 0) return 0;
    return BL_ERR(-errno, "cannot open the cgroup %s", path);
}

static void process_set_terminal(struct bl__plan *plan,
                                 const struct bl__stdio *stdio) {
    if (stdio->slave < 0) return;
    plan->spawn.has_session = true;
    plan->spawn.terminal = stdio->slave;
}

/* If its end cannot be watched, it is ended here. */
static int process_run(bl_process *process, struct bl__plan *plan,
                       struct bl__stdio *stdio) {
    int rc = process_make_streams(process, stdio);
    if (rc == 0) rc = process_start(process, plan);
    bl__stdio_close_child(stdio);
    if (rc < 0) return rc;
    rc = bl__process_watch(process);
    if (rc == 0) return 0;
    bl__process_kill(process);
    int status;
    pid_t own_child = process->has_shim ? process->shim.pid : process->pid;
    while (waitpid(own_child, &status, __WALL) < 0 && errno == EINTR) {}
    return rc;
}

static int process_read_options(const bl_process_options *options,
                                bl_process_options *chosen) {
    *chosen = (bl_process_options){ .size = sizeof *chosen };
    if (options == NULL) return 0;
    if (options->size == 0 || options->size > sizeof *chosen) return BL_EINVAL;
    memcpy(chosen, options, options->size);
    return 0;
}

int bl_process_spawn(const char *const *argv, const bl_process_options *options,
                     bl_process **process) {
    bl_process_options chosen;
    struct bl__plan plan;
    struct bl__stdio stdio;
    if (process == NULL) return BL_EINVAL;
    int rc = process_read_options(options, &chosen);
    if (rc == 0) rc = bl__plan_check(argv, &chosen);
    if (rc < 0) return rc;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    rc = bl__plan_make(&plan, argv, &chosen);
    if (rc < 0) return rc;
    rc = bl__stdio_open(&stdio, &chosen);
    if (rc < 0) goto done_plan;

    bl_process *made = process_new(loop, &chosen);
    rc = made != NULL ? process_open_cgroup(made, chosen.cgroup) : BL_ENOMEM;
    if (rc == 0) {
        bl__plan_set_fds(&plan, stdio.child, &chosen);
        process_set_terminal(&plan, &stdio);
        if (plan.spawn.has_session) made->has_group = true;
        rc = process_run(made, &plan, &stdio);
    }
    bl__stdio_close(&stdio);
    if (rc == 0) {
        *process = made;
    } else if (made != NULL) {
        bl__process_free(made);
    }

done_plan:
    bl__plan_done(&plan);
    return rc;
}

/* ---- signals ----------------------------------------------------------- */

#ifndef SYS_pidfd_send_signal
#    define SYS_pidfd_send_signal 424
#endif

pid_t bl_process_pid(const bl_process *process) {
    return process != NULL ? process->pid : 0;
}

int bl_process_signal(bl_process *process, int number) {
    if (process == NULL) return BL_EINVAL;
    if (number < 0 || number > BL__SIGNAL_LAST) return BL_EINVAL;
    if (process->has_ended) return BL_ESRCH;
    long rc = syscall(SYS_pidfd_send_signal, process->pidfd, number, NULL, 0);
    return rc < 0 ? -errno : 0;
}

int bl_process_signal_group(bl_process *process, int number) {
    if (process == NULL) return BL_EINVAL;
    if (number < 0 || number > BL__SIGNAL_LAST) return BL_EINVAL;
    if (!process->has_group) return BL_EINVAL;
    if (process->has_ended) return BL_ESRCH;
    if (process->has_shim) {
        bl__shim_tell(&process->shim, BL__SHIM_SIGNAL_GROUP, number);
        return 0;
    }
    return kill(-process->pid, number) < 0 ? -errno : 0;
}
