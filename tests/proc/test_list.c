/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_list.c - who is alive below a process
 */
#include <belay/test.h>

#include "support/famine.h"
#include "support/programs.h"

#define REAL .clock = T_CLOCK_REAL

static bool has(const pid_t *pids, bl_ssize count, pid_t pid) {
    for (bl_ssize i = 0; i < count; i++) {
        if (pids[i] == pid) return true;
    }
    return false;
}

TEST(everybody_below_a_process_is_found, REAL) {
    pid_t pids[8] = { 0 };
    bl_process *process = start_script(
        "sleep 1000 & setsid sh -c 'echo ready; exec sleep 1000' & exec cat",
        &(bl_process_options){ .size = sizeof(bl_process_options),
                               .in = { .kind = BL_STDIO_PIPE },
                               .out = { .kind = BL_STDIO_PIPE } });
    CHECK_STR(read_line_of(process), "ready");
    /* setsid may fork, so there may be one more for a moment. */
    bl_ssize count = bl_process_list(process, pids, 8);
    CHECK_GE(count, 3);
    CHECK(has(pids, count, bl_process_pid(process)));
    CHECK_GE(bl_process_list(process, pids, 1), 3);
    CHECK_GE(bl_process_list(process, NULL, 0), 3);
    famine_begin(0);
    bl_ssize rc = bl_process_list(process, pids, 8);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_OK(bl_process_close(process));
}

TEST(without_a_shim_the_program_and_its_children_are_found, REAL) {
    pid_t pids[8] = { 0 };
    bl_process_options options = program_options();
    options.reach = BL_PROCESS_ALONE;
    bl_process *process = start_script("echo ready; exec sleep 1000", &options);
    CHECK_STR(read_line_of(process), "ready");
    CHECK_EQ(bl_process_list(process, pids, 8), 1);
    CHECK_EQ(pids[0], bl_process_pid(process));
    CHECK_OK(bl_process_signal(process, 9));
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_EQ(bl_process_list(process, pids, 8), 0);
    CHECK_OK(bl_process_close(process));
}
