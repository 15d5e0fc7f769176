/* SPDX-License-Identifier: MIT */
/*
 * specimens/scopes/shared.c - fixtures of several files, and what they say
 */
#include "shared.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void say(const char *format, ...) {
    char line[200];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    line[length] = '\n';
    BL_IGNORE(write(STDOUT_FILENO, line, (size_t)length + 1) < 0);
}

FIXTURE_DEF(session, .scope = T_SESSION) {
    say("session up");
    YIELD(30);
    say("session down");
}

FIXTURE_DEF(whole_run, .scope = T_RUN) {
    say("run up");
    YIELD((int)getpid());
    if (getenv("RUN_DOWN_FAILS") != NULL) CHECK_EQ(1, 2);
    say("run down");
}
