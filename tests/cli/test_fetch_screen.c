/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_fetch_screen.c - how downloads go, while they run
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "cli/fetch_screen.h"

static const struct terminal plain = { .columns = 100 };

TEST(a_line_has_a_bar_and_numbers) {
    char text[FETCH_LINE_BYTES];
    struct fetch_line line = {
        .name = "file.iso", .bytes = 500000, .total = 1000000, .rate = 50000
    };
    CHECK_STR(fetch_line_text(&plain, &line, text),
              "file.iso                  ###############"
              "                 50%    500 kB     50.0 kB/s  10 s");
    line.total = -1;
    CHECK_STR(fetch_line_text(&plain, &line, text),
              "file.iso                                "
              "                         500 kB     50.0 kB/s  ");
    line.word = "asking";
    CHECK_STR(fetch_line_text(&plain, &line, text),
              "file.iso                  asking");
}

TEST(a_long_name_is_cut_and_no_line_is_too_long) {
    char text[FETCH_LINE_BYTES];
    struct fetch_line line = { .name = "a-name-of-more-than-24-letters",
                               .bytes = 999999999,
                               .total = 1000000000,
                               .rate = 0.001 };
    for (int columns = 80; columns <= 160; columns++) {
        struct terminal terminal = { .columns = columns };
        fetch_line_text(&terminal, &line, text);
        CHECK_LT(strlen(text), (size_t)columns);
        CHECK_EQ(strncmp(text, "a-name-of-more-than-24-l  #", 27), 0);
    }
}

TEST(lines_are_drawn_over_and_taken_away) {
    char *written;
    size_t bytes;
    struct fetch_line lines[] = { { .name = "a", .word = "x" },
                                  { .name = "b", .word = "y" } };
    FILE *file = open_memstream(&written, &bytes);
    REQUIRE(file != NULL);
    struct fetch_screen screen = { .terminal = { .file = file,
                                                 .columns = 80 } };
    fetch_screen_clear(&screen); /* nothing is there */
    fflush(file);
    CHECK_EQ(bytes, 0u);
    fetch_screen_draw(&screen, lines, 2);
    fetch_screen_draw(&screen, lines, 1);
    fetch_screen_clear(&screen);
    fclose(file);
    CHECK_STR(written, "a                         x\n"
                       "b                         y\r\x1b[1A\x1b[J"
                       "a                         x\r\x1b[J");
    free(written);
}
