/* SPDX-License-Identifier: MIT */
/*
 * base/assert.c - the crash report
 *
 * A violated invariant ends the process: a misused scheduler cannot continue
 * honestly.  The report is written in one piece from a static buffer, takes no
 * lock and allocates nothing; then the hooks print what they know (the task
 * tree, the flight record).  A panic inside a hook ends at once.
 */
#include "base/assert.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOOK_COUNT_MAX 4

static void (*hooks[HOOK_COUNT_MAX])(void);
static atomic_uint hook_count;
static atomic_flag is_panicking = ATOMIC_FLAG_INIT;

void bl__panic_add_hook(void (*hook)(void)) {
    unsigned index = atomic_fetch_add(&hook_count, 1);
    if (index >= HOOK_COUNT_MAX) abort();
    hooks[index] = hook;
}

static void write_all(const char *text, size_t length) {
    while (length > 0) {
        ssize_t count = write(STDERR_FILENO, text, length);
        if (count <= 0) return; /* nobody is left to tell */
        text += count;
        length -= (size_t)count;
    }
}

void bl__panic(const char *function, const char *place, const char *format,
               ...) {
    static char report[2048];
    if (atomic_flag_test_and_set(&is_panicking)) abort();

    int length = snprintf(report, sizeof report, "belay: ");
    va_list args;
    va_start(args, format);
    length += vsnprintf(report + length, sizeof report - (size_t)length - 160,
                        format, args);
    va_end(args);
    if (length > (int)sizeof report - 161) length = (int)sizeof report - 161;
    length +=
        snprintf(report + length, 160, "\n  in %s() at %s\n", function, place);
    write_all(report, (size_t)length);

    unsigned count = atomic_load(&hook_count);
    for (unsigned i = 0; i < count && i < HOOK_COUNT_MAX; i++) {
        if (hooks[i] != NULL) hooks[i]();
    }
    abort();
}
