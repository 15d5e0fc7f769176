/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_inspect.c - seeing the tasks of a live loop
 */
#include <belay/test.h>

#include <stdlib.h>
#include <string.h>

#include "support/kids.h"

static bl_event never;

struct seen {
    bl_task_view views[16];
    int count;
    int stop_after;
};

static bool collect(const bl_task_view *view, void *context) {
    struct seen *seen = context;
    if (seen->count < 16) seen->views[seen->count] = *view;
    seen->count++;
    return seen->stop_after == 0 || seen->count < seen->stop_after;
}

static const bl_task_view *find(const struct seen *seen, const char *name) {
    for (int i = 0; i < seen->count && i < 16; i++) {
        if (strcmp(seen->views[i].name, name) == 0) return &seen->views[i];
    }
    return NULL;
}

static void look(struct seen *seen) {
    seen->count = 0;
    bl_inspect_tasks(bl_loop_running(), collect, seen);
}

TEST(the_running_task_sees_itself_first) {
    struct seen seen = { .count = 0 };
    look(&seen);
    REQUIRE_GE(seen.count, 1);
    const bl_task_view *me = NULL;
    for (int i = 0; i < seen.count; i++) {
        if (seen.views[i].task == bl_task_current()) me = &seen.views[i];
    }
    REQUIRE(me != NULL);
    CHECK_STR(me->state, "running");
    CHECK_EQ(me->id, bl_task_id(bl_task_current()));
    CHECK_STR(me->waits_for, "");
    CHECK_EQ(seen.views[0].parent_id, 0); /* the root stands first */
    CHECK_EQ(seen.views[0].depth, 0);
}

TEST(a_waiting_task_shows_what_it_waits_for_and_where) {
    bl_group group = { 0 };
    struct seen seen = { .count = 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_waits, &never));
    settle();
    look(&seen);
    const bl_task_view *view = find(&seen, "kid_waits");
    REQUIRE(view != NULL);
    CHECK_STR(view->state, "waiting");
    CHECK_STR(view->waits_for, "event");
    CHECK_STR(view->call, "bl_event_wait(arg)");
    CHECK_CONTAINS(view->called_at, "kids.c:");
    CHECK_CONTAINS(view->spawned_at, "test_inspect.c:");
    CHECK(view->object == &never);
    CHECK_EQ(view->deadline, BL_FOREVER);
    CHECK(!view->is_cancelled);
    CHECK(!view->is_daemon);
    CHECK_EQ(view->parent_id, bl_task_id(bl_task_current()));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_view_tells_ready_from_waiting) {
    bl_group group = { 0 };
    struct seen seen = { .count = 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_returns, NULL));
    look(&seen);
    const bl_task_view *view = find(&seen, "kid_returns");
    REQUIRE(view != NULL);
    CHECK_STR(view->state, "ready");
    CHECK_STR(view->waits_for, "");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    look(&seen);
    CHECK(find(&seen, "kid_returns") == NULL); /* it has gone */
}

TEST(a_view_shows_deadline_cancellation_and_daemons) {
    bl_group group = { 0 };
    bl_scope scope;
    struct seen seen = { .count = 0 };
    struct kid slow = { .delay = HOUR, .cleanup = BL_MS(5) };
    bl_ns start = bl_now();
    bl_scope_enter_timeout(&scope, BL_SEC(7));
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn_daemon(&group, kid_waits, &never));
    CHECK_OK(bl_spawn(&group, kid_run, &slow));
    settle();
    look(&seen);
    REQUIRE(find(&seen, "kid_run") != NULL);
    REQUIRE(find(&seen, "kid_waits") != NULL);
    CHECK_EQ(find(&seen, "kid_run")->deadline, start + BL_SEC(7));
    CHECK(find(&seen, "kid_waits")->is_daemon);
    bl_group_cancel(&group);
    look(&seen);
    CHECK(find(&seen, "kid_run")->is_cancelled);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

static int has_a_child(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_waits, arg);
    }
    return rc;
}

TEST(parents_stand_before_children_and_siblings_in_order) {
    bl_group group = { 0 };
    struct seen seen = { .count = 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, has_a_child, &never));
    CHECK_OK(bl_spawn(&group, kid_sleeps, ARG(HOUR)));
    settle();
    look(&seen);
    int parent = -1, child = -1, sibling = -1;
    for (int i = 0; i < seen.count; i++) {
        if (strcmp(seen.views[i].name, "has_a_child") == 0) parent = i;
        if (strcmp(seen.views[i].name, "kid_waits") == 0) child = i;
        if (strcmp(seen.views[i].name, "kid_sleeps") == 0) sibling = i;
    }
    REQUIRE(parent >= 0 && child >= 0 && sibling >= 0);
    CHECK_LT(parent, child);
    CHECK_LT(child, sibling);
    CHECK_EQ(seen.views[child].parent_id, seen.views[parent].id);
    CHECK_EQ(seen.views[child].depth, seen.views[parent].depth + 1);
    CHECK_EQ(seen.views[sibling].depth, seen.views[parent].depth);
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_walk_can_be_ended) {
    bl_group group = { 0 };
    struct seen seen = { .stop_after = 2 };
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 5; i++) {
        CHECK_OK(bl_spawn(&group, kid_waits, &never));
    }
    look(&seen);
    CHECK_EQ(seen.count, 2);
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(the_text_names_every_task_its_wait_and_its_place) {
    bl_group group = { 0 };
    char text[4096];
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_waits, &never));
    CHECK_OK(bl_spawn(&group, kid_sleeps, ARG(HOUR)));
    settle();
    size_t length = bl_inspect_format(bl_loop_running(), text, sizeof(text));
    CHECK_EQ(length, strlen(text));
    CHECK_CONTAINS(text, "kid_waits");
    CHECK_CONTAINS(text, "kid_sleeps");
    CHECK_CONTAINS(text, "bl_event_wait(arg)");
    CHECK_CONTAINS(text, "kids.c:");
    CHECK_CONTAINS(text, "test_inspect.c:");
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_text_that_does_not_fit_is_cut_and_its_length_told) {
    char whole[4096], small[20];
    size_t length = bl_inspect_format(bl_loop_running(), whole, sizeof(whole));
    CHECK_EQ(bl_inspect_format(bl_loop_running(), small, sizeof(small)),
             length);
    CHECK_EQ(strlen(small), sizeof(small) - 1);
    CHECK_EQ(memcmp(small, whole, sizeof(small) - 1), 0);
    CHECK_EQ(bl_inspect_format(bl_loop_running(), NULL, 0), length);
}

TEST(the_tree_can_be_printed) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    REQUIRE(file != NULL);
    bl_inspect_print(file);
    (void)fclose(file);
    CHECK_CONTAINS(text, bl_task_name(bl_task_current()));
    free(text);
}
