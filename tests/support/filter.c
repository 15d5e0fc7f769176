/* SPDX-License-Identifier: MIT */
/*
 * support/filter.c - filters on system calls; see filter.h
 */
#include "support/filter.h"

#include <belay/test.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef MADV_GUARD_INSTALL
#    define MADV_GUARD_INSTALL 102
#endif

#define LOAD(field) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

static void install(struct sock_filter *program, size_t count) {
    struct sock_fprog filter = { .len = (unsigned short)count,
                                 .filter = program };
    REQUIRE_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
        t_skip("no filters on system calls here");
    }
}

void refuse_call(long number, int error) {
    struct sock_filter program[] = {
        LOAD(nr),
        SKIP_UNLESS((unsigned)number, 1),
        RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
        RETURN(SECCOMP_RET_ALLOW),
    };
    install(program, sizeof program / sizeof *program);
}

void die_at_call(long number) {
    struct sock_filter program[] = {
        LOAD(nr),
        SKIP_UNLESS((unsigned)number, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        RETURN(SECCOMP_RET_ALLOW),
    };
    install(program, sizeof program / sizeof *program);
}

/* The argument's lower half; the machines we run on put it first. */
void refuse_call_with(long number, int index, unsigned value, int error) {
    struct sock_filter program[] = {
        LOAD(nr),
        SKIP_UNLESS((unsigned)number, 3),
        LOAD(args[index]),
        SKIP_UNLESS(value, 1),
        RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
        RETURN(SECCOMP_RET_ALLOW),
    };
    install(program, sizeof program / sizeof *program);
}

void refuse_io_uring(int error) {
    refuse_call(SYS_io_uring_setup, error);
}

void refuse_light_guards(void) {
    refuse_call_with(SYS_madvise, 2, MADV_GUARD_INSTALL, EINVAL);
    refuse_call_with(SYS_process_madvise, 3, MADV_GUARD_INSTALL, EINVAL);
}

void refuse_all_guards(void) {
    refuse_light_guards();
    refuse_call_with(SYS_mprotect, 2, PROT_NONE, ENOMEM);
}
