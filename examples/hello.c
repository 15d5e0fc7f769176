/* SPDX-License-Identifier: MIT */
/*
 * examples/hello.c - a program: asyncio.run(main())
 *
 * bl_run makes a loop, runs one function as the root task, and closes the loop
 * when that function returns.  A task is an ordinary C function; where it
 * waits, other tasks run.
 */
#include <stdio.h>

#include <belay.h>

static int greet(void *arg) {
    const char *whom = arg;

    for (int i = 0; i < 3; i++) {
        printf("hello, %s\n", whom);
        int rc = bl_sleep(BL_MS(10));
        if (rc < 0) return rc; /* somebody cancelled us: pass it on */
    }
    return 0;
}

static int main_task(void *arg) {
    (void)arg;
    int rc;

    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, greet, "world");
        if (rc == 0) rc = bl_spawn(tg, greet, "moon");
    } /* both have returned here */

    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "hello: %s\n", bl_strerror(rc));
    return rc < 0;
}
