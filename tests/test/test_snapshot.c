/* SPDX-License-Identifier: MIT */
/*
 * test/test_snapshot.c - what is kept, compared, and written anew
 *
 * Each test has a folder of its own for the snapshots of the specimen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/subrun.h"

#define PROGRAM SPECIMEN("snapshots")

struct place {
    char folder[64];
    char where[100]; /* WHERE=..., for the specimen */
};

static void make_place(struct place *place) {
    strcpy(place->folder, "/tmp/belay-snapshots-XXXXXX");
    REQUIRE_NE(mkdtemp(place->folder), NULL);
    snprintf(place->where, sizeof place->where, "WHERE=%s/test_x.c",
             place->folder);
    subrun_env(place->where);
}

static const char *path_in(const struct place *place, const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/snapshots/%s", place->folder, name);
    return path;
}

static void drop_place(struct place *place) {
    static const char *const names[] = { "words[one].txt", "words[two].txt",
                                         "binary", "empty", "swept" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(path_in(place, names[i]));
    }
    rmdir(path_in(place, ""));
    CHECK_OK(rmdir(place->folder)); /* nothing else was written */
}

static void check_kept(const struct place *place, const char *name,
                       const void *bytes, size_t count) {
    char content[200];
    FILE *file = fopen(path_in(place, name), "re");
    REQUIRE_NE(file, NULL);
    size_t got = fread(content, 1, sizeof content, file);
    fclose(file);
    CHECK_MEM(content, got, bytes, count);
}

static void keep(const char *pattern) {
    struct subrun run =
        subrun_run(PROGRAM, "--update-snapshots", pattern, NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}

TEST(a_missing_snapshot_fails_and_is_not_made, .no_loop = true) {
    struct place place;
    make_place(&place);
    struct subrun run = subrun_run(PROGRAM, "words", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "there is none yet; --update-snapshots makes "
                               "it\n");
    CHECK_CONTAINS(run.output, path_in(&place, "words[one].txt"));
    CHECK_LT(access(path_in(&place, ""), F_OK), 0);
    subrun_done(&run);
    drop_place(&place);
}

TEST(an_update_writes_what_later_runs_accept, .no_loop = true) {
    struct place place;
    make_place(&place);
    keep("words");
    keep("empty");
    check_kept(&place, "words[two].txt", "first\nsecond two\nthird\n", 23);
    check_kept(&place, "empty", "", 0);
    struct subrun run = subrun_run(PROGRAM, "words", "empty", NULL);
    CHECK_STR(subrun_last_line(&run), "3 passed, 0 failed");
    subrun_done(&run);
    drop_place(&place);
}

TEST(a_difference_of_text_shows_the_line, .no_loop = true) {
    struct place place;
    make_place(&place);
    keep("words");
    subrun_env("SAY=fourth");
    struct subrun run = subrun_run(PROGRAM, "words[one]", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "differs at byte 17 (24 now, 23 kept)\n"
                               "      now, line 3: \"fourth\"\n"
                               "      kept, line 3: \"third\"\n"
                               "      kept in ");
    subrun_done(&run);
    check_kept(&place, "words[one].txt", "first\nsecond one\nthird\n", 23);
    drop_place(&place);
}

TEST(a_difference_of_bytes_shows_a_dump, .no_loop = true) {
    struct place place;
    make_place(&place);
    keep("binary");
    subrun_env("SAY=five");
    struct subrun run = subrun_run(PROGRAM, "binary", NULL);
    CHECK_CONTAINS(run.output, "0000: 00 01 02 03>05");
    CHECK_CONTAINS(run.output, "0000: 00 01 02 03>04");
    subrun_done(&run);
    drop_place(&place);
}

TEST(an_injected_run_compares_but_never_writes, .no_loop = true) {
    struct place place;
    make_place(&place);
    keep("swept");
    check_kept(&place, "swept", "slept", 5);
    drop_place(&place);
}

TEST(a_folder_that_cannot_be_written_is_an_error, .no_loop = true) {
    subrun_env("WHERE=/proc/nowhere/test_x.c");
    struct subrun run =
        subrun_run(PROGRAM, "--update-snapshots", "empty", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "it cannot be written\n");
    CHECK_CONTAINS(run.output, "No such file or directory\n");
    subrun_done(&run);
}

TEST(names_stay_in_the_folder, .no_loop = true) {
    subrun_env("WHERE=/nowhere/test_x.c");
    struct subrun run = subrun_run(PROGRAM, "bad_names", NULL);
    CHECK_EQ(subrun_count(&run, "a name has letters, digits"), 5);
    CHECK_EQ(subrun_count(&run, "CHECK(!"), 0);
    subrun_done(&run);
}
