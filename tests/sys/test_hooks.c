/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_hooks.c - the tools know which stack is in use
 *
 * Plain programs, correct by any standard.  A tool that was not told about the
 * stacks of tasks takes them for wrong, or breaks: each of the tests is there
 * for the tool that its comment names, and fails in a build without hooks.
 *
 *     Legs: hooks threads valgrind
 */
#include <belay/test.h>

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "support/host.h"

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum {
    TASKS = 8,
    ROUNDS = 20,
    BYTES = 3000,
    DEEP_TASKS = 40,
    DEPTH = 10 * 1000,
    WIPED_BYTES = 16 * 1024
};

/* ---- stacks side by side ------------------------------------------------- */

/* Fills a frame of its own, lets others run, and finds it as it was. */
__attribute__((noinline)) static int keeps_a_frame(int number) {
    volatile char bytes[BYTES];
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)(number + i);
    int rc = bl_yield();
    for (int i = 0; i < BYTES; i++)
        CHECK_ALWAYS(bytes[i] == (char)(number + i));
    return rc;
}

static int keeps_frames(void *arg) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < ROUNDS; i++)
        rc = keeps_a_frame((int)(intptr_t)arg + i);
    return rc;
}

/* Valgrind takes the step to the stack beside for a pop or a push, and what
 * lies between for invalid. */
TEST(a_switch_to_the_stack_beside_is_not_a_pop) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (intptr_t i = 0; i < TASKS; i++)
        CHECK_OK(bl_spawn(&group, keeps_frames, (void *)i));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- what only a stack points to ----------------------------------------- */

static int holds_memory(void *arg) {
    char *volatile block = bl_alloc(1234);
    REQUIRE(block != NULL);
    int rc = bl_event_wait(arg);
    bl_free(block);
    return rc;
}

/* Returns 1 if LeakSanitizer finds a leak now, 0 if not, -1 without it. */
static int looks_for_leaks(void) {
    const char *options = getenv("ASAN_OPTIONS");
    bool is_off = options != NULL && strstr(options, "detect_leaks=0") != NULL;
    if (__lsan_do_recoverable_leak_check == NULL || is_off) return -1;
    capture_stderr(); /* what it says is no verdict about this test */
    int found = __lsan_do_recoverable_leak_check();
    captured_stderr();
    return found;
}

/* LeakSanitizer looks for pointers on the stacks that it knows. */
TEST(memory_that_a_waiting_task_holds_is_no_leak) {
    bl_event event = BL_EVENT_INIT;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < TASKS; i++)
        CHECK_OK(bl_spawn(&group, holds_memory, &event));
    t_settle();
    CHECK_LE(looks_for_leaks(), 0);
    bl_event_set(&event);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* What is beneath us on the stack is searched, too: there, calls that have
 * returned may have left where a block is. */
__attribute__((noinline)) static void wipe_stack(void) {
    volatile char bytes[WIPED_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 0;
}

/* What was allocated by nobody knows whom, it takes for its own, and every
 * block of a task is that if the stack of the task is unknown.  (What may leak
 * is the program that finds the names for its report.) */
TEST(memory_that_nobody_holds_is_a_leak, .may_leak = true) {
    volatile uintptr_t hidden = ~(uintptr_t)malloc(1234);
    wipe_stack();
    int found = looks_for_leaks();
    free((void *)~hidden);
    if (found < 0) bl_test_skip("nobody looks for leaks here");
    CHECK_EQ(found, 1);
}

/* ---- jumps --------------------------------------------------------------- */

__attribute__((noinline)) static void jump(jmp_buf env) {
    volatile char bytes[BYTES];
    bytes[BYTES - 1] = 1;
    longjmp(env, bytes[BYTES - 1]);
}

static int jumps(void *arg) {
    (void)arg;
    for (volatile int i = 0; i < ROUNDS; i++) {
        jmp_buf env;
        if (setjmp(env) == 0) jump(env);
        int rc = keeps_a_frame(i);
        if (rc < 0) return rc;
    }
    return 0;
}

/* AddressSanitizer clears its marks of the frames that a jump skips; on a
 * stack that it does not know, they stay, and later frames run into them. */
TEST(a_jump_inside_a_task_leaves_nothing_behind) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < TASKS; i++)
        CHECK_OK(bl_spawn(&group, jumps, NULL));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- calls --------------------------------------------------------------- */

__attribute__((noinline)) static int descends(bl_event *event, int depth) {
    if (depth == 0) return bl_event_wait(event);
    int rc = descends(event, depth - 1);
    __asm__ volatile("" : "+r"(rc)); /* or it would be a loop */
    return rc;
}

static int goes_deep(void *arg) {
    return descends(arg, DEPTH);
}

/* ThreadSanitizer keeps the calls of each stack apart, up to 65536 of them:
 * those of all tasks on one stack are too many. */
TEST(many_tasks_are_deep_in_calls_at_once) {
    const bl_spawn_options options = { .size = sizeof options,
                                       .stack_bytes = 4 * 1024 * 1024 };
    bl_event event = BL_EVENT_INIT;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < DEEP_TASKS; i++) {
        REQUIRE_OK(bl_spawn_with(&group, goes_deep, &event, &options, NULL));
    }
    t_settle();
    bl_event_set(&event);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}
