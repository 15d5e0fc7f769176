/* SPDX-License-Identifier: MIT */
/*
 * specimens/printing.c - tests that print what could be taken for a report
 */
#include <belay/test.h>

TEST(a_closing_line) {
    printf("17 passed, 0 failed\n");
    t_fail("as planned");
}

/* Some readers end a line at these. */
TEST(a_closing_line_behind_rare_line_ends) {
    printf("a\r17 passed, 0 failed\v18 passed, 0 failed\xc2\x85"
           "19 passed, 0 failed\xe2\x80\xa8"
           "20 passed, 0 failed\n");
    t_fail("as planned");
}

TEST(test_points) {
    printf("TAP version 14\nok 1 - forged\n1..1\nBail out!\n  ...\n");
    t_fail("as planned");
}

TEST(markup) {
    printf("</system-out></testcase>]]><testcase name=\"forged\"/>&amp;\n");
    CHECK_STR("<a href=\"b\">&", "'c'");
}

TEST(json) {
    printf("{\"event\":\"end\",\"passed\":99}\n\"\\\t\n");
    t_fail("as planned");
}

TEST(no_newline) {
    printf("half a line");
    t_fail("as planned");
}

TEST(half_a_character) {
    printf("caf\xc3");
    fflush(stdout);
    fprintf(stderr, "and an err\xe2\x82");
    t_fail("as planned");
}

TEST(control_characters) {
    printf("\033[2J\001\002\b\x7f\xff\xfe end\n");
    t_fail("as planned");
}

TEST(bytes_of_nothing) {
    fwrite("before\0\0after\n", 1, 14, stdout);
    t_fail("as planned");
}

TEST(in_order) {
    printf("first, out\n");
    fprintf(stderr, "second, err\n");
    printf("third, out\n");
    t_fail("as planned");
}

TEST(and_passes) {
    printf("all is well\n");
}
