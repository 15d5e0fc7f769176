/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_many.c - very many tasks at once
 *
 * All of them are in bl_sleep at the same time, then all are cancelled and
 * joined, as in any other program: with a default loop, on a kernel as it
 * comes, with the guards that it has and with those it falls back to.  A
 * million takes a page each and the kernel's own page tables, about 4.3 GB, so
 * it is skipped where that would be missed.
 */
#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "sys/ctx.h"

enum {
    MILLION = 1000 * 1000,
    MANY = 20 * 1000,
    /* What has to be available: the pages, and room for everybody else. */
    MILLION_NEEDS_MB = 8 * 1024
};

struct crowd {
    size_t count;
    bl_group group;
    bl_task **tasks; /* handles; NULL: the group alone */
    size_t began;
    size_t cancelled;
    bl_loop_info info; /* when all were asleep */
};

static int sleeps_for_an_hour(void *arg) {
    struct crowd *crowd = arg;
    crowd->began++;
    int rc = bl_sleep(HOUR);
    if (rc == BL_ECANCELED) crowd->cancelled++;
    return rc;
}

static void spawn_one(struct crowd *crowd, size_t index) {
    int rc;
    if (crowd->tasks == NULL) {
        rc = bl_spawn(&crowd->group, sleeps_for_an_hour, crowd);
    } else {
        rc = bl_spawn_task(&crowd->group, sleeps_for_an_hour, crowd,
                           &crowd->tasks[index]);
    }
    REQUIRE_OK(rc);
}

static void join_one(bl_task *task) {
    bl_outcome outcome;
    bl_task_cancel(task);
    REQUIRE_OK(bl_task_join(task, &outcome));
    REQUIRE(outcome.is_cancelled);
    bl_task_unref(task);
}

static int has_a_crowd(void *arg) {
    struct crowd *crowd = arg;
    REQUIRE_OK(bl_group_enter(&crowd->group));
    for (size_t i = 0; i < crowd->count; i++)
        spawn_one(crowd, i);
    while (crowd->began < crowd->count)
        REQUIRE_OK(bl_yield());
    bl_loop_get_info(bl_loop_running(), &crowd->info);
    for (size_t i = 0; crowd->tasks != NULL && i < crowd->count; i++)
        join_one(crowd->tasks[i]);
    if (crowd->tasks == NULL) bl_group_cancel(&crowd->group);
    REQUIRE_OK(bl_group_exit(&crowd->group, 0));
    CHECK_EQ(bl_group_is_caught(&crowd->group), crowd->tasks == NULL);
    return 0;
}

static void run_crowd(struct crowd *crowd) {
    CHECK_OK(bl_run(has_a_crowd, crowd));
    CHECK_EQ(crowd->cancelled, crowd->count);
    CHECK_EQ(crowd->info.tasks_alive, crowd->count + 1);
    CHECK_EQ(crowd->info.timers_armed, crowd->count);
}

/* ---- a million ----------------------------------------------------------- */

static long available_mb(void) {
    char line[128];
    long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "MemAvailable: %ld kB", &kilobytes) == 1) break;
    }
    (void)fclose(file);
    return kilobytes / 1024;
}

static const char *why_not_a_million(void) {
    static char reason[128];
    if (BL__CTX_HAS_TOOLS) return "a million stacks are too many for the tool";
    if (prctl(PR_GET_SECCOMP) < 0) return "too slow under an emulator";
    long available = available_mb();
    if (available >= MILLION_NEEDS_MB) return NULL;
    (void)snprintf(reason, sizeof reason,
                   "a million tasks want %d MB to be available, not %ld",
                   MILLION_NEEDS_MB, available);
    return reason;
}

/* With the guards of a kernel since 6.13, and with what older ones have. */
PARAM(bool, is_old_kernel, false, true);

TEST(a_million_tasks_sleep_at_once_and_are_cancelled_and_joined,
     (is_old_kernel), .no_loop = true, .tags = "huge order",
     .watchdog = SEC(100), .skip_if = why_not_a_million) {
    struct crowd crowd = { .count = MILLION };
    if (is_old_kernel) refuse_light_guards();
    run_crowd(&crowd);
    if (is_old_kernel) CHECK_STR(crowd.info.guard, "canary");
}

/* ---- many ---------------------------------------------------------------- */

TEST(many_tasks_sleep_at_once_and_are_cancelled_by_their_group, (is_old_kernel),
     .no_loop = true, .tags = "order") {
    struct crowd crowd = { .count = MANY };
    if (is_old_kernel) refuse_light_guards();
    run_crowd(&crowd);
}

TEST(many_tasks_sleep_at_once_and_are_joined_one_by_one, .no_loop = true,
     .tags = "order") {
    struct crowd crowd = { .count = MANY };
    crowd.tasks = calloc(MANY, sizeof(bl_task *));
    REQUIRE(crowd.tasks != NULL);
    run_crowd(&crowd);
    free(crowd.tasks);
}
