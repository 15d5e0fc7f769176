/* SPDX-License-Identifier: MIT */
/*
 * specimens/found.c - a test that fails in one run of many
 */
#include <belay/test.h>

TEST(is_safe_to_cancel, .sweep = T_CANCEL) {
    CHECK_OK(bl_yield());
    int rc = bl_yield();
    T_INFO("it is not safe to cancel");
    CHECK_ALWAYS(rc == 0);
}
