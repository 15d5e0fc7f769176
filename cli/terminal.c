/* SPDX-License-Identifier: MIT */
/*
 * cli/terminal.c - where text goes, and what can be drawn there
 */
#include "terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    COLUMNS_DEFAULT = 80,
    COLUMNS_MIN = 40,
    COLUMNS_MAX = 160 /* wider lines are hard to follow */
};

static bool locale_is_utf8(void) {
    if (setlocale(LC_CTYPE, "") == NULL) return false;
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int columns_of(int fd) {
    struct winsize size;
    int columns = COLUMNS_DEFAULT;

    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        columns = size.ws_col;
    }
    if (columns < COLUMNS_MIN) return COLUMNS_MIN;
    return columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

struct terminal terminal_of(FILE *file) {
    int fd = fileno(file);
    const char *name = getenv("TERM");
    struct terminal terminal = { .file = file, .columns = COLUMNS_DEFAULT };

    if (!isatty(fd)) return terminal;
    terminal.is_terminal = name == NULL || strcmp(name, "dumb") != 0;
    terminal.has_unicode = locale_is_utf8();
    terminal.columns = columns_of(fd);
    return terminal;
}

static int plain_bar(double share, int columns, char *text) {
    int whole = (int)(share * columns + 0.5);
    if (whole == 0 && share > 0) {
        strcpy(text, ".");
        return 1;
    }
    memset(text, '#', (size_t)whole);
    text[whole] = '\0';
    return whole;
}

int terminal_bar(bool has_unicode, double share, int columns, char *text) {
    /* U+2588 is a full block, and the next seven are ever narrower. */
    static const char full[] = "\xe2\x96\x88";

    if (share < 0) share = 0;
    if (share > 1) share = 1;
    if (!has_unicode) return plain_bar(share, columns, text);

    int eighths = (int)(share * columns * 8 + 0.5);
    if (eighths == 0 && share > 0) eighths = 1;
    int whole = eighths / 8;
    int rest = eighths % 8;

    for (int i = 0; i < whole; i++)
        memcpy(text + 3 * i, full, 3);
    text += 3 * whole;
    if (rest > 0) {
        memcpy(text, full, 3);
        text[2] = (char)(full[2] + (8 - rest));
        text += 3;
    }
    *text = '\0';
    return whole + (rest > 0);
}

void terminal_redraw(const struct terminal *terminal, const char *line) {
    fputs("\r\x1b[K", terminal->file);
    if (line != NULL) {
        /* One column stays free: a full line makes some terminals scroll. */
        fprintf(terminal->file, "%.*s", terminal->columns - 1, line);
    }
    fflush(terminal->file);
}
