/* SPDX-License-Identifier: MIT */
/*
 * sys/raw.h - system calls that leave no trace in the thread
 *
 * A child that shares our memory shares the thread's variables with it too:
 * errno, and what sanitizers keep.  What runs there makes its system calls
 * here, and is compiled without instrumentation (BL__BARE).
 *
 * On a CPU that is not known, and with BELAY_CTX=generic, the calls go by the C
 * library, and bl__raw_is_bare is false: then there is no such child.  The C
 * library's clone() is not used in any case: ThreadSanitizer takes each call of
 * it for a fork.
 */
#ifndef BL__SYS_RAW_H
#define BL__SYS_RAW_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <belay/base.h>

/* clang 14 poisons stacks for AddressSanitizer unless that is named, and has
 * ThreadSanitizer note calls unless all is disabled. */
#if defined(__clang__) && __clang_major__ >= 14
#    define BL__BARE                           \
        __attribute__((                        \
            disable_sanitizer_instrumentation, \
            no_sanitize("address", "thread", "undefined", "memory")))
#elif defined(__clang__)
#    define BL__BARE \
        __attribute__((no_sanitize("address", "thread", "undefined", "memory")))
#else
#    define BL__BARE \
        __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

#if defined(__x86_64__) && defined(__LP64__) && !defined(BELAY_CTX_GENERIC)

static const bool bl__raw_is_bare = true;

/* Returns what the kernel does: a negative error number on failure. */
BL__BARE static inline long bl__raw(long number, long a, long b, long c, long d,
                                    long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

/*
 * Makes a child with a stack that ends at `top`, 16-byte aligned, which calls
 * `fn(arg)` and exits with what that returns.
 */
BL__BARE static inline long bl__raw_clone(long flags, void *top,
                                          int (*fn)(void *arg), void *arg,
                                          int *pidfd) {
    long result;
    uintptr_t *place = top;
    register long ctid __asm__("r10") = 0;
    register long tls __asm__("r8") = 0;
    *--place = (uintptr_t)arg;
    *--place = (uintptr_t)fn;
    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "popq %%rax\n\t"
                     "popq %%rdi\n\t"
                     "callq *%%rax\n\t"
                     "movl %%eax, %%edi\n\t"
                     "movl %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "a"((long)SYS_clone), "D"(flags), "S"(place), "d"(pidfd),
                       "r"(ctid), "r"(tls), [exit] "i"(SYS_exit_group)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

#elif defined(__aarch64__) && defined(__LP64__) && !defined(BELAY_CTX_GENERIC)

static const bool bl__raw_is_bare = true;

BL__BARE static inline long bl__raw(long number, long a, long b, long c, long d,
                                    long e) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                     : "memory");
    return x0;
}

/* As above. */
BL__BARE static inline long bl__raw_clone(long flags, void *top,
                                          int (*fn)(void *arg), void *arg,
                                          int *pidfd) {
    uintptr_t *place = (uintptr_t *)top - 2;
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = flags;
    register uintptr_t *x1 __asm__("x1") = place;
    register int *x2 __asm__("x2") = pidfd;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    place[0] = (uintptr_t)fn;
    place[1] = (uintptr_t)arg;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "ldp x9, x0, [sp], #16\n\t"
                     "blr x9\n\t"
                     "mov x8, %[exit]\n\t"
                     "svc #0\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3),
                       "r"(x4), [exit] "i"(SYS_exit_group)
                     : "x9", "memory", "cc");
    return x0;
}

#else

static const bool bl__raw_is_bare = false;

BL__BARE static inline long bl__raw(long number, long a, long b, long c, long d,
                                    long e) {
    long result = syscall(number, a, b, c, d, e);
    return result < 0 ? -errno : result;
}

BL__BARE static inline long bl__raw_clone(long flags, void *top,
                                          int (*fn)(void *arg), void *arg,
                                          int *pidfd) {
    (void)flags;
    (void)top;
    (void)fn;
    (void)arg;
    (void)pidfd;
    return -ENOSYS;
}

#endif

/* Ends the process, whatever thread it is. */
BL__BARE BL__NORETURN static inline void bl__raw_exit(int status) {
    for (;;)
        bl__raw(SYS_exit_group, status, 0, 0, 0, 0);
}

/* The same, for calls with fewer arguments, or with pointers. */
#define BL__RAW0(name)       bl__raw(SYS_##name, 0, 0, 0, 0, 0)
#define BL__RAW1(name, a)    bl__raw(SYS_##name, (long)(a), 0, 0, 0, 0)
#define BL__RAW2(name, a, b) bl__raw(SYS_##name, (long)(a), (long)(b), 0, 0, 0)
#define BL__RAW3(name, a, b, c) \
    bl__raw(SYS_##name, (long)(a), (long)(b), (long)(c), 0, 0)
#define BL__RAW4(name, a, b, c, d) \
    bl__raw(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), 0)
#define BL__RAW5(name, a, b, c, d, e) \
    bl__raw(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

#endif
