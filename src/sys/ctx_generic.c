/* SPDX-License-Identifier: MIT */
/*
 * sys/ctx_generic.c - switching on any CPU, by ucontext
 *
 * Several times slower, because swapcontext makes a system call to save the
 * signal mask, but correct wherever the C library has it.  A task that changes
 * the mask therefore changes its own alone.  The ucontext of a task lies on its
 * own stack; that of a thread is allocated once per context.
 */
#include "sys/ctx.h"

#include <stdlib.h>
#include <ucontext.h>

#include "base/alloc.h"
#include "base/assert.h"

struct generic {
    ucontext_t uc;
    bl__ctx_fn *fn;
    void *arg;
};

static __thread struct generic thread_generic;

/* makecontext passes ints only, so the pointer travels in two halves. */
static void enter(unsigned high, unsigned low) {
    uintptr_t bits = ((uintptr_t)high << 16 << 16) | (uintptr_t)low;
    struct generic *generic = (struct generic *)bits;
    generic->fn(generic->arg);
    abort();
}

void bl__ctx_make(struct bl__ctx *ctx, void *low, void *high, bl__ctx_fn *fn,
                  void *arg) {
    uintptr_t top = ((uintptr_t)high - sizeof(struct generic)) & ~(uintptr_t)63;
    struct generic *generic = (struct generic *)top;
    generic->fn = fn;
    generic->arg = arg;
    if (getcontext(&generic->uc) < 0) abort();
    generic->uc.uc_stack.ss_sp = low;
    generic->uc.uc_stack.ss_size = top - (uintptr_t)low;
    generic->uc.uc_link = NULL;
    makecontext(&generic->uc, (void (*)(void))enter, 2,
                (unsigned)(top >> 16 >> 16), (unsigned)top);
    ctx->other = generic;
}

struct bl__ctx *bl__ctx_swap(struct bl__ctx *from, struct bl__ctx *to) {
    if (from->other == NULL) from->other = &thread_generic;
    struct generic *save = from->other;
    struct generic *load = to->other;
    BL__ASSERT(load != NULL);
    swapcontext(&save->uc, &load->uc);
    return from;
}
