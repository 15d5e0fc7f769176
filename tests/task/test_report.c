/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_report.c - a line to people about something odd
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"

static int reports(void *arg) {
    bl_report("%s %d", (const char *)arg, 7);
    return 0;
}

static const char *said_by_a_loop(bool is_quiet) {
    bl_loop_options options = quiet_options();
    options.is_quiet = is_quiet;
    capture_stderr();
    CHECK_OK(run_elsewhere(reports, "odd", &options));
    return captured_stderr();
}

TEST(a_report_is_one_line, .no_loop = true) {
    CHECK_STR(said_by_a_loop(false), "belay: odd 7\n");
}

TEST(a_quiet_loop_reports_nothing, .no_loop = true) {
    CHECK_STR(said_by_a_loop(true), "");
}

TEST(outside_a_loop_it_is_reported_too, .no_loop = true) {
    capture_stderr();
    bl_report("alone");
    CHECK_STR(captured_stderr(), "belay: alone\n");
}

TEST(a_long_report_is_cut, .no_loop = true) {
    static char much[5000];
    memset(much, 'x', sizeof much - 1);
    capture_stderr();
    bl_report("%s", much);
    const char *text = captured_stderr();
    CHECK_LT(strlen(text), 1100);
    CHECK_CONTAINS(text, "xxx\n");
}
