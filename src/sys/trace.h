/* SPDX-License-Identifier: MIT */
/*
 * sys/trace.h - in which calls a stack is
 *
 * A *frame* is the address behind a call: where the function that made it goes
 * on.  Frames are told from the inside out, and end where the stack begins.
 */
#ifndef BL__SYS_TRACE_H
#define BL__SYS_TRACE_H

#include "sys/ctx.h"

/*
 * Traces the calling thread, from its frame `innermost` outward.  In a signal
 * handler it traces what the signal has interrupted.
 *
 * Returns how many frames it has written.
 */
size_t bl__trace_here(const void *innermost, const void **frames, size_t max);

/*
 * Traces a saved context, which must stay one meanwhile.
 *
 * Returns how many frames it has written; 0 if the context has not begun, or
 * where the switch does not say what it has saved.
 */
size_t bl__trace_context(const struct bl__ctx *ctx, const void **frames,
                         size_t max);

#endif
