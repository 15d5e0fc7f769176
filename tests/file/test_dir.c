/* SPDX-License-Identifier: MIT */
/*
 * tests/file/test_dir.c - going through the names in a directory
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/files.h"
#include "support/host.h"
#include "support/sockets.h"

enum {
    MANY = 10000
};

static bl_dir *opened(const char *path) {
    bl_dir *dir;
    REQUIRE_OK(bl_dir_open(path, &dir));
    return dir;
}

TEST(each_name_is_there_once_with_its_kind, (t_tmpdir)) {
    int seen = 0;
    int rc;
    struct stat status;
    bl_dir_entry entry;
    put_text(below(t_tmpdir, "file"), "x");
    REQUIRE_OK(mkdir(below(t_tmpdir, "folder"), 0777));
    REQUIRE_OK(symlink("file", below(t_tmpdir, "link")));
    bl_dir *dir = opened(t_tmpdir);
    while ((rc = bl_dir_next(dir, &entry)) > 0) {
        REQUIRE_OK(lstat(below(t_tmpdir, entry.name), &status));
        CHECK_EQ(entry.inode, status.st_ino);
        if (strcmp(entry.name, "file") == 0) {
            seen += 1;
            CHECK_EQ(entry.kind, BL_FILE_REGULAR);
        } else if (strcmp(entry.name, "folder") == 0) {
            seen += 10;
            CHECK_EQ(entry.kind, BL_FILE_DIRECTORY);
        } else {
            seen += 100;
            CHECK_EQ(entry.kind, BL_FILE_SYMLINK);
        }
    }
    CHECK_OK(rc);
    CHECK_EQ(seen, 111);
    CHECK_EQ(bl_dir_next(dir, &entry), 0); /* it stays at the end */
    bl_dir_abort(dir);
}

TEST(ten_thousand_names_are_all_seen, (t_tmpdir), .tags = "bulky large") {
    static char seen[MANY];
    int rc;
    bl_dir_entry entry;
    const char *first = below(t_tmpdir, "0");
    put_text(first, "");
    for (int i = 1; i < MANY; i++) { /* a link is a name and costs little */
        char name[512];
        snprintf(name, sizeof name, "%s/%d", t_tmpdir, i);
        REQUIRE_OK(link(first, name));
    }
    bl_dir *dir = opened(t_tmpdir);
    while ((rc = bl_dir_next(dir, &entry)) > 0) {
        int number = atoi(entry.name);
        REQUIRE(number >= 0 && number < MANY);
        seen[number]++;
    }
    CHECK_OK(rc);
    bl_dir_abort(dir);
    CHECK(memchr(seen, 0, sizeof seen) == NULL);
    CHECK(memchr(seen, 2, sizeof seen) == NULL);
}

TEST(an_empty_and_a_removed_directory_have_no_names, (t_tmpdir)) {
    bl_dir_entry entry;
    const char *path = below(t_tmpdir, "folder");
    bl_dir *dir = opened(t_tmpdir);
    CHECK_EQ(bl_dir_next(dir, &entry), 0);
    bl_dir_abort(dir);
    REQUIRE_OK(mkdir(path, 0777));
    dir = opened(path);
    REQUIRE_OK(rmdir(path));
    CHECK_EQ(bl_dir_next(dir, &entry), 0);
    bl_dir_abort(dir);
}

TEST(what_is_no_directory_is_refused, (t_tmpdir)) {
    bl_dir *dir = NULL;
    bl_dir_entry entry;
    const char *path = below(t_tmpdir, "file");
    CHECK_ERR(bl_dir_open(path, &dir), BL_ENOENT);
    CHECK_CONTAINS(bl_error_text(BL_ENOENT), path);
    put_text(path, "x");
    CHECK_ERR(bl_dir_open(path, &dir), BL_ENOTDIR);
    CHECK_ERR(bl_dir_open(NULL, &dir), BL_EINVAL);
    CHECK_ERR(bl_dir_open(path, NULL), BL_EINVAL);
    CHECK_ERR(bl_dir_next(NULL, &entry), BL_EINVAL);
    bl_dir_abort(NULL);
    limit_descriptors(0);
    CHECK_ERR(bl_dir_open(t_tmpdir, &dir), BL_EMFILE);
    unlimit_descriptors();
    famine_begin(0);
    int rc = bl_dir_open(t_tmpdir, &dir);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(dir == NULL);
    dir = opened(t_tmpdir);
    CHECK_ERR(bl_dir_next(dir, NULL), BL_EINVAL);
    bl_dir_abort(dir);
}

TEST(a_cancelled_call_passes_over_no_name, (t_tmpdir)) {
    bl_dir *other;
    bl_dir_entry entry;
    bl_scope scope;
    put_text(below(t_tmpdir, "file"), "x");
    bl_dir *dir = opened(t_tmpdir);
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_dir_next(dir, &entry), BL_ECANCELED);
    CHECK_ERR(bl_dir_open(t_tmpdir, &other), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_EQ(bl_dir_next(dir, &entry), 1);
    CHECK_STR(entry.name, "file");
    bl_dir_abort(dir);
}

static int goes_on(void *arg) {
    bl_dir_entry entry;
    CHECK_ERR(bl_dir_next(arg, &entry), BL_ECLOSED);
    return 0;
}

TEST(one_task_at_a_time_goes_through_it, (t_tmpdir), .tags = "order") {
    bl_dir_entry entry;
    put_text(below(t_tmpdir, "file"), "x");
    bl_dir *dir = opened(t_tmpdir);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, goes_on, dir));
    REQUIRE_OK(bl_yield()); /* it waits for the first names now */
    CHECK_ERR(bl_dir_next(dir, &entry), BL_EBUSY);
    bl_dir_abort(dir); /* and is sent away when it has them */
    CHECK_OK(bl_group_exit(&group, 0));
}

static bl_dir *foreign;

static int touches_a_foreign_directory(void *arg) {
    bl_dir_entry entry;
    (void)arg;
    CHECK_ERR(bl_dir_next(foreign, &entry), BL_ETHREAD);
    return 0;
}

TEST(a_directory_belongs_to_its_loop, (t_tmpdir)) {
    foreign = opened(t_tmpdir);
    CHECK_OK(run_elsewhere(touches_a_foreign_directory, NULL, NULL));
    bl_dir_abort(foreign);
}

static bl_ssize fails(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    (void)fd;
    (void)bytes;
    return call == BL_IO_LIST ? BL_EIO : 0;
}

static int list_fails(void *arg) {
    bl_dir_entry entry;
    bl_dir *dir = opened(arg);
    CHECK_ERR(bl_dir_next(dir, &entry), BL_EIO);
    bl_dir_abort(dir);
    return 0;
}

TEST(a_directory_that_cannot_be_read_says_so, (t_tmpdir)) {
    bl_loop_options options = quiet_options();
    options.on_io = fails;
    char path[512];
    strcpy(path, t_tmpdir);
    CHECK_OK(run_elsewhere(list_fails, path, &options));
}

static int count_names(const char *path) {
    int count = 0;
    bl_dir *dir;
    bl_dir_entry entry;
    BL_TRY(bl_dir_open(path, &dir));
    int rc;
    while ((rc = bl_dir_next(dir, &entry)) > 0)
        count++;
    bl_dir_abort(dir);
    return rc < 0 ? rc : count;
}

TEST(cancelled_or_without_memory_nothing_leaks, (t_tmpdir),
     .sweep = T_CANCEL | T_OOM | T_IO) {
    put_text(below(t_tmpdir, "one"), "x");
    put_text(below(t_tmpdir, "two"), "x");
    CHECK_EQ(count_names(t_tmpdir), 2);
}
