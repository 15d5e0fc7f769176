/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_user.c - users by their names
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <dlfcn.h>
#include <grp.h>
#include <string.h>

#include "support/host.h"

typedef int groups_fn(const char *user, gid_t group, gid_t *groups, int *count);

static int groups_made_up; /* 0: what the system says */

/* Stands before the C library's, which knows nobody in so many groups. */
int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count) {
    groups_fn *ask;
    void *symbol = dlsym(RTLD_NEXT, "getgrouplist");
    memcpy(&ask, &symbol, sizeof ask);
    if (groups_made_up == 0) return ask(user, group, groups, count);
    int room = *count;
    *count = groups_made_up;
    for (int i = 0; i < room && i < groups_made_up; i++)
        groups[i] = group + (gid_t)i;
    return groups_made_up > room ? -1 : groups_made_up;
}

TEST(a_user_is_found_with_its_groups) {
    bl_process_user user = { .uid = 77 };
    CHECK_OK(bl_process_find_user("root", &user));
    CHECK_EQ(user.uid, 0u);
    CHECK_EQ(user.gid, 0u);
    REQUIRE_GE(user.group_count, 1u);
    CHECK_EQ(user.groups[0], 0u);
}

TEST(a_user_may_be_in_so_many_groups_and_no_more) {
    bl_process_user user = { .uid = 77 };
    groups_made_up = BL_PROCESS_GROUPS_MAX + 1;
    CHECK_ERR(bl_process_find_user("root", &user), BL_EOVERFLOW);
    CHECK_EQ(user.uid, 77u);
    groups_made_up = BL_PROCESS_GROUPS_MAX;
    CHECK_OK(bl_process_find_user("root", &user));
    CHECK_EQ(user.group_count, (size_t)BL_PROCESS_GROUPS_MAX);
    CHECK_EQ(user.groups[BL_PROCESS_GROUPS_MAX - 1],
             (gid_t)BL_PROCESS_GROUPS_MAX - 1);
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
