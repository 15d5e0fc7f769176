/* SPDX-License-Identifier: MIT */
/*
 * test/test_clean.c - what tests have printed, made fit to be printed
 */
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "test/report/clean.h"

/* What a function writes to a file, which the caller frees. */
static char *written_lines(const char *indent, const char *text) {
    char *bytes;
    size_t length;
    FILE *file = open_memstream(&bytes, &length);
    REQUIRE_NE(file, NULL);
    bl__put_clean_lines(file, indent, text);
    fclose(file);
    return bytes;
}

static char *written_json(const char *text) {
    char *bytes;
    size_t length;
    FILE *file = open_memstream(&bytes, &length);
    REQUIRE_NE(file, NULL);
    bl__put_json(file, text);
    fclose(file);
    return bytes;
}

static void check_clean(const char *text, const char *expected) {
    char clean[200] = "";
    char part[8];
    size_t length;
    while ((length = bl__clean_next(&text, part)) > 0)
        strncat(clean, part, length);
    CHECK_STR(clean, expected);
}

TEST(text_stays_as_it_is, .no_loop = true) {
    check_clean("plain, with\ttabs\nand lines", "plain, with\ttabs\nand lines");
    check_clean("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\x89",
                "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\x89");
    check_clean("", "");
}

TEST(control_characters_are_shown, .no_loop = true) {
    check_clean("a\rb", "a\\x0db");
    check_clean("\033[31mred", "\\x1b[31mred");
    check_clean("\x7f", "\\x7f");
}

/* Some readers take these for the end of a line. */
TEST(rare_line_ends_are_shown, .no_loop = true) {
    check_clean("a\xc2\x85z", "a\\xc2\\x85z");
    check_clean("a\xe2\x80\xa8z", "a\\xe2\\x80\\xa8z");
    check_clean("a\xe2\x80\xa9z", "a\\xe2\\x80\\xa9z");
    check_clean("a\v\f\x1c\x1d\x1ez", "a\\x0b\\x0c\\x1c\\x1d\\x1ez");
}

TEST(what_is_not_utf8_is_shown, .no_loop = true) {
    check_clean("\xc3", "\\xc3");
    check_clean("\xc3(", "\\xc3(");
    check_clean("\xe2\x82", "\\xe2\\x82");
    check_clean("\xf0\x9f\x8e", "\\xf0\\x9f\\x8e");
    check_clean("\x80\xbf\xff", "\\x80\\xbf\\xff");
    check_clean("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
    check_clean("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    check_clean("\xef\xbf\xbe", "\\xef\\xbf\\xbe");          /* no character */
    check_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* too great */
}

TEST(each_line_is_indented, .no_loop = true) {
    char *text = written_lines("  | ", "one\n\nthree");
    CHECK_STR(text, "  | one\n  | \n  | three\n");
    free(text);
    text = written_lines("  | ", "");
    CHECK_STR(text, "");
    free(text);
    text = written_lines("> ", "\n");
    CHECK_STR(text, "> \n");
    free(text);
}

TEST(json_strings_are_escaped, .no_loop = true) {
    char *text = written_json("\"\\\n\t\x01\xff");
    CHECK_STR(text, "\"\\\"\\\\\\n\\t\\\\x01\\\\xff\"");
    free(text);
    text = written_json(NULL);
    CHECK_STR(text, "null");
    free(text);
}
