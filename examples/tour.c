/* SPDX-License-Identifier: MIT */
/*
 * examples/tour.c - the program of the README: a group, a limit, an error
 *
 * One task fails, so the other one is cancelled, and what went wrong comes
 * back as a tree, well before the limit of a second.
 */
#include <stdio.h>

#include <belay.h>

static int tune_in(void *arg) {
    int rc = bl_sleep(BL_FOREVER); /* where it waits, others run */
    printf("%s: %s\n", (char *)arg, bl_strerror(rc));
    return rc; /* cancelled: pass it on */
}

static int fetch(void *arg) {
    int rc = bl_sleep(BL_MS(20));
    if (rc < 0) return rc;
    return BL_ERR(BL_EIO, "%s: the disk says no", (char *)arg);
}

static int main_task(void *arg) {
    int rc;
    BL_TIMEOUT(rc, BL_SEC(1)) { /* async with asyncio.timeout(1): */
        BL_GROUP(tg, rc) {      /* async with asyncio.TaskGroup() as tg: */
            rc = bl_spawn(tg, tune_in, "radio");
            if (rc == 0) rc = bl_spawn(tg, fetch, arg);
        } /* both have returned here */
    }
    if (rc < 0) bl_error_report(rc, stdout);
    return 0;
}

int main(void) {
    return bl_run(main_task, "mail") < 0;
}
