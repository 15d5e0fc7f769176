/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_file.c - a file that is not there until it is whole
 *
 * The part is locked while somebody writes it, so two runs do not mix.  Which
 * version it is of is written down before its first byte is: a part without a
 * tag is of no use.
 *
 * Invariant: while there is a tag, it is that of what is in the part.
 */
#include "fetch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static const bl_ns tidy_ns_max = BL_SEC(5);

static char *with_suffix(const char *path, const char *suffix) {
    size_t bytes = strlen(path) + strlen(suffix) + 1;
    char *text = malloc(bytes);
    if (text != NULL) snprintf(text, bytes, "%s%s", path, suffix);
    return text;
}

static void file_done(struct fetch_file *file) {
    bl_file_abort(file->file);
    free(file->part);
    free(file->tag_path);
    *file = (struct fetch_file){ .path = file->path };
}

/* Reads the tag of an earlier run; without one nothing is known. */
static int read_tag(struct fetch_file *file) {
    char *content;
    size_t bytes;
    int rc = bl_file_read_whole(file->tag_path, sizeof file->tag - 1, &content,
                                &bytes);
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) return 0;
    memcpy(file->tag, content, bytes);
    file->tag[bytes] = '\0';
    bl_free(content);
    return 0;
}

/* Also in a cancelled scope.  What cannot be removed is in nobody's way. */
static void discard(const char *path) {
    bl_scope scope = { 0 };
    bl_scope_enter_shield(&scope, tidy_ns_max);
    int rc = bl_file_unlink(path);
    BL_IGNORE(bl_scope_exit(&scope, rc)); /* it may not even be there */
}

/*
 * Takes the part for ourselves.  Whoever had it may have ended it since it was
 * opened: then this is a file that has its name, or one that is removed.
 */
static int lock(const struct fetch_file *file, bl_file_info *info) {
    bl_file_info there;
    if (flock(bl_file_fd(file->file), LOCK_EX | LOCK_NB) < 0) goto is_busy;
    int rc = bl_file_get_info(file->file, info);
    if (rc == 0) rc = bl_file_stat(file->part, &there);
    if (rc == BL_ENOENT) goto is_busy;
    if (rc < 0) return rc;
    if (info->inode == there.inode && info->device == there.device) return 0;
is_busy:
    return BL_ERR(BL_EBUSY, "somebody else is writing %s", file->part);
}

/* Finds out what there is, of which version, or makes it empty. */
static int look(struct fetch_file *file, int64_t bytes) {
    if (file->is_kept && bytes > 0) BL_TRY(read_tag(file));
    if (file->tag[0] == '\0') {
        discard(file->tag_path);
        return bytes > 0 ? bl_file_truncate(file->file, 0) : 0;
    }
    file->bytes = bytes;
    return 0;
}

/* Once begun it is not cancelled: a part would be left that is of no use. */
static int lock_and_look(struct fetch_file *file) {
    bl_file_info info;
    bl_scope scope = { 0 };
    bl_scope_enter_shield(&scope, tidy_ns_max);
    int rc = lock(file, &info);
    if (rc == 0) {
        rc = look(file, info.bytes);
        if (rc < 0 && !file->is_kept) discard(file->part);
    }
    return bl_scope_exit(&scope, rc);
}

int fetch_folder_make(const char *path) {
    size_t bytes = strlen(path);
    char *part = malloc(bytes + 1);
    if (part == NULL) return BL_ENOMEM;
    int rc = 0;
    for (size_t i = 1; rc == 0 && i <= bytes; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        rc = bl_dir_make(part, 0777);
        if (rc == BL_EEXIST) rc = 0; /* whatever it is: a file would refuse */
    }
    if (rc < 0 && rc != BL_ECANCELED) {
        rc = BL_ERR(rc, "%s: %s", part, bl_strerror(rc));
    }
    free(part);
    return rc;
}

int fetch_file_open(const char *path, bool is_kept, struct fetch_file *file) {
    *file = (struct fetch_file){
        .path = path,
        .is_kept = is_kept,
        .part = with_suffix(path, ".part"),
        .tag_path = with_suffix(path, ".part.tag"),
    };
    int rc = BL_ENOMEM;
    if (file->part != NULL && file->tag_path != NULL) {
        rc = bl_file_open(file->part, BL_OPEN_WRITE | BL_OPEN_CREATE, NULL,
                          &file->file);
        if (rc < 0) rc = BL_ERR(rc, "%s: %s", file->part, bl_strerror(rc));
    }
    if (rc == 0) rc = lock_and_look(file);
    if (rc < 0) file_done(file);
    return rc;
}

int fetch_file_restart(struct fetch_file *file, const char *tag) {
    int rc = bl_file_truncate(file->file, 0);
    if (rc < 0) return rc;
    file->bytes = 0;
    snprintf(file->tag, sizeof file->tag, "%s", tag);
    if (!file->is_kept) return 0;
    return bl_file_write_whole(file->tag_path, tag, strlen(tag), NULL);
}

int fetch_file_write(struct fetch_file *file, const void *data, size_t bytes) {
    const char *from = data;
    while (bytes > 0) {
        bl_ssize count = bl_file_pwrite(file->file, from, bytes, file->bytes);
        if (count == BL_ECANCELED) return (int)count;
        if (count < 0) {
            return BL_ERR((int)count, "%s: %s", file->part,
                          bl_strerror((int)count));
        }
        file->bytes += count;
        from += count;
        bytes -= (size_t)count;
    }
    return 0;
}

int fetch_file_finish(struct fetch_file *file) {
    int rc = bl_file_sync(file->file);
    if (rc == 0) rc = bl_file_rename(file->part, file->path);
    if (rc < 0) {
        if (rc != BL_ECANCELED) {
            rc = BL_ERR(rc, "%s: %s", file->path, bl_strerror(rc));
        }
        fetch_file_leave(file);
        return rc;
    }
    if (file->is_kept) discard(file->tag_path);
    file_done(file);
    return 0;
}

void fetch_file_leave(struct fetch_file *file) {
    bool is_useful = file->is_kept && file->bytes > 0 && file->tag[0] != '\0';
    if (!is_useful) {
        discard(file->part);
        discard(file->tag_path);
    }
    file_done(file);
}
