/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_overflow.c - a stack that was too small is reported
 *
 * With a guard the fault itself is reported; without one, the next switch
 * finds what was overwritten.  Both name the task, the size of its stack, and
 * where it was spawned.
 */
#include <belay/test.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "sys/ctx.h"

/*
 * Uses the stack up, all but a little, and writes below it.  Without a guard
 * nothing stops it; a report made here would not find room.
 */
__attribute__((noinline)) static int digs_a_little_too_deep(void *arg) {
    enum {
        ROOM = 700
    };
    (void)arg;
    volatile char *deep = __builtin_alloca(bl_stack_left() - ROOM);
    volatile char *low = deep - bl_stack_left(); /* measured from there */
    deep[0] = 1;
    low[-64] = 1;
    int rc = bl_yield();
    return rc + deep[0];
}

__attribute__((noinline)) static int digs_for_ever(int depth) {
    volatile char frame[512];
    frame[depth % 512] = 1;
    if (depth == INT_MAX) return 0; /* the stack ends long before */
    return digs_for_ever(depth + 1) + frame[(depth + 1) % 512];
}

static int overflows(void *arg) {
    (void)arg;
    return digs_for_ever(1);
}

/* Spawns `arg` with a stack of its own size. */
static int spawns_with_128_kib(void *arg) {
    bl_spawn_options options = { .size = sizeof options,
                                 .name = "digger",
                                 .stack_bytes = 128 * 1024 };
    bl_group group = { 0 };
    int rc = bl_group_enter(&group);
    if (rc < 0) return rc;
    rc = bl_spawn_with(&group, (bl_task_fn *)arg, NULL, &options, NULL);
    return bl_group_exit(&group, rc);
}

static int runs(void *arg) {
    return bl_run(spawns_with_128_kib, arg);
}

static void check_report(bl_task_fn *fn, int number) {
    capture_stderr();
    int status = in_child(runs, (void *)fn);
    const char *text = captured_stderr();
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), number);
    CHECK_CONTAINS(text, "stack overflow in task \"digger\" #2");
    CHECK_CONTAINS(text, "131072 bytes");
    CHECK_CONTAINS(text, "test_overflow.c:");
}

static const char *why_not(void) {
    return BL__CTX_HAS_TOOLS ? "the tool reports it in its own words" : NULL;
}

TEST(an_overflow_into_the_guard_is_reported, .no_loop = true,
     .skip_if = why_not, .tags = "native") {
    check_report(overflows, SIGSEGV);
}

TEST(an_overflow_on_an_older_kernel_is_reported, .no_loop = true,
     .skip_if = why_not) {
    refuse_light_guards();
    check_report(overflows, SIGSEGV);
}

TEST(an_overflow_without_guards_is_found_at_the_next_switch, .no_loop = true,
     .skip_if = why_not) {
    refuse_all_guards();
    check_report(digs_a_little_too_deep, SIGABRT);
}

static void own_handler(int number) {
    (void)number;
    _Exit(77);
}

static int runs_with_its_own_handler(void *arg) {
    static char memory[64 * 1024];
    stack_t alt = { .ss_sp = memory, .ss_size = sizeof memory };
    struct sigaction action = { .sa_handler = own_handler,
                                .sa_flags = SA_ONSTACK };
    if (sigaltstack(&alt, NULL) < 0) return 1;
    if (sigaction(SIGSEGV, &action, NULL) < 0) return 1;
    return runs(arg);
}

TEST(a_handler_of_the_program_is_left_alone, .no_loop = true,
     .skip_if = why_not) {
    int status = in_child(runs_with_its_own_handler, (void *)overflows);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 77);
}
