/* SPDX-License-Identifier: MIT */
/*
 * file/whole.c - whole files: read at once, replaced all or nothing
 *
 * Replacing goes through a neighbour with a random name:
 *
 *     create it, write, sync   the old file is untouched; when anything fails
 *        |                     or the task is cancelled, the neighbour goes
 *     rename                   the old file or the new, never a mix
 *        |
 *     sync the directory       so that the new name outlives a crash; from the
 *                              renaming on nothing is cancelled
 *
 * All names start from the open directory, which may itself be renamed
 * meanwhile.  Cleaning up waits, but is out of reach of cancellation.
 */
#include <belay/error.h>
#include <belay/park.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "file/call.h"
#include "file/file.h"

enum {
    WHOLE_BYTES_MIN = BL__HARD_OR(2, 4096),
    WHOLE_NAMES_MAX = 16 /* tried; two equal ones do not happen by chance */
};

/* ---- reading ------------------------------------------------------------- */

/* What was read so far. */
struct whole {
    char *content;
    size_t capacity;
    size_t bytes;
    size_t bytes_max;
};

/* Makes room; there is always one byte more than may be read. */
static int whole_grow(struct whole *whole, size_t capacity) {
    if (capacity < WHOLE_BYTES_MIN) capacity = WHOLE_BYTES_MIN;
    if (capacity > whole->bytes_max + 1) capacity = whole->bytes_max + 1;
    BL__ASSERT(capacity > whole->bytes);
    char *content = bl_realloc(whole->content, capacity);
    if (content == NULL) return BL_ENOMEM;
    whole->content = content;
    whole->capacity = capacity;
    return 0;
}

static int whole_read(struct whole *whole, bl_file *file) {
    for (;;) {
        bl_ssize count = bl_file_read(file, whole->content + whole->bytes,
                                      whole->capacity - whole->bytes);
        if (count <= 0) return (int)count;
        whole->bytes += (size_t)count;
        if (whole->bytes > whole->bytes_max) return BL_EFBIG;
        if (whole->bytes < whole->capacity) continue;
        int rc = whole_grow(whole, whole->capacity * 2);
        if (rc < 0) return rc;
    }
}

int bl_file_read_whole(const char *path, size_t bytes_max, char **content,
                       size_t *bytes) {
    if (content == NULL) return BL_EINVAL;
    struct whole whole = { .bytes_max = bytes_max };
    if (bytes_max >= PTRDIFF_MAX / 2) whole.bytes_max = PTRDIFF_MAX / 2;
    bl_file *file;
    int rc = bl_file_open(path, BL_OPEN_READ, NULL, &file);
    if (rc < 0) return rc;

    rc = (uint64_t)file->bytes > whole.bytes_max ? BL_EFBIG : 0;
    if (rc == 0) rc = whole_grow(&whole, (size_t)file->bytes + 1);
    if (rc == 0) rc = whole_read(&whole, file);
    if (rc < 0) goto free_content;
    BL__ASSERT(whole.bytes < whole.capacity);
    whole.content[whole.bytes] = '\0';
    *content = whole.content;
    if (bytes != NULL) *bytes = whole.bytes;
    goto abort_file;

free_content:
    bl_free(whole.content);
    rc = bl__file_blame(rc, "read", path);
abort_file:
    bl_file_abort(file); /* nothing was written to it */
    return rc;
}

/* ---- replacing ----------------------------------------------------------- */

/* A replacement under way. */
struct replacement {
    char *directory;  /* our copy of its path */
    const char *name; /* in it */
    int dir_fd;
    int fd; /* of the neighbour; -1 once closed */
    unsigned mode;
    bool keeps_mode;    /* whatever the umask says */
    char neighbour[32]; /* its name */
};

/* One step that can be cancelled. */
static bl_ssize replace_step(struct bl__op *op) {
    int rc = bl_checkpoint();
    return rc < 0 ? rc : bl__file_call(op);
}

/* Cuts the path in two. */
static int replace_split(struct replacement *self, const char *path) {
    const char *slash = strrchr(path, '/');
    self->name = slash != NULL ? slash + 1 : path;
    size_t length = (size_t)(self->name - path);
    if (*self->name == '\0') return *path == '\0' ? BL_ENOENT : BL_EISDIR;
    self->directory = bl__alloc(length + 2);
    if (self->directory == NULL) return BL_ENOMEM;
    memcpy(self->directory, path, length);
    if (length == 0) self->directory[length++] = '.';
    self->directory[length] = '\0';
    return 0;
}

/* A file that is there already has its say. */
static int replace_inspect(struct replacement *self,
                           const bl_file_options *options) {
    bl_file_info info;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = bl__file_status(self->dir_fd, self->name, AT_SYMLINK_NOFOLLOW, &info);
    self->mode = 0666;
    if (rc < 0 && rc != BL_ENOENT) return rc;
    if (rc == 0 && info.kind == BL_FILE_DIRECTORY) return BL_EISDIR;
    if (options != NULL && options->mode != 0) {
        self->mode = options->mode;
    } else if (rc == 0 && info.kind == BL_FILE_REGULAR) {
        self->mode = info.mode & 0777u;
        self->keeps_mode = true;
    }
    return 0;
}

/* From here to replace_drop there may be a neighbour. */
static int replace_create(struct replacement *self) {
    int rc = BL_EEXIST;
    for (int i = 0; rc == BL_EEXIST && i < WHOLE_NAMES_MAX; i++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) < 0) return -errno;
        snprintf(self->neighbour, sizeof self->neighbour, ".%016llx.tmp",
                 (unsigned long long)number);
        rc = bl_checkpoint();
        if (rc == 0) {
            rc = bl__file_open_at(self->dir_fd, self->neighbour,
                                  O_WRONLY | O_CREAT | O_EXCL, self->mode);
        }
    }
    if (rc == BL_EEXIST) self->neighbour[0] = '\0'; /* another one's */
    if (rc < 0) return rc;
    self->fd = rc;
    return 0;
}

static int replace_write(struct replacement *self, const char *content,
                         size_t bytes) {
    size_t written = 0;
    while (written < bytes) {
        const char *from = content + written;
        struct iovec part = { .iov_len = bytes - written };
        memcpy(&part.iov_base, &from, sizeof from); /* it has no const */
        struct bl__op op = { .code = BL__OP_WRITE,
                             .fd = self->fd,
                             .parts = &part,
                             .part_count = 1,
                             .offset = (int64_t)written };
        bl_ssize count = replace_step(&op);
        if (count == 0) count = BL_EIO; /* it would go on like this for ever */
        if (count < 0) return (int)count;
        written += (size_t)count;
    }
    return 0;
}

/* Fills the neighbour and sees it onto the disk. */
static int replace_fill(struct replacement *self, const char *content,
                        size_t bytes) {
    struct bl__op chmod_op = { .code = BL__OP_CHMOD,
                               .fd = self->fd,
                               .mode = self->mode };
    struct bl__op sync_op = { .code = BL__OP_SYNC, .fd = self->fd };
    int rc = 0;
    if (self->keeps_mode) rc = (int)replace_step(&chmod_op);
    if (rc == 0) rc = replace_write(self, content, bytes);
    if (rc == 0) rc = (int)replace_step(&sync_op);
    if (rc < 0) return rc;
    int fd = self->fd;
    self->fd = -1;
    return bl__file_close_fd(fd);
}

/* Puts the neighbour in the place of the file. */
static int replace_commit(struct replacement *self) {
    struct bl__op rename_op = { .code = BL__OP_RENAME,
                                .fd = self->dir_fd,
                                .path = self->neighbour,
                                .new_path = self->name };
    int rc = (int)replace_step(&rename_op);
    if (rc < 0) return rc;
    self->neighbour[0] = '\0';
    struct bl__op sync_op = { .code = BL__OP_SYNC, .fd = self->dir_fd };
    rc = (int)bl__file_call_always(&sync_op);
    return rc == BL_EINVAL ? 0
                           : rc; /* a file system that knows no such thing */
}

/* Ends what is still open or still there. */
static void replace_drop(struct replacement *self) {
    struct bl__op op = { .code = BL__OP_UNLINK,
                         .fd = self->dir_fd,
                         .path = self->neighbour };
    if (self->fd >= 0) BL_IGNORE(bl__file_close_fd(self->fd) < 0);
    if (self->neighbour[0] == '\0') return;
    /* Where creating it failed there is none; none other has this name. */
    BL_IGNORE(bl__file_call_always(&op) < 0);
}

int bl_file_write_whole(const char *path, const void *content, size_t bytes,
                        const bl_file_options *options) {
    struct replacement self = { .dir_fd = -1, .fd = -1 };
    if (path == NULL) return BL_EINVAL;
    if (content == NULL && bytes > 0) return BL_EINVAL;
    int rc = bl__file_check_options(options);
    if (rc == 0) rc = bl_checkpoint();
    if (rc < 0) return rc;
    rc = replace_split(&self, path);
    if (rc < 0) return bl__file_blame(rc, "replace", path);

    rc = bl__file_open_at(AT_FDCWD, self.directory, O_RDONLY | O_DIRECTORY, 0);
    if (rc < 0) goto free_directory;
    self.dir_fd = rc;
    rc = replace_inspect(&self, options);
    if (rc == 0) rc = replace_create(&self);
    if (rc == 0) rc = replace_fill(&self, content, bytes);
    if (rc == 0) rc = replace_commit(&self);
    replace_drop(&self);
    BL_IGNORE(bl__file_close_fd(self.dir_fd) < 0); /* it was read alone */

free_directory:
    bl__free(self.directory);
    return rc < 0 ? bl__file_blame(rc, "replace", path) : 0;
}
