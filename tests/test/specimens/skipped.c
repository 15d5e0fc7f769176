/* SPDX-License-Identifier: MIT */
/*
 * specimens/skipped.c - a program of which all tests are skipped
 */
#include <belay/test.h>

TEST(one, .skip = "not today") {
}

TEST(two) {
    t_skip("nor tomorrow");
}
