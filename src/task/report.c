/* SPDX-License-Identifier: MIT */
/*
 * task/report.c - one line to people about something odd
 */
#include <stdarg.h>
#include <stdio.h>

#include "task/task.h"

void bl_report(const char *format, ...) {
    bl_loop *loop = bl__loop_current;
    if (loop != NULL && loop->options.is_quiet) return;

    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "belay: %s\n", text);
}
