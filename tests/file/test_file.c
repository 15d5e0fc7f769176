/* SPDX-License-Identifier: MIT */
/*
 * tests/file/test_file.c - open files: read, written, closed, cancelled
 *
 * What a call did is looked up with plain system calls.  The tests run by the
 * driver of the command line; what must not depend on it runs by both.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/files.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

PARAM(bl_driver_kind, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

static bl_file *opened(const char *path, unsigned flags) {
    bl_file *file;
    REQUIRE_OK(bl_file_open(path, flags, NULL, &file));
    return file;
}

static bl_file *read_write(const char *folder) {
    return opened(below(folder, "file"),
                  BL_OPEN_READ | BL_OPEN_WRITE | BL_OPEN_CREATE);
}

/* ---- opening ------------------------------------------------------------- */

TEST(what_was_written_is_read_again, (t_tmpdir)) {
    char bytes[16];
    bl_file *file = read_write(t_tmpdir);
    CHECK_EQ(bl_file_write(file, "hello", 5), 5);
    CHECK_EQ(bl_file_write(file, " world", 6), 6);
    CHECK_OK(bl_file_seek(file, 0));
    CHECK_EQ(bl_file_read(file, bytes, sizeof bytes), 11);
    CHECK_MEM(bytes, 11, "hello world", 11);
    CHECK_EQ(bl_file_read(file, bytes, sizeof bytes), 0);
    CHECK_OK(bl_file_close(file));
    CHECK_STR(text_of(below(t_tmpdir, "file")), "hello world");
}

TEST(opening_says_what_is_wrong_with_the_name, (t_tmpdir)) {
    bl_file *file = NULL;
    const char *path = below(t_tmpdir, "file");
    const unsigned fresh = BL_OPEN_WRITE | BL_OPEN_CREATE | BL_OPEN_EXCLUSIVE;
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, NULL, &file), BL_ENOENT);
    CHECK_ERR(bl_file_open("", BL_OPEN_READ, NULL, &file), BL_ENOENT);
    put_text(path, "x");
    CHECK_ERR(bl_file_open(path, fresh, NULL, &file), BL_EEXIST);
    CHECK_ERR(bl_file_open(t_tmpdir, BL_OPEN_READ, NULL, &file), BL_EISDIR);
    CHECK_ERR(bl_file_open(t_tmpdir, BL_OPEN_WRITE, NULL, &file), BL_EISDIR);
    CHECK_CONTAINS(bl_error_text(BL_EISDIR), t_tmpdir);
    /* Where the library's own sources lie is nobody else's business. */
    const char *place = bl_error_origin(bl_error_current(BL_EISDIR));
    CHECK_EQ(strncmp(place, "src/file/file.c:", 16), 0);
    CHECK(file == NULL);
}

TEST(arguments_that_cannot_be_meant_are_refused, (t_tmpdir)) {
    bl_file *file = NULL;
    const char *path = below(t_tmpdir, "file");
    bl_file_options options = { .size = sizeof options, .mode = 0x10000 };
    CHECK_ERR(bl_file_open(NULL, BL_OPEN_READ, NULL, &file), BL_EINVAL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_file_open(path, 0, NULL, &file), BL_EINVAL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_CREATE, NULL, &file), BL_EINVAL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ | 1024, NULL, &file), BL_EINVAL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ | BL_OPEN_TRUNCATE, NULL, &file),
              BL_EINVAL);
    CHECK_ERR(
        bl_file_open(path, BL_OPEN_WRITE | BL_OPEN_EXCLUSIVE, NULL, &file),
        BL_EINVAL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, &options, &file), BL_EINVAL);
    options.size = 0;
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, &options, &file), BL_EINVAL);
    options.size = sizeof options + 1;
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, &options, &file), BL_EINVAL);
    CHECK(!is_there(path));

    char byte;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    bl_file_info info;
    CHECK_ERR(bl_file_read(NULL, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_file_write(NULL, &byte, 1), BL_EINVAL);
    CHECK_ERR(bl_file_pread(NULL, &byte, 1, 0), BL_EINVAL);
    CHECK_ERR(bl_file_pwrite(NULL, &byte, 1, 0), BL_EINVAL);
    CHECK_ERR(bl_file_preadv(NULL, &part, 1, 0), BL_EINVAL);
    CHECK_ERR(bl_file_pwritev(NULL, &part, 1, 0), BL_EINVAL);
    CHECK_ERR(bl_file_write_all(NULL, &byte, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_file_seek(NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_file_sync(NULL), BL_EINVAL);
    CHECK_ERR(bl_file_sync_data(NULL), BL_EINVAL);
    CHECK_ERR(bl_file_truncate(NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_file_get_info(NULL, &info), BL_EINVAL);
    CHECK_OK(bl_file_close(NULL));
    bl_file_abort(NULL);
    CHECK_EQ(bl_file_fd(NULL), -1);

    file = read_write(t_tmpdir);
    CHECK_ERR(bl_file_read(file, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_file_write(file, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_file_write_all(file, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_file_pread(file, &byte, 1, -1), BL_EINVAL);
    CHECK_ERR(bl_file_pwrite(file, &byte, 1, -1), BL_EINVAL);
    CHECK_ERR(bl_file_preadv(file, &part, 0, 0), BL_EINVAL);
    CHECK_ERR(bl_file_preadv(file, &part, 1025, 0), BL_EINVAL);
    CHECK_ERR(bl_file_pwritev(file, NULL, 1, 0), BL_EINVAL);
    CHECK_ERR(bl_file_seek(file, -1), BL_EINVAL);
    CHECK_ERR(bl_file_truncate(file, -1), BL_EINVAL);
    CHECK_ERR(bl_file_get_info(file, NULL), BL_EINVAL);
    CHECK_EQ(bl_file_read(file, NULL, 0), 0);
    CHECK_EQ(bl_file_write(file, NULL, 0), 0);
    bl_file_abort(file);
}

TEST(a_new_file_has_the_permissions_asked_for, (t_tmpdir)) {
    const bl_file_options options = { .size = sizeof options, .mode = 0640 };
    bl_file *file;
    struct stat status;
    const char *path = below(t_tmpdir, "file");
    umask(022);
    REQUIRE_OK(
        bl_file_open(path, BL_OPEN_WRITE | BL_OPEN_CREATE, &options, &file));
    CHECK_OK(stat(path, &status));
    CHECK_EQ(status.st_mode & 07777u, 0640u);
    CHECK_OK(bl_file_close(file));
    file = opened(below(t_tmpdir, "other"), BL_OPEN_WRITE | BL_OPEN_CREATE);
    CHECK_OK(stat(below(t_tmpdir, "other"), &status));
    CHECK_EQ(status.st_mode & 07777u, 0644u);
    bl_file_abort(file);
}

TEST(a_descriptor_is_not_inherited_and_blocks_as_usual, (t_tmpdir)) {
    bl_file *file = read_write(t_tmpdir);
    CHECK_EQ(fcntl(bl_file_fd(file), F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(bl_file_fd(file), F_GETFL) & O_NONBLOCK, 0);
    bl_file_abort(file);
}

TEST(truncating_and_appending_do_what_they_say, (t_tmpdir)) {
    const char *path = below(t_tmpdir, "file");
    put_text(path, "before");
    bl_file *file = opened(path, BL_OPEN_WRITE | BL_OPEN_APPEND);
    CHECK_OK(bl_file_seek(file, 0));
    CHECK_EQ(bl_file_write(file, " and", 4), 4);
    CHECK_EQ(bl_file_write(file, " after", 6), 6);
    CHECK_OK(bl_file_close(file));
    CHECK_STR(text_of(path), "before and after");
    file = opened(path, BL_OPEN_WRITE | BL_OPEN_TRUNCATE);
    CHECK_OK(bl_file_close(file));
    CHECK_STR(text_of(path), "");
}

static int opens_as_nobody(void *arg) {
    bl_file *file;
    return bl_file_open(arg, BL_OPEN_READ, NULL, &file);
}

static int is_refused_as_nobody(void *arg) {
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return 1;
    CHECK_ERR(bl_run(opens_as_nobody, arg), BL_EACCES);
    return bl_run(opens_as_nobody, arg) == BL_EACCES ? 0 : 2;
}

TEST(who_may_not_open_it_is_told_so, (t_tmpdir)) {
    char path[512];
    if (has_thread_sanitizer()) t_skip("no threads behind a fork of a task");
    strcpy(path, below(t_tmpdir, "secret"));
    put_text(path, "x");
    REQUIRE_OK(chmod(path, 0));
    REQUIRE_OK(chmod(t_tmpdir, 0755));
    CHECK_EQ(in_child(is_refused_as_nobody, path), 0);
}

TEST(without_descriptors_or_memory_nothing_is_opened, (t_tmpdir)) {
    bl_file *file = NULL;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "x");
    bl_file_abort(opened(path, BL_OPEN_READ)); /* what opens once is open */
    limit_descriptors(0);
    CHECK_ERR(bl_file_open(path, BL_OPEN_READ, NULL, &file), BL_EMFILE);
    unlimit_descriptors();
    famine_begin(0);
    int rc = bl_file_open(path, BL_OPEN_READ, NULL, &file);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(file == NULL);
}

TEST(where_no_thread_can_be_started_nothing_is_opened, (t_tmpdir),
     .driver = BL_DRIVER_EPOLL) {
    bl_file *file;
    bl_file_info info;
    const char *path = below(t_tmpdir, "file");
    refuse_call(SYS_clone3, EAGAIN);
    CHECK_ERR(bl_file_open(path, BL_OPEN_WRITE | BL_OPEN_CREATE, NULL, &file),
              BL_EAGAIN);
    CHECK_ERR(bl_file_stat(path, &info), BL_EAGAIN);
    CHECK(!is_there(path));
}

TEST(what_the_ring_cannot_carry_needs_a_thread, (t_tmpdir),
     .driver = BL_DRIVER_URING) {
    bl_loop_info info;
    bl_file *file = read_write(t_tmpdir);
    bl_loop_get_info(bl_loop_running(), &info);
    if (strcmp(info.driver, "io_uring") != 0) t_skip("there is no io_uring");
    CHECK_EQ(bl_file_write(file, "hello", 5), 5);
    refuse_call(SYS_clone3, EAGAIN);
    CHECK_ERR(bl_file_truncate(file, 0), BL_EAGAIN);
    bl_file_abort(file);
    CHECK_STR(text_of(below(t_tmpdir, "file")), "hello");
}

/* ---- what can be waited for ---------------------------------------------- */

TEST(opening_a_fifo_waits_for_nobody, (t_tmpdir)) {
    const char *path = below(t_tmpdir, "fifo");
    bl_file *file;
    char bytes[8];
    REQUIRE_OK(mkfifo(path, 0600));
    CHECK_ERR(bl_file_open(path, BL_OPEN_WRITE, NULL, &file), BL_ENXIO);
    bl_file *reader = opened(path, BL_OPEN_READ);
    bl_file *writer = opened(path, BL_OPEN_WRITE);
    CHECK_EQ(bl_file_write(writer, "hi", 2), 2);
    CHECK_EQ(bl_file_read(reader, bytes, sizeof bytes), 2);
    CHECK_ERR(bl_file_pread(reader, bytes, 1, 0), BL_ESPIPE);
    CHECK_ERR(bl_file_seek(reader, 0), BL_ESPIPE);
    CHECK_ERR(bl_file_sync(writer), BL_EINVAL);
    CHECK_ERR(bl_file_sync_data(writer), BL_EINVAL);
    CHECK_OK(bl_file_close(writer));
    CHECK_EQ(bl_file_read(reader, bytes, sizeof bytes), 0);
    CHECK_OK(bl_file_close(reader));
}

struct reading {
    bl_file *file;
    char bytes[8];
    bl_ssize result;
};

static int reads(void *arg) {
    struct reading *reading = arg;
    reading->result =
        bl_file_read(reading->file, reading->bytes, sizeof reading->bytes);
    return 0;
}

/* Rigid, like those under a lease: if the other task is gone, the test waits
 * for ever. */
TEST(a_read_from_a_fifo_can_be_left, (t_tmpdir), .tags = "rigid") {
    const char *path = below(t_tmpdir, "fifo");
    REQUIRE_OK(mkfifo(path, 0600));
    struct reading reading = { .file =
                                   opened(path, BL_OPEN_READ | BL_OPEN_WRITE) };
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, reads, &reading));
    t_settle();
    CHECK_ERR(bl_file_read(reading.file, &byte, 1), BL_EBUSY);
    CHECK_ERR(bl_file_seek(reading.file, 0), BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reading.result, BL_ECANCELED);
    CHECK_OK(bl_file_close(reading.file));
}

TEST(a_file_closed_under_a_reader_is_closed_when_it_leaves, (t_tmpdir)) {
    const char *path = below(t_tmpdir, "fifo");
    REQUIRE_OK(mkfifo(path, 0600));
    struct reading reading = { .file =
                                   opened(path, BL_OPEN_READ | BL_OPEN_WRITE) };
    int fd = bl_file_fd(reading.file);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, reads, &reading));
    t_settle();
    CHECK_OK(bl_file_close(reading.file));
    CHECK(is_open(fd));
    say(fd, "late");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(reading.result, 4);
    CHECK(!is_open(fd));
}

TEST(devices_are_files_too) {
    char bytes[4] = "abc";
    bl_file *zero = opened("/dev/zero", BL_OPEN_READ);
    bl_file *full = opened("/dev/full", BL_OPEN_WRITE);
    CHECK_EQ(bl_file_read(zero, bytes, 4), 4);
    CHECK_EQ(bytes[0], 0);
    CHECK_ERR(bl_file_write(full, bytes, 4), BL_ENOSPC);
    bl_file_abort(zero);
    bl_file_abort(full);
}

/* ---- reading and writing ------------------------------------------------- */

TEST(the_wrong_direction_is_refused, (t_tmpdir)) {
    char byte = 0;
    const char *path = below(t_tmpdir, "file");
    put_text(path, "x");
    bl_file *reader = opened(path, BL_OPEN_READ);
    bl_file *writer = opened(path, BL_OPEN_WRITE);
    CHECK_ERR(bl_file_read(writer, &byte, 1), BL_EBADF);
    CHECK_ERR(bl_file_write(reader, &byte, 1), BL_EBADF);
    CHECK_ERR(bl_file_truncate(reader, 0), BL_EINVAL);
    bl_file_abort(reader);
    bl_file_abort(writer);
}

TEST(offsets_beyond_four_gigabytes_work, (t_tmpdir)) {
    const int64_t far = (int64_t)5 << 30;
    char bytes[8];
    bl_file_info info;
    bl_file *file = read_write(t_tmpdir);
    CHECK_EQ(bl_file_pwrite(file, "far", 3, far), 3);
    CHECK_EQ(bl_file_pread(file, bytes, sizeof bytes, far + 1), 2);
    CHECK_MEM(bytes, 2, "ar", 2);
    CHECK_EQ(bl_file_pread(file, bytes, sizeof bytes, far + 3), 0);
    CHECK_OK(bl_file_seek(file, far - 1));
    CHECK_EQ(bl_file_read(file, bytes, sizeof bytes), 4);
    CHECK_MEM(bytes, 4, "\0far", 4);
    CHECK_OK(bl_file_get_info(file, &info));
    CHECK_EQ(info.bytes, far + 3);
    CHECK_LT(info.disk_bytes, 1 << 20);
    CHECK_OK(bl_file_truncate(file, far));
    CHECK_OK(bl_file_get_info(file, &info));
    CHECK_EQ(info.bytes, far);
    CHECK_OK(bl_file_close(file));
}

TEST(several_buffers_go_at_once, (t_tmpdir)) {
    char first[3], second[8];
    struct iovec out[] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
    struct iovec in[] = { { first, sizeof first }, { second, sizeof second } };
    bl_file *file = read_write(t_tmpdir);
    CHECK_EQ(bl_file_pwritev(file, out, 3, 2), 11);
    CHECK_EQ(bl_file_preadv(file, in, 2, 2), 11);
    CHECK_MEM(first, 3, "one", 3);
    CHECK_MEM(second, 8, "twothree", 8);
    CHECK_OK(bl_file_sync(file));
    CHECK_OK(bl_file_sync_data(file));
    CHECK_OK(bl_file_close(file));
}

struct reader {
    bl_file *file;
    int64_t offset;
    int wrong;
};

static int reads_in_place(void *arg) {
    struct reader *reader = arg;
    for (int i = 0; i < 50; i++) {
        unsigned char bytes[64];
        bl_ssize count =
            bl_file_pread(reader->file, bytes, sizeof bytes, reader->offset);
        if (count != sizeof bytes) return BL_EIO;
        for (size_t at = 0; at < sizeof bytes; at++)
            reader->wrong += bytes[at] != (unsigned char)(reader->offset / 64);
    }
    return 0;
}

TEST(many_may_read_at_offsets_at_the_same_time, (t_tmpdir),
     .tags = "bulky large") {
    struct reader readers[32];
    bl_file *file = read_write(t_tmpdir);
    for (int i = 0; i < 32; i++) {
        char bytes[64];
        memset(bytes, i, sizeof bytes);
        CHECK_EQ(bl_file_write(file, bytes, sizeof bytes), 64);
    }
    int rc;
    BL_GROUP(group, rc) {
        for (int i = 0; i < 32; i++) {
            readers[i] = (struct reader){ .file = file, .offset = i * 64 };
            REQUIRE_OK(bl_spawn(group, reads_in_place, &readers[i]));
        }
    }
    CHECK_OK(rc);
    for (int i = 0; i < 32; i++)
        CHECK_EQ(readers[i].wrong, 0);
    CHECK_OK(bl_file_close(file));
}

TEST(a_file_at_its_limit_says_so, (t_tmpdir)) {
    size_t done = 0;
    char bytes[100] = "x";
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    bl_file *file = read_write(t_tmpdir);
    REQUIRE_OK(getrlimit(RLIMIT_FSIZE, &before));
    limit = (struct rlimit){ .rlim_cur = 150, .rlim_max = before.rlim_max };
    REQUIRE_OK(setrlimit(RLIMIT_FSIZE, &limit));
    CHECK_OK(bl_file_write_all(file, bytes, sizeof bytes, &done));
    CHECK_EQ(done, sizeof bytes);
    CHECK_ERR(bl_file_write_all(file, bytes, sizeof bytes, &done), BL_EFBIG);
    CHECK_EQ(done, 50);
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &before));
    CHECK_OK(bl_file_close(file));
}

/* ---- what the system may do ---------------------------------------------- */

/* What the seam says, by kind of call. */
static struct {
    bl_io_call call;
    bl_ssize answers[4];
    int count;
    int asked;
} script;

static bl_ssize answer(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    (void)fd;
    (void)bytes;
    if (call != script.call || script.asked >= script.count) return 0;
    return script.answers[script.asked++];
}

static void scripted(bl_driver_kind driver, bl_task_fn *fn, const char *arg) {
    bl_loop_options options = quiet_options();
    options.driver = driver;
    options.on_io = answer;
    char path[512];
    strcpy(path, arg);
    CHECK_OK(run_elsewhere(fn, path, &options));
}

static int write_in_parts(void *arg) {
    size_t done;
    char bytes[16];
    bl_file *file = opened(arg, BL_OPEN_READ | BL_OPEN_WRITE | BL_OPEN_CREATE);
    script.call = BL_IO_WRITE;
    script.answers[0] = 1;
    script.answers[1] = -EINTR;
    script.answers[2] = 3;
    script.count = 3;
    CHECK_OK(bl_file_write_all(file, "hello world", 11, &done));
    CHECK_EQ(done, 11);
    script.call = BL_IO_READ;
    script.answers[1] = 0;
    script.asked = 0;
    struct iovec parts[] = { { bytes, 4 }, { bytes + 4, 4 } };
    CHECK_EQ(bl_file_preadv(file, parts, 2, 0), 1);
    CHECK_EQ(bl_file_preadv(file, parts, 2, 0), 8);
    CHECK_EQ(bl_file_pread(file, bytes, 8, 0), 3);
    CHECK_MEM(bytes, 8, "hello wo", 8);
    script.call = BL_IO_WRITE;
    script.answers[0] = BL_ENOSPC;
    script.answers[1] = -EDQUOT;
    script.asked = 0;
    CHECK_ERR(bl_file_write(file, "x", 1), BL_ENOSPC);
    CHECK_ERR(bl_file_write_all(file, "x", 1, &done), -EDQUOT);
    CHECK_EQ(done, 0);
    script.call = BL_IO_READ;
    script.answers[0] = BL_ECANCELED;
    script.asked = 0;
    CHECK_ERR(bl_file_read(file, bytes, 1), BL_EIO);
    CHECK_OK(bl_file_close(file));
    CHECK_STR(text_of(arg), "hello world");
    return 0;
}

TEST(short_and_failing_calls_are_put_up_with, (t_tmpdir, driver)) {
    scripted(driver, write_in_parts, below(t_tmpdir, "file"));
}

static int close_fails(void *arg) {
    bl_file *file = opened(arg, BL_OPEN_WRITE | BL_OPEN_CREATE);
    int fd = bl_file_fd(file);
    script.call = BL_IO_CLOSE;
    script.answers[0] = BL_EIO;
    script.count = 1;
    CHECK_ERR(bl_file_close(file), BL_EIO);
    CHECK(!is_open(fd));
    return 0;
}

TEST(a_close_that_fails_has_closed, (t_tmpdir, driver)) {
    scripted(driver, close_fails, below(t_tmpdir, "file"));
}

/* ---- cancellation -------------------------------------------------------- */

/* Keeps the only thread of a pool. */
struct gate {
    sem_t opened;
    atomic_bool is_passing;
};

static int keeps_the_thread(void *arg) {
    struct gate *gate = arg;
    atomic_store(&gate->is_passing, true);
    while (sem_wait(&gate->opened) != 0) {}
    return 0;
}

static int offloads(void *arg) {
    return bl_to_thread(keeps_the_thread, arg);
}

static int truncates(void *arg) {
    struct reading *reading = arg;
    reading->result = bl_file_truncate(reading->file, 0);
    return 0;
}

static int cancel_queued(void *arg) {
    struct gate gate = { .is_passing = false };
    REQUIRE_OK(sem_init(&gate.opened, 0, 0));
    struct reading reading = { .file = opened(arg, BL_OPEN_WRITE) };
    BL_GROUP_SCOPED(jobs);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&jobs, offloads, &gate));
    while (!atomic_load(&gate.is_passing)) {
        REQUIRE_OK(bl_yield());
        sched_yield();
    }
    REQUIRE_OK(bl_spawn(&group, truncates, &reading));
    settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reading.result, BL_ECANCELED);
    REQUIRE_OK(sem_post(&gate.opened));
    CHECK_OK(bl_group_exit(&jobs, 0));
    CHECK_STR(text_of(arg), "untouched");
    CHECK_OK(bl_file_close(reading.file));
    sem_destroy(&gate.opened);
    return 0;
}

TEST(a_call_that_is_cancelled_in_line_did_not_happen, (t_tmpdir)) {
    bl_loop_options options = quiet_options();
    options.threads_max = 1;
    options.driver = BL_DRIVER_EPOLL;
    char path[512];
    strcpy(path, below(t_tmpdir, "file"));
    put_text(path, "untouched");
    CHECK_OK(run_elsewhere(cancel_queued, path, &options));
}

struct opening {
    const char *path;
    bl_file *file;
    int result;
    bool has_ended;
};

static int opens(void *arg) {
    struct opening *opening = arg;
    opening->result =
        bl_file_open(opening->path, BL_OPEN_READ, NULL, &opening->file);
    opening->has_ended = true;
    return 0;
}

/* Who opens a file under a lease waits until it was given back: that is an
 * operation under way for as long as a test wants. */
static int take_lease(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE_OK(fd);
    REQUIRE_OK(fcntl(fd, F_SETSIG, SIGURG)); /* which nobody minds */
    if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0) t_skip("there are no leases here");
    return fd;
}

static void await_break(int fd) {
    while (fcntl(fd, F_GETLEASE) == F_WRLCK) {
        REQUIRE_OK(bl_yield());
        sched_yield();
    }
}

TEST(a_call_that_takes_long_does_not_hold_up_the_loop, (t_tmpdir),
     .tags = "rigid") {
    struct opening opening = { .path = below(t_tmpdir, "file") };
    put_text(opening.path, "x");
    int fd = take_lease(opening.path);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, opens, &opening));
    await_break(fd);
    for (int i = 0; i < 100; i++)
        REQUIRE_OK(bl_yield());
    CHECK(!opening.has_ended);
    CHECK_OK(fcntl(fd, F_SETLEASE, F_UNLCK));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(opening.result);
    bl_file_abort(opening.file);
    close(fd);
}

TEST(a_call_under_way_is_waited_for_and_keeps_its_success, (t_tmpdir),
     .tags = "rigid") {
    struct opening opening = { .path = below(t_tmpdir, "file") };
    put_text(opening.path, "x");
    int fd = take_lease(opening.path);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, opens, &opening));
    await_break(fd);
    for (int i = 0; i < 100; i++) {
        REQUIRE_OK(bl_yield());
        sched_yield();
    }
    bl_group_cancel(&group);
    for (int i = 0; i < 100; i++)
        BL_IGNORE(bl_yield() < 0); /* it is cancelled, and yields */
    CHECK_OK(fcntl(fd, F_SETLEASE, F_UNLCK));
    CHECK_OK(bl_group_exit(&group, 0));
    /* The kernel may have called it off; a thread cannot. */
    if (opening.result == BL_ECANCELED) {
        CHECK(opening.file == NULL);
    } else {
        CHECK_OK(opening.result);
        bl_file_abort(opening.file);
    }
    close(fd);
}

TEST(in_a_cancelled_scope_nothing_happens, (t_tmpdir)) {
    char byte = 0;
    bl_file *other;
    bl_file_info info;
    const char *path = below(t_tmpdir, "new");
    bl_file *file = read_write(t_tmpdir);
    size_t done = 7;
    bl_scope scope;
    struct iovec part = { &byte, 1 };
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_file_open(path, BL_OPEN_WRITE | BL_OPEN_CREATE, NULL, &other),
              BL_ECANCELED);
    CHECK_ERR(bl_file_read(file, &byte, 1), BL_ECANCELED);
    CHECK_ERR(bl_file_write(file, &byte, 1), BL_ECANCELED);
    CHECK_ERR(bl_file_write_all(file, &byte, 1, &done), BL_ECANCELED);
    CHECK_EQ(done, 0);
    CHECK_ERR(bl_file_pread(file, &byte, 1, 0), BL_ECANCELED);
    CHECK_ERR(bl_file_pwrite(file, &byte, 1, 0), BL_ECANCELED);
    CHECK_ERR(bl_file_pwritev(file, &part, 1, 0), BL_ECANCELED);
    CHECK_ERR(bl_file_sync(file), BL_ECANCELED);
    CHECK_ERR(bl_file_sync_data(file), BL_ECANCELED);
    CHECK_ERR(bl_file_truncate(file, 5), BL_ECANCELED);
    CHECK_ERR(bl_file_get_info(file, &info), BL_ECANCELED);
    CHECK_OK(bl_file_close(file)); /* this one happens always */
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK(!is_there(path));
    CHECK_STR(text_of(below(t_tmpdir, "file")), "");
}

static int all_calls(const char *path) {
    char bytes[8];
    bl_file *file;
    const unsigned flags = BL_OPEN_READ | BL_OPEN_WRITE | BL_OPEN_CREATE;
    BL_TRY(bl_file_open(path, flags, NULL, &file));
    int rc = bl_file_write_all(file, "hello", 5, NULL);
    if (rc == 0) rc = bl_file_sync_data(file);
    if (rc == 0) rc = bl_file_seek(file, 1);
    if (rc == 0) rc = (int)bl_file_read(file, bytes, sizeof bytes);
    if (rc == 4) rc = (int)bl_file_pread(file, bytes, 2, 3);
    if (rc == 2) rc = bl_file_truncate(file, 2);
    if (rc < 0) {
        bl_file_abort(file);
        return rc;
    }
    return bl_file_close(file);
}

TEST(cancelled_or_without_memory_nothing_leaks, (t_tmpdir),
     .sweep = T_CANCEL | T_OOM | T_IO) {
    CHECK_OK(all_calls(below(t_tmpdir, "file")));
    CHECK_STR(text_of(below(t_tmpdir, "file")), "he");
}

/* ---- elsewhere ----------------------------------------------------------- */

static bl_file *foreign;

static int touches_a_foreign_file(void *arg) {
    char byte;
    (void)arg;
    CHECK_ERR(bl_file_read(foreign, &byte, 1), BL_ETHREAD);
    return 0;
}

TEST(a_file_belongs_to_its_loop, (t_tmpdir)) {
    foreign = read_write(t_tmpdir);
    CHECK_OK(run_elsewhere(touches_a_foreign_file, NULL, NULL));
    bl_file_abort(foreign);
}

static void without_a_loop(void *arg) {
    char byte;
    bl_file *file;
    CHECK_ERR(bl_file_open(arg, BL_OPEN_READ, NULL, &file), BL_ENOLOOP);
    CHECK_ERR(bl_file_read(foreign, &byte, 1), BL_ENOLOOP);
    CHECK_OK(bl_file_close(foreign));
}

static void in_a_callback(void *arg) {
    char byte;
    bl_file *file;
    CHECK_ERR(bl_file_open(arg, BL_OPEN_READ, NULL, &file), BL_ENOTASK);
    CHECK_ERR(bl_file_read(foreign, &byte, 1), BL_ENOTASK);
}

TEST(only_tasks_can_wait_but_all_can_close, (t_tmpdir)) {
    char path[512];
    bl_call call = { ._loop = NULL };
    foreign = read_write(t_tmpdir);
    strcpy(path, below(t_tmpdir, "file"));
    bl_call_soon(bl_loop_running(), &call, in_a_callback, path);
    REQUIRE_OK(bl_sleep(BL_MS(1)));
    on_thread(without_a_loop, path);
}
