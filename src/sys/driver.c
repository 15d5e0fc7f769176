/* SPDX-License-Identifier: MIT */
/*
 * sys/driver.c - which driver a loop gets
 *
 * io_uring is preferred, but many containers refuse it with one of several
 * codes, so any failure to open it means epoll.  A wish, by option or by
 * environment, is no more than that: a program must not fail on a machine
 * only because somebody once measured on another.
 */
#include "sys/driver.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static bl_driver_kind driver_of_environment(void) {
    const char *name = getenv("BELAY_DRIVER");
    if (name == NULL) return BL_DRIVER_DEFAULT;
    if (strcmp(name, "epoll") == 0) return BL_DRIVER_EPOLL;
    if (strcmp(name, "uring") == 0) return BL_DRIVER_URING;
    if (strcmp(name, "io_uring") == 0) return BL_DRIVER_URING;
    return BL_DRIVER_DEFAULT;
}

int bl__driver_open(bl_driver_kind kind, const struct bl__driver_ops **ops,
                    struct bl__driver **driver) {
    BL__ASSERT(ops != NULL);
    BL__ASSERT(driver != NULL);
    if (kind == BL_DRIVER_DEFAULT) kind = driver_of_environment();

#if BELAY_HAVE_URING
    if (kind != BL_DRIVER_EPOLL && bl__driver_uring.open(driver) == 0) {
        *ops = &bl__driver_uring;
        return 0;
    }
#endif
    int rc = bl__driver_epoll.open(driver);
    if (rc < 0) return rc;
    *ops = &bl__driver_epoll;
    return 0;
}
