/* SPDX-License-Identifier: MIT */
/*
 * test/run/peek.c - the stack of a process that does not answer
 *
 * A test that has blocked its signals, or has a handler of its own for ours,
 * cannot be asked where it is.  So it is stopped as a debugger would stop it,
 * and its chain of frame pointers is followed.  Code that was compiled without
 * frame pointers is left out, or ends the chain.
 */
#include "test/run/peek.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "test/child/registers.h"

static bool stop(pid_t pid) {
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) return false;
    if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) return false;
    return waitpid(pid, NULL, WUNTRACED) == pid;
}

/* The frame at `at`: where the next outer one is, and what called it. */
static bool read_frame(pid_t pid, uintptr_t at, uintptr_t words[2]) {
    struct iovec here = { .iov_base = words, .iov_len = 2 * sizeof words[0] };
    struct iovec there = { .iov_base = (void *)at,
                           .iov_len = 2 * sizeof words[0] };
    return process_vm_readv(pid, &here, 1, &there, 1, 0) ==
           (ssize_t)(2 * sizeof words[0]);
}

int bl__peek_stack(pid_t pid, void **frames, int frames_max) {
    bl__registers now;
    struct iovec set = { .iov_base = &now, .iov_len = sizeof now };
    uintptr_t words[2];
    int count = 0;
    if (!stop(pid)) return 0;
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &set) < 0) return 0;
    if (bl__registers_place(&now) == 0 || frames_max == 0) return 0;

    frames[count++] =
        (void *)(bl__registers_place(&now) + 1); /* as if it had called */
    uintptr_t frame = bl__registers_frame(&now);
    while (count < frames_max && read_frame(pid, frame, words)) {
        if (words[1] == 0) break;
        frames[count++] = (void *)words[1];
        if (words[0] <= frame) break; /* outer frames are further up */
        frame = words[0];
    }
    return count;
}
