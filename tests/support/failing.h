/* SPDX-License-Identifier: MIT */
/*
 * support/failing.h - a system call that fails a few times, by the loop's seam
 *
 * What a sweep does once and anywhere, a test does here on purpose: as often
 * as it likes, with the code it likes, in a loop of its own.
 */
#ifndef SUPPORT_FAILING_H
#define SUPPORT_FAILING_H

#include <belay.h>

struct failing {
    bl_io_call call;
    int code; /* with which it fails */
    int left; /* so many times from now on */
};

/* quiet_options() whose `failing->call` fails; see support/host.h. */
bl_loop_options failing_options(struct failing *failing);

#endif
