/* SPDX-License-Identifier: MIT */
/*
 * base/sigpipe.c - writing where nobody may be reading
 *
 * The signal goes to the thread that writes, so blocking it there keeps it
 * back, and whoever has blocked it can take it away.  One that was pending
 * before is somebody else's, and stays.
 */
#include "base/sigpipe.h"

#include <errno.h>
#include <time.h>

#include <belay/error.h>

void bl__sigpipe_hold(struct bl__sigpipe *held) {
    sigset_t broken;
    sigset_t pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigemptyset(&pending);
    BL_IGNORE(sigpending(&pending) < 0); /* it cannot */
    held->was_pending = sigismember(&pending, SIGPIPE) == 1;
    BL_IGNORE(pthread_sigmask(SIG_BLOCK, &broken, &held->before)); /* nor it */
}

void bl__sigpipe_drop(const struct bl__sigpipe *held, int error) {
    const struct timespec at_once = { 0 };
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    if (error == EPIPE && !held->was_pending) {
        BL_IGNORE(sigtimedwait(&broken, NULL, &at_once) < 0); /* was ignored */
    }
    BL_IGNORE(pthread_sigmask(SIG_SETMASK, &held->before, NULL)); /* cannot */
}
