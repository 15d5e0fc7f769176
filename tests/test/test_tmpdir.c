/* SPDX-License-Identifier: MIT */
/*
 * test/test_tmpdir.c - temporary folders that are gone afterwards in any case
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/subrun.h"

/* How many entries a folder has; -1 if it cannot be read. */
static int entries_of(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) return -1;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 2;
}

TEST(a_folder_is_empty_and_ones_own, (t_tmpdir)) {
    struct stat status;
    CHECK_EQ(t_tmpdir[0], '/');
    CHECK_EQ(entries_of(t_tmpdir), 0);
    REQUIRE_OK(stat(t_tmpdir, &status));
    CHECK_EQ(status.st_mode & 0777, 0700);
    CHECK_EQ(status.st_uid, geteuid());
}

FIXTURE(const char *, journal, (t_tmpdir)) {
    static char path[300];
    snprintf(path, sizeof path, "%s/journal", t_tmpdir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE_OK(fd);
    close(fd);
    YIELD(path);
    CHECK_OK(access(path, F_OK)); /* still there at tear-down */
}

TEST(fixtures_may_use_it, (journal, t_tmpdir)) {
    CHECK_EQ(strncmp(journal, t_tmpdir, strlen(t_tmpdir)), 0);
    CHECK_EQ(entries_of(t_tmpdir), 1);
}

FIXTURE(const char *, store, .scope = T_MODULE) {
    const char *folder = t_folder();
    CHECK(strcmp(folder, t_folder()) != 0);
    CHECK_EQ(entries_of(folder), 0);
    YIELD(folder);
    CHECK_GE(entries_of(folder), 0); /* still there */
}

static const char *filled; /* the folder that the first test has seen */

TEST(a_folder_may_outlive_a_test, (store)) {
    char path[300];
    snprintf(path, sizeof path, "%s/file", store);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE_OK(fd);
    close(fd);
    filled = store;
}

TEST(the_next_test_finds_it, (store, t_tmpdir)) {
    CHECK(strcmp(store, t_tmpdir) != 0);
    if (filled == NULL) t_skip("the first test did not run here");
    CHECK_STR(store, filled);
    CHECK_EQ(entries_of(store), 1);
}

TEST(it_is_there_in_every_run_of_a_sweep, (t_tmpdir), .sweep = T_CANCEL,
     .schedules = 3) {
    CHECK_ALWAYS(entries_of(t_tmpdir) == 0);
    CHECK_OK(bl_sleep(1));
}

/* Runs a specimen with a folder for temporary folders of its own, which must
 * be empty afterwards. */
static void check_leaves_nothing(const char *test, const char *outcome,
                                 const char *base) {
    char variable[400];
    snprintf(variable, sizeof variable, "TMPDIR=%s", base);
    subrun_env(variable);
    struct subrun run = subrun_run(SPECIMEN("builtins"), test, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, outcome);
    CHECK_CONTAINS(run.output, "    | folder ");
    CHECK_CONTAINS(run.output, base);
    CHECK_EQ(entries_of(base), 0);
    subrun_done(&run);
}

TEST(a_failing_test_leaves_no_folder, (t_tmpdir)) {
    check_leaves_nothing("fails", "--- FAILED", t_tmpdir);
}

TEST(a_folder_of_a_process_goes_with_it, (t_tmpdir)) {
    check_leaves_nothing("leaves_a_folder", "--- FAILED", t_tmpdir);
}

TEST(a_killed_test_leaves_no_folder, (t_tmpdir)) {
    check_leaves_nothing("is_killed", "SIGKILL", t_tmpdir);
}

TEST(a_hanging_test_leaves_no_folder, (t_tmpdir)) {
    check_leaves_nothing("hangs", "hangs", t_tmpdir);
}

TEST(what_others_have_linked_is_left_alone, (t_tmpdir)) {
    check_leaves_nothing("fails", "--- FAILED", t_tmpdir);
    CHECK_OK(access("/etc", F_OK)); /* the specimen has a link to / */
}

TEST(folders_are_kept_where_that_is_asked_for, (t_tmpdir)) {
    char variable[400];
    snprintf(variable, sizeof variable, "TMPDIR=%s", t_tmpdir);
    subrun_env(variable);
    subrun_env("BELAY_TEST_KEEP_TMPDIR=1");
    struct subrun run = subrun_run(SPECIMEN("builtins"), "fails", NULL);
    CHECK_CONTAINS(run.output, "temporary folders are kept in /");
    CHECK_EQ(entries_of(t_tmpdir), 1);
    subrun_done(&run);
}

TEST(without_a_place_for_folders_there_is_no_run, .no_loop = true) {
    subrun_env("TMPDIR=/proc/nowhere");
    struct subrun run = subrun_run(SPECIMEN("builtins"), "fails", NULL);
    CHECK_EQ(run.status, 3);
    CHECK_CONTAINS(run.output, "cannot make a folder in /proc/nowhere");
    subrun_done(&run);
}
