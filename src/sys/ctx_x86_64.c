/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx_x86_64.c - how a stack begins on x86-64
 *
 * A new context is given a made-up saved state: the resume address is a thunk
 * that takes the function and its argument from the new stack.  The thunk
 * tells unwinders, by CFI, that there is nothing beneath it, so that gdb, perf
 * and the forced unwinding of a failed test end here.
 *
 * Invariant: at the thunk's call the stack is aligned to 16 bytes, as the
 * System V ABI asks.
 */
#include "sys/ctx.h"

#include "base/assert.h"

void bl__ctx_thunk(void);

/* On entry: rsp points to the function, then the argument. */
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
        "    callq *%rax\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size bl__ctx_thunk, . - bl__ctx_thunk\n");

void bl__ctx_make(struct bl__ctx *ctx, void *low, void *high, bl__ctx_fn *fn,
                  void *arg) {
    BL__ASSERT(((uintptr_t)high & 15) == 0);
    BL__ASSERT((char *)high - (char *)low >= 1024);

    void **sp = (void **)high;
    *--sp = arg;
    *--sp = (void *)fn;
    ctx->pc = (void *)bl__ctx_thunk;
    ctx->sp = sp;
    ctx->fp = NULL;
}
