/* SPDX-License-Identifier: MIT */
/*
 * file/file.c - open files: reading, writing, and what else is done with them
 *
 * Where a file stands is known to the system alone, so that BL_OPEN_APPEND and
 * reading in parts mean what they mean everywhere; one call at a time may move
 * it.  Calls with an offset do not care, and any number may be under way.
 *
 * What can be waited for, a FIFO or a terminal, would keep a thread for as
 * long as nobody writes.  It is opened without blocking and given to <belay/
 * io.h>, which waits for readiness and can be cancelled.
 *
 * Invariant: the descriptor is open while use_count > 0, also after the file
 * was closed; who leaves last closes it.
 */
#include "file/file.h"

#include <belay/error.h>
#include <belay/io.h>
#include <belay/loop.h>
#include <belay/park.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "file/call.h"
#include "sys/seam.h"

enum {
    FILE_PARTS_MAX = 1024,         /* the system's own limit */
    FILE_TRANSFER_MAX = 0x7ffff000 /* likewise: it moves no more at a time */
};

/* ---- opening ------------------------------------------------------------- */

int bl__file_blame(int rc, const char *what, const char *path) {
    if (rc == BL_ECANCELED) return rc;
    return BL_ERR(rc, "cannot %s %s: %s", what, path, bl_strerror(rc));
}

int bl__file_check_options(const bl_file_options *options) {
    if (options == NULL) return 0;
    if (options->size != sizeof *options) return BL_EINVAL;
    return (options->mode & ~07777u) != 0 ? BL_EINVAL : 0;
}

static int file_check_flags(unsigned flags) {
    const unsigned known = BL_OPEN_READ | BL_OPEN_WRITE | BL_OPEN_CREATE |
                           BL_OPEN_EXCLUSIVE | BL_OPEN_TRUNCATE |
                           BL_OPEN_APPEND;
    const unsigned writing = BL_OPEN_CREATE | BL_OPEN_TRUNCATE | BL_OPEN_APPEND;
    if ((flags & ~known) != 0) return BL_EINVAL;
    if ((flags & (BL_OPEN_READ | BL_OPEN_WRITE)) == 0) return BL_EINVAL;
    if ((flags & writing) && !(flags & BL_OPEN_WRITE)) return BL_EINVAL;
    if ((flags & BL_OPEN_EXCLUSIVE) && !(flags & BL_OPEN_CREATE)) {
        return BL_EINVAL;
    }
    return 0;
}

static int file_system_flags(unsigned flags) {
    int result = O_RDONLY;
    if (flags & BL_OPEN_WRITE) {
        result = (flags & BL_OPEN_READ) ? O_RDWR : O_WRONLY;
    }
    if (flags & BL_OPEN_CREATE) result |= O_CREAT;
    if (flags & BL_OPEN_EXCLUSIVE) result |= O_EXCL;
    if (flags & BL_OPEN_TRUNCATE) result |= O_TRUNC;
    if (flags & BL_OPEN_APPEND) result |= O_APPEND;
    return result;
}

int bl__file_open_at(int dir_fd, const char *path, int flags, unsigned mode) {
    struct bl__op op = { .code = BL__OP_OPEN,
                         .fd = dir_fd,
                         .path = path,
                         .flags = flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                         .mode = mode };
    int rc = (int)bl__file_call(&op);
    if (rc != BL_EAGAIN || !op.was_made) return rc;
    /* Somebody has a lease on it, and is asked to give it back. */
    op.flags &= ~O_NONBLOCK;
    op.was_made = false;
    return (int)bl__file_call(&op);
}

/*
 * Finds out what was opened.  That is known to the kernel by now: the question
 * may be asked here, and does not go to a disk or a network.
 */
static void file_inspect(bl_file *file) {
    struct statx status;
    const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (statx(file->fd, "", flags, STATX_TYPE | STATX_SIZE, &status) < 0) {
        return;
    }
    bl_file_kind kind = bl__file_kind(status.stx_mode);
    file->is_stream = kind == BL_FILE_FIFO || kind == BL_FILE_CHARACTER;
    if (kind == BL_FILE_REGULAR) file->bytes = (int64_t)status.stx_size;
    if (file->is_stream) return;
    /* On some file systems it would make reading fail where it should wait. */
    int open_flags = fcntl(file->fd, F_GETFL);
    if (open_flags < 0 || (open_flags & O_NONBLOCK) == 0) return;
    BL_IGNORE(fcntl(file->fd, F_SETFL, open_flags & ~O_NONBLOCK) < 0);
}

/* The system would open it for reading, and refuse each read. */
static bool file_is_directory(int fd) {
    struct statx status;
    const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (statx(fd, "", flags, STATX_TYPE, &status) < 0) return false;
    return bl__file_kind(status.stx_mode) == BL_FILE_DIRECTORY;
}

int bl_file_open(const char *path, unsigned flags,
                 const bl_file_options *options, bl_file **file) {
    if (path == NULL) return BL_EINVAL;
    if (file == NULL) return BL_EINVAL;
    int rc = file_check_flags(flags);
    if (rc == 0) rc = bl__file_check_options(options);
    if (rc == 0) rc = bl_checkpoint();
    if (rc < 0) return rc;

    bl_file *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    unsigned mode =
        options != NULL && options->mode != 0 ? options->mode : 0666;
    rc = bl__file_open_at(AT_FDCWD, path, file_system_flags(flags), mode);
    if (rc < 0) goto blame_path;
    made->fd = rc;
    made->loop = bl_loop_running();
    if (file_is_directory(made->fd)) {
        rc = BL_EISDIR;
        goto close_fd;
    }
    file_inspect(made);
    *file = made;
    return 0;

close_fd:
    BL_IGNORE(bl__sys_close(made->fd) < 0); /* nothing was written */
blame_path:
    bl__free(made);
    return bl__file_blame(rc, "open", path);
}

/* ---- closing ------------------------------------------------------------- */

int bl__file_close_fd(int fd) {
    struct bl__op op = { .code = BL__OP_CLOSE, .fd = fd };
    return (int)bl__file_call_always(&op);
}

int bl_file_close(bl_file *file) {
    if (file == NULL) return 0;
    BL__ASSERT(!file->is_closed);
    if (file->use_count > 0) {
        file->is_closed = true;
        return 0;
    }
    int rc = bl__file_close_fd(file->fd);
    bl__free(file);
    return rc;
}

void bl_file_abort(bl_file *file) {
    if (file == NULL) return;
    BL__ASSERT(!file->is_closed);
    if (file->use_count > 0) {
        file->is_closed = true;
        return;
    }
    BL_IGNORE(bl__sys_close(file->fd) < 0); /* aborting cannot fail */
    bl__free(file);
}

int bl_file_fd(const bl_file *file) {
    return file != NULL ? file->fd : -1;
}

/* ---- uses ---------------------------------------------------------------- */

static void file_leave(bl_file *file) {
    BL__ASSERT(file->use_count > 0);
    if (--file->use_count > 0) return;
    if (!file->is_closed) return;
    BL_IGNORE(bl__sys_close(file->fd) < 0); /* nobody is left to be told */
    bl__free(file);
}

/* Unless it returns 0 the file is not in use. */
static int file_enter(bl_file *file) {
    bl_loop *loop = bl_loop_running();
    if (file == NULL) return BL_EINVAL;
    if (loop == NULL) return BL_ENOLOOP;
    if (file->loop != loop) return BL_ETHREAD;
    file->use_count++;
    int rc = bl_checkpoint();
    if (rc < 0) file_leave(file);
    return rc;
}

/* Likewise, for those who move where the file stands. */
static int file_enter_alone(bl_file *file) {
    int rc = file_enter(file);
    if (rc < 0) return rc;
    if (file->is_busy) {
        file_leave(file);
        return BL_EBUSY;
    }
    file->is_busy = true;
    return 0;
}

static void file_leave_alone(bl_file *file) {
    file->is_busy = false;
    file_leave(file);
}

/* Makes `op`, which concerns the file alone. */
static bl_ssize file_call(bl_file *file, struct bl__op *op) {
    int rc = file_enter(file);
    if (rc < 0) return rc;
    op->fd = file->fd;
    bl_ssize result = bl__file_call(op);
    file_leave(file);
    return result;
}

/* ---- reading and writing ------------------------------------------------- */

static size_t file_bytes(size_t bytes) {
    return bytes < FILE_TRANSFER_MAX ? bytes : FILE_TRANSFER_MAX;
}

/* An iovec has no const; nothing is written through it. */
static struct iovec file_part(const void *buffer, size_t bytes) {
    struct iovec part = { .iov_len = file_bytes(bytes) };
    memcpy(&part.iov_base, &buffer, sizeof buffer);
    return part;
}

static bl_ssize file_read_here(bl_file *file, void *buffer, size_t bytes) {
    if (file->is_stream) return bl_fd_read(file->fd, buffer, bytes);
    struct iovec part = file_part(buffer, bytes);
    struct bl__op op = { .code = BL__OP_READ,
                         .fd = file->fd,
                         .parts = &part,
                         .part_count = 1,
                         .offset = BL__OP_CURRENT };
    return bl__file_call(&op);
}

static bl_ssize file_write_here(bl_file *file, const void *buffer,
                                size_t bytes) {
    if (file->is_stream) return bl_fd_write(file->fd, buffer, bytes);
    struct iovec part = file_part(buffer, bytes);
    struct bl__op op = { .code = BL__OP_WRITE,
                         .fd = file->fd,
                         .parts = &part,
                         .part_count = 1,
                         .offset = BL__OP_CURRENT };
    return bl__file_call(&op);
}

bl_ssize bl_file_read(bl_file *file, void *buffer, size_t bytes) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = file_enter_alone(file);
    if (rc < 0) return rc;
    bl_ssize count = file_read_here(file, buffer, bytes);
    file_leave_alone(file);
    return count;
}

bl_ssize bl_file_write(bl_file *file, const void *buffer, size_t bytes) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    int rc = file_enter_alone(file);
    if (rc < 0) return rc;
    bl_ssize count = file_write_here(file, buffer, bytes);
    file_leave_alone(file);
    return count;
}

int bl_file_write_all(bl_file *file, const void *buffer, size_t bytes,
                      size_t *done) {
    const char *from = buffer;
    size_t written = 0;
    int rc = BL_EINVAL;
    if (buffer != NULL || bytes == 0) rc = file_enter_alone(file);
    if (rc < 0) goto tell;
    while (rc == 0 && written < bytes) {
        bl_ssize count = file_write_here(file, from + written, bytes - written);
        if (count == 0) count = BL_EIO; /* it would go on like this for ever */
        if (count > 0) {
            written += (size_t)count;
            if (written < bytes) rc = bl_checkpoint();
        } else {
            rc = (int)count;
        }
    }
    file_leave_alone(file);

tell:
    if (done != NULL) *done = written;
    return rc;
}

static bl_ssize file_transfer_at(bl_file *file, enum bl__op_code code,
                                 const struct iovec *parts, int count,
                                 int64_t offset) {
    if (offset < 0) return BL_EINVAL;
    struct bl__op op = {
        .code = code,
        .parts = parts,
        .part_count = count,
        .offset = offset,
        /* A ring forgets the offset where there can be none. */
        .needs_thread = file != NULL && file->is_stream,
    };
    return file_call(file, &op);
}

bl_ssize bl_file_pread(bl_file *file, void *buffer, size_t bytes,
                       int64_t offset) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    struct iovec part = file_part(buffer, bytes);
    return file_transfer_at(file, BL__OP_READ, &part, 1, offset);
}

bl_ssize bl_file_pwrite(bl_file *file, const void *buffer, size_t bytes,
                        int64_t offset) {
    if (buffer == NULL && bytes > 0) return BL_EINVAL;
    struct iovec part = file_part(buffer, bytes);
    return file_transfer_at(file, BL__OP_WRITE, &part, 1, offset);
}

bl_ssize bl_file_preadv(bl_file *file, const struct iovec *parts, int count,
                        int64_t offset) {
    if (parts == NULL) return BL_EINVAL;
    if (count < 1 || count > FILE_PARTS_MAX) return BL_EINVAL;
    return file_transfer_at(file, BL__OP_READ, parts, count, offset);
}

bl_ssize bl_file_pwritev(bl_file *file, const struct iovec *parts, int count,
                         int64_t offset) {
    if (parts == NULL) return BL_EINVAL;
    if (count < 1 || count > FILE_PARTS_MAX) return BL_EINVAL;
    return file_transfer_at(file, BL__OP_WRITE, parts, count, offset);
}

/* ---- the rest ------------------------------------------------------------ */

int bl_file_seek(bl_file *file, int64_t offset) {
    if (file == NULL) return BL_EINVAL;
    if (offset < 0) return BL_EINVAL;
    if (file->is_busy) return BL_EBUSY;
    return lseek(file->fd, offset, SEEK_SET) < 0 ? -errno : 0;
}

int bl_file_sync(bl_file *file) {
    struct bl__op op = { .code = BL__OP_SYNC };
    return (int)file_call(file, &op);
}

int bl_file_sync_data(bl_file *file) {
    struct bl__op op = { .code = BL__OP_SYNC, .flags = 1 };
    return (int)file_call(file, &op);
}

int bl_file_truncate(bl_file *file, int64_t bytes) {
    if (bytes < 0) return BL_EINVAL;
    struct bl__op op = { .code = BL__OP_TRUNCATE, .offset = bytes };
    return (int)file_call(file, &op);
}

int bl_file_get_info(bl_file *file, bl_file_info *info) {
    if (info == NULL) return BL_EINVAL;
    int rc = file_enter(file);
    if (rc < 0) return rc;
    rc = bl__file_status(file->fd, "", AT_EMPTY_PATH, info);
    file_leave(file);
    return rc;
}
