/* SPDX-License-Identifier: MIT */
/*
 * proc/process.h - a process, between its start and its end
 *
 * Words.  The *program* is what was asked for; it *has ended* when it exits.
 * The *tree* is all that comes from it; the process *is gone* when nothing of
 * that is alive which it reaches (bl_process_reach).  What is *left* has no
 * owner any more and is freed as soon as it is gone.
 *
 *                       has ended          is gone
 *     below a shim      its report comes   the shim has ended
 *     directly          its pidfd is readable: both
 *
 * Invariant: the program's number is its own until it is gone: it is reaped
 * last, or by the shim, which is asked by its pidfd.
 */
#ifndef BL__PROC_PROCESS_H
#define BL__PROC_PROCESS_H

#include <belay/loop.h>
#include <belay/park.h>
#include <belay/process.h>

#include "sys/spawn.h"

/* Where the streams of a process are kept. */
enum {
    BL__PROCESS_IN,
    BL__PROCESS_OUT,
    BL__PROCESS_ERR,
    BL__PROCESS_TERMINAL,
    BL__PROCESS_STREAMS
};

struct bl_process {
    bl_loop *loop;
    pid_t pid;
    int pidfd; /* of the program */
    bl_process_reach reach;
    bool has_group; /* of its own */
    bool has_shim;
    struct bl__shim shim;
    void *stack;         /* of the shim */
    bl_watch end_watch;  /* of the pidfd, or the shim's socket */
    bl_watch gone_watch; /* of the shim's pidfd */
    bool has_ended;
    bool is_gone;
    bool is_left;
    bl_process_status status; /* once it has ended */
    bl_waitq waiters;         /* for its end; data: where the status goes */
    bl_waitq closers;         /* for it to be gone */
    bl_stream *streams[BL__PROCESS_STREAMS];
    int cgroup; /* a descriptor of the directory; -1 */
    int stop_signal;
    bl_ns grace;
};

/* end.c: begins to watch for the end. */
int bl__process_watch(bl_process *process);

/* end.c: kills all that the process reaches. */
void bl__process_kill(bl_process *process);

/* process.c: frees a process that is gone, or never was. */
void bl__process_free(bl_process *process);

/* list.c: one process of a list. */
struct bl__process_entry {
    pid_t pid;
    pid_t parent;
    char state; /* as /proc has it: R, S, D, Z, ... */
    bool is_below;
    char name[16];
};

/*
 * list.c: lists who is alive below the process, in `*entries`, which the caller
 * frees.  Returns how many of the entries are (is_below); their number is in
 * `*count`.
 */
bl_ssize bl__process_look(const bl_process *process,
                          struct bl__process_entry **entries, size_t *count);

#endif
