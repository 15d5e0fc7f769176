/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_screen.c - how downloads go, while they run
 *
 * A line for each download that is under way, drawn over those of before:
 *
 *     debian.iso            #########.           46%  302 MB  11.2 MB/s  31 s
 *     readme.txt            waiting
 *
 * Afterwards nothing of them is left.
 */
#include "fetch_screen.h"

#include <string.h>

#include "quantity.h"

enum {
    NAME_COLUMNS = 24,
    NUMBER_COLUMNS = 44, /* of what stands behind the bar */
    BAR_COLUMNS_MIN = 8,
    BAR_COLUMNS_MAX = 60
};

struct fetch_screen fetch_screen_of(FILE *file, bool is_quiet) {
    struct fetch_screen screen = { .terminal = terminal_of(file) };
    screen.is_drawn = screen.terminal.is_terminal && !is_quiet;
    return screen;
}

void fetch_screen_clear(struct fetch_screen *screen) {
    if (screen->lines == 0) return;
    fprintf(screen->terminal.file, "\r");
    if (screen->lines > 1) {
        fprintf(screen->terminal.file, "\x1b[%dA", screen->lines - 1);
    }
    fprintf(screen->terminal.file, "\x1b[J");
    fflush(screen->terminal.file);
    screen->lines = 0;
}

/* What is left to come, at this rate. */
static const char *rest_of(const struct fetch_line *line, char *text) {
    text[0] = '\0';
    if (line->total < 0 || line->rate < 1) return text;
    double seconds = (double)(line->total - line->bytes) / line->rate;
    if (seconds < 0 || seconds > 999 * 3600.0) return text;
    if (seconds < 100) {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.0f s", seconds);
    } else if (seconds < 100 * 60) {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.0f min", seconds / 60);
    } else {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.0f h", seconds / 3600);
    }
    return text;
}

static int bar_columns(const struct terminal *terminal) {
    int columns = terminal->columns - 1 - NAME_COLUMNS - 2 - NUMBER_COLUMNS;
    if (columns < BAR_COLUMNS_MIN) return BAR_COLUMNS_MIN;
    return columns > BAR_COLUMNS_MAX ? BAR_COLUMNS_MAX : columns;
}

const char *fetch_line_text(const struct terminal *terminal,
                            const struct fetch_line *line, char *text) {
    char bar[TERMINAL_BAR_BYTES(BAR_COLUMNS_MAX)] = "";
    char share[QUANTITY_TEXT_BYTES] = "";
    char bytes[QUANTITY_TEXT_BYTES];
    char rate[QUANTITY_TEXT_BYTES];
    char rest[QUANTITY_TEXT_BYTES];
    int columns = bar_columns(terminal);
    int used = 0;

    if (line->word != NULL) {
        snprintf(text, FETCH_LINE_BYTES, "%-*.*s  %s", NAME_COLUMNS,
                 NAME_COLUMNS, line->name, line->word);
        return text;
    }
    if (line->total > 0) {
        double part = (double)line->bytes / (double)line->total;
        used = terminal_bar(terminal->has_unicode, part, columns, bar);
        snprintf(share, sizeof share, "%3.0f%%", part > 1 ? 100 : part * 100);
    }
    snprintf(text, FETCH_LINE_BYTES, "%-*.*s  %s%*s  %4s  %8s  %10s/s  %s",
             NAME_COLUMNS, NAME_COLUMNS, line->name, bar, columns - used, "",
             share, quantity_bytes((double)line->bytes, bytes),
             quantity_bytes(line->rate, rate), rest_of(line, rest));
    return text;
}

void fetch_screen_draw(struct fetch_screen *screen,
                       const struct fetch_line *lines, int count) {
    const struct terminal *terminal = &screen->terminal;
    char text[FETCH_LINE_BYTES];

    fetch_screen_clear(screen);
    for (int i = 0; i < count; i++) {
        fprintf(terminal->file, "%s%s", i > 0 ? "\n" : "",
                fetch_line_text(terminal, &lines[i], text));
    }
    fflush(terminal->file);
    screen->lines = count;
}
