/* SPDX-License-Identifier: MIT */
/*
 * examples/start_ready.c - spawn a child and wait until it is ready
 *
 * Until a child has called bl_started it is the starter's business: if it
 * fails, bl_start returns its error and the group is none the worse.  From
 * then on it is a child of the group like any other.
 */
#include <stdio.h>

#include <belay.h>

struct database {
    const char *name;
    int rc; /* of opening it */
    int answers;
};

static int database_run(void *arg) {
    struct database *database = arg;

    int rc = bl_sleep(BL_MS(10)); /* opening takes a while */
    if (rc < 0) return rc;
    if (database->rc < 0) {
        return BL_ERR(database->rc, "%s: no such file", database->name);
    }

    database->answers = 42;
    rc = bl_started(&database->answers);
    if (rc < 0) return rc;
    return bl_sleep(BL_FOREVER); /* serves until it is cancelled */
}

static int main_task(void *arg) {
    (void)arg;
    struct database missing = { .name = "missing.db", .rc = -ENOENT };
    struct database people = { .name = "people.db" };
    int failed = 0;
    void *answers = NULL;
    int rc;

    BL_GROUP(tg, rc) {
        failed = bl_start(tg, database_run, &missing, NULL);
        printf("first: %s\n", bl_error_text(failed));
        bl_error_handled();

        rc = bl_start(tg, database_run, &people, &answers);
        if (rc == 0) printf("second: ready, says %d\n", *(int *)answers);
        bl_group_cancel(tg);
    }

    return rc < 0 ? rc : failed == -ENOENT && answers ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "start_ready: %s\n", bl_strerror(rc));
    return rc < 0;
}
