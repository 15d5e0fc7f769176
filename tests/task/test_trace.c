/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_trace.c - stacks of tasks, and the names in them
 */
#include <belay/test.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support/host.h"
#include "support/kids.h"

enum {
    FRAMES = 32
};

static bl_event never;

/* ---- calls that lie on a stack ------------------------------------------- */

#define LEVEL __attribute__((noinline))

/* Behind a call, so that it is none in place of the return. */
#define STAY __asm__ volatile("")

LEVEL static int level_three(bl_event *event) {
    int rc = bl_event_wait(event);
    STAY;
    return rc;
}

LEVEL static int level_two(bl_event *event) {
    int rc = level_three(event);
    STAY;
    return rc;
}

LEVEL static int level_one(void *arg) {
    int rc = level_two(arg);
    STAY;
    return rc;
}

/* ---- reading them -------------------------------------------------------- */

/* The places of a stack, innermost first, a line for each. */
static char places[8192];

static const char *places_of(const void *const *frames, size_t count) {
    size_t at = 0;
    places[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        at += bl_inspect_place(frames[i], places + at, sizeof places - at);
        REQUIRE_LT(at + 1, sizeof places);
        places[at++] = '\n';
        places[at] = '\0';
    }
    return places;
}

static void need_stacks(void) {
    if (!shows_stacks()) t_skip("this switch does not show what it has saved");
}

static void need_names(void) {
    if (!shows_names()) t_skip("this build has no libbacktrace");
}

/* Whether the words stand in the text in this order. */
static bool stand_in_order(const char *text, const char *const *words) {
    for (; *words != NULL; words++) {
        text = strstr(text, *words);
        if (text == NULL) return false;
        text += strlen(*words);
    }
    return true;
}

/* ---- the stack of a task that waits -------------------------------------- */

TEST(a_task_that_waits_shows_its_calls_from_the_inside_out) {
    const char *order[] = { "bl_event_wait", "level_three", "level_two",
                            "level_one", NULL };
    const void *frames[FRAMES];
    bl_task *task;
    need_stacks();
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, level_one, &never, &task));
    settle();
    size_t count = bl_inspect_stack(task, frames, FRAMES);
    REQUIRE_GE(count, 5);
    CHECK_LT(count, FRAMES); /* and it ends where the task begins */
    CHECK_EQ(bl_inspect_stack(task, frames, 2), 2);
    CHECK_EQ(bl_inspect_stack(task, NULL, 0), 0);
    need_names();
    REQUIRE_EQ(bl_inspect_stack(task, frames, FRAMES), count);
    CHECK(stand_in_order(places_of(frames, count), order));
    CHECK_CONTAINS(places, "task/test_trace.c:");
    CHECK(strstr(places, "bl_run") == NULL);
    bl_group_cancel(&group);
    bl_task_unref(task);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(what_has_not_begun_or_is_over_has_no_stack) {
    const void *frames[FRAMES];
    bl_task *task;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, level_one, &never, &task));
    CHECK_EQ(bl_inspect_stack(task, frames, FRAMES), 0);
    settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_inspect_stack(task, frames, FRAMES), 0);
    bl_task_unref(task);
}

/* ---- the stack that runs ------------------------------------------------- */

LEVEL static size_t look_at_myself(const bl_task *task, const void **frames) {
    size_t count = bl_inspect_stack(task, frames, FRAMES);
    STAY;
    return count;
}

TEST(who_runs_sees_itself_first) {
    const char *order[] = { "look_at_myself", "who_runs_sees_itself_first",
                            NULL };
    const void *frames[FRAMES];
    size_t count = look_at_myself(bl_task_current(), frames);
    REQUIRE_GE(count, 2);
    CHECK_EQ(look_at_myself(NULL, frames), count);
    need_names();
    places_of(frames, count);
    CHECK(strncmp(places, order[0], strlen(order[0])) == 0);
    CHECK(stand_in_order(places, order));
}

static const void *interrupted[FRAMES];
static size_t interrupted_depth;

static void take_down(int number) {
    (void)number;
    interrupted_depth = bl_inspect_stack(NULL, interrupted, FRAMES);
}

LEVEL static void is_interrupted(void) {
    raise(SIGUSR2);
    STAY;
}

TEST(a_handler_sees_what_it_has_interrupted) {
    struct sigaction action = { .sa_handler = take_down,
                                .sa_flags = SA_ONSTACK };
    REQUIRE_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    is_interrupted();
    REQUIRE_GE(interrupted_depth, 2);
    need_names();
    places_of(interrupted, interrupted_depth);
    CHECK_CONTAINS(places, "is_interrupted");
    CHECK(strstr(places, "take_down") == NULL);
}

/* ---- places -------------------------------------------------------------- */

TEST(a_place_is_a_function_and_a_line) {
    char place[256];
    const char *code = (const char *)(uintptr_t)level_two;
    need_names();
    size_t length = bl_inspect_place(code + 1, place, sizeof place);
    CHECK_EQ(length, strlen(place));
    CHECK(strncmp(place, "level_two task/test_trace.c:", 28) == 0);
}

TEST(a_place_without_names_is_an_offset_in_a_file) {
    char place[256];
    bl_inspect_place((char *)&never + 1, place, sizeof place); /* no code */
    CHECK_CONTAINS(place, shows_names() ? "never+0x0" : "+0x");
    bl_inspect_place((const void *)16, place, sizeof place);
    CHECK_STR(place, "0x10");
}

TEST(a_place_is_cut_to_its_buffer) {
    char whole[256];
    char part[8];
    const char *code = (const char *)(uintptr_t)level_two;
    size_t length = bl_inspect_place(code + 1, whole, sizeof whole);
    CHECK_EQ(bl_inspect_place(code + 1, part, sizeof part), length);
    CHECK_EQ(strlen(part), sizeof part - 1);
    CHECK(strncmp(part, whole, sizeof part - 1) == 0);
    CHECK_EQ(bl_inspect_place(code + 1, NULL, 0), length);
}

/* ---- when names are known ------------------------------------------------ */

TEST(a_thread_learns_the_names) {
    char place[256];
    const char *code = (const char *)(uintptr_t)level_two;
    while (!bl_inspect_learn_names(BL_SEC(1))) {}
    CHECK(bl_inspect_learn_names(0)); /* once for all */
    bl_inspect_place(code + 1, place, sizeof place);
    CHECK(shows_names() == (strncmp(place, "level_two ", 10) == 0));
}

/* Until then there is an offset, and nobody waits for it. */
TEST(who_asks_while_they_are_read_does_not_wait, .no_loop = true) {
    char place[256];
    const char *code = (const char *)(uintptr_t)level_two;
    bl_inspect_learn_names(0);
    bl_inspect_place(code + 1, place, sizeof place);
    if (!bl_inspect_learn_names(0)) {
        CHECK_CONTAINS(place, "test_task_trace+0x");
    }
}

/* ---- beneath the rows of tasks ------------------------------------------- */

TEST(tasks_with_the_same_stack_share_it) {
    static char text[32768];
    const char *order[] = { "level_one #", "level_one #", "level_one #",
                            "in ",         "<- ",         "[same stack x3]",
                            "kid_waits #", "in ",         NULL };
    bool has_names = shows_names();
    need_stacks();
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++)
        REQUIRE_OK(bl_spawn(&group, level_one, &never));
    REQUIRE_OK(bl_spawn(&group, kid_waits, &never));
    settle();
    size_t length =
        bl_inspect_format_stacks(bl_loop_running(), text, sizeof text);
    CHECK_EQ(length, strlen(text));
    CHECK(stand_in_order(text, order));
    CHECK_EQ(bl_inspect_format_stacks(bl_loop_running(), NULL, 0), length);
    if (has_names) {
        CHECK_CONTAINS(text, "<- level_three task/test_trace.c:");
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(what_is_printed_with_stacks_is_the_same_text) {
    static char text[32768];
    char *printed;
    size_t bytes;
    shows_names(); /* and so both know them */
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, level_one, &never));
    settle();
    bl_inspect_format_stacks(bl_loop_running(), text, sizeof text);
    FILE *file = open_memstream(&printed, &bytes);
    REQUIRE(file != NULL);
    bl_inspect_print_stacks(file);
    fclose(file);
    CHECK_STR(printed, text);
    free(printed);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
}
