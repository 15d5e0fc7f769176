/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx_x86_64.c - how a stack begins on x86-64
 *
 * A new context is given a made-up saved state: the resume address is a thunk
 * that takes the function and its argument from the new stack and jumps to it
 * as if it had been called from the thunk's end.  The thunk tells unwinders, by
 * CFI, that there is nothing beneath it, so that gdb, perf and the forced
 * unwinding of a failed test end here.
 *
 * Invariant: when the function starts, the stack is aligned to 16 bytes but
 * for the return address, as the System V ABI asks.
 */
#include "sys/ctx.h"

/* On entry: rsp points to the function, the argument, the return address. */
__asm__(".text\n"
        ".globl bl__ctx_thunk\n"
        ".hidden bl__ctx_thunk\n"
        ".type bl__ctx_thunk, @function\n"
        ".p2align 4\n"
        "bl__ctx_thunk:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    endbr64\n"
        "    popq %rax\n"
        "    popq %rdi\n"
        "    xorl %ebp, %ebp\n"
        "    jmpq *%rax\n"
        ".globl bl__ctx_thunk_end\n"
        ".hidden bl__ctx_thunk_end\n"
        "bl__ctx_thunk_end:\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_thunk, . - bl__ctx_thunk\n");
