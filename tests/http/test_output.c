/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_output.c - heads that are sent
 */
#include <belay/test.h>

#include "http/http.h"

TEST(heads_are_put_together) {
    char bytes[200];
    bl__http_output output = { .bytes = bytes, .capacity = sizeof bytes };
    bl__http_put_status(&output, 200);
    bl__http_put_status(&output, 404);
    bl__http_put_status(&output, 599);
    CHECK_OK(bl__http_put_field(&output, "A", "b c"));
    CHECK_OK(bl__http_put_request(&output, "GET", "/x?y"));
    bl__http_put_number(&output, 0);
    bl__http_put_literal(&output, " ");
    bl__http_put_number(&output, UINT64_MAX);
    bl__http_put_literal(&output, " ");
    bl__http_put_hex(&output, 0xbeef01);
    bytes[output.count] = '\0';
    CHECK_STR(bytes, "HTTP/1.1 200 OK\r\nHTTP/1.1 404 Not Found\r\n"
                     "HTTP/1.1 599 Server Error\r\nA: b c\r\n"
                     "GET /x?y HTTP/1.1\r\n0 18446744073709551615 beef01");
    CHECK(!output.is_full);
}

TEST(what_does_not_fit_is_noticed) {
    char bytes[8];
    bl__http_output output = { .bytes = bytes, .capacity = sizeof bytes };
    bl__http_put_text(&output, "12345678");
    CHECK(!output.is_full);
    bl__http_put_text(&output, "9");
    CHECK(output.is_full);
    CHECK_EQ(output.count, 8);
}

/* Header injection. */
TEST(what_would_break_out_of_its_place_is_not_put) {
    char bytes[100];
    bl__http_output output = { .bytes = bytes, .capacity = sizeof bytes };
    CHECK_ERR(bl__http_put_field(&output, "A", "b\r\nC: d"), BL_EINVAL);
    CHECK_ERR(bl__http_put_field(&output, "A\n", "b"), BL_EINVAL);
    CHECK_ERR(bl__http_put_request(&output, "GET /", "/"), BL_EINVAL);
    CHECK_ERR(bl__http_put_request(&output, "", "/"), BL_EINVAL);
    CHECK_ERR(bl__http_put_request(&output, "GET", "/a b"), BL_EINVAL);
    CHECK_ERR(bl__http_put_request(&output, "GET", "/\r\n"), BL_EINVAL);
    CHECK_ERR(bl__http_put_request(&output, "GET", ""), BL_EINVAL);
    CHECK_EQ(output.count, 0);
}
