/* SPDX-License-Identifier: MIT */
/*
 * examples/deadlock.c - a program that hangs, and says why
 *
 * Two tasks take two locks in opposite order.  When every task waits and
 * nothing, no timer, descriptor, signal or thread, can wake one, the loop
 * prints who waits for what and where, and cancels the root.
 */
#include <stdio.h>

#include <belay.h>

struct account {
    bl_lock lock;
    const char *name;
};

struct transfer {
    struct account *from;
    struct account *to;
};

static int transfer(void *arg) {
    const struct transfer *transfer = arg;

    int rc = bl_lock_acquire(&transfer->from->lock);
    if (rc < 0) return rc;
    rc = bl_sleep(BL_MS(5));
    if (rc < 0) goto release_from;

    rc = bl_lock_acquire(&transfer->to->lock);
    if (rc < 0) goto release_from;
    bl_lock_release(&transfer->to->lock);

release_from:
    bl_lock_release(&transfer->from->lock);
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct account mine = { BL_LOCK_INIT, "mine" };
    struct account yours = { BL_LOCK_INIT, "yours" };
    struct transfer there = { &mine, &yours };
    struct transfer back = { &yours, &mine };
    int rc;

    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, transfer, &there);
        if (rc == 0) rc = bl_spawn(tg, transfer, &back);
    }
    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL); /* the report goes to stderr */
    printf("bl_run: %s\n", bl_error_name(rc));
    return rc != BL_EDEADLOCK;
}
