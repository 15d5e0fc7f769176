/* SPDX-License-Identifier: MIT */
/*
 * base/sigpipe.h - writing where nobody may be reading
 */
#ifndef BL__BASE_SIGPIPE_H
#define BL__BASE_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

/*
 * Holds the signal of a broken pipe back for one call, and then takes it away:
 * a library cannot change what a signal does for the whole program.  `error`
 * is what the call failed with, 0 if it did not; EPIPE of a call that raises
 * the signal though it has moved a part.
 */
struct bl__sigpipe {
    sigset_t before;
    bool was_pending;
};
void bl__sigpipe_hold(struct bl__sigpipe *held);
void bl__sigpipe_drop(const struct bl__sigpipe *held, int error);

#endif
