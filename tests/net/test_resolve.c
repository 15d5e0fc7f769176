/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_resolve.c - names to addresses
 *
 * The only names used are those that every system has in a file of its own,
 * and one that is reserved so that nobody ever has it.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

#include "support/host.h"

static const char *text_of(const bl_addr *address) {
    static char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, text, sizeof text);
    return text;
}

TEST(a_numeric_address_needs_no_thread) {
    bl_addr address;
    bl_loop_info info;
    CHECK_OK(bl_addr_resolve("127.0.0.1:80", &address));
    CHECK_STR(text_of(&address), "127.0.0.1:80");
    CHECK_OK(bl_addr_resolve("[::1]:80", &address));
    CHECK_STR(text_of(&address), "[::1]:80");
    bl_loop_get_info(bl_loop_running(), &info);
    CHECK_EQ(info.thread_jobs, 0);
}

TEST(a_name_is_looked_up) {
    bl_addr address;
    CHECK_OK(bl_addr_resolve("localhost:80", &address));
    CHECK_EQ(bl_addr_port(&address), 80);
    const char *text = text_of(&address);
    CHECK(strcmp(text, "127.0.0.1:80") == 0 || strcmp(text, "[::1]:80") == 0);
}

TEST(a_port_may_have_a_name_behind_whatever_host) {
    bl_addr address;
    CHECK_OK(bl_addr_resolve("localhost:http", &address));
    CHECK_EQ(bl_addr_port(&address), 80);
    CHECK_OK(bl_addr_resolve("127.0.0.1:http", &address));
    CHECK_STR(text_of(&address), "127.0.0.1:80");
    CHECK_OK(bl_addr_resolve("[::1]:http", &address));
    CHECK_STR(text_of(&address), "[::1]:80");
    CHECK_OK(bl_addr_resolve("[fe80::1%lo]:http", &address));
    CHECK_STR(text_of(&address), "[fe80::1%lo]:80");
}

TEST(between_brackets_stands_an_address) {
    bl_addr address;
    const char *const hosts[] = { "[localhost]:http", "[]:http",
                                  "[::1:http",        "[::1]x:http",
                                  "[127.0.0.1]:http", "[::1]:" };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        T_INFO("host %s", hosts[i]);
        CHECK_ERR(bl_addr_resolve(hosts[i], &address), BL_EINVAL);
    }
    CHECK_ERR(bl_addr_resolve("[::1]:no-such-port", &address), BL_EINVAL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EINVAL)),
                   "no-such-port");
}

TEST(a_port_that_is_too_high_is_refused) {
    bl_addr address;
    CHECK_ERR(bl_addr_resolve("localhost:65536", &address), BL_EINVAL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EINVAL)), "65536");
}

TEST(what_cannot_be_a_name_is_refused) {
    bl_addr address;
    char long_name[4096];
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name + sizeof long_name - 4, ":80", 4);
    CHECK_ERR(bl_addr_resolve(NULL, &address), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve("localhost:80", NULL), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve("localhost", &address), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve("localhost:", &address), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve("", &address), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve(long_name, &address), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve("localhost:no-such-port", &address), BL_EINVAL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EINVAL)),
                   "no-such-port");
}

TEST(an_unknown_name_says_why) {
    bl_addr address = { .length = 0 };
    CHECK_ERR(bl_addr_resolve("nobody.invalid:80", &address), BL_EIO);
    REQUIRE(bl_error_current(BL_EIO) != NULL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EIO)),
                   "nobody.invalid");
    CHECK_EQ(address.length, 0);
}

static int resolve_local(void *arg) {
    bl_addr address;
    *(int *)arg = bl_addr_resolve("localhost:80", &address);
    return 0;
}

static uint64_t jobs(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.thread_jobs;
}

TEST(a_cancelled_look_up_is_left_to_itself) {
    int rc = 1;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, resolve_local, &rc));
    CHECK_OK(bl_yield()); /* it is with the thread, or already back */
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK(rc == 0 || rc == BL_ECANCELED);
    REQUIRE_EVENTUALLY(jobs() == 0, SEC(60)); /* it ends by itself */
}

TEST(in_a_cancelled_scope_nothing_is_looked_up) {
    bl_addr address = { .length = 0 };
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_addr_resolve("127.0.0.1:80", &address), BL_ECANCELED);
    CHECK_ERR(bl_addr_resolve("localhost:80", &address), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_EQ(address.length, 0);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    bl_addr address;
    int rc = bl_addr_resolve("localhost:80", &address);
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM || rc == BL_ECANCELED);
}
