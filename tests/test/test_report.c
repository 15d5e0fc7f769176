/* SPDX-License-Identifier: MIT */
/*
 * test/test_report.c - what the runner says, in several formats at once
 *
 * What the formats look like is tested by tests/api/test_reports.py, with the
 * parsers of others; here is what becomes of the files.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/subrun.h"

#define CATALOG SPECIMEN("catalog")

static char folder[] = "/tmp/belay-report-XXXXXX";

/* A folder, in which tests leave nothing but DIR with the three reports. */
FIXTURE(const char *, place) {
    REQUIRE_NE(mkdtemp(folder), NULL);
    YIELD(folder);
    static const char *const names[] = { "catalog.tap", "catalog.xml",
                                         "catalog.jsonl", "own.xml" };
    char path[100];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/dir/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/dir", folder);
    rmdir(path);
    CHECK_OK(rmdir(folder));
}

/* Whether a file in DIR is there, and not empty. */
static bool is_there(const char *name) {
    char path[100];
    struct stat about;
    snprintf(path, sizeof path, "%s/dir/%s", folder, name);
    return stat(path, &about) == 0 && about.st_size > 0;
}

TEST(a_folder_of_reports_is_made_and_filled, (place)) {
    char option[100];
    snprintf(option, sizeof option, "--report-dir=%s/dir", place);
    for (int i = 0; i < 2; i++) { /* the second time it is there */
        struct subrun run = subrun_run_apart(CATALOG, option, "fires", NULL);
        CHECK_EQ(run.status, 0);
        CHECK_STR(run.errors, "");
        CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
        subrun_done(&run);
    }
    CHECK(is_there("catalog.tap"));
    CHECK(is_there("catalog.xml"));
    CHECK(is_there("catalog.jsonl"));
}

TEST(a_report_with_a_place_of_its_own_is_not_in_the_folder, (place)) {
    char option[100];
    char junit[100];
    snprintf(option, sizeof option, "--report-dir=%s/dir", place);
    snprintf(junit, sizeof junit, "--junit=%s/dir/own.xml", place);
    struct subrun run = subrun_run(CATALOG, option, junit, "fires", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
    CHECK(is_there("own.xml"));
    CHECK(is_there("catalog.tap"));
    CHECK(!is_there("catalog.xml"));
}

/* ---- what cannot be written ---------------------------------------------- */

PARAM(const char *, unwritable, "--junit=/nowhere/x", "--json=/nowhere/x",
      "--tap=/nowhere/x", "--report-dir=/nowhere/x", "--junit=/");
TEST(a_report_that_cannot_be_begun_stops_the_run, (unwritable),
     .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, unwritable, NULL);
    CHECK_EQ(run.status, 4);
    CHECK_CONTAINS(run.errors, "belay-test: cannot ");
    CHECK_CONTAINS(run.errors, strchr(unwritable, '/'));
    CHECK_STR(run.output, "");
    subrun_done(&run);
}

PARAM(const char *, full, "--junit=/dev/full", "--json=/dev/full",
      "--tap=/dev/full");
TEST(a_report_that_is_cut_off_fails_the_run, (full), .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, full, "fires", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.errors,
                   "belay-test: /dev/full could not be written to its end\n");
    CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
    subrun_done(&run);
}

/* ---- what goes together -------------------------------------------------- */

TEST(tap_on_stdout_takes_the_place_of_the_console, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--tap", "loses", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_STR(run.errors, "");
    CHECK_EQ(strncmp(run.output, "TAP version 14\nnot ok 1 - ", 26), 0);
    CHECK_CONTAINS(run.output, "\n1..1\n# 0 passed, 1 failed\n");
    CHECK_STR(subrun_last_line(&run), "# 0 passed, 1 failed");
    subrun_done(&run);
}

TEST(tap_on_stdout_tells_of_nothing_but_skips, .no_loop = true) {
    struct subrun run = subrun_run_apart(SPECIMEN("skipped"), "--tap", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output, "TAP version 14\n"
                          "ok 1 - skipped.c::one # SKIP not today\n"
                          "ok 2 - skipped.c::two # SKIP nor tomorrow\n"
                          "1..2\n"
                          "# 0 passed, 0 failed, 2 skipped\n");
    subrun_done(&run);
}

/* ---- replays ------------------------------------------------------------- */

/* The line behind "  replay: ", as a program for a shell. */
static void read_replay(const struct subrun *run, char *line, size_t bytes) {
    const char *at = strstr(run->output, "  replay: ");
    REQUIRE_NE(at, NULL);
    at += strlen("  replay: ");
    size_t length = strcspn(at, "\n");
    REQUIRE_LT(length, bytes);
    memcpy(line, at, length);
    line[length] = '\0';
}

TEST(a_replay_can_be_pasted_into_a_shell, (place)) {
    char program[100];
    char line[300];
    snprintf(program, sizeof program, "%s/it's a program", place);
    REQUIRE_OK(symlink(SPECIMEN("found"), program));
    struct subrun run = subrun_run(program, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "  found by the cancellation sweep");
    read_replay(&run, line, sizeof line);
    subrun_done(&run);

    run = subrun_run("/bin/sh", "-c", line, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "it is not safe to cancel");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
    CHECK_OK(unlink(program));
}
