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
 * Who wants to see a suspended stack unwinds from a function whose caller, by
 * CFI again, is the saved context.  Registers of a context are three words and
 * rbx, rbp: all others are on its stack, where the CFI of its functions finds
 * them.
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

/*
 * On entry: rdi is the context, rsi the function, rdx its argument.  The
 * context stays at the top of the stack during the call, and from there:
 *
 *     where the caller's rsp stood   context->sp + 144   two words, a red zone
 *     rip                            at context
 *     rbp, rbx                       at context->sp, and a word above
 */
__asm__(".text\n"
        ".globl bl__ctx_visit\n"
        ".hidden bl__ctx_visit\n"
        ".type bl__ctx_visit, @function\n"
        ".p2align 4\n"
        "bl__ctx_visit:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    .cfi_remember_state\n"
        /* def_cfa_expression: breg7 0, deref, plus 8, deref, plus 144 */
        "    .cfi_escape 0x0f, 9, 0x77, 0, 6, 0x23, 8, 6, 0x23, 0x90, 1\n"
        /* expression rip: breg7 0, deref */
        "    .cfi_escape 0x10, 16, 3, 0x77, 0, 6\n"
        /* expression rbp: breg7 0, deref, plus 8, deref */
        "    .cfi_escape 0x10, 6, 6, 0x77, 0, 6, 0x23, 8, 6\n"
        /* expression rbx: breg7 0, deref, plus 8, deref, plus 8 */
        "    .cfi_escape 0x10, 3, 8, 0x77, 0, 6, 0x23, 8, 6, 0x23, 8\n"
        "    movq %rdx, %rdi\n"
        "    callq *%rsi\n"
        "    popq %rdi\n"
        "    .cfi_restore_state\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_visit, . - bl__ctx_visit\n");
