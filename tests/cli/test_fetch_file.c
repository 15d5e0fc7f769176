/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_fetch_file.c - a file that is not there until it is whole
 */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <belay/test.h>

#include "cli/fetch_file.h"
#include "support/files.h"

/* What somebody else does to a part between its opening and its lock. */
static void (*meanwhile)(const char *part, const char *path);
static const char *contended;

/* Stands before the C library's. */
int flock(int fd, int operation) {
    if (meanwhile != NULL)
        meanwhile(below(contended, "f.part"), below(contended, "f"));
    return (int)syscall(SYS_flock, fd, operation);
}

TEST(a_file_gets_its_name_at_the_end, (t_tmpdir)) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    REQUIRE_OK(fetch_file_open(path, false, &file));
    CHECK_OK(fetch_file_restart(&file, "\"v\""));
    CHECK_OK(fetch_file_write(&file, "hello", 5));
    CHECK_STR(names_in(t_tmpdir), "f.part");
    CHECK_OK(fetch_file_finish(&file));
    CHECK_STR(names_in(t_tmpdir), "f");
    CHECK_STR(text_of(path), "hello");
}

TEST(a_part_is_kept_with_its_version, (t_tmpdir)) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    REQUIRE_OK(fetch_file_open(path, true, &file));
    CHECK_OK(fetch_file_restart(&file, "\"v\""));
    CHECK_OK(fetch_file_write(&file, "hel", 3));
    fetch_file_leave(&file);
    CHECK_STR(names_in(t_tmpdir), "f.part f.part.tag");
    REQUIRE_OK(fetch_file_open(path, true, &file));
    CHECK_EQ(file.bytes, 3);
    CHECK_STR(file.tag, "\"v\"");
    CHECK_OK(fetch_file_write(&file, "lo", 2));
    CHECK_OK(fetch_file_finish(&file));
    CHECK_STR(names_in(t_tmpdir), "f");
    CHECK_STR(text_of(path), "hello");
}

TEST(what_is_of_no_use_is_not_kept, (t_tmpdir)) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    REQUIRE_OK(fetch_file_open(path, true, &file)); /* nothing has come */
    CHECK_OK(fetch_file_restart(&file, "\"v\""));
    fetch_file_leave(&file);
    CHECK_STR(names_in(t_tmpdir), "");
    REQUIRE_OK(fetch_file_open(path, true, &file)); /* of no known version */
    CHECK_OK(fetch_file_restart(&file, ""));
    CHECK_OK(fetch_file_write(&file, "x", 1));
    fetch_file_leave(&file);
    CHECK_STR(names_in(t_tmpdir), "");
    put_text(below(t_tmpdir, "f.part"), "of an unknown version");
    REQUIRE_OK(fetch_file_open(path, true, &file));
    CHECK_EQ(file.bytes, 0);
    fetch_file_leave(&file);
}

TEST(two_do_not_write_one_file, (t_tmpdir)) {
    struct fetch_file file;
    struct fetch_file other;
    const char *path = below(t_tmpdir, "f");
    REQUIRE_OK(fetch_file_open(path, false, &file));
    CHECK_ERR(fetch_file_open(path, false, &other), BL_EBUSY);
    fetch_file_leave(&file);
}

static void finish(const char *part, const char *path) {
    REQUIRE_EQ(rename(part, path), 0);
}

static void leave(const char *part, const char *path) {
    (void)path;
    REQUIRE_EQ(unlink(part), 0);
}

TEST(a_part_that_somebody_ends_meanwhile_is_not_ours, (t_tmpdir)) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    contended = t_tmpdir;
    put_text(below(t_tmpdir, "f.part"), "whole");
    meanwhile = finish;
    CHECK_ERR(fetch_file_open(path, false, &file), BL_EBUSY);
    CHECK_STR(names_in(t_tmpdir), "f");
    CHECK_STR(text_of(path), "whole");
    meanwhile = leave;
    CHECK_ERR(fetch_file_open(path, true, &file), BL_EBUSY);
    CHECK_STR(names_in(t_tmpdir), "f");
}

TEST(a_version_is_forgotten_with_its_part, (t_tmpdir)) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    put_text(below(t_tmpdir, "f.part"), "hel");
    put_text(below(t_tmpdir, "f.part.tag"), "\"v\"");
    REQUIRE_OK(fetch_file_open(path, false, &file));
    CHECK_STR(names_in(t_tmpdir), "f.part");
    CHECK_OK(fetch_file_restart(&file, "\"w\""));
    CHECK_OK(fetch_file_finish(&file));
    CHECK_STR(names_in(t_tmpdir), "f");
}

PARAM(bool, is_kept, false, true);

TEST(whatever_fails_nothing_is_left_over, (t_tmpdir, is_kept),
     .sweep = T_CANCEL | T_OOM) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    int rc = fetch_file_open(path, is_kept, &file);
    if (rc == 0) {
        rc = fetch_file_restart(&file, "\"v\"");
        if (rc == 0) rc = fetch_file_write(&file, "hello", 5);
        if (rc == 0) {
            rc = fetch_file_finish(&file);
        } else {
            file.is_kept = false; /* whatever has come */
            fetch_file_leave(&file);
        }
    }
    const char *names = names_in(t_tmpdir);
    if (rc == 0)
        CHECK_ALWAYS(strcmp(names, "f") == 0);
    else if (is_kept) /* the last step has failed */
        CHECK_ALWAYS(strcmp(names, "") == 0 ||
                     strcmp(names, "f.part f.part.tag") == 0);
    else
        CHECK_ALWAYS(strcmp(names, "") == 0);
}
