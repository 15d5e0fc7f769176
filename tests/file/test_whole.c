/* SPDX-License-Identifier: MIT */
/*
 * tests/file/test_whole.c - whole files, read at once and replaced all or
 * nothing
 *
 * A replacement is made to fail at each system call, and is cancelled at each
 * checkpoint: afterwards there is the old content or the new, and no other
 * file.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/files.h"
#include "support/host.h"

PARAM(bl_driver_kind, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

/* ---- reading ------------------------------------------------------------- */

TEST(a_file_is_read_to_its_end, (t_tmpdir)) {
    const char *path = below(t_tmpdir, "file");
    char *content;
    size_t bytes;
    put_text(path, "hello");
    REQUIRE_OK(bl_file_read_whole(path, 5, &content, &bytes));
    CHECK_EQ(bytes, 5u);
    CHECK_STR(content, "hello");
    bl_free(content);
    REQUIRE_OK(bl_file_read_whole(path, SIZE_MAX, &content, &bytes));
    CHECK_STR(content, "hello");
    bl_free(content);
    put_text(path, "");
    REQUIRE_OK(bl_file_read_whole(path, 0, &content, &bytes));
    CHECK_EQ(bytes, 0u);
    CHECK_STR(content, "");
    bl_free(content);
}

TEST(a_file_that_is_too_long_is_an_error_and_not_cut, (t_tmpdir)) {
    const char *path = below(t_tmpdir, "file");
    char *content = NULL;
    size_t bytes = 7;
    put_text(path, "hello");
    CHECK_ERR(bl_file_read_whole(path, 4, &content, &bytes), BL_EFBIG);
    CHECK_ERR(bl_file_read_whole(path, 0, &content, &bytes), BL_EFBIG);
    /* What does not tell its size is not read beyond the limit either. */
    CHECK_ERR(bl_file_read_whole("/dev/zero", 9999, &content, &bytes),
              BL_EFBIG);
    CHECK_ERR(bl_file_read_whole("/proc/self/status", 10, &content, &bytes),
              BL_EFBIG);
    CHECK(content == NULL);
    CHECK_EQ(bytes, 7u);
}

TEST(a_file_that_does_not_tell_its_size_is_read_all_the_same) {
    char *content;
    size_t bytes;
    REQUIRE_OK(
        bl_file_read_whole("/proc/self/smaps", 1 << 24, &content, &bytes));
    CHECK_GT(bytes, 4096u);
    CHECK_EQ(strlen(content), bytes);
    CHECK_CONTAINS(content, "VmFlags");
    bl_free(content);
}

TEST(a_text_need_not_be_counted, (t_tmpdir)) {
    char *content;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "some words");
    REQUIRE_OK(bl_file_read_whole(path, 100, &content, NULL));
    CHECK_STR(content, "some words");
    bl_free(content);
}

TEST(an_error_names_the_file, (t_tmpdir)) {
    char *content;
    const char *path = below(t_tmpdir, "file");
    char text[300];
    int rc = bl_file_read_whole(path, 9, &content, NULL);
    snprintf(text, sizeof text, "cannot open %s: %s", path,
             bl_strerror(BL_ENOENT));
    CHECK_STR(bl_error_text(rc), text);
    rc = bl_file_write_whole(t_tmpdir, "x", 1, NULL);
    snprintf(text, sizeof text, "cannot replace %s: %s", t_tmpdir,
             bl_strerror(BL_EISDIR));
    CHECK_STR(bl_error_text(rc), text);
    put_text(path, "0123456789");
    rc = bl_file_read_whole(path, 9, &content, NULL);
    snprintf(text, sizeof text, "cannot read %s: %s", path,
             bl_strerror(BL_EFBIG));
    CHECK_STR(bl_error_text(rc), text);
}

TEST(reading_nothing_that_can_be_meant_is_refused, (t_tmpdir)) {
    char *content;
    size_t bytes;
    const char *path = below(t_tmpdir, "file");
    CHECK_ERR(bl_file_read_whole(path, 9, &content, &bytes), BL_ENOENT);
    CHECK_ERR(bl_file_read_whole(NULL, 9, &content, &bytes), BL_EINVAL);
    CHECK_ERR(bl_file_read_whole(path, 9, NULL, &bytes), BL_EINVAL);
    CHECK_ERR(bl_file_read_whole(t_tmpdir, 9, &content, &bytes), BL_EISDIR);
}

/* ---- replacing ----------------------------------------------------------- */

TEST(a_file_is_replaced_and_keeps_its_permissions, (t_tmpdir)) {
    struct stat status;
    const bl_file_options options = { .size = sizeof options, .mode = 0600 };
    const char *path = below(t_tmpdir, "file");
    umask(022);
    CHECK_OK(bl_file_write_whole(path, "new", 3, NULL));
    CHECK_STR(text_of(path), "new");
    REQUIRE_OK(stat(path, &status));
    CHECK_EQ(status.st_mode & 07777u, 0644u);
    REQUIRE_OK(chmod(path, 0666));
    CHECK_OK(bl_file_write_whole(path, "newer", 5, NULL));
    REQUIRE_OK(stat(path, &status));
    CHECK_EQ(status.st_mode & 07777u, 0666u);
    CHECK_OK(bl_file_write_whole(path, NULL, 0, &options));
    REQUIRE_OK(stat(path, &status));
    CHECK_EQ(status.st_mode & 07777u, 0600u);
    CHECK_EQ(status.st_size, 0);
    CHECK_STR(names_in(t_tmpdir), "file");
}

TEST(who_reads_the_old_file_goes_on_reading_it, (t_tmpdir)) {
    char bytes[8];
    bl_file *file;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "before");
    REQUIRE_OK(bl_file_open(path, BL_OPEN_READ, NULL, &file));
    CHECK_OK(bl_file_write_whole(path, "after", 5, NULL));
    CHECK_EQ(bl_file_read(file, bytes, sizeof bytes), 6);
    CHECK_MEM(bytes, 6, "before", 6);
    bl_file_abort(file);
    CHECK_STR(text_of(path), "after");
}

TEST(a_link_is_replaced_and_not_followed, (t_tmpdir)) {
    struct stat status;
    const char *path = below(t_tmpdir, "link");
    put_text(below(t_tmpdir, "target"), "target");
    REQUIRE_OK(symlink("target", path));
    CHECK_OK(bl_file_write_whole(path, "new", 3, NULL));
    REQUIRE_OK(lstat(path, &status));
    CHECK(S_ISREG(status.st_mode));
    CHECK_STR(text_of(path), "new");
    CHECK_STR(text_of(below(t_tmpdir, "target")), "target");
}

TEST(a_name_without_a_folder_is_in_the_current_one, (t_tmpdir)) {
    REQUIRE_OK(chdir(t_tmpdir));
    CHECK_OK(bl_file_write_whole("file", "x", 1, NULL));
    CHECK_STR(names_in(t_tmpdir), "file");
    REQUIRE_OK(chdir("/"));
}

TEST(replacing_nothing_that_can_be_meant_is_refused, (t_tmpdir)) {
    const bl_file_options options = { .size = 0 };
    const char *path = below(t_tmpdir, "file");
    const char *nowhere = below(t_tmpdir, "no/file");
    CHECK_ERR(bl_file_write_whole(NULL, "x", 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_file_write_whole(path, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_file_write_whole(path, "x", 1, &options), BL_EINVAL);
    CHECK_ERR(bl_file_write_whole("", "x", 1, NULL), BL_ENOENT);
    CHECK_ERR(bl_file_write_whole(nowhere, "x", 1, NULL), BL_ENOENT);
    CHECK_ERR(bl_file_write_whole(t_tmpdir, "x", 1, NULL), BL_EISDIR);
    CHECK_ERR(bl_file_write_whole(below(t_tmpdir, ""), "x", 1, NULL),
              BL_EISDIR);
    CHECK_STR(names_in(t_tmpdir), "");
}

/* ---- at each step -------------------------------------------------------- */

/* The call of this number fails; those before it are made, writes in parts. */
static struct {
    int failing;
    int made;
} steps;

static bl_ssize answer(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    (void)fd;
    if (call == BL_IO_WATCH) return 0; /* that is the loop's own */
    if (steps.made++ == steps.failing) return BL_EIO;
    return call == BL_IO_WRITE && bytes > 2 ? 2 : 0;
}

struct saving {
    char path[512];
    int rc;
};

static int saves(void *arg) {
    struct saving *saving = arg;
    saving->rc = bl_file_write_whole(saving->path, "after", 5, NULL);
    return 0;
}

static void save(bl_driver_kind driver, struct saving *saving) {
    bl_loop_options options = quiet_options();
    options.driver = driver;
    options.on_io = answer;
    steps.made = 0;
    put_text(saving->path, "before");
    CHECK_OK(run_elsewhere(saves, saving, &options));
}

TEST(a_failure_at_any_step_leaves_the_old_or_the_new_alone, (t_tmpdir, driver),
     .tags = "bulky") {
    struct saving saving;
    strcpy(saving.path, below(t_tmpdir, "file"));
    steps.failing = -1;
    save(driver, &saving);
    CHECK_OK(saving.rc);
    CHECK_STR(text_of(saving.path), "after");
    int count = steps.made;
    CHECK_GE(count, 9); /* open, stat, open, chmod, 3 writes, sync, ... */

    bool is_renamed = false;
    for (steps.failing = 0; steps.failing < count; steps.failing++) {
        T_INFO("call %d of %d fails", steps.failing, count);
        save(driver, &saving);
        bool is_last = steps.failing == count - 1;
        if (is_last) CHECK_OK(saving.rc); /* the directory was read alone */
        if (!is_last) CHECK_ERR(saving.rc, BL_EIO);
        const char *text = text_of(saving.path);
        if (strcmp(text, "after") == 0) is_renamed = true;
        CHECK_STR(text, is_renamed ? "after" : "before");
        CHECK_STR(names_in(t_tmpdir), "file");
    }
}

TEST(whatever_fails_it_is_the_old_or_the_new_alone, (t_tmpdir),
     .sweep = T_CANCEL | T_OOM | T_IO) {
    const char *path = below(t_tmpdir, "file");
    put_text(path, "before");
    int rc = bl_file_write_whole(path, "after", 5, NULL);
    CHECK_OK(rc);
    /* The last step, which fails by BL_EIO, comes after the renaming. */
    bool is_new = strcmp(text_of(path), "after") == 0;
    bool is_old = strcmp(text_of(path), "before") == 0;
    BL_CHECK_ALWAYS(rc == 0 ? is_new : is_old || (rc == BL_EIO && is_new));
    BL_CHECK_ALWAYS(strcmp(names_in(t_tmpdir), "file") == 0);
}

static int read_back(const char *path) {
    char *content;
    size_t bytes;
    BL_TRY(bl_file_read_whole(path, 99, &content, &bytes));
    bl_free(content);
    return (int)bytes;
}

TEST(cancelled_or_without_memory_nothing_leaks, (t_tmpdir),
     .sweep = T_CANCEL | T_OOM | T_IO) {
    const char *path = below(t_tmpdir, "file");
    put_text(path, "before");
    CHECK_EQ(read_back(path), 6);
}

TEST(in_a_cancelled_scope_nothing_happens, (t_tmpdir)) {
    char *content;
    size_t bytes;
    bl_scope scope;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "before");
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_file_write_whole(path, "x", 1, NULL), BL_ECANCELED);
    CHECK_ERR(bl_file_read_whole(path, 9, &content, &bytes), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_STR(text_of(path), "before");
    CHECK_STR(names_in(t_tmpdir), "file");
}
