/* SPDX-License-Identifier: MIT */
/*
 * test/explore/faults.c - system calls of the test that fail, or move less
 *
 * The I/O sweep counts the calls of the body and has one of them fail, in each
 * of the *ways* in which the system could let it fail: the table below.  What a
 * program has to put up with is there, what only a broken program meets is not:
 * no EBADF, no EFAULT.
 *
 * A test may also ask for calls that move fewer bytes than they could.  How
 * many is a choice like others, made by the order of the run.
 */
#include "test/explore/faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <belay/park.h>

#include "test/case.h"
#include "test/child/stage.h"
#include "test/options.h"
#include "test/record.h"

enum {
    WAYS_MAX = 9,
    IS_SHORT = -1 /* among errors: it works, but moves one byte only */
};

/* What a descriptor has to be for a way to fit. */
enum {
    ANY,
    SOCKETS,
    OTHERS
};

struct way {
    int error; /* 0 at the end */
    int fits;
};

static const struct {
    const char *name;
    struct way ways[WAYS_MAX];
} calls[] = {
    [BL_IO_READ] = { "read",
                     { { IS_SHORT, ANY },
                       { EINTR, ANY },
                       { EAGAIN, ANY },
                       { ECONNRESET, SOCKETS },
                       { EIO, OTHERS } } },
    [BL_IO_WRITE] = { "write",
                      { { IS_SHORT, ANY },
                        { EINTR, ANY },
                        { EAGAIN, ANY },
                        { EPIPE, ANY },
                        { ENOBUFS, SOCKETS } } },
    [BL_IO_ACCEPT] = { "accept",
                       { { EINTR, ANY },
                         { EAGAIN, ANY },
                         { ECONNABORTED, ANY },
                         { EMFILE, ANY },
                         { ENFILE, ANY },
                         { ENOBUFS, ANY },
                         { ENOMEM, ANY },
                         { EPERM, ANY },
                         { EPROTO, ANY } } },
    [BL_IO_CONNECT] = { "connect",
                        { { EINTR, ANY },
                          { ECONNREFUSED, ANY },
                          { ETIMEDOUT, ANY },
                          { EADDRNOTAVAIL, ANY } } },
    [BL_IO_SOCKET] = { "socket", { { EMFILE, ANY }, { ENOBUFS, ANY } } },
    [BL_IO_BIND] = { "bind", { { EADDRINUSE, ANY }, { EACCES, ANY } } },
    [BL_IO_LISTEN] = { "listen", { { EADDRINUSE, ANY } } },
    [BL_IO_OPTION] = { "setsockopt", { { ENOMEM, ANY } } },
    [BL_IO_ADDRESS] = { "getsockname", { { ENOBUFS, ANY } } },
    [BL_IO_SHUTDOWN] = { "shutdown", { { ENOTCONN, ANY } } },
    [BL_IO_CLOSE] = { "close", { { EINTR, ANY }, { EIO, ANY } } },
    [BL_IO_WATCH] = { "watch", { { ENOMEM, ANY } } },
    [BL_IO_OPEN] = { "open",
                     { { EINTR, ANY }, { EMFILE, ANY }, { ENOSPC, ANY } } },
    [BL_IO_SYNC] = { "fsync", { { EIO, ANY } } },
    [BL_IO_STAT] = { "stat", { { EIO, ANY } } },
    [BL_IO_RENAME] = { "rename", { { EIO, ANY }, { ENOSPC, ANY } } },
    [BL_IO_UNLINK] = { "unlink", { { EIO, ANY } } },
    [BL_IO_MKDIR] = { "mkdir", { { ENOSPC, ANY } } },
    [BL_IO_TRUNCATE] = { "truncate", { { EINTR, ANY }, { EIO, ANY } } },
    [BL_IO_CHMOD] = { "chmod", { { EIO, ANY } } },
    [BL_IO_LIST] = { "getdents", { { EIO, ANY } } },
    [BL_IO_PIPE] = { "pipe", { { EMFILE, ANY }, { ENFILE, ANY } } },
    [BL_IO_SPAWN] = { "clone", { { EAGAIN, ANY }, { ENOMEM, ANY } } },
};

enum {
    CALLS = sizeof calls / sizeof calls[0]
};

/* ---- the sweep ----------------------------------------------------------- */

static bool is_socket(int fd) {
    struct stat status;
    return fd >= 0 && fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static bool way_fits(const struct way *way, int fd, size_t bytes) {
    if (way->error == IS_SHORT) return bytes > 1;
    if (way->fits == ANY) return true;
    return is_socket(fd) == (way->fits == SOCKETS);
}

/* Writes the errors that fit into `errors`; returns how many. */
static unsigned list_ways(bl_io_call call, int fd, size_t bytes, int *errors) {
    unsigned count = 0;
    for (int i = 0; i < WAYS_MAX && calls[call].ways[i].error != 0; i++) {
        if (!way_fits(&calls[call].ways[i], fd, bytes)) continue;
        errors[count++] = calls[call].ways[i].error;
    }
    return count;
}

/* What a replay names may not fit what the test does now. */
static int error_of_replay(int error, const int *errors, unsigned count) {
    if (error == 0) error = IS_SHORT;
    for (unsigned i = 0; i < count; i++) {
        if (errors[i] == error) return error;
    }
    bl__test_record->choices_differ = true;
    return 0;
}

static int choose_error(const int *errors, unsigned count) {
    const struct bl__test_job *job = bl__test_job;
    if (job->way == BL__WAY_OF_ERROR) {
        return error_of_replay(job->error, errors, count);
    }
    return job->way < count ? errors[job->way] : 0;
}

static bl_ssize inject(bl_io_call call, int fd, size_t bytes) {
    struct bl__test_record *record = bl__test_record;
    int errors[WAYS_MAX];
    record->has_hit = true;
    record->way_count = list_ways(call, fd, bytes, errors);
    int error = choose_error(errors, record->way_count);
    if (error == 0) return 0;
    record->injected_error = error == IS_SHORT ? 0 : error;
    const char *name = error == IS_SHORT ? "short" : strerrorname_np(error);
    snprintf(record->injected, sizeof record->injected, "%s: %s",
             calls[call].name, name);
    return error == IS_SHORT ? 1 : -error;
}

/* ---- the seam ------------------------------------------------------------ */

static bool has_short_io;

static bl_ssize choose_size(size_t bytes) {
    const size_t sizes[] = { 0, 1, bytes / 2 };
    if (!has_short_io || bytes < 2) return 0;
    return (bl_ssize)sizes[bl_choose(BL_CHOICE_SIZE, bytes > 3 ? 3 : 2)];
}

static bl_ssize on_io(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    const struct bl__test_job *job = bl__test_job;
    if (!bl__stage_is_body()) return 0;
    if ((unsigned)call >= CALLS) return 0;
    uint64_t number = ++bl__test_record->io_count;
    if (job->mode == BL__JOB_IO && number == job->number) {
        return inject(call, fd, bytes);
    }
    return choose_size(bytes);
}

bl__io_fn *bl__faults_seam(void) {
    const bl_test_options *options = &bl__test_job->test_case->test->options;
    has_short_io = bl__test_settings->has_short_io || options->short_io;
    bool is_sweep = bl__test_job->mode == BL__JOB_IO;
    return has_short_io || is_sweep ? on_io : NULL;
}
