/* SPDX-License-Identifier: MIT */
/*
 * sys/cpu.h - which CPUs a thread may use, holding it to one, and pausing it
 */
#ifndef BL__SYS_CPU_H
#define BL__SYS_CPU_H

#include <pthread.h>
#include <stdint.h>

/* How many CPUs the calling thread may use; 1 where that is not known. */
uint32_t bl__cpu_count(void);

/*
 * Holds `thread` to one of the CPUs that the calling thread may use: to number
 * `index`, counted round.  0, BL_ENOMEM, or a code of the system.
 */
int bl__cpu_pin(pthread_t thread, uint32_t index);

/* Between two looks at memory that somebody else is about to write. */
static inline void bl__cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* its yield does nothing at all */
#endif
}

#endif
