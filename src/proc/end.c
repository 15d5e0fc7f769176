/* SPDX-License-Identifier: MIT */
/*
 * proc/end.c - how a process ends
 *
 *     bl_process_close
 *       ask: the group, then whoever is left alone
 *       wait for the grace             gone -> free
 *       kill: all, until nobody is left
 *       wait for two seconds           gone -> free
 *       say who is still there         left: freed when it is gone
 *
 * A program that was started directly is reaped last of all, since its group
 * can be signalled only as long as its number is its own.
 *
 * Invariant: a process that is left has no waiters and no streams.
 */
#include "proc/process.h"

#include <belay/error.h>
#include <belay/scope.h>
#include <belay/task.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

#ifndef P_PIDFD
#    define P_PIDFD 3
#endif

static const bl_ns process_kill_wait = BL_SEC(2);

enum {
    PROCESS_ABORT_MS = 50,
    PROCESS_NAMED_MAX = 8
};

/* ---- what has happened ------------------------------------------------- */

static void process_set_status(bl_process *process, int status,
                               const struct rusage *usage) {
    bl_process_status *result = &process->status;
    result->usage = *usage;
    if (WIFSIGNALED(status)) {
        result->signal = WTERMSIG(status);
        result->has_core = WCOREDUMP(status);
    } else {
        result->code = WEXITSTATUS(status);
    }
}

static void process_has_ended(bl_process *process) {
    BL__ASSERT(!process->has_ended);
    process->has_ended = true;
    bl_waiter *waiter;
    while ((waiter = bl_waitq_first(&process->waiters)) != NULL) {
        bl_process_status *status = waiter->data;
        if (status != NULL) *status = process->status;
        bl_waitq_serve(waiter, 0);
    }
}

static void process_is_gone(bl_process *process) {
    BL__ASSERT(!process->is_gone);
    process->is_gone = true;
    bl_watch_stop(&process->gone_watch);
    bl_watch_stop(&process->end_watch);
    bl_waitq_serve_all(&process->closers, 0);
    if (process->is_left) bl__process_free(process);
}

/* Looks without reaping: the number stays the program's. */
static bool process_ask_system(bl_process *process) {
    siginfo_t info = { 0 };
    struct rusage usage = { 0 };
    long rc = syscall(SYS_waitid, P_PIDFD, process->pidfd, &info,
                      WEXITED | WNOHANG | WNOWAIT, &usage);
    if (rc < 0 && errno != ECHILD) return false;
    if (rc == 0 && info.si_pid == 0) return false;
    bl_process_status *status = &process->status;
    status->usage = usage;
    status->is_unknown = rc < 0;
    if (rc < 0) return true;
    if (info.si_code == CLD_EXITED) {
        status->code = info.si_status;
    } else {
        status->signal = info.si_status;
        status->has_core = info.si_code == CLD_DUMPED;
    }
    return true;
}

static bool process_ask_shim(bl_process *process) {
    struct bl__shim_report report;
    if (!bl__shim_read_report(&process->shim, &report)) return false;
    if (report.kind != BL__SHIM_EXITED) return false;
    process_set_status(process, report.status, &report.usage);
    return true;
}

/* Takes notice of the program's end, if there is something to notice. */
static bool process_look_for_end(bl_process *process) {
    if (process->has_ended) return true;
    bool has_ended = process->has_shim ? process_ask_shim(process)
                                       : process_ask_system(process);
    if (!has_ended) return false;
    bl_watch_stop(&process->end_watch);
    process_has_ended(process);
    return true;
}

/* What a program that was started directly leaves of its group. */
static void process_finish_group(bl_process *process) {
    if (process->reach != BL_PROCESS_GROUP) return;
    if (process->status.is_unknown) return;
    BL_IGNORE(kill(-process->pid, SIGKILL) < 0); /* it may be empty */
}

static void process_reap(const bl_process *process) {
    if (process->has_shim) {
        while (waitpid(process->shim.pid, NULL, __WALL) < 0 && errno == EINTR) {
        }
        return;
    }
    syscall(SYS_waitid, P_PIDFD, process->pidfd, NULL, WEXITED | WNOHANG, NULL);
}

static void process_on_end(void *context, unsigned events) {
    bl_process *process = context;
    (void)events;
    if (!process_look_for_end(process)) return;
    if (!process->has_shim && process->is_left) {
        process_finish_group(process);
        process_reap(process);
        process_is_gone(process);
    } else if (!process->has_shim) {
        bl_waitq_serve_all(&process->closers, 0);
    }
}

/* The shim's report was sent before it ended, if it ended by itself. */
static void process_on_gone(void *context, unsigned events) {
    bl_process *process = context;
    (void)events;
    process_reap(process);
    if (!process_look_for_end(process)) {
        process->status.is_unknown = true;
        process_has_ended(process);
    }
    process_is_gone(process);
}

int bl__process_watch(bl_process *process) {
    int end_fd = process->has_shim ? process->shim.socket : process->pidfd;
    bl_watch_init(&process->end_watch, end_fd, process_on_end, process);
    int rc = bl_watch_start(process->loop, &process->end_watch, BL_READABLE);
    if (rc < 0 || !process->has_shim) return rc;
    bl_watch_init(&process->gone_watch, process->shim.pidfd, process_on_gone,
                  process);
    return bl_watch_start(process->loop, &process->gone_watch, BL_READABLE);
}

/* ---- waiting ----------------------------------------------------------- */

static int process_check(const bl_process *process) {
    if (process == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    return loop == process->loop ? 0 : BL_ETHREAD;
}

int bl_process_try_wait(bl_process *process, bl_process_status *status) {
    if (process == NULL) return BL_EINVAL;
    if (bl_loop_running() != process->loop) return BL_ETHREAD;
    if (!process_look_for_end(process)) return BL_EAGAIN;
    if (status != NULL) *status = process->status;
    return 0;
}

int bl_process_wait(bl_process *process, bl_process_status *status) {
    int rc = process_check(process);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = bl_process_try_wait(process, status);
    if (rc != BL_EAGAIN) return rc;
    bl_waiter waiter = { .data = status };
    return bl_waitq_wait(&process->waiters, &waiter, "process", process);
}

static int process_branch_check(bl_branch *branch) {
    return process_check(branch->object);
}

static bool process_branch_try(bl_branch *branch) {
    branch->rc = bl_process_try_wait(branch->object, branch->data);
    return branch->rc != BL_EAGAIN;
}

static int process_branch_begin(bl_branch *branch) {
    bl_process *process = branch->object;
    bl_branch_join(branch, &process->waiters, branch->data);
    return 0;
}

bl_branch bl_on_process(bl_process *process, bl_process_status *status) {
    static const bl_branch_ops ops = { .check = process_branch_check,
                                       .try_commit = process_branch_try,
                                       .begin = process_branch_begin };
    return (bl_branch){ .ops = &ops, .object = process, .data = status };
}

/* ---- asking and killing ------------------------------------------------ */

static void process_kill_cgroup(const bl_process *process) {
    if (process->cgroup < 0) return;
    int fd = openat(process->cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return; /* a kernel before 5.14, or not ours to write */
    BL_IGNORE(write(fd, "1", 1) < 0);
    close(fd);
}

void bl__process_kill(bl_process *process) {
    process_kill_cgroup(process);
    if (process->has_shim) {
        bl__shim_tell(&process->shim, BL__SHIM_KILL, SIGKILL);
        return;
    }
    if (process->reach == BL_PROCESS_GROUP) process_finish_group(process);
    BL_IGNORE(bl_process_signal(process, SIGKILL) < 0); /* or it has ended */
}

/* Whoever is stopped must go on to see the signal. */
static void process_ask_program(bl_process *process) {
    if (process->has_ended) return;
    int number = process->stop_signal;
    int rc = process->reach != BL_PROCESS_ALONE && process->has_group
                 ? bl_process_signal_group(process, number)
                 : bl_process_signal(process, number);
    if (rc < 0) return; /* it will be killed */
    if (process->reach != BL_PROCESS_ALONE && process->has_group) {
        BL_IGNORE(bl_process_signal_group(process, SIGCONT) < 0);
    } else {
        BL_IGNORE(bl_process_signal(process, SIGCONT) < 0);
    }
}

static void process_ask(bl_process *process) {
    process_ask_program(process);
    if (!process->has_shim) return;
    bl__shim_tell(&process->shim,
                  process->has_ended ? BL__SHIM_SIGNAL_ALL
                                     : BL__SHIM_SIGNAL_ORPHANS,
                  process->stop_signal);
}

/* Whether there is nothing left to wait for. */
static bool process_is_over(const bl_process *process) {
    return process->has_shim ? process->is_gone : process->has_ended;
}

/* ---- closing ----------------------------------------------------------- */

/* Waits until it is over, for `limit` at most.  A checkpoint may let others
 * run, so it is looked at behind that. */
static int process_await(bl_process *process, bl_ns limit) {
    bl_scope scope;
    bl_waiter waiter;
    bl_scope_enter_move_on(&scope, limit);
    int rc = bl_checkpoint();
    if (rc == 0 && !process_is_over(process)) {
        rc = bl_waitq_wait(&process->closers, &waiter, "end of a process",
                           process);
    }
    return bl_scope_exit(&scope, rc);
}

/* Returns BL_ECANCELED if it was cancelled by force. */
static int process_end(bl_process *process) {
    bl_scope shield;
    bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER); /* the limits are here */
    int rc = 0;
    if (process->grace > 0) {
        process_ask(process);
        rc = process_await(process, process->grace);
    }
    if (!process_is_over(process)) bl__process_kill(process);
    if (rc == 0) rc = process_await(process, process_kill_wait);
    return bl_scope_exit(&shield, rc);
}

/* Names who is left, and what the kernel says they do. */
static int process_report(const bl_process *process) {
    char text[256] = "";
    size_t used = 0;
    size_t count = 0;
    int named = 0;
    struct bl__process_entry *entries = NULL;
    bl_ssize below = bl__process_look(process, &entries, &count);
    for (size_t i = 0; i < count && named < PROCESS_NAMED_MAX; i++) {
        if (!entries[i].is_below) continue;
        named++;
        int length =
            snprintf(text + used, sizeof text - used, " %d %s (%c)",
                     entries[i].pid, entries[i].name, entries[i].state);
        if (length < 0 || (size_t)length >= sizeof text - used) break;
        used += (size_t)length;
    }
    bl_free(entries);
    if (below < 0) return BL_ERR(BL_EBUSY, "killed, but still there");
    return BL_ERR(BL_EBUSY, "killed, but %ld still there:%s", (long)below,
                  text);
}

/* Gives up the owner's part; the rest goes on by itself. */
static void process_leave(bl_process *process) {
    process->is_left = true;
    bl_waitq_serve_all(&process->waiters, BL_ECLOSED);
    for (int i = 0; i < BL__PROCESS_STREAMS; i++) {
        bl_stream_abort(process->streams[i]);
        process->streams[i] = NULL;
    }
}

/* For a process that is over: the last steps. */
static void process_put_away(bl_process *process) {
    process_kill_cgroup(process);
    if (!process->has_shim) {
        process_finish_group(process);
        process_reap(process);
    }
    bl__process_free(process);
}

/* The dead are usually gone before the system call returns. */
static void process_poll(bl_process *process) {
    int fd = process->has_shim ? process->shim.pidfd : process->pidfd;
    struct pollfd item = { .fd = fd, .events = POLLIN };
    if (process_is_over(process)) return;
    if (poll(&item, 1, PROCESS_ABORT_MS) <= 0) return;
    if (process->has_shim) {
        process_on_gone(process, BL_READABLE);
    } else {
        BL_IGNORE(process_look_for_end(process));
    }
}

int bl_process_close(bl_process *process) {
    if (process == NULL) return 0;
    int rc = process_check(process);
    if (rc < 0) return rc;
    if (bl_task_current() == NULL) return BL_ENOTASK;
    bl_process_close_in(process);
    BL_IGNORE(process_look_for_end(process));
    if (!process_is_over(process)) rc = process_end(process);
    if (rc == BL_ECANCELED) process_poll(process);
    if (process_is_over(process)) {
        process_put_away(process);
        return 0;
    }
    if (rc == 0) rc = process_report(process);
    process_leave(process);
    return rc;
}

void bl_process_abort(bl_process *process) {
    if (process == NULL) return;
    if (!process_is_over(process)) bl__process_kill(process);
    process_poll(process);
    if (process_is_over(process)) {
        process_put_away(process);
    } else {
        process_leave(process);
    }
}
