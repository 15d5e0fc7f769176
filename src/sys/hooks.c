/* SPDX-License-Identifier: MIT */
/*
 * sys/hooks.c - the switch with its tool hooks, and leaving for good
 *
 * With a tool present the switch is this function, out of line: clang gives a
 * function that contains inline assembly no fake stack, and ThreadSanitizer
 * wants its own switch right before ours, from code it does not instrument.
 */
#include "sys/ctx.h"

#include "base/assert.h"

#if BL__CTX_HAS_TOOLS

#    include <pthread.h>
#    include <string.h>

#    if BL__HAS_ASAN
#        include <sanitizer/asan_interface.h>
#        include <sanitizer/common_interface_defs.h>
#        include <sanitizer/lsan_interface.h>
#    endif
#    if BL__HAS_TSAN
#        include <sanitizer/tsan_interface.h>
#    endif
#    if BL__HAS_VALGRIND
#        include <valgrind/valgrind.h>
#    endif

void bl__ctx_tools_open(struct bl__ctx *ctx, void *low, void *high) {
    memset(&ctx->tools, 0, sizeof ctx->tools);
    ctx->tools.stack_low = low;
    ctx->tools.stack_bytes = (size_t)((char *)high - (char *)low);
#    if BL__HAS_ASAN
    /* Frames that never returned have left poison behind. */
    __asan_unpoison_memory_region(low, ctx->tools.stack_bytes);
    __lsan_register_root_region(low, ctx->tools.stack_bytes);
#    endif
#    if BL__HAS_TSAN
    ctx->tools.tsan_fiber = __tsan_create_fiber(0);
#    endif
#    if BL__HAS_VALGRIND
    ctx->tools.valgrind_id = VALGRIND_STACK_REGISTER(low, high);
#    endif
}

void bl__ctx_tools_close(struct bl__ctx *ctx) {
#    if BL__HAS_ASAN
    __lsan_unregister_root_region(ctx->tools.stack_low, ctx->tools.stack_bytes);
#    endif
#    if BL__HAS_TSAN
    __tsan_destroy_fiber(ctx->tools.tsan_fiber);
#    endif
#    if BL__HAS_VALGRIND
    VALGRIND_STACK_DEREGISTER(ctx->tools.valgrind_id);
#    endif
}

void bl__ctx_tools_adopt(struct bl__ctx *ctx) {
    memset(&ctx->tools, 0, sizeof ctx->tools);
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        BL_IGNORE(pthread_attr_getstack(&attributes, &low, &bytes));
        pthread_attr_destroy(&attributes);
    }
    ctx->tools.stack_low = low;
    ctx->tools.stack_bytes = bytes;
#    if BL__HAS_TSAN
    ctx->tools.tsan_fiber = __tsan_get_current_fiber();
#    endif
}

void bl__ctx_tools_enter(struct bl__ctx *ctx) {
    (void)ctx;
#    if BL__HAS_ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#    endif
}

/* Everything but the stack itself; inlined into uninstrumented code only. */
static inline __attribute__((always_inline)) void announce(struct bl__ctx *from,
                                                           struct bl__ctx *to) {
#    if BL__HAS_ASAN
    /* NULL frees the fake stack of a context that will not come back. */
    __sanitizer_start_switch_fiber(
        from->tools.is_leaving ? NULL : &from->tools.fake_stack,
        to->tools.stack_low, to->tools.stack_bytes);
#    endif
#    if BL__HAS_TSAN
    __tsan_switch_to_fiber(to->tools.tsan_fiber, 0);
#    endif
    (void)from;
    (void)to;
}

__attribute__((noinline,
               no_sanitize("address", "thread", "undefined"))) struct bl__ctx *
bl__ctx_switch(struct bl__ctx *from, struct bl__ctx *to) {
    announce(from, to);
    bl__ctx_swap(from, to);
#    if BL__HAS_ASAN
    __sanitizer_finish_switch_fiber(from->tools.fake_stack, NULL, NULL);
#    endif
    return from;
}

#    if BL__HAS_TSAN || BL__HAS_ASAN
__attribute__((no_sanitize("address", "thread", "undefined")))
#    endif
void bl__ctx_leave(struct bl__ctx *from, struct bl__ctx *to) {
    from->tools.is_leaving = true;
    bl__ctx_switch(from, to);
    __builtin_unreachable();
}

#endif
