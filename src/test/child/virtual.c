/* SPDX-License-Identifier: MIT */
/*
 * test/child/virtual.c - virtual time that runs away
 *
 * A task that polls, `while (!done) bl_sleep(...)`, is never idle, and a
 * virtual clock takes it through years in seconds.  Its test would end by a
 * limit that tells nothing.  So sleeps are counted by task, and the one that
 * sleeps most is named.
 *
 * Few tasks are counted.  A new one takes the place of the one that has slept
 * least, and goes on from its count: a task that sleeps most often is always
 * among those counted, and its count is never too low.
 */
#include "test/child/virtual.h"

#include <belay/test.h>

#include <stdio.h>
#include <string.h>

enum {
    TASKS_MAX = 8,
    OFTEN = 1000,
    ENDLESS = 2 * 1000 * 1000
};

struct sleeper {
    uint64_t task_id;
    uint64_t count;
    char name[24];
};

static struct {
    struct sleeper sleepers[TASKS_MAX];
    bl_ns began;
    bl_ns began_real;
} virtual_time;

void bl__virtual_start(void) {
    memset(&virtual_time, 0, sizeof virtual_time);
    virtual_time.began = bl_now();
    virtual_time.began_real = bl_now_real();
}

static struct sleeper *sleeper_of(uint64_t task_id) {
    struct sleeper *least = &virtual_time.sleepers[0];
    for (int i = 0; i < TASKS_MAX; i++) {
        struct sleeper *one = &virtual_time.sleepers[i];
        if (one->task_id == task_id) return one;
        if (one->count < least->count) least = one;
    }
    least->task_id = task_id;
    snprintf(least->name, sizeof least->name, "%s",
             bl_task_name(bl_task_current()));
    return least;
}

bool bl__virtual_note(uint64_t task_id, const char *site) {
    if (site == NULL || strncmp(site, "bl_sleep", 8) != 0) return true;
    struct sleeper *sleeper = sleeper_of(task_id);
    sleeper->count++;
    return sleeper->count != ENDLESS;
}

void bl__virtual_describe(struct bl__text *text) {
    const struct sleeper *most = &virtual_time.sleepers[0];
    for (int i = 1; i < TASKS_MAX; i++) {
        const struct sleeper *one = &virtual_time.sleepers[i];
        if (one->count > most->count) most = one;
    }
    if (most->count < OFTEN) return;
    bl__text_add(text, "virtual time ran ");
    bl__text_add_duration(text, bl_now() - virtual_time.began);
    bl__text_add(
        text, " in %lld ms: task '%s' slept %llu times",
        (long long)((bl_now_real() - virtual_time.began_real) / 1000000),
        most->name, (unsigned long long)most->count);
}
