/* SPDX-License-Identifier: MIT */
/*
 * tests/api/smoke.c - the least that a user's program can be
 *
 * Built against the installed package, against the amalgamation, and under
 * pedantic dialects: what it uses of the sugar must compile everywhere.
 */
#include <belay.h>
#include <stdio.h>

static int child(void *arg) {
    int *count = (int *)arg;
    *count += 1;
    return bl_sleep(BL_MS(1));
}

static int root(void *arg) {
    int rc = 0;
    BL_GROUP(children, rc) {
        rc = bl_spawn(children, child, arg);
        if (rc == 0) rc = bl_spawn(children, child, arg);
    }
    if (rc < 0) return rc;
    BL_TIMEOUT(rc, BL_SEC(60)) {
        rc = bl_yield();
    }
    return rc;
}

int main(void) {
    int count = 0;
    int rc = bl_run(root, &count);
    printf("Belay %s: %d children, %s\n", bl_version(), count,
           rc < 0 ? bl_strerror(rc) : "well");
    return rc == 0 && count == 2 ? 0 : 1;
}
