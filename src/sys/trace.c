/* SPDX-License-Identifier: MIT */
/*
 * sys/trace.c - in which calls a stack is
 *
 * The unwinder of the compiler's runtime walks the stack: it reads the tables
 * that the compiler has written, so it needs no frame pointers.  It allocates
 * nothing, and takes no lock where the C library finds the tables without one
 * (glibc since 2.35); elsewhere that of the dynamic linker, for a moment.
 *
 * It always starts with its caller, so the frames before the one that was asked
 * for are left out.  For a saved context a function stands between, whose
 * caller it takes the context for (sys/ctx.h).
 */
#include "sys/trace.h"

#include <unwind.h>

struct trace {
    const void *innermost;
    const void **frames;
    size_t max;
    size_t count;
    bool has_begun;
    bool is_saved; /* and so nothing has interrupted it */
};

static _Unwind_Reason_Code trace_frame(struct _Unwind_Context *context,
                                       void *arg) {
    struct trace *trace = arg;
    int is_interrupted = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &is_interrupted);
    if (is_interrupted) {
        /* Further in is the handler.  Here is an instruction, not what follows
         * a call. */
        trace->has_begun = true;
        trace->count = 0;
        pc++;
    }
    const void *frame = (const void *)pc;
#if !defined(BELAY_CTX_GENERIC)
    if (frame == bl__ctx_thunk_end) return _URC_END_OF_STACK;
#endif
    if (frame == trace->innermost) trace->has_begun = true;
    if (!trace->has_begun) return _URC_NO_REASON;
    if (trace->count < trace->max) trace->frames[trace->count++] = frame;
    bool is_enough = trace->is_saved && trace->count == trace->max;
    return is_enough ? _URC_END_OF_STACK : _URC_NO_REASON;
}

size_t bl__trace_here(const void *innermost, const void **frames, size_t max) {
    struct trace trace = { .innermost = innermost,
                           .frames = frames,
                           .max = max };
    _Unwind_Backtrace(trace_frame, &trace);
    return trace.count;
}

#if defined(BELAY_CTX_GENERIC)

size_t bl__trace_context(const struct bl__ctx *ctx, const void **frames,
                         size_t max) {
    (void)ctx;
    (void)frames;
    (void)max;
    return 0;
}

#else

static void trace_visited(void *arg) {
    _Unwind_Backtrace(trace_frame, arg);
}

size_t bl__trace_context(const struct bl__ctx *ctx, const void **frames,
                         size_t max) {
    if (ctx->pc == (const void *)bl__ctx_thunk) return 0;
    struct trace trace = {
        .innermost = ctx->pc, .frames = frames, .max = max, .is_saved = true
    };
    bl__ctx_visit(ctx, trace_visited, &trace);
    return trace.count;
}

#endif
