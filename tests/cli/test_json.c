/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_json.c - text that every reader of JSON takes
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "cli/json.h"

/* A writer into memory. */
struct page {
    struct json json;
    char *text;
    size_t bytes;
};

FIXTURE(struct page *, page) {
    struct page *mine = calloc(1, sizeof(*mine));
    REQUIRE(mine != NULL);
    mine->json.file = open_memstream(&mine->text, &mine->bytes);
    REQUIRE(mine->json.file != NULL);
    YIELD(mine);
    fclose(mine->json.file);
    free(mine->text);
    free(mine);
}

static const char *text_of(struct page *page) {
    fflush(page->json.file);
    return page->text;
}

TEST(values_of_an_object_stand_on_lines, (page)) {
    json_object_begin(&page->json, NULL);
    json_uint(&page->json, "a", UINT64_MAX);
    json_int(&page->json, "b", -7);
    json_bool(&page->json, "c", true);
    json_real(&page->json, "d", 1.25, 3);
    json_text(&page->json, "e", "text");
    json_text(&page->json, "f", NULL);
    json_object_end(&page->json);
    CHECK_STR(text_of(page), "{\n"
                             "  \"a\": 18446744073709551615,\n"
                             "  \"b\": -7,\n"
                             "  \"c\": true,\n"
                             "  \"d\": 1.250,\n"
                             "  \"e\": \"text\",\n"
                             "  \"f\": null\n"
                             "}\n");
}

TEST(arrays_and_objects_nest, (page)) {
    json_object_begin(&page->json, NULL);
    json_array_begin(&page->json, "empty");
    json_array_end(&page->json);
    json_object_begin(&page->json, "none");
    json_object_end(&page->json);
    json_array_begin(&page->json, "pairs");
    for (int i = 0; i < 2; i++) {
        json_array_begin(&page->json, NULL);
        json_int(&page->json, NULL, i);
        json_int(&page->json, NULL, i + 1);
        json_array_end(&page->json);
    }
    json_array_end(&page->json);
    json_object_end(&page->json);
    CHECK_STR(text_of(page), "{\n"
                             "  \"empty\": [],\n"
                             "  \"none\": {},\n"
                             "  \"pairs\": [[0, 1], [1, 2]]\n"
                             "}\n");
}

TEST(what_is_no_number_is_null, (page)) {
    json_array_begin(&page->json, NULL);
    json_real(&page->json, NULL, NAN, 1);
    json_real(&page->json, NULL, INFINITY, 1);
    json_real(&page->json, NULL, -0.5, 0);
    json_array_end(&page->json);
    CHECK_STR(text_of(page), "[null, null, -0]\n");
}

/* The text of one value, as it comes out. */
static void check_text(struct page *page, const char *text,
                       const char *expected) {
    rewind(page->json.file);
    json_array_begin(&page->json, NULL);
    json_text(&page->json, NULL, text);
    json_array_end(&page->json);
    page->json.has_items[0] = false;
    fputc('\0', page->json.file);
    CHECK_STR(text_of(page), expected);
}

TEST(what_would_break_out_of_a_string_is_escaped, (page)) {
    check_text(page, "a\"b\\c", "[\"a\\\"b\\\\c\"]\n");
    check_text(page, "\r\n\t\x01\x7f",
               "[\"\\u000d\\u000a\\u0009\\u0001\\u007f\"]\n");
}

TEST(utf8_stays_and_anything_else_is_replaced, (page)) {
    check_text(page, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
               "[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"]\n");
    check_text(page, "\xff", "[\"\xef\xbf\xbd\"]\n");
    check_text(page, "\xc3", "[\"\xef\xbf\xbd\"]\n"); /* cut off */
    check_text(page, "\xc0\xaf", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]\n"); /* long */
    check_text(page, "\xed\xa0\x80",
               "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n"); /* surrogate */
    check_text(page, "\xf4\x90\x80\x80",
               "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n");
}
