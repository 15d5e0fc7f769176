/* SPDX-License-Identifier: MIT */
/*
 * examples/to_thread.c - blocking work beside the loop: asyncio.to_thread
 *
 * The function runs on a thread of a bounded pool while the task waits and all
 * other tasks go on.  Once it runs, a cancelled task still waits for it, so
 * its argument may be on the task's stack; a long job looks up now and then
 * whether anybody still wants its result.
 */
#include <stdio.h>
#include <unistd.h>

#include <belay.h>

/* On another thread: may block, may not call what waits. */
static int read_slow_disk(void *arg) {
    int *sectors = arg;
    usleep(50 * 1000);
    *sectors = 7;
    return 0;
}

static int search_forever(void *arg) {
    int *rounds = arg;
    while (!bl_thread_is_cancelled()) {
        usleep(1000);
        ++*rounds;
    }
    return BL_ECANCELED;
}

/* Proves that the loop is free meanwhile. */
static int tick(void *arg) {
    int *ticks = arg;
    for (;;) {
        int rc = bl_sleep(BL_MS(2));
        if (rc < 0) return rc;
        ++*ticks;
    }
}

static int main_task(void *arg) {
    (void)arg;
    int sectors = 0;
    int ticks = 0;
    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn_daemon(tg, tick, &ticks); /* ends with the others */
        if (rc == 0) rc = bl_to_thread(read_slow_disk, &sectors);
    }
    if (rc < 0) return rc;
    printf("read %d sectors; the loop %s\n", sectors,
           ticks > 0 ? "kept ticking" : "stood still");

    int rounds = 0;
    int found = bl_wait_for(bl_to_thread(search_forever, &rounds), BL_MS(20));
    printf("search: %s\n", bl_error_name(found));
    return sectors == 7 && ticks > 0 && found == BL_ETIMEDOUT ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "to_thread: %s\n", bl_strerror(rc));
    return rc < 0;
}
