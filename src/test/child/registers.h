/* SPDX-License-Identifier: MIT */
/*
 * test/child/registers.h - where a stopped process is, from its registers
 *
 * The layout is that of PTRACE_GETREGSET with NT_PRSTATUS.
 */
#ifndef BL__TEST_REGISTERS_H
#define BL__TEST_REGISTERS_H

#include <stdint.h>
#include <sys/user.h>

#if defined(__x86_64__)
typedef struct user_regs_struct bl__registers;

static inline uintptr_t bl__registers_place(const bl__registers *now) {
    return (uintptr_t)now->rip;
}

static inline uintptr_t bl__registers_frame(const bl__registers *now) {
    return (uintptr_t)now->rbp;
}
#elif defined(__aarch64__)
typedef struct user_regs_struct bl__registers;

static inline uintptr_t bl__registers_place(const bl__registers *now) {
    return (uintptr_t)now->pc;
}

static inline uintptr_t bl__registers_frame(const bl__registers *now) {
    return (uintptr_t)now->regs[29];
}
#else
/* Nothing is known about this CPU; the kernel writes no more than fits. */
typedef struct bl__registers {
    uintptr_t unknown;
} bl__registers;

/* Returns 0: nowhere. */
static inline uintptr_t bl__registers_place(const bl__registers *now) {
    return now->unknown & 0;
}

static inline uintptr_t bl__registers_frame(const bl__registers *now) {
    return now->unknown & 0;
}
#endif

#endif
