/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx_aarch64.c - how a stack begins on AArch64
 *
 * As on x86-64: a thunk takes the function and its argument from the new
 * stack and jumps there as if it had been called from the thunk's end, and
 * tells unwinders that there is nothing beneath it.  A suspended stack is seen
 * by unwinding from a function whose caller, they are told, is its context.
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
        "    adr x30, bl__ctx_thunk_end\n"
        "    br x9\n"
        ".globl bl__ctx_thunk_end\n"
        ".hidden bl__ctx_thunk_end\n"
        "bl__ctx_thunk_end:\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_thunk, . - bl__ctx_thunk\n");

/*
 * On entry: x0 is the context, x1 the function, x2 its argument.  The context
 * stays at the top of the stack during the call, and from there:
 *
 *     where the caller's sp stood    context->sp + 16
 *     where it goes on, as x30       at context
 *     x19, x29                       at context->sp, and a word above
 */
__asm__(".text\n"
        ".globl bl__ctx_visit\n"
        ".hidden bl__ctx_visit\n"
        ".type bl__ctx_visit, %function\n"
        ".p2align 4\n"
        "bl__ctx_visit:\n"
        "    .cfi_startproc\n"
        "    hint #34\n" /* bti c */
        "    stp x0, x30, [sp, #-16]!\n"
        "    .cfi_remember_state\n"
        /* def_cfa_expression: breg31 0, deref, plus 8, deref, plus 16 */
        "    .cfi_escape 0x0f, 8, 0x8f, 0, 6, 0x23, 8, 6, 0x23, 16\n"
        /* expression x30: breg31 0, deref */
        "    .cfi_escape 0x10, 30, 3, 0x8f, 0, 6\n"
        /* expression x19: breg31 0, deref, plus 8, deref */
        "    .cfi_escape 0x10, 19, 6, 0x8f, 0, 6, 0x23, 8, 6\n"
        /* expression x29: breg31 0, deref, plus 8, deref, plus 8 */
        "    .cfi_escape 0x10, 29, 8, 0x8f, 0, 6, 0x23, 8, 6, 0x23, 8\n"
        "    mov x0, x2\n"
        "    blr x1\n"
        "    ldp x9, x30, [sp], #16\n"
        "    .cfi_restore_state\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_visit, . - bl__ctx_visit\n");
