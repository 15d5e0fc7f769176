/* SPDX-License-Identifier: MIT */
/*
 * cli/terminal.h - where text goes, and what can be drawn there
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct terminal {
    FILE *file;
    bool is_terminal; /* a line may be drawn over again */
    bool has_unicode; /* blocks are there to draw bars of */
    int columns;
};

/* Enough for a bar of `columns` columns, and the NUL. */
#define TERMINAL_BAR_BYTES(columns) ((size_t)(columns)*3 + 1)

/*
 * Looks at what `file` is.  A file or pipe is 80 columns wide and gets plain
 * characters; so does a terminal whose locale is not UTF-8.
 */
struct terminal terminal_of(FILE *file);

/*
 * Writes a bar for `share` (0 to 1) of `columns` columns into `text`, of
 * TERMINAL_BAR_BYTES: by eighths of a column with Unicode, else by whole ones.
 * What is more than nothing is seen.
 *
 * Returns how many columns it takes.
 */
int terminal_bar(bool has_unicode, double share, int columns, char *text);

/*
 * Draws one line over the one that was drawn before, cut to the width, and
 * leaves the cursor at its end.  NULL: takes it away.
 */
void terminal_redraw(const struct terminal *terminal, const char *line);

#endif
