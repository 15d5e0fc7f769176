/* SPDX-License-Identifier: MIT */
/*
 * sys/hooks.h - telling AddressSanitizer, ThreadSanitizer and Valgrind
 * about stacks
 *
 * Each tool must be told when a stack is made, switched to and given back;
 * what they must be told is theirs, and documented in their headers
 * (sanitizer/common_interface_defs.h, sanitizer/tsan_interface.h,
 * valgrind/valgrind.h).  In a build without them all of this is empty.
 * BELAY_NO_FIBER_HOOKS leaves the hooks out on purpose: the tests prove that
 * such a build fails.
 */
#ifndef BL__SYS_HOOKS_H
#define BL__SYS_HOOKS_H

#include <belay/base.h>

#if defined(__SANITIZE_ADDRESS__)
#    define BL__HAS_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define BL__HAS_ASAN 1
#    endif
#endif
#ifndef BL__HAS_ASAN
#    define BL__HAS_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#    define BL__HAS_TSAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define BL__HAS_TSAN 1
#    endif
#endif
#ifndef BL__HAS_TSAN
#    define BL__HAS_TSAN 0
#endif

#if defined(BELAY_VALGRIND) && BELAY_VALGRIND
#    define BL__HAS_VALGRIND 1
#else
#    define BL__HAS_VALGRIND 0
#endif

#if defined(BELAY_NO_FIBER_HOOKS) && BELAY_NO_FIBER_HOOKS
#    define BL__CTX_HAS_TOOLS 0
#else
#    define BL__CTX_HAS_TOOLS (BL__HAS_ASAN || BL__HAS_TSAN || BL__HAS_VALGRIND)
#endif

struct bl__ctx;

#if BL__CTX_HAS_TOOLS
/* What the tools know a context by. */
struct bl__ctx_tools {
    const void *stack_low;
    size_t stack_bytes;
    void *fake_stack;
    void *tsan_fiber;
    unsigned valgrind_id;
    bool is_leaving;
};

/* A new context on [low, high) / one that has ended or is given back. */
void bl__ctx_tools_open(struct bl__ctx *ctx, void *low, void *high);
void bl__ctx_tools_close(struct bl__ctx *ctx);
/* The context of the calling thread's own stack. */
void bl__ctx_tools_adopt(struct bl__ctx *ctx);
/* The first thing on a new stack. */
void bl__ctx_tools_enter(struct bl__ctx *ctx);
#else
static inline void bl__ctx_tools_open(struct bl__ctx *ctx, void *low,
                                      void *high) {
    (void)ctx;
    (void)low;
    (void)high;
}
static inline void bl__ctx_tools_close(struct bl__ctx *ctx) {
    (void)ctx;
}
static inline void bl__ctx_tools_adopt(struct bl__ctx *ctx) {
    (void)ctx;
}
static inline void bl__ctx_tools_enter(struct bl__ctx *ctx) {
    (void)ctx;
}
#endif

#endif
