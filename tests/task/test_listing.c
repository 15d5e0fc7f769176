/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_listing.c - some tasks in a report, with their stacks
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

static bool is_called(const bl_task_view *view, void *context) {
    return strcmp(view->name, context) == 0;
}

static void report_those_called(const char *name) {
    bl_inspect_report(bl_loop_running(), is_called, (void *)(uintptr_t)name);
}

TEST(those_that_are_meant_are_reported_with_their_stacks, (t_log)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, kid_waits, &never));
    REQUIRE_OK(bl_spawn(&group, kid_sleeps, ARG(HOUR)));
    settle();
    report_those_called("kid_waits");
    CHECK_EQ(t_log_count(t_log, "  task \""), 1u);
    CHECK_CONTAINS(t_log_text(t_log), "task \"kid_waits\" #");
    CHECK_CONTAINS(t_log_text(t_log), "waits for event, in bl_event_wait(arg)");
    if (shows_stacks()) {
        CHECK_CONTAINS(t_log_text(t_log), "      in ");
        CHECK_CONTAINS(t_log_text(t_log), "      <- ");
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(of_more_than_ten_the_rest_is_counted_and_the_stack_shown_once, (t_log)) {
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 12; i++)
        REQUIRE_OK(bl_spawn(&group, kid_waits, &never));
    settle();
    report_those_called("kid_waits");
    CHECK_EQ(t_log_count(t_log, "  task \""), 10u);
    CHECK_CONTAINS(t_log_text(t_log), "  and 2 more tasks");
    if (shows_stacks()) {
        CHECK_EQ(t_log_count(t_log, "      in "), 1u);
        CHECK_CONTAINS(t_log_text(t_log), "      [same stack x10]");
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
}

static bool is_root(const bl_task_view *view, void *context) {
    (void)context;
    return view->parent_id == 0;
}

static int report_root(void *arg) {
    (void)arg;
    bl_inspect_report(bl_loop_running(), is_root, NULL);
    return 0;
}

TEST(by_a_virtual_clock_a_report_reads_no_names, .no_loop = true) {
    bl_loop_options options = { .size = sizeof options,
                                .clock = BL_CLOCK_VIRTUAL };
    capture_stderr();
    CHECK_OK(bl_run_with(report_root, NULL, &options));
    const char *said = captured_stderr();
    CHECK_CONTAINS(said, "#1 is running");
    CHECK(strstr(said, "report_root task/") == NULL);
    bool has_names = shows_names();
    capture_stderr();
    CHECK_OK(bl_run_with(report_root, NULL, &options));
    said = captured_stderr();
    CHECK(has_names == (strstr(said, "report_root task/") != NULL));
}

TEST(a_quiet_loop_reports_nothing, .no_loop = true) {
    bl_loop_options options = { .size = sizeof options, .is_quiet = true };
    capture_stderr();
    CHECK_OK(bl_run_with(report_root, NULL, &options));
    CHECK_STR(captured_stderr(), "");
    options.is_quiet = false;
    capture_stderr();
    CHECK_OK(bl_run_with(report_root, NULL, &options));
    CHECK_CONTAINS(captured_stderr(), "#1 is running");
}
