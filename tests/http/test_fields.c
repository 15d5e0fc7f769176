/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_fields.c - names, values and lists
 */
#include <belay/http.h>
#include <belay/test.h>

static const bl_http_field items[] = {
    { "Accept", "a" },
    { "Connection", "keep-alive ,Close" },
    { "accept", "b" },
    { "Connection", ",, upgrade" },
};
static const bl_http_fields fields = { items, 4 };

TEST(a_field_is_found_in_any_case) {
    CHECK_STR(bl_http_fields_get(&fields, "ACCEPT"), "a");
    CHECK(bl_http_fields_get(&fields, "Accep") == NULL);
    CHECK(bl_http_fields_get(NULL, "Accept") == NULL);
    CHECK(bl_http_fields_get(&fields, NULL) == NULL);
}

TEST(fields_of_one_name_come_in_their_order) {
    size_t index = 0;
    CHECK_STR(bl_http_fields_next(&fields, "accept", &index), "a");
    CHECK_STR(bl_http_fields_next(&fields, "accept", &index), "b");
    CHECK(bl_http_fields_next(&fields, "accept", &index) == NULL);
    CHECK(bl_http_fields_next(&fields, "accept", &index) == NULL);
    CHECK(bl_http_fields_next(&fields, "accept", NULL) == NULL);
}

TEST(tokens_of_a_list_are_found_whole) {
    CHECK(bl_http_fields_has_token(&fields, "connection", "close"));
    CHECK(bl_http_fields_has_token(&fields, "connection", "keep-alive"));
    CHECK(bl_http_fields_has_token(&fields, "connection", "Upgrade"));
    CHECK(!bl_http_fields_has_token(&fields, "connection", "keep"));
    CHECK(!bl_http_fields_has_token(&fields, "connection", "alive"));
    CHECK(!bl_http_fields_has_token(&fields, "connection", ""));
    CHECK(!bl_http_fields_has_token(&fields, "connection", NULL));
    CHECK(!bl_http_fields_has_token(&fields, "upgrade", "close"));
}

/* Header injection. */
TEST(what_would_break_out_of_its_line_is_not_valid) {
    CHECK(bl_http_field_is_valid("X-Name", "a value, \"quoted\"\t\xc3\xa9"));
    CHECK(bl_http_field_is_valid("X", ""));
    CHECK(!bl_http_field_is_valid("X", "a\r\nSet-Cookie: b"));
    CHECK(!bl_http_field_is_valid("X", "a\n"));
    CHECK(!bl_http_field_is_valid("X", "a\r"));
    CHECK(!bl_http_field_is_valid("X", "a\x7f"));
    CHECK(!bl_http_field_is_valid("X\r\nY", "a"));
    CHECK(!bl_http_field_is_valid("X:", "a"));
    CHECK(!bl_http_field_is_valid("X Y", "a"));
    CHECK(!bl_http_field_is_valid("", "a"));
    CHECK(!bl_http_field_is_valid(NULL, "a"));
    CHECK(!bl_http_field_is_valid("X", NULL));
}
