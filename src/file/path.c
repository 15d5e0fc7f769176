/* SPDX-License-Identifier: MIT */
/*
 * file/path.c - what is done with names: asking, renaming, removing, making
 */
#include <belay/error.h>
#include <belay/park.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "file/call.h"
#include "file/file.h"

bl_file_kind bl__file_kind(unsigned mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return BL_FILE_REGULAR;
    case S_IFDIR: return BL_FILE_DIRECTORY;
    case S_IFLNK: return BL_FILE_SYMLINK;
    case S_IFIFO: return BL_FILE_FIFO;
    case S_IFSOCK: return BL_FILE_SOCKET;
    case S_IFCHR: return BL_FILE_CHARACTER;
    case S_IFBLK: return BL_FILE_BLOCK;
    default: return BL_FILE_UNKNOWN;
    }
}

static bl_ns path_time(const struct statx_timestamp *time) {
    return bl_ns_add(BL_SEC(time->tv_sec), (bl_ns)time->tv_nsec);
}

/* Makes `op`, which concerns a name alone. */
static int path_call(struct bl__op *op) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    op->fd = AT_FDCWD;
    return (int)bl__file_call(op);
}

int bl__file_status(int fd, const char *path, int flags, bl_file_info *info) {
    struct statx status;
    struct bl__op op = { .code = BL__OP_STAT,
                         .fd = fd,
                         .path = path,
                         .flags = flags,
                         .status = &status };
    int rc = (int)bl__file_call(&op);
    if (rc < 0) return rc;
    *info = (bl_file_info){
        .kind = bl__file_kind(status.stx_mode),
        .mode = status.stx_mode & 07777u,
        .bytes = (int64_t)status.stx_size,
        .disk_bytes = (int64_t)status.stx_blocks * 512,
        .modified = path_time(&status.stx_mtime),
        .changed = path_time(&status.stx_ctime),
        .accessed = path_time(&status.stx_atime),
        .device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor,
        .inode = status.stx_ino,
        .link_count = status.stx_nlink,
        .owner = status.stx_uid,
        .group = status.stx_gid,
    };
    return 0;
}

static int path_stat(const char *path, int flags, bl_file_info *info) {
    if (path == NULL) return BL_EINVAL;
    if (info == NULL) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    return bl__file_status(AT_FDCWD, path, flags, info);
}

int bl_file_stat(const char *path, bl_file_info *info) {
    return path_stat(path, 0, info);
}

int bl_file_lstat(const char *path, bl_file_info *info) {
    return path_stat(path, AT_SYMLINK_NOFOLLOW, info);
}

int bl_file_rename(const char *path, const char *new_path) {
    if (path == NULL) return BL_EINVAL;
    if (new_path == NULL) return BL_EINVAL;
    struct bl__op op = { .code = BL__OP_RENAME,
                         .path = path,
                         .new_path = new_path };
    return path_call(&op);
}

int bl_file_unlink(const char *path) {
    if (path == NULL) return BL_EINVAL;
    struct bl__op op = { .code = BL__OP_UNLINK, .path = path };
    return path_call(&op);
}

int bl_dir_make(const char *path, unsigned mode) {
    if (path == NULL) return BL_EINVAL;
    if ((mode & ~07777u) != 0) return BL_EINVAL;
    struct bl__op op = { .code = BL__OP_MKDIR, .path = path, .mode = mode };
    return path_call(&op);
}

int bl_dir_remove(const char *path) {
    if (path == NULL) return BL_EINVAL;
    struct bl__op op = { .code = BL__OP_UNLINK,
                         .path = path,
                         .flags = AT_REMOVEDIR };
    return path_call(&op);
}
