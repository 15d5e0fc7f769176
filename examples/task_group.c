/* SPDX-License-Identifier: MIT */
/*
 * examples/task_group.c - children that live and fail together: TaskGroup
 *
 * The block is left when every child has returned, never before.  When one of
 * them fails, the others are cancelled, and the error comes back as a tree.
 */
#include <stdio.h>

#include <belay.h>

struct fetch {
    const char *what;
    bl_ns takes;
    bool is_broken;
};

static int fetch(void *arg) {
    const struct fetch *fetch = arg;

    int rc = bl_sleep(fetch->takes);
    if (rc == BL_ECANCELED) printf("%s: cancelled\n", fetch->what);
    if (rc < 0) return rc;

    if (fetch->is_broken) {
        return BL_ERR(BL_EIO, "%s: the disk says no", fetch->what);
    }
    printf("%s: fetched\n", fetch->what);
    return 0;
}

static int main_task(void *arg) {
    (void)arg;
    struct fetch jobs[] = {
        { "news", BL_MS(10), false },
        { "mail", BL_MS(20), true },
        { "archive", BL_SEC(3600), false },
    };
    int rc;

    BL_GROUP(tg, rc) {
        for (int i = 0; i < 3 && rc == 0; i++) {
            rc = bl_spawn(tg, fetch, &jobs[i]);
        }
    }

    if (rc != BL_EGROUP) return BL_EMISUSE;
    bl_error_report(rc, stdout);
    bl_error_handled();
    return 0;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "task_group: %s\n", bl_strerror(rc));
    return rc < 0;
}
