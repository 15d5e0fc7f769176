/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_terminal.c - bars of characters, with and without Unicode
 */
#include <string.h>

#include <belay/test.h>

#include "cli/terminal.h"

#define FULL "\xe2\x96\x88"

TEST(a_plain_bar_has_whole_columns) {
    char bar[TERMINAL_BAR_BYTES(10)];
    CHECK_EQ(terminal_bar(false, 1, 10, bar), 10);
    CHECK_STR(bar, "##########");
    CHECK_EQ(terminal_bar(false, 0.44, 10, bar), 4);
    CHECK_STR(bar, "####");
    CHECK_EQ(terminal_bar(false, 0, 10, bar), 0);
    CHECK_STR(bar, "");
}

TEST(little_is_seen_too) {
    char bar[TERMINAL_BAR_BYTES(10)];
    CHECK_EQ(terminal_bar(false, 1e-9, 10, bar), 1);
    CHECK_STR(bar, ".");
    CHECK_EQ(terminal_bar(true, 1e-9, 10, bar), 1);
    CHECK_STR(bar, "\xe2\x96\x8f"); /* an eighth */
}

TEST(unicode_has_eighths) {
    char bar[TERMINAL_BAR_BYTES(10)];
    CHECK_EQ(terminal_bar(true, 0.2, 10, bar), 2);
    CHECK_STR(bar, FULL FULL);
    CHECK_EQ(terminal_bar(true, 0.25, 10, bar), 3);
    CHECK_STR(bar, FULL FULL "\xe2\x96\x8c"); /* a half */
    CHECK_EQ(terminal_bar(true, 1, 10, bar), 10);
    CHECK_EQ(strlen(bar), 30);
}

TEST(shares_beyond_the_ends_are_held) {
    char bar[TERMINAL_BAR_BYTES(4)];
    CHECK_EQ(terminal_bar(false, -1, 4, bar), 0);
    CHECK_EQ(terminal_bar(false, 7, 4, bar), 4);
    CHECK_EQ(terminal_bar(true, 7, 4, bar), 4);
}

TEST(a_file_is_no_terminal) {
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    struct terminal terminal = terminal_of(file);
    CHECK(!terminal.is_terminal);
    CHECK(!terminal.has_unicode);
    CHECK_EQ(terminal.columns, 80);
    fclose(file);
}

TEST(a_line_is_cut_to_the_width) {
    char text[256] = "";
    FILE *file = fmemopen(text, sizeof(text), "w");
    REQUIRE(file != NULL);
    struct terminal terminal = { .file = file, .columns = 6 };
    terminal_redraw(&terminal, "123456789");
    terminal_redraw(&terminal, NULL);
    fclose(file);
    CHECK_STR(text, "\r\x1b[K12345\r\x1b[K");
}
