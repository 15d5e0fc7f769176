/* SPDX-License-Identifier: MIT */
/*
 * support/failing.c - a system call that fails a few times; see failing.h
 */
#include "support/failing.h"

#include "support/host.h"

static bl_ssize fail_some(void *context, bl_io_call call, int fd,
                          size_t bytes) {
    struct failing *failing = context;
    (void)fd;
    (void)bytes;
    if (call != failing->call || failing->left == 0) return 0;
    failing->left--;
    return failing->code;
}

bl_loop_options failing_options(struct failing *failing) {
    bl_loop_options options = quiet_options();
    options.on_io = fail_some;
    options.seam_context = failing;
    return options;
}
