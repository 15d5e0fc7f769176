/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_fetch_file.c - a file that is not there until it is whole
 */
#include <string.h>

#include <belay/test.h>

#include "cli/fetch_file.h"
#include "support/files.h"

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

TEST(whatever_fails_nothing_is_left_over, (t_tmpdir),
     .sweep = T_CANCEL | T_OOM) {
    struct fetch_file file;
    const char *path = below(t_tmpdir, "f");
    int rc = fetch_file_open(path, false, &file);
    if (rc < 0) return;
    rc = fetch_file_restart(&file, "\"v\"");
    if (rc == 0) rc = fetch_file_write(&file, "hello", 5);
    if (rc == 0) {
        rc = fetch_file_finish(&file);
        if (rc == 0) BL_CHECK_STR(text_of(path), "hello");
    } else {
        fetch_file_leave(&file);
    }
}
