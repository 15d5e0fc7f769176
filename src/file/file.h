/* SPDX-License-Identifier: MIT */
/*
 * file/file.h - what the files of this folder know of each other
 */
#ifndef BL__FILE_FILE_H
#define BL__FILE_FILE_H

#include <belay/file.h>

struct bl_file {
    bl_loop *loop;
    int fd;
    unsigned use_count; /* calls under way */
    bool is_busy;       /* one of them moves where the file stands */
    bool is_closed;     /* the last of them closes it */
    bool is_stream;     /* can be waited for: a FIFO, a terminal */
    int64_t bytes;      /* when it was opened; 0 if that says nothing */
};

/*
 * Opens `path`, which starts from the directory `dir_fd`, with the system's
 * `flags`; never waits for a peer.  Call bl_checkpoint first.
 */
int bl__file_open_at(int dir_fd, const char *path, int flags, unsigned mode);

/* Closes a descriptor, whatever happens; what close says. */
int bl__file_close_fd(int fd);

/* What kind of file `mode` of the system's means. */
bl_file_kind bl__file_kind(unsigned mode);

/* Fills `*info`, as statx does.  Call bl_checkpoint first. */
int bl__file_status(int fd, const char *path, int flags, bl_file_info *info);

/*
 * Says what went wrong with `path`: "cannot open /etc/shop.conf: ...".  A
 * cancellation needs no words.  Returns rc.
 */
int bl__file_blame(int rc, const char *what, const char *path);

/* As bl_file_options say; BL_EINVAL if they cannot be meant. */
int bl__file_check_options(const bl_file_options *options);

#endif
