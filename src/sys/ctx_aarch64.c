/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx_aarch64.c - how a stack begins on AArch64
 *
 * As on x86-64: a thunk takes the function and its argument from the new
 * stack and jumps there as if it had been called from the thunk's end, and
 * tells unwinders that there is nothing beneath it.
 *
 * Invariant: sp is aligned to 16 bytes at all times, as the AAPCS64 asks.
 */
#include "sys/ctx.h"

__asm__(".text\n"
        ".globl bl__ctx_thunk\n"
        ".hidden bl__ctx_thunk\n"
        ".type bl__ctx_thunk, %function\n"
        ".p2align 4\n"
        "bl__ctx_thunk:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    hint #36\n" /* bti j */
        "    ldp x9, x0, [sp], #16\n"
        "    mov x29, xzr\n"
        "    adr x30, 1f\n"
        "    br x9\n"
        "1:  brk #1\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_thunk, . - bl__ctx_thunk\n");
