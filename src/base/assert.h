/* SPDX-License-Identifier: MIT */
/*
 * base/assert.h - what must be true, checked in every build
 *
 * BL__ASSERT is for invariants of ours: cheap, and on in release.  BL__AUDIT
 * walks structures and is compiled into debug builds only.  BL__MISUSE is for
 * contracts of the caller's that leave nothing to return to: it names both
 * places and ends the process.
 */
#ifndef BL__BASE_ASSERT_H
#define BL__BASE_ASSERT_H

#include <assert.h> /* static_assert */

#include <belay/base.h>

#define BL__LIKELY(x)   __builtin_expect(!!(x), 1)
#define BL__UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Inlined even where the compiler thinks it is cold, as before a call that
 * never returns. */
#define BL__INLINE inline __attribute__((always_inline))

/*
 * A function that other files get inlined as well, where they are compiled as
 * one unit.  gcc wants to see `inline`; clang does without, and with it would
 * have nothing static used in the function.
 */
#if defined(__clang__)
#    define BL__INLINED __attribute__((always_inline))
#else
#    define BL__INLINED BL__INLINE
#endif

#define BL__ASSERT(condition) \
    (BL__LIKELY(condition)    \
         ? (void)0            \
         : bl__panic(__func__, BL_HERE, "assertion failed: %s", #condition))

#if defined(BELAY_AUDIT) && BELAY_AUDIT
#    define BL__AUDIT(condition) BL__ASSERT(condition)
#else
#    define BL__AUDIT(condition) ((void)0)
#endif

#define BL__MISUSE(...) bl__panic(__func__, BL_HERE, __VA_ARGS__)

/*
 * Prints a crash report (message, place, the hooks' reports) to stderr and
 * aborts.
 */
BL__PRINTF(3, 4)
BL__NORETURN void bl__panic(const char *function, const char *place,
                            const char *format, ...);

/* Adds what `hook` prints to every crash report.  At most 4 hooks. */
void bl__panic_add_hook(void (*hook)(void));

#endif
