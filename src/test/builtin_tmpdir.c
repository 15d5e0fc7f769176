/* SPDX-License-Identifier: MIT */
/*
 * test/builtin_tmpdir.c - t_tmpdir
 *
 * It stands alone, since the runner makes a folder for the run if, and only
 * if, this object is linked.
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>

#include "test/tmpdir.h"

FIXTURE_DEF(t_tmpdir) {
    char *path = bl__tmpdir_make();
    if (path == NULL) t_fail("there is no folder: %s", strerror(errno));
    YIELD(path);
    bl__tmpdir_remove(path);
}
