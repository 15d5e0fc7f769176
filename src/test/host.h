/* SPDX-License-Identifier: MIT */
/*
 * test/host.h - small needs of the runner's own process
 *
 * The runner cannot go on without memory, and says so with exit status 3.
 */
#ifndef BL__TEST_HOST_H
#define BL__TEST_HOST_H

#include <stdio.h>

#include <belay/base.h>

/* Zeroed memory; of at least one byte. */
void *bl__host_alloc(size_t bytes);
void *bl__host_resize(void *memory, size_t bytes);

/* A string that the caller frees. */
BL__PRINTF(1, 2)
char *bl__host_format(const char *format, ...);

/*
 * Names who ends the report if the runner cannot go on: `end` is told why, and
 * leaves the closing line behind.  NULL: nobody.
 */
void bl__host_at_death(void (*end)(const char *problem));

/* Prints an internal error and exits with status 3. */
BL__PRINTF(1, 2) BL__NORETURN void bl__host_die(const char *format, ...);

/* CLOCK_MONOTONIC. */
bl_ns bl__host_now(void);

/* How many CPUs this process may use. */
int bl__host_cpu_count(void);

/* The process id of an attached debugger, or 0. */
int bl__host_tracer(void);

/* Whether this process runs under Valgrind. */
bool bl__host_has_valgrind(void);

/*
 * How many times slower than usual this build runs: 1, or more under a
 * sanitizer or Valgrind.  Real time limits are multiplied by it.
 */
double bl__host_slowness(void);

/*
 * Returns a descriptor that becomes readable when the child `pid` has ended,
 * which must not have been waited for; or -1 with errno set.
 */
int bl__host_end_fd(int pid);

/* How many of `count` repetitions a build that is so slow has time for; of a
 * few, all. */
unsigned bl__host_share(unsigned count);

/* What a sanitizer says in `output` that must fail the test, or NULL. */
const char *bl__host_complaint(const char *output);

/* Whether this process runs under Valgrind. */
bool bl__host_has_valgrind(void);

/* Whether AddressSanitizer reports faults in this process. */
bool bl__host_has_asan(void);

/* Whether a tool notices reads of memory that was never written. */
bool bl__host_tracks_undefined(void);

/*
 * Ends the process at once, after what a build needs at its end: a leak check,
 * coverage data.
 */
BL__NORETURN
void bl__host_leave(int status);

#endif
