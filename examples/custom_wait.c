/* SPDX-License-Identifier: MIT */
/*
 * examples/custom_wait.c - a waiting call of your own, with <belay/park.h>
 *
 * A latch opens when it has been counted down to zero.  The four steps of
 * latch_wait are those of every call in the library that waits.  The place in
 * line is on the waiter's stack, so waiting cannot run out of memory, and
 * cancellation is dealt with by the line itself.
 */
#include <stdio.h>

#include <belay.h>

struct latch {
    bl_waitq waiters; /* nobody, once count is 0 */
    size_t count;
};

static void latch_init(struct latch *latch, size_t count) {
    bl_waitq_init(&latch->waiters);
    latch->count = count;
}

static void latch_count_down(struct latch *latch) {
    if (latch->count == 0) return;
    latch->count--;
    if (latch->count == 0) bl_waitq_serve_all(&latch->waiters, 0);
}

static int latch_wait(struct latch *latch) {
    if (latch == NULL) return BL_EINVAL; /* 1: check */
    int rc = bl_checkpoint();            /* 2: cancelled already? */
    if (rc < 0) return rc;
    if (latch->count == 0) return 0; /* 3: nothing to wait for */

    bl_waiter waiter; /* 4: join the line */
    return bl_waitq_wait(&latch->waiters, &waiter, "latch", latch);
}

static int runner(void *arg) {
    struct latch *latch = arg;
    int rc = latch_wait(latch);
    if (rc == 0) printf("running\n");
    return rc;
}

static int count_down(struct latch *latch) {
    for (int left = 3; left > 0; left--) {
        printf("%d\n", left);
        int rc = bl_sleep(BL_MS(5));
        if (rc < 0) return rc;
        latch_count_down(latch);
    }
    return 0;
}

static int main_task(void *arg) {
    (void)arg;
    struct latch latch;
    latch_init(&latch, 3);

    int early = bl_wait_for(latch_wait(&latch), BL_MS(5));
    printf("too early: %s\n", bl_error_name(early));

    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, runner, &latch);
        if (rc == 0) rc = bl_spawn(tg, runner, &latch);
        if (rc == 0) rc = count_down(&latch);
    }
    return rc < 0 ? rc : early == BL_ETIMEDOUT ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "custom_wait: %s\n", bl_strerror(rc));
    return rc < 0;
}
