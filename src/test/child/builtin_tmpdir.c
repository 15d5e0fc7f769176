/* SPDX-License-Identifier: MIT */
/*
 * test/child/builtin_tmpdir.c - t_tmpdir, and folders that outlive a test
 *
 * They stand alone, since the runner makes a folder for the run if, and only
 * if, this object is linked.
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>

#include "test/child/tmpdir.h"

static char *make(void) {
    char *path = bl__tmpdir_make();
    if (path == NULL) t_fail("there is no folder: %s", strerror(errno));
    return path;
}

/* The runner removes what is left of a process, so nothing is to be done at
 * its end; but the paths must be held by somebody. */
const char *bl_test_folder(void) {
    static char *paths[1000];
    static size_t count;
    REQUIRE_LT(count, sizeof paths / sizeof paths[0]);
    return paths[count++] = make();
}

FIXTURE_DEF(t_tmpdir) {
    char *path = make();
    YIELD(path);
    bl__tmpdir_remove(path);
}
