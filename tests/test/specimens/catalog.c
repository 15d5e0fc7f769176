/* SPDX-License-Identifier: MIT */
/*
 * specimens/catalog.c - tests to be selected, listed and told apart
 *
 * As if from three files: #line says so.
 */
#include <belay/test.h>

#line 1 "catalog/test_echo.c"
PARAM(int, chunk, 1, 7);

FIXTURE(int, port) {
    YIELD(80);
}

FIXTURE(int, server, (port, chunk)) {
    YIELD(port + chunk);
}

FIXTURE(int, guard, .autouse = true) {
    YIELD(0);
}

TEST(echoes, (server), .tags = "net slow") {
    CHECK_GT(server, 80);
}

TEST(closes, .tags = "net") {
    CHECK_OK(bl_sleep(SEC(7)));
}

#line 1 "catalog/test_pool.c"
TEST(lends, .schedules = 3, .sweep = T_CANCEL) {
    BL_IGNORE(bl_yield()); /* cancelled in the sweep */
}

TEST(loses) {
    CHECK_EQ(1, 2);
}

TEST(keeps) {
    CHECK_EQ(2, 2);
}

TEST(demonstrates, .tags = ".demo") {
    CHECK_EQ(2, 2);
}

#line 1 "catalog/test_timers.c"
TEST(fires) {
    CHECK_EQ(2, 2);
}

TEST(is_late, .xfail = "#12 \"late\"") {
    CHECK_EQ(2, 3);
}

TEST(is_left_out, .skip = "no clock # here") {
}
