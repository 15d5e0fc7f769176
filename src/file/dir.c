/* SPDX-License-Identifier: MIT */
/*
 * file/dir.c - going through the names in a directory
 *
 * The system gives names by the bufferful; most calls only look into it.
 *
 * Invariant: `at` <= `filled`, and an entry begins at `at` if they differ.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "file/call.h"
#include "file/file.h"
#include "sys/seam.h"

enum {
    /* One entry may take 280. */
    DIR_BUFFER_BYTES = BL__HARD_OR(512, 16 * 1024)
};

struct bl_dir {
    bl_loop *loop;
    int fd;
    bool is_busy;   /* a task waits for the next bufferful */
    bool is_closed; /* it will close it */
    bool is_at_end;
    size_t at;
    size_t filled;
    _Alignas(struct dirent64) char buffer[DIR_BUFFER_BYTES];
};

int bl_dir_open(const char *path, bl_dir **dir) {
    if (path == NULL) return BL_EINVAL;
    if (dir == NULL) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    bl_dir *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    rc = bl__file_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (rc < 0) {
        bl__free(made);
        return bl__file_blame(rc, "open", path);
    }
    made->fd = rc;
    made->loop = bl_loop_running();
    *dir = made;
    return 0;
}

void bl_dir_abort(bl_dir *dir) {
    if (dir == NULL) return;
    BL__ASSERT(!dir->is_closed);
    if (dir->is_busy) {
        dir->is_closed = true;
        return;
    }
    BL_IGNORE(bl__sys_close(dir->fd) < 0); /* it was read alone */
    bl__free(dir);
}

/* ---- the next one -------------------------------------------------------- */

static bool dir_is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Takes the next name out of the buffer, if there is one. */
static bool dir_take(bl_dir *dir, bl_dir_entry *entry) {
    while (dir->at < dir->filled) {
        const struct dirent64 *found = (const void *)(dir->buffer + dir->at);
        dir->at += found->d_reclen;
        BL__ASSERT(dir->at <= dir->filled);
        if (dir_is_dots(found->d_name)) continue;
        *entry = (bl_dir_entry){
            .name = found->d_name,
            .kind = bl__file_kind(DTTOIF((unsigned)found->d_type)),
            .inode = found->d_ino,
        };
        return true;
    }
    return false;
}

static int dir_fill(bl_dir *dir) {
    struct iovec part = { .iov_base = dir->buffer,
                          .iov_len = sizeof dir->buffer };
    struct bl__op op = {
        .code = BL__OP_LIST, .fd = dir->fd, .parts = &part, .part_count = 1
    };
    bl_ssize count = bl__file_call(&op);
    if (count == BL_ENOENT) count = 0; /* it was removed: there are no names */
    if (count < 0) return (int)count;
    dir->at = 0;
    dir->filled = (size_t)count;
    dir->is_at_end = count == 0;
    return 0;
}

int bl_dir_next(bl_dir *dir, bl_dir_entry *entry) {
    if (dir == NULL) return BL_EINVAL;
    if (entry == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (dir->loop != loop) return BL_ETHREAD;
    if (dir->is_busy) return BL_EBUSY;

    dir->is_busy = true;
    int rc = bl_checkpoint();
    bool was_found = false;
    while (rc == 0) {
        was_found = dir_take(dir, entry);
        if (was_found || dir->is_at_end) break;
        rc = dir_fill(dir);
    }
    dir->is_busy = false;
    if (dir->is_closed) {
        dir->is_closed = false;
        bl_dir_abort(dir);
        return BL_ECLOSED; /* the name is gone with it */
    }
    return rc == 0 && was_found ? 1 : rc;
}
