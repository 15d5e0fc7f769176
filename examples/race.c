/* SPDX-License-Identifier: MIT */
/*
 * examples/race.c - the first that succeeds wins, the others are cancelled
 *
 * A contender that fails drops out; the race is lost only when all have.  A
 * contender that succeeds too late has its result dropped, so nothing leaks.
 */
#include <stdio.h>

#include <belay.h>

struct mirror {
    const char *name;
    bl_ns takes;
    int rc; /* what asking it gives in the end */
};

static int ask(void *arg) {
    const struct mirror *mirror = arg;

    int rc = bl_sleep(mirror->takes);
    if (rc < 0) {
        printf("%s: %s\n", mirror->name, bl_error_name(rc));
        return rc;
    }
    if (mirror->rc < 0) return BL_ERR(mirror->rc, "%s is down", mirror->name);
    return mirror->rc;
}

static int fastest(struct mirror *mirrors, size_t *winner) {
    bl_racer racers[] = {
        { .fn = ask, .arg = &mirrors[0] },
        { .fn = ask, .arg = &mirrors[1] },
        { .fn = ask, .arg = &mirrors[2] },
    };
    return bl_race(racers, 3, winner);
}

static int main_task(void *arg) {
    (void)arg;
    struct mirror mirrors[] = {
        { "oslo", BL_SEC(3600), 0 },
        { "rome", BL_MS(10), BL_ECONNREFUSED },
        { "cork", BL_MS(20), 200 },
    };
    size_t winner;
    int rc = fastest(mirrors, &winner);
    if (rc < 0) return rc;
    printf("winner: %s with %d\n", mirrors[winner].name, rc);
    if (winner != 2 || rc != 200) return BL_EMISUSE;

    for (int i = 0; i < 3; i++) {
        mirrors[i].takes = BL_MS(1);
        mirrors[i].rc = BL_ECONNREFUSED;
    }
    rc = fastest(mirrors, &winner);
    printf("all down: %s with %zu errors\n", bl_error_name(rc),
           bl_error_leaf_count(bl_error_current(rc)));
    return rc == BL_EGROUP ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "race: %s\n", bl_strerror(rc));
    return rc < 0;
}
