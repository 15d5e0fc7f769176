/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_user.c - users by their names
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include "support/host.h"

TEST(a_user_is_found_with_its_groups) {
    bl_process_user user = { .uid = 77 };
    CHECK_OK(bl_process_find_user("root", &user));
    CHECK_EQ(user.uid, 0u);
    CHECK_EQ(user.gid, 0u);
    REQUIRE_GE(user.group_count, 1u);
    CHECK_EQ(user.groups[0], 0u);
}

TEST(nobody_is_called_that) {
    bl_process_user user = { .uid = 77 };
    CHECK_ERR(bl_process_find_user("no such user", &user), BL_ENOENT);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ENOENT)),
                   "no user is called no such user");
    CHECK_EQ(user.uid, 77u);
}

static void without_a_loop(void *arg) {
    CHECK_ERR(bl_process_find_user("root", arg), BL_ENOLOOP);
}

static void from_a_callback(void *arg) {
    CHECK_ERR(bl_process_find_user("root", arg), BL_ENOTASK);
}

TEST(a_user_is_looked_up_by_a_task) {
    bl_process_user user;
    CHECK_ERR(bl_process_find_user(NULL, &user), BL_EINVAL);
    CHECK_ERR(bl_process_find_user("root", NULL), BL_EINVAL);
    on_thread(without_a_loop, &user);
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, from_a_callback, &user);
    CHECK_OK(bl_sleep(1));
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "the test says so");
    CHECK_ERR(bl_process_find_user("root", &user), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
}
