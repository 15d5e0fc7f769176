/* SPDX-License-Identifier: MIT */
/*
 * test/test_tool.c - one test under a debugger or a checker
 *
 * The tools are scripts that print how they were called, in a folder that is
 * all of PATH.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/subrun.h"

#define CATALOG SPECIMEN("catalog")

static const char *const tools[] = { "gdb", "rr", "valgrind" };

enum {
    TOOL_COUNT = sizeof tools / sizeof tools[0]
};

static char folder[] = "/tmp/belay-tool-XXXXXX";

static void write_tool(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    REQUIRE_NE(file, NULL);
    fprintf(file, "#!/bin/sh\n"
                  "echo \"$0\" \"$@\"\n"
                  "echo \"args: $BELAY_TEST_ARGS\"\n"
                  "exit 42\n");
    REQUIRE_OK(fclose(file));
    REQUIRE_OK(chmod(path, 0755));
}

/* The folder of the tools. */
FIXTURE(const char *, fake_tools) {
    REQUIRE_NE(mkdtemp(folder), NULL);
    REQUIRE_OK(setenv("PATH", folder, 1));
    for (int i = 0; i < TOOL_COUNT; i++)
        write_tool(tools[i]);
    YIELD(folder);
    for (int i = 0; i < TOOL_COUNT; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, tools[i]);
        unlink(path);
    }
    CHECK_OK(rmdir(folder));
}

#define ONE_TEST " --isolate none --watchdog off -v test_timers.c::fires\n"

TEST(the_debugger_gets_the_program_and_the_test, (fake_tools)) {
    struct subrun run = subrun_run(CATALOG, "--gdb", "fires", NULL);
    CHECK_EQ(run.status, 42);
    CHECK_EQ(strncmp(run.output, fake_tools, strlen(fake_tools)), 0);
    CHECK_CONTAINS(run.output, "/gdb --quiet --args " CATALOG ONE_TEST);
    subrun_done(&run);
}

TEST(the_recorder_records, (fake_tools)) {
    struct subrun run = subrun_run(CATALOG, "--rr=fires", NULL);
    CHECK_EQ(run.status, 42);
    CHECK_CONTAINS(run.output, "/rr record " CATALOG ONE_TEST);
    subrun_done(&run);
}

TEST(the_checker_fails_on_what_it_finds, (fake_tools)) {
    struct subrun run = subrun_run(CATALOG, "--valgrind", "fires", NULL);
    CHECK_EQ(run.status, 42);
    CHECK_CONTAINS(run.output, "/valgrind --quiet --error-exitcode=9 ");
    CHECK_CONTAINS(run.output, " " CATALOG ONE_TEST);
    subrun_done(&run);
}

TEST(options_of_the_test_go_along_and_count_once, (fake_tools)) {
    subrun_env("BELAY_TEST_ARGS=--clock real --lf");
    struct subrun run =
        subrun_run(CATALOG, "-x", "--seed=7", "--gdb", "fires", "-j9", NULL);
    CHECK_EQ(run.status, 42);
    CHECK_CONTAINS(run.output, CATALOG " --clock real --seed 7" ONE_TEST);
    CHECK_CONTAINS(run.output, "\nargs: \n");
    subrun_done(&run);
}

/* ---- what is missing ----------------------------------------------------- */

TEST(a_tool_that_is_not_installed_is_named, .no_loop = true) {
    REQUIRE_OK(setenv("PATH", "/nowhere", 1));
    struct subrun run = subrun_run_apart(CATALOG, "--gdb", "fires", NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.errors, "cannot run gdb: it is not installed\n");
    CHECK_STR(run.output, "");
    subrun_done(&run);
}

TEST(a_test_that_does_not_exist_is_named, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--gdb", "firs", NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.errors, "no test is called 'firs'; did you mean "
                               "'fires'?\n");
    subrun_done(&run);
}

TEST(one_test_is_needed, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--gdb", "echoes", NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.errors, "'echoes' names 2 tests, one is needed:\n"
                               "    test_echo.c::echoes[1]\n"
                               "    test_echo.c::echoes[7]\n");
    subrun_done(&run);
}
