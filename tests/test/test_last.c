/* SPDX-License-Identifier: MIT */
/*
 * test/test_last.c - what failed last time
 *
 * The store lies beside the program, so each test works on a copy of it in a
 * folder of its own.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/subrun.h"

static char folder[] = "/tmp/belay-last-XXXXXX";
static char program[64];
static char store[64];

static void copy_program(const char *from) {
    struct stat about;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    REQUIRE_GE(in, 0);
    int out = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    REQUIRE_GE(out, 0);
    REQUIRE_OK(fstat(in, &about));
    off_t at = 0;
    while (at < about.st_size) {
        REQUIRE_GT(sendfile(out, in, &at, (size_t)(about.st_size - at)), 0);
    }
    close(in);
    close(out);
}

FIXTURE(const char *, copy) {
    REQUIRE_NE(mkdtemp(folder), NULL);
    snprintf(program, sizeof program, "%s/catalog", folder);
    snprintf(store, sizeof store, "%s/.catalog.failed", folder);
    copy_program(SPECIMEN("catalog"));
    YIELD(program);
    unlink(store);
    unlink(program);
    CHECK_OK(rmdir(folder));
}

static void check_store(const char *expected) {
    char text[1000];
    FILE *file = fopen(store, "re");
    if (expected == NULL) {
        CHECK_EQ(file, NULL);
        if (file != NULL) fclose(file);
        return;
    }
    REQUIRE_NE(file, NULL);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    CHECK_STR(text, expected);
}

static void write_store(const char *text) {
    FILE *file = fopen(store, "we");
    REQUIRE_NE(file, NULL);
    fputs(text, file);
    REQUIRE_OK(fclose(file));
}

/* ---- the store ----------------------------------------------------------- */

TEST(failures_are_stored_and_run_alone, (copy)) {
    struct subrun run = subrun_run(copy, NULL);
    CHECK_STR(subrun_last_line(&run), "7 passed, 1 failed, 1 skipped");
    subrun_done(&run);
    check_store("test_pool.c::loses\n");
    run = subrun_run(copy, "--lf", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
    check_store("test_pool.c::loses\n");
}

TEST(without_failures_there_is_no_store, (copy)) {
    write_store("test_pool.c::keeps\n");
    struct subrun run = subrun_run(copy, "keeps", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
    check_store(NULL);
}

TEST(what_did_not_run_stays_and_what_is_gone_goes, (copy)) {
    write_store("test_timers.c::fires\ntest_pool.c::keeps\n"
                "test_pool.c::of_long_ago\n");
    struct subrun run = subrun_run(copy, "keeps", "loses", NULL);
    CHECK_EQ(run.status, 1);
    subrun_done(&run);
    check_store("test_pool.c::loses\ntest_timers.c::fires\n");
}

/* ---- --lf and --ff ------------------------------------------------------- */

TEST(lf_without_failures_runs_all, (copy)) {
    struct subrun run = subrun_run_apart(copy, "--lf", "-k", "timers", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.errors, "none of these failed last time; all run");
    CHECK_STR(subrun_last_line(&run), "2 passed, 0 failed, 1 skipped");
    subrun_done(&run);
}

TEST(lf_and_patterns_both_have_to_agree, (copy)) {
    write_store("test_timers.c::fires\ntest_pool.c::keeps\n");
    struct subrun run =
        subrun_run_apart(copy, "--lf", "--list", "test_pool.c", NULL);
    CHECK_STR(run.output, "test_pool.c::keeps\n");
    subrun_done(&run);
}

TEST(ff_puts_files_and_cases_that_failed_first, (copy)) {
    write_store("test_timers.c::is_late\ntest_pool.c::keeps\n");
    struct subrun run = subrun_run_apart(copy, "--ff", "--list", NULL);
    CHECK_STR(run.output, "test_pool.c::keeps\n"
                          "test_pool.c::lends\n"
                          "test_pool.c::loses\n"
                          "test_timers.c::is_late\n"
                          "test_timers.c::fires\n"
                          "test_timers.c::is_left_out\n"
                          "test_echo.c::echoes[1]\n"
                          "test_echo.c::echoes[7]\n"
                          "test_echo.c::closes\n");
    subrun_done(&run);
    run = subrun_run(copy, "--ff", NULL);
    CHECK_CONTAINS(run.output, "\ntest_pool.c ..F\n"
                               "test_timers.c x.s\n"
                               "test_echo.c ...\n");
    subrun_done(&run);
}

/* ---- where nothing can be written ---------------------------------------- */

/* Root may write anywhere, so a folder is in the way. */
TEST(a_store_that_cannot_be_written_is_left_out, (copy)) {
    REQUIRE_OK(mkdir(store, 0777));
    struct subrun run = subrun_run_apart(copy, "loses", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_STR(run.errors, "");
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    subrun_done(&run);
    run = subrun_run_apart(copy, "--lf", "keeps", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.errors, "none of these failed last time");
    subrun_done(&run);
    CHECK_OK(rmdir(store));
}
