/* SPDX-License-Identifier: MIT */
/*
 * task/race.c - running several, keeping the first that succeeds
 *
 * Contenders keep their failures to themselves, so that one failing does not
 * cancel the others; only when nobody has won do the failures come back as a
 * tree.
 */
#include "base/assert.h"
#include "base/error.h"
#include "task/task.h"

struct race {
    bl_group group;
    const bl_racer *racers;
    struct bl__errors errors;
    size_t winner;
    int rc;
    bool is_won;
};

struct contender {
    struct race *race;
    size_t index;
};

static void race_note_failure(struct race *race, int rc) {
    if (!race->is_won) bl__errors_append(&race->errors, bl_error_take(rc));
}

static int contend(void *arg) {
    struct contender *contender = arg;
    struct race *race = contender->race;
    const bl_racer *racer = &race->racers[contender->index];

    int rc = racer->fn(racer->arg);
    if (rc == BL_ECANCELED && bl_is_cancelled()) {
        race_note_failure(race, rc); /* counts if nobody cancels the race */
        return rc;
    }
    if (rc == BL_ECANCELED) {
        rc = BL_ERR(BL_ESTRAYCANCEL, "a contender returned BL_ECANCELED, but "
                                     "nothing had cancelled it");
    }
    if (rc < 0) {
        race_note_failure(race, rc);
        return 0;
    }
    if (race->is_won) {
        if (racer->drop != NULL) racer->drop(racer->arg);
        return 0;
    }
    race->is_won = true;
    race->winner = contender->index;
    race->rc = rc;
    bl_group_cancel_because(&race->group, "another contender has won");
    return 0;
}

static int start_all(struct race *race, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct contender contender = { race, i };
        int rc =
            bl_spawn_copy(&race->group, contend, &contender, sizeof contender);
        if (rc < 0) return rc;
    }
    return 0;
}

static int race_report_errors(struct race *race) {
    char path[256];
    bl_task *task = bl__task_current();
    bl__task_path_of(task, path, sizeof path);
    bl_error *tree =
        bl__error_new_group(&race->errors, race->group._scope._site, path);
    bl_error_unref(task->error);
    task->error = tree;
    return BL_EGROUP;
}

int bl_race(const bl_racer *racers, size_t count, size_t *winner) {
    if (racers == NULL || count == 0) return BL_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (racers[i].fn == NULL) return BL_EINVAL;
    }
    const char *site = bl__site;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    struct race race = { .racers = racers };
    bl__site = site;
    rc = bl_group_enter(&race.group);
    if (rc < 0) return rc;
    int start_rc = start_all(&race, count);
    if (start_rc < 0) bl_group_cancel_because(&race.group, "no memory");
    rc = bl_group_exit(&race.group, 0);

    if (race.is_won) {
        bl__errors_clear(&race.errors);
        if (winner != NULL) *winner = race.winner;
        return race.rc;
    }
    if (rc < 0 || start_rc < 0) {
        bl__errors_clear(&race.errors);
        return rc < 0 ? rc : start_rc;
    }
    return race_report_errors(&race);
}
