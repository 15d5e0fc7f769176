/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_file.h - a file that is not there until it is whole
 */
#ifndef CLI_FETCH_FILE_H
#define CLI_FETCH_FILE_H

#include <belay.h>
#include <belay/file.h>

enum {
    FETCH_TAG_BYTES = 256
};

/*
 * What has come of a file is in PATH.part; which version of it that is, as the
 * server has named it, is in PATH.part.tag, if it may have to be known later.
 */
struct fetch_file {
    const char *path;
    char *part;
    char *tag_path;
    bl_file *file;
    int64_t bytes;             /* that are good */
    char tag[FETCH_TAG_BYTES]; /* "": nobody knows which version it is */
    bool is_kept;              /* a part may be of use to another run */
};

/*
 * Makes the directory `path`, and those it is in, unless they are there.
 *
 * Returns 0, or why it could not.
 */
int fetch_folder_make(const char *path);

/*
 * Begins a file, or goes on with one if `is_kept` and it is known of which
 * version its part is.  Somebody else who is writing it is an error.
 *
 * Returns 0; the caller ends it with fetch_file_finish or fetch_file_leave.
 */
int fetch_file_open(const char *path, bool is_kept, struct fetch_file *file);

/* Forgets what has come, and begins with the version `tag`; "": unknown. */
int fetch_file_restart(struct fetch_file *file, const char *tag);

/* Puts `bytes` behind what has come. */
int fetch_file_write(struct fetch_file *file, const void *data, size_t bytes);

/* Gives the file, which is whole, its name.  If that fails it is left. */
int fetch_file_finish(struct fetch_file *file);

/* Keeps or removes what has come, also in a cancelled scope. */
void fetch_file_leave(struct fetch_file *file);

#endif
