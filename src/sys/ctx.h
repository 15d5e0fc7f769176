/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx.h - switching between stacks
 *
 * A context is what is left of a suspended line of execution: where its stack
 * stands and where it goes on.  Everything else that it needs is on its stack.
 *
 * On the CPUs we know, the switch is inline assembly: it pushes the frame
 * pointer, saves the stack pointer and the resume address, tells the compiler
 * that all other registers are lost (so it spills just those that are live),
 * and leaves by an indirect jump, which the CPU predicts, where `ret` into
 * another stack would defeat its return predictor.  For the same reason a
 * context's function is jumped to, not called: a call that never returns would
 * leave the predictor one address ahead of every return that follows.
 * Floating-point control words belong to the thread, not to the context.
 *
 * Sanitizers and Valgrind keep a picture of the stack of their own; the hooks
 * beside the switch keep it true (hooks.h).
 *
 * Invariant: a context is either running or saved; only a saved one is
 * switched to, and that makes it running.
 */
#ifndef BL__SYS_CTX_H
#define BL__SYS_CTX_H

#include <assert.h>
#include <stddef.h>

#include <belay/base.h>

#include "base/assert.h"
#include "sys/hooks.h"

/* The entry function of a context.  It never returns. */
typedef void bl__ctx_fn(void *arg);

struct bl__ctx {
#if defined(BELAY_CTX_GENERIC)
    void *other; /* its ucontext */
#else
    void *pc;
    void *sp;
#endif
#if BL__CTX_HAS_TOOLS
    struct bl__ctx_tools tools;
#endif
};

/*
 * bl__ctx_make makes `ctx` start `fn(arg)` at the top of the stack [low, high)
 * when it is switched to for the first time.
 */
#if defined(BELAY_CTX_GENERIC)

void bl__ctx_make(struct bl__ctx *ctx, void *low, void *high, bl__ctx_fn *fn,
                  void *arg);
struct bl__ctx *bl__ctx_swap(struct bl__ctx *from, struct bl__ctx *to);

BL__NORETURN
static BL__INLINE void bl__ctx_jump(struct bl__ctx *from, struct bl__ctx *to) {
    bl__ctx_swap(from, to);
    __builtin_unreachable();
}

#elif defined(__x86_64__)

#    if defined(__AVX512F__)
#        define BL__CTX_WIDE                                                   \
            , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",   \
                "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", \
                "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#    else
#        define BL__CTX_WIDE
#    endif

/*
 * rbx and rbp cannot always be named as clobbers (position-independent code,
 * frame pointers), so they are kept by hand on the stack, below the red zone
 * that the compiler may be using.
 */
static BL__INLINE struct bl__ctx *bl__ctx_swap(struct bl__ctx *from,
                                               struct bl__ctx *to) {
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbx\n\t"
                     "pushq %%rbp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, 0(%%rdi)\n\t"
                     "movq %%rsp, 8(%%rdi)\n\t"
                     "movq 8(%%rsi), %%rsp\n\t"
                     "jmpq *0(%%rsi)\n\t"
                     ".p2align 4\n"
                     "1:\n\t"
                     "endbr64\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rbx\n\t"
                     "leaq 128(%%rsp), %%rsp\n\t"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12",
                       "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
                       "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory",
                       "cc" BL__CTX_WIDE);
    return to; /* what it was to whoever jumped here: our `from` */
}

/* The second half of the swap: nothing of `from` is saved. */
BL__NORETURN
static BL__INLINE void bl__ctx_jump(struct bl__ctx *from, struct bl__ctx *to) {
    (void)from;
    __asm__ volatile("movq 8(%%rsi), %%rsp\n\t"
                     "jmpq *0(%%rsi)\n\t"
                     :
                     : "S"(to)
                     : "memory");
    __builtin_unreachable();
}

#elif defined(__aarch64__)

/* x19 and x29 (frame pointer) are kept by hand, like rbx and rbp above.  x18 is
 * a register like others on Linux: unnamed, it would be the only one that the
 * compiler believes to survive. */
static BL__INLINE struct bl__ctx *bl__ctx_swap(struct bl__ctx *from,
                                               struct bl__ctx *to) {
    register struct bl__ctx *x0 __asm__("x0") = from;
    register struct bl__ctx *x1 __asm__("x1") = to;
    __asm__ volatile(
        "stp x19, x29, [sp, #-16]!\n\t"
        "adr x9, 1f\n\t"
        "mov x10, sp\n\t"
        "stp x9, x10, [x0]\n\t"
        "ldp x16, x10, [x1]\n\t"
        "mov sp, x10\n\t"
        "br x16\n"
        "1:\n\t"
        "hint #36\n\t" /* bti j */
        "ldp x19, x29, [sp], #16\n\t"
        : "+r"(x0), "+r"(x1)
        :
        : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
          "x13", "x14", "x15", "x16", "x17", "x18", "x20", "x21", "x22", "x23",
          "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3",
          "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14",
          "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
          "v25", "v26", "v27", "v28", "v29", "v30", "v31", "memory", "cc");
    return x1; /* what it was to whoever jumped here: our `from` */
}

/* The second half of the swap: nothing of `from` is saved. */
BL__NORETURN
static BL__INLINE void bl__ctx_jump(struct bl__ctx *from, struct bl__ctx *to) {
    register struct bl__ctx *x1 __asm__("x1") = to;
    (void)from;
    __asm__ volatile("ldp x16, x10, [x1]\n\t"
                     "mov sp, x10\n\t"
                     "br x16\n\t"
                     :
                     : "r"(x1)
                     : "memory");
    __builtin_unreachable();
}

#else
#    error "build with BELAY_CTX_GENERIC on this CPU"
#endif

/* Where the stack of a saved context ends; NULL if that is not known. */
static BL__INLINE const char *bl__ctx_stack(const struct bl__ctx *ctx) {
#if defined(BELAY_CTX_GENERIC)
    (void)ctx;
    return NULL;
#else
    return ctx->sp;
#endif
}

#if !defined(BELAY_CTX_GENERIC)

/* What the thunk finds where the stack pointer of a new context points to. */
struct bl__ctx_start {
    bl__ctx_fn *fn;
    void *arg;
#    if defined(__x86_64__)
    const char *return_address;
#    endif
};

/* Code, in sys/ctx_<cpu>.c. */
extern const char bl__ctx_thunk[];
extern const char bl__ctx_thunk_end[];

/*
 * Calls `fn(arg)` on the stack of the caller, and tells unwinders that what
 * called it is the saved context: who unwinds in there walks its stack.
 */
void bl__ctx_visit(const struct bl__ctx *ctx, void (*fn)(void *), void *arg);

static_assert(offsetof(struct bl__ctx, pc) == 0, "the assembly knows");
static_assert(offsetof(struct bl__ctx, sp) == 8, "the assembly knows");

static BL__INLINE void bl__ctx_make(struct bl__ctx *ctx, void *low, void *high,
                                    bl__ctx_fn *fn, void *arg) {
    (void)low;
    BL__ASSERT(((uintptr_t)high & 15) == 0);
    struct bl__ctx_start *start = (struct bl__ctx_start *)high - 1;
    start->fn = fn;
    start->arg = arg;
#    if defined(__x86_64__)
    start->return_address = bl__ctx_thunk_end;
#    endif
    ctx->pc = (void *)(uintptr_t)bl__ctx_thunk;
    ctx->sp = start;
}

#endif

/*
 * Suspends `from`, which is running, and goes on with `to`.  Returns when
 * somebody switches to `from` again, and returns `from`: nothing outlives a
 * switch in a register, but whoever comes here has it in one, so a caller that
 * goes on with the result has nothing to keep on its stack.
 */
#if BL__CTX_HAS_TOOLS
struct bl__ctx *bl__ctx_switch(struct bl__ctx *from, struct bl__ctx *to);
#else
static BL__INLINE struct bl__ctx *bl__ctx_switch(struct bl__ctx *from,
                                                 struct bl__ctx *to) {
    return bl__ctx_swap(from, to);
}
#endif

/* Goes on with `to` and never comes back to `from`. */
#if BL__CTX_HAS_TOOLS
BL__NORETURN
void bl__ctx_leave(struct bl__ctx *from, struct bl__ctx *to);
#else
BL__NORETURN
static BL__INLINE void bl__ctx_leave(struct bl__ctx *from, struct bl__ctx *to) {
    bl__ctx_jump(from, to);
}
#endif

#endif
