/* SPDX-License-Identifier: MIT */
/*
 * sys/cpu.h - which CPUs a thread may use, and holding it to one
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

#endif
