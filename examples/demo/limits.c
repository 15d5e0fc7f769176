/* SPDX-License-Identifier: MIT */
/*
 * demo/limits.c - how many descriptors there may be, and how many there are
 *
 * New descriptors get the lowest free number, so the demo's own lie below
 * COUNTED_MAX, however high the limit is.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "limits.h"

enum {
    COUNTED_MAX = 65536
};

size_t limits_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256; /* POSIX: >= 20 */

    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) soft = limit.rlim_cur;
    return soft > COUNTED_MAX ? COUNTED_MAX : (size_t)soft;
}

size_t limits_open_count(void) {
    size_t count = 0;
    for (int fd = 0; fd < COUNTED_MAX; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) count++;
    }
    return count;
}
