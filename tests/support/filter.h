/* SPDX-License-Identifier: MIT */
/*
 * support/filter.h - system calls that fail, as in a container or on an older
 * kernel
 *
 * A filter holds for the test's own process until it ends, so for no other
 * test.  Where filters themselves are refused, the test is skipped.
 */
#ifndef SUPPORT_FILTER_H
#define SUPPORT_FILTER_H

/* From now on the system call `number` fails with the code `error`. */
void refuse_call(long number, int error);

/* As refuse_call, but only where argument number `index` is `value`. */
void refuse_call_with(long number, int index, unsigned value, int error);

/* From now on the system call `number` kills the process at once. */
void die_at_call(long number);

/* From now on io_uring cannot be set up. */
void refuse_io_uring(int error);

/* From now on no guard page can be made by madvise, as before Linux 6.13. */
void refuse_light_guards(void);

/* From now on no guard page can be made at all. */
void refuse_all_guards(void);

#endif
