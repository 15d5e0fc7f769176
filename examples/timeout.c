/* SPDX-License-Identifier: MIT */
/*
 * examples/timeout.c - limits on waiting: asyncio.timeout, wait_for
 *
 * No call of Belay has a timeout parameter.  A limit belongs to a scope, and
 * covers everything that waits inside it, however deep.
 */
#include <stdio.h>

#include <belay.h>

/* Three waits, none of which knows about limits. */
static int cook(void) {
    for (int i = 0; i < 3; i++) {
        int rc = bl_sleep(BL_MS(20));
        if (rc < 0) return rc;
    }
    return 0;
}

/* A limit around one expression. */
static int wait_for_one(void) {
    bl_event ready = BL_EVENT_INIT;
    return bl_wait_for(bl_event_wait(&ready), BL_MS(10));
}

/* A limit around a block. */
static int block(bl_ns limit) {
    int rc;
    BL_TIMEOUT(rc, limit) {
        rc = cook();
    }
    return rc;
}

/* A limit that moves on: what is not there in time is not missed. */
static int move_on(bool *is_complete) {
    int rc;
    *is_complete = false;
    BL_MOVE_ON(rc, BL_MS(10)) {
        rc = cook();
        *is_complete = rc == 0;
    }
    return rc;
}

/* The nearest limit counts, and only its own scope turns it into an error. */
static int nested(void) {
    int inner = 0;
    int outer;
    BL_TIMEOUT(outer, BL_MS(10)) {
        BL_TIMEOUT(inner, BL_SEC(3600)) {
            inner = bl_sleep(BL_SEC(7200));
        }
        outer = inner;
    }
    printf("nested:    inside %s, outside %s\n", bl_error_name(inner),
           bl_error_name(outer));
    return outer;
}

static int main_task(void *arg) {
    (void)arg;
    int one = wait_for_one();
    int short_limit = block(BL_MS(10));
    int long_limit = block(BL_SEC(60));
    bool is_complete;
    int moved = move_on(&is_complete);

    printf("wait_for:  %s\n", bl_error_name(one));
    printf("10 ms:     %s\n", bl_error_name(short_limit));
    printf("1 minute:  %s\n", long_limit == 0 ? "done" : "not done");
    printf("moved on:  %s\n", is_complete ? "complete" : "incomplete");

    bool is_right = one == BL_ETIMEDOUT && short_limit == BL_ETIMEDOUT &&
                    long_limit == 0 && moved == 0 && !is_complete &&
                    nested() == BL_ETIMEDOUT;
    return is_right ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "timeout: %s\n", bl_strerror(rc));
    return rc < 0;
}
