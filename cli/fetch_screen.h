/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_screen.h - how downloads go, while they run
 */
#ifndef CLI_FETCH_SCREEN_H
#define CLI_FETCH_SCREEN_H

#include <belay/base.h>

#include "terminal.h"

enum {
    FETCH_LINE_BYTES = 1024
};

/* Where the bars are drawn: stderr, if it is a terminal. */
struct fetch_screen {
    struct terminal terminal;
    bool is_drawn; /* there are bars to draw */
    int lines;     /* that are there now */
};

/* What one line tells. */
struct fetch_line {
    const char *name;
    const char *word; /* instead of a bar: "waiting"; or NULL */
    int64_t bytes;
    int64_t total; /* -1: nobody knows */
    double rate;   /* bytes per second */
};

struct fetch_screen fetch_screen_of(FILE *file, bool is_quiet);

/* Draws these lines in place of the ones before. */
void fetch_screen_draw(struct fetch_screen *screen,
                       const struct fetch_line *lines, int count);

/* Takes the lines away, so that something else can be written. */
void fetch_screen_clear(struct fetch_screen *screen);

/* Writes one line into `text`, of FETCH_LINE_BYTES, and returns it. */
const char *fetch_line_text(const struct terminal *terminal,
                            const struct fetch_line *line, char *text);

#endif
