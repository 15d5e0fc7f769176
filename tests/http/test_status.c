/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_status.c - phrases, and what a code means to a client
 */
#include <belay/http.h>
#include <belay/test.h>

TEST(each_status_has_a_phrase) {
    CHECK_STR(bl_http_reason(200), "OK");
    CHECK_STR(bl_http_reason(431), "Request Header Fields Too Large");
    CHECK_STR(bl_http_reason(299), "Success");
    CHECK_STR(bl_http_reason(499), "Client Error");
    CHECK_STR(bl_http_reason(99), "Unknown");
    CHECK_STR(bl_http_reason(600), "Unknown");
    CHECK_STR(bl_http_reason(-1), "Unknown");
}

TEST(each_code_has_a_status) {
    CHECK_EQ(bl_http_status_of(BL_EHTTP_MALFORMED), 400);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_TRUNCATED), 400);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_BODY_SIZE), 413);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_TARGET_SIZE), 414);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_EXPECT), 417);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_HEAD_SIZE), 431);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_METHOD), 501);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_CODING), 501);
    CHECK_EQ(bl_http_status_of(BL_EHTTP_VERSION), 505);
    CHECK_EQ(bl_http_status_of(BL_ENOMEM), 500);
}
