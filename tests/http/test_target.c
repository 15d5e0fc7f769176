/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_target.c - what is encoded in paths and queries
 */
#include <belay/http.h>
#include <belay/test.h>

TEST(a_path_is_decoded) {
    char text[16];
    CHECK_EQ(bl_http_decode("/a%20b+%C3%a9", text, sizeof text), 7);
    CHECK_STR(text, "/a b+\xc3\xa9");
    CHECK_EQ(bl_http_decode("", text, sizeof text), 0);
    CHECK_STR(text, "");
}

TEST(what_cannot_be_decoded_is_refused) {
    char text[16];
    CHECK_ERR(bl_http_decode("%", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode("%4", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode("%4g", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode("%-1", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode("a%00b", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode(NULL, text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_decode("a", NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_http_decode("abc", text, 3), BL_EMSGSIZE);
    CHECK_ERR(bl_http_decode("", text, 0), BL_EMSGSIZE);
    CHECK_EQ(bl_http_decode("ab", text, 3), 2);
}

TEST(a_parameter_is_found_and_decoded) {
    const char *query = "a=1&bb=x+y%26&c&d=&a=2&=e";
    char text[16];
    CHECK_EQ(bl_http_query_get(query, "a", text, sizeof text), 1);
    CHECK_STR(text, "1");
    CHECK_EQ(bl_http_query_get(query, "bb", text, sizeof text), 4);
    CHECK_STR(text, "x y&");
    CHECK_EQ(bl_http_query_get(query, "c", text, sizeof text), 0);
    CHECK_EQ(bl_http_query_get(query, "d", text, sizeof text), 0);
    CHECK_ERR(bl_http_query_get(query, "b", text, sizeof text), BL_ENOENT);
    CHECK_ERR(bl_http_query_get(NULL, "b", text, sizeof text), BL_ENOENT);
    CHECK_ERR(bl_http_query_get(query, NULL, text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_query_get(query, "a", NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_http_query_get("a=%", "a", text, sizeof text), BL_EINVAL);
    CHECK_ERR(bl_http_query_get(query, "bb", text, 4), BL_EMSGSIZE);
}
