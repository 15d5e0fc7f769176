/* SPDX-License-Identifier: MIT */
/*
 * test/run/tool.c - one test under a debugger or a checker
 *
 * The tool runs this same program for the one test, in the tool's own process
 * and without a limit of real time: a debugger should not have to follow forks,
 * and nobody should be killed while somebody thinks.  Options that change how a
 * test runs go along; the environment has been read and does not count twice.
 */
#include "test/run/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/host.h"
#include "test/run/select.h"

enum {
    TOOL_WORDS_MAX = 6,
    OWN_WORDS_MAX = 8
};

struct tool {
    const char *name;
    const char *words[TOOL_WORDS_MAX]; /* in front of the program */
};

static const struct tool tools[] = {
    { "gdb", { "gdb", "--quiet", "--args" } },
    { "rr", { "rr", "record" } },
    { "valgrind",
      { "valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
        "--errors-for-leak-kinds=definite" } },
};

static const struct tool *find_tool(const char *name) {
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (strcmp(tools[i].name, name) == 0) return &tools[i];
    }
    bl__host_die("no tool is called %s", name);
}

/* The path of this program, which the current folder does not change. */
static char *own_path(const struct bl__test_settings *settings) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) return bl__host_format("%s", settings->program);
    return bl__host_format("%.*s", (int)length, path);
}

void bl__tool_exec(const struct bl__test_settings *settings,
                   const struct bl__test_cases *cases) {
    static const char *const own_words[] = { "--isolate", "none", "--watchdog",
                                             "off", "-v" };
    const struct tool *tool = find_tool(settings->tool);
    const struct bl__test_case *one =
        bl__select_one(cases, settings->tool_test);
    if (one == NULL) return;

    size_t count = 0;
    const char **words = bl__host_alloc(
        (TOOL_WORDS_MAX + settings->tool_word_count + OWN_WORDS_MAX) *
        sizeof words[0]);
    while (count < TOOL_WORDS_MAX && tool->words[count] != NULL) {
        words[count] = tool->words[count];
        count++;
    }
    char *path = own_path(settings);
    words[count++] = path;
    for (size_t i = 0; i < settings->tool_word_count; i++)
        words[count++] = settings->tool_words[i];
    for (size_t i = 0; i < sizeof own_words / sizeof own_words[0]; i++)
        words[count++] = own_words[i];
    words[count++] = one->id;

    unsetenv("BELAY_TEST_ARGS");
    fflush(NULL);
    execvp(words[0], (char *const *)words);
    fprintf(stderr, "belay-test: cannot run %s: %s\n", tool->name,
            errno == ENOENT ? "it is not installed" : strerror(errno));
    free(words);
    free(path);
}
