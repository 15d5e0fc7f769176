/* SPDX-License-Identifier: MIT */
/*
 * tests/file/test_path.c - names: asked about, changed, removed, made
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/files.h"
#include "support/host.h"

PARAM(bl_driver_kind, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

TEST(a_file_is_described, (t_tmpdir)) {
    struct stat status;
    bl_file_info info;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "hello");
    REQUIRE_OK(chmod(path, 04750));
    REQUIRE_OK(link(path, below(t_tmpdir, "twin")));
    REQUIRE_OK(stat(path, &status));
    CHECK_OK(bl_file_stat(path, &info));
    CHECK_EQ(info.kind, BL_FILE_REGULAR);
    CHECK_EQ(info.mode, 04750u);
    CHECK_EQ(info.bytes, 5);
    CHECK_EQ(info.disk_bytes, status.st_blocks * 512);
    CHECK_EQ(info.link_count, 2u);
    CHECK_EQ(info.inode, status.st_ino);
    CHECK_EQ(info.owner, status.st_uid);
    CHECK_EQ(info.group, status.st_gid);
    CHECK_EQ(info.modified,
             BL_SEC(status.st_mtim.tv_sec) + status.st_mtim.tv_nsec);
    CHECK_EQ(info.changed,
             BL_SEC(status.st_ctim.tv_sec) + status.st_ctim.tv_nsec);
    CHECK_EQ(info.accessed,
             BL_SEC(status.st_atim.tv_sec) + status.st_atim.tv_nsec);
}

TEST(each_kind_is_told, (t_tmpdir)) {
    bl_file_info info;
    REQUIRE_OK(mkfifo(below(t_tmpdir, "fifo"), 0600));
    REQUIRE_OK(mknod(below(t_tmpdir, "socket"), S_IFSOCK | 0600, 0));
    REQUIRE_OK(symlink("fifo", below(t_tmpdir, "link")));
    REQUIRE_OK(symlink("nothing", below(t_tmpdir, "broken")));
    CHECK_OK(bl_file_stat(t_tmpdir, &info));
    CHECK_EQ(info.kind, BL_FILE_DIRECTORY);
    CHECK_OK(bl_file_stat(below(t_tmpdir, "fifo"), &info));
    CHECK_EQ(info.kind, BL_FILE_FIFO);
    CHECK_OK(bl_file_stat(below(t_tmpdir, "socket"), &info));
    CHECK_EQ(info.kind, BL_FILE_SOCKET);
    CHECK_OK(bl_file_stat("/dev/null", &info));
    CHECK_EQ(info.kind, BL_FILE_CHARACTER);
    CHECK_OK(bl_file_stat(below(t_tmpdir, "link"), &info));
    CHECK_EQ(info.kind, BL_FILE_FIFO);
    CHECK_OK(bl_file_lstat(below(t_tmpdir, "link"), &info));
    CHECK_EQ(info.kind, BL_FILE_SYMLINK);
    CHECK_EQ(info.bytes, 4);
    CHECK_ERR(bl_file_stat(below(t_tmpdir, "broken"), &info), BL_ENOENT);
    CHECK_OK(bl_file_lstat(below(t_tmpdir, "broken"), &info));
}

TEST(names_change_and_go, (t_tmpdir)) {
    const char *from = below(t_tmpdir, "from");
    const char *to = below(t_tmpdir, "to");
    put_text(from, "new");
    put_text(to, "old");
    CHECK_OK(bl_file_rename(from, to));
    CHECK(!is_there(from));
    CHECK_STR(text_of(to), "new");
    CHECK_ERR(bl_file_rename(from, to), BL_ENOENT);
    CHECK_ERR(bl_file_unlink(t_tmpdir), BL_EISDIR);
    CHECK_OK(bl_file_unlink(to));
    CHECK(!is_there(to));
    CHECK_ERR(bl_file_unlink(to), BL_ENOENT);
}

TEST(directories_come_and_go, (t_tmpdir)) {
    struct stat status;
    const char *path = below(t_tmpdir, "folder");
    umask(022);
    CHECK_OK(bl_dir_make(path, 0777));
    CHECK_OK(stat(path, &status));
    CHECK(S_ISDIR(status.st_mode));
    CHECK_EQ(status.st_mode & 07777u, 0755u);
    CHECK_ERR(bl_dir_make(path, 0777), BL_EEXIST);
    CHECK_ERR(bl_file_rename(path, below(path, "inside")), BL_EINVAL);
    put_text(below(path, "file"), "x");
    CHECK_ERR(bl_dir_remove(path), BL_ENOTEMPTY);
    CHECK_ERR(bl_dir_remove(below(path, "file")), BL_ENOTDIR);
    CHECK_OK(bl_file_unlink(below(path, "file")));
    CHECK_OK(bl_dir_remove(path));
    CHECK(!is_there(path));
}

TEST(names_that_cannot_be_are_refused) {
    bl_file_info info;
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_ERR(bl_file_stat(name, &info), -ENAMETOOLONG);
    CHECK_ERR(bl_dir_make(name, 0777), -ENAMETOOLONG);
    CHECK_ERR(bl_file_stat("", &info), BL_ENOENT);
    CHECK_ERR(bl_file_stat(NULL, &info), BL_EINVAL);
    CHECK_ERR(bl_file_stat("x", NULL), BL_EINVAL);
    CHECK_ERR(bl_file_lstat(NULL, &info), BL_EINVAL);
    CHECK_ERR(bl_file_lstat("x", NULL), BL_EINVAL);
    CHECK_ERR(bl_file_rename(NULL, "x"), BL_EINVAL);
    CHECK_ERR(bl_file_rename("x", NULL), BL_EINVAL);
    CHECK_ERR(bl_file_unlink(NULL), BL_EINVAL);
    CHECK_ERR(bl_dir_make(NULL, 0777), BL_EINVAL);
    CHECK_ERR(bl_dir_make("x", 0x10000), BL_EINVAL);
    CHECK_ERR(bl_dir_remove(NULL), BL_EINVAL);
}

TEST(in_a_cancelled_scope_nothing_happens, (t_tmpdir)) {
    bl_file_info info;
    bl_scope scope;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "x");
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_file_stat(path, &info), BL_ECANCELED);
    CHECK_ERR(bl_file_rename(path, below(t_tmpdir, "to")), BL_ECANCELED);
    CHECK_ERR(bl_file_unlink(path), BL_ECANCELED);
    CHECK_ERR(bl_dir_make(below(t_tmpdir, "new"), 0777), BL_ECANCELED);
    CHECK_ERR(bl_dir_remove(t_tmpdir), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_STR(names_in(t_tmpdir), "file");
}

/* ---- what the system may do ---------------------------------------------- */

static bl_io_call failing;

static bl_ssize answer(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    (void)fd;
    (void)bytes;
    return call == failing ? BL_EIO : 0;
}

static int calls_fail(void *arg) {
    const char *path = arg;
    bl_file_info info;
    failing = BL_IO_STAT;
    CHECK_ERR(bl_file_stat(path, &info), BL_EIO);
    failing = BL_IO_RENAME;
    CHECK_ERR(bl_file_rename(path, below(path, "to")), BL_EIO);
    failing = BL_IO_UNLINK;
    CHECK_ERR(bl_dir_remove(path), BL_EIO);
    failing = BL_IO_MKDIR;
    CHECK_ERR(bl_dir_make(below(path, "new"), 0777), BL_EIO);
    return 0;
}

TEST(a_call_fails_as_the_seam_says_and_is_not_made, (t_tmpdir, driver)) {
    bl_loop_options options = quiet_options();
    options.driver = driver;
    options.on_io = answer;
    char path[512];
    strcpy(path, t_tmpdir);
    CHECK_OK(run_elsewhere(calls_fail, path, &options));
    CHECK_STR(names_in(t_tmpdir), "");
}

static void without_a_loop(void *arg) {
    bl_file_info info;
    CHECK_ERR(bl_file_stat(arg, &info), BL_ENOLOOP);
}

static void in_a_callback(void *arg) {
    bl_file_info info;
    CHECK_ERR(bl_file_stat(arg, &info), BL_ENOTASK);
}

TEST(only_tasks_can_wait) {
    char path[] = "/";
    bl_call call = { ._loop = NULL };
    bl_call_soon(bl_loop_running(), &call, in_a_callback, path);
    REQUIRE_OK(bl_sleep(BL_MS(1)));
    on_thread(without_a_loop, path);
}
