/* SPDX-License-Identifier: MIT */
/*
 * test/test_tree.c - the tasks of a test as text
 */
#include <belay/test.h>

#include <string.h>

static int wait_for(void *arg) {
    return bl_event_wait(arg);
}

static int wait_below(void *arg) {
    bl_event *event = arg;
    int rc;
    BL_GROUP(inner, rc) {
        rc = bl_spawn(inner, wait_for, event);
        if (rc == 0) rc = bl_event_wait(event);
    }
    return rc;
}

FIXTURE(bl_event *, event) {
    bl_event made = BL_EVENT_INIT;
    YIELD(&made);
}

TEST(tasks_are_shown_without_what_changes, (event)) {
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_daemon(&group, wait_below, event));
    t_settle();
    CHECK_STR(t_task_tree(),
              "fixtures: waits for the tear-down\n"
              "  event: waits for YIELD\n"
              "test: running\n"
              "  wait_below: waits for event in bl_event_wait(event), daemon\n"
              "    wait_for: waits for event in bl_event_wait(arg)\n");
    CHECK_SNAPSHOT("tree.txt", t_task_tree(), strlen(t_task_tree()));
    bl_group_cancel(&group);
    CHECK_CONTAINS(t_task_tree(), "test: running, cancelled\n");
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(outside_a_loop_there_are_none, .no_loop = true) {
    CHECK_STR(t_task_tree(), "");
}
