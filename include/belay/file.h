/* SPDX-License-Identifier: MIT */
/*
 * belay/file.h - files and directories, without blocking the loop
 *
 * The kernel can tell when a socket is ready, but not when a disk is.  So each
 * call here is given to io_uring, where the loop has it, or to a thread of the
 * loop's pool; results and errors are the same.  The task waits, the others go
 * on.
 *
 * Cancelled before it has begun, a call did not happen.  Once it is under way
 * the task waits for its end, and a call that succeeds all the same returns
 * its success: a file on a disk that hangs cannot be left.  Paths and buffers
 * are borrowed for the call.
 *
 * Codes that are not listed below are the system's, such as -ENOSPC.
 */
#ifndef BELAY_FILE_H
#define BELAY_FILE_H

#include <sys/uio.h>

#include <belay/base.h>

BL_BEGIN_DECLS

typedef struct bl_file bl_file;
typedef struct bl_dir bl_dir;

/* How a file is opened; at least one of the first two. */
enum {
    BL_OPEN_READ = 1,
    BL_OPEN_WRITE = 2,
    BL_OPEN_CREATE = 4,    /* if there is none; needs BL_OPEN_WRITE */
    BL_OPEN_EXCLUSIVE = 8, /* there must be none; needs BL_OPEN_CREATE */
    BL_OPEN_TRUNCATE = 16, /* what was in it goes; needs BL_OPEN_WRITE */
    BL_OPEN_APPEND = 32    /* each write goes to the end; likewise */
};

/*
 * What bl_file_open and bl_file_write_whole can be told.  Zero means default.
 */
typedef struct bl_file_options {
    size_t size;   /* sizeof(bl_file_options) */
    unsigned mode; /* of a new file, less the umask; default 0666 */
} bl_file_options;

/* What a name stands for. */
typedef enum bl_file_kind {
    BL_FILE_UNKNOWN = 0, /* in a directory's entry: ask bl_file_lstat */
    BL_FILE_REGULAR,
    BL_FILE_DIRECTORY,
    BL_FILE_SYMLINK,
    BL_FILE_FIFO,
    BL_FILE_SOCKET,
    BL_FILE_CHARACTER, /* a device, such as a terminal */
    BL_FILE_BLOCK      /* a device, such as a disk */
} bl_file_kind;

/* What the system knows about a file.  Times are of CLOCK_REALTIME. */
typedef struct bl_file_info {
    bl_file_kind kind;
    unsigned mode; /* permissions: the lowest 12 bits */
    int64_t bytes; /* its size */
    int64_t disk_bytes;
    bl_ns modified;
    bl_ns changed; /* the file or what is known about it */
    bl_ns accessed;
    uint64_t device; /* together with `inode`: which file it is */
    uint64_t inode;
    uint64_t link_count;
    uint32_t owner;
    uint32_t group;
} bl_file_info;

/* One name in a directory; valid until the next call for it. */
typedef struct bl_dir_entry {
    const char *name;
    bl_file_kind kind;
    uint64_t inode;
} bl_dir_entry;

/* ---- a file ------------------------------------------------------------- */

/*
 * Opens the file at `path` as `flags` (BL_OPEN_...) say, close-on-exec.
 *
 * Opening waits for nobody else: a FIFO is opened for reading at once, and is
 * at its end as long as nobody writes; for writing if somebody reads it.
 * `options` may be NULL.
 *
 * Returns 0; the caller closes `*file`.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     path or file is NULL, or flags or options cannot be meant
 *   BL_ENOENT     there is no such file
 *   BL_EEXIST     there is one, and BL_OPEN_EXCLUSIVE was asked for
 *   BL_EISDIR     it is a directory
 *   BL_EACCES     it may not be opened in this way
 *   BL_ENXIO      nobody reads the FIFO
 *   BL_EMFILE     there was no descriptor left
 *   BL_ENOMEM     there was no memory
 *   BL_EAGAIN     no thread could be started
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_file_open(const char *path, unsigned flags,
                 const bl_file_options *options, bl_file **file);

/*
 * Closes the file and frees it, also where an error is returned and where the
 * task was cancelled.  A call of another task that is under way on it ends as
 * usual.  NULL is allowed.
 *
 * Returns 0, or what the system said about writes of the past.
 */
BL_MAY_WAIT
int bl_file_close(bl_file *file);

/*
 * Closes the file like bl_file_close, but never waits and never fails: for
 * clean-up.  NULL is allowed.
 */
BL_API
void bl_file_abort(bl_file *file);

/*
 * Returns the descriptor, which stays the file's.
 */
BL_API
int bl_file_fd(const bl_file *file);

/*
 * Reads up to `bytes` from where the file stands, and moves on behind them.
 *
 * Terminals and FIFOs are waited for, as by bl_fd_read, and can be left.
 *
 * Returns how many were read; 0 at the end of the file.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *   BL_EINVAL     file is NULL, or buffer is NULL with bytes > 0
 *   BL_EBUSY      another task reads, writes or seeks
 *   BL_EBADF      it is not open for reading
 *   BL_ETHREAD    the file belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
bl_ssize bl_file_read(bl_file *file, void *buffer, size_t bytes);

/*
 * Writes up to `bytes` where the file stands, and moves on behind them.
 *
 * Returns how many were written.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     file is NULL, or buffer is NULL with bytes > 0
 *   BL_ENOSPC     there is no room for one byte more
 *   BL_EBADF      it is not open for writing
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
bl_ssize bl_file_write(bl_file *file, const void *buffer, size_t bytes);

/*
 * Writes all `bytes`.
 *
 * `*done` (may be NULL) tells how many were written, in every case.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; see *done
 *
 * Any other code is one of bl_file_write's.
 */
BL_MAY_WAIT
int bl_file_write_all(bl_file *file, const void *buffer, size_t bytes,
                      size_t *done);

/*
 * Reads up to `bytes` from `offset` on.  Any number of tasks may do so at a
 * time; where the file stands does not matter and does not change.
 *
 * Returns how many were read; 0 at or behind the end of the file.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was read
 *   BL_EINVAL     file is NULL, buffer is NULL with bytes > 0, or offset is
 *                 negative
 *   BL_ESPIPE     the file has no offsets: a FIFO or a terminal
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
bl_ssize bl_file_pread(bl_file *file, void *buffer, size_t bytes,
                       int64_t offset);

/*
 * Writes up to `bytes` from `offset` on, as bl_file_pread reads.  With
 * BL_OPEN_APPEND they go to the end of the file.
 *
 * Returns how many were written.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     file is NULL, buffer is NULL with bytes > 0, or offset is
 *                 negative
 *
 * Any other code is one of bl_file_write's.
 */
BL_MAY_WAIT
bl_ssize bl_file_pwrite(bl_file *file, const void *buffer, size_t bytes,
                        int64_t offset);

/*
 * Reads like bl_file_pread, into `count` buffers one after the other.
 *
 * Returns how many bytes were read; 0 at or behind the end of the file.
 *
 * Errors:
 *   BL_EINVAL  file or parts is NULL, count is not 1 to 1024, or offset is
 *              negative
 *
 * Any other code is one of bl_file_pread's.
 */
BL_MAY_WAIT
bl_ssize bl_file_preadv(bl_file *file, const struct iovec *parts, int count,
                        int64_t offset);

/*
 * Writes like bl_file_pwrite, from `count` buffers one after the other.
 *
 * Returns how many bytes were written.
 *
 * Errors:
 *   BL_EINVAL  file or parts is NULL, count is not 1 to 1024, or offset is
 *              negative
 *
 * Any other code is one of bl_file_pwrite's.
 */
BL_MAY_WAIT
bl_ssize bl_file_pwritev(bl_file *file, const struct iovec *parts, int count,
                         int64_t offset);

/*
 * Says where the file stands from now on, in bytes from its beginning.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  file is NULL or offset is negative
 *   BL_EBUSY   another task reads or writes
 *   BL_ESPIPE  the file has no offsets
 */
BL_MAY_FAIL
int bl_file_seek(bl_file *file, int64_t offset);

/*
 * Waits until all that was written is on the disk.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; it may not be there
 *   BL_EINVAL     file is NULL, or a file of a kind that is on no disk
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
int bl_file_sync(bl_file *file);

/*
 * Waits like bl_file_sync, but for times and the like only where they are
 * needed to find what was written.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; it may not be there
 *   BL_EINVAL     file is NULL, or a file of a kind that is on no disk
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
int bl_file_sync_data(bl_file *file);

/*
 * Makes the file `bytes` long: cuts it, or fills it up with zeros.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; it is as it was
 *   BL_EINVAL     file is NULL, bytes is negative, or it is not open for
 *                 writing
 *   BL_EAGAIN     no thread could be started
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
int bl_file_truncate(bl_file *file, int64_t bytes);

/*
 * Fills `*info` with what is known about an open file.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     file or info is NULL
 *
 * Any other code is one of bl_file_read's.
 */
BL_MAY_WAIT
int bl_file_get_info(bl_file *file, bl_file_info *info);

/* ---- names -------------------------------------------------------------- */

/*
 * Fills `*info` with what is known about the file at `path`.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     path or info is NULL
 *   BL_ENOENT     there is no such file
 *   BL_EAGAIN     no thread could be started
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_file_stat(const char *path, bl_file_info *info);

/*
 * Fills `*info` like bl_file_stat, but about a symbolic link itself.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  path or info is NULL
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_file_lstat(const char *path, bl_file_info *info);

/*
 * Gives the file at `path` the name `new_path`; what had that name goes.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was renamed
 *   BL_EINVAL     path or new_path is NULL, or new_path is inside path
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_file_rename(const char *path, const char *new_path);

/*
 * Removes the name `path`, which is not a directory's.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was removed
 *   BL_EINVAL     path is NULL
 *   BL_EISDIR     it is a directory
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_file_unlink(const char *path);

/*
 * Makes the directory `path` with the permissions `mode`, less the umask.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was made
 *   BL_EINVAL     path is NULL, or mode has more than permissions
 *   BL_EEXIST     there is something of that name
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_dir_make(const char *path, unsigned mode);

/*
 * Removes the directory `path`, which must be empty.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was removed
 *   BL_EINVAL     path is NULL
 *   BL_ENOTEMPTY  there is something in it
 *   BL_ENOTDIR    it is not a directory
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_dir_remove(const char *path);

/* ---- the names in a directory ------------------------------------------- */

/*
 * Opens the directory `path` to go through its names.
 *
 * Returns 0; the caller closes `*dir`.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     path or dir is NULL
 *   BL_ENOTDIR    it is not a directory
 *   BL_EMFILE     there was no descriptor left
 *   BL_ENOMEM     there was no memory
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_dir_open(const char *path, bl_dir **dir);

/*
 * Goes to the next name, in no particular order; "." and ".." are left out.
 * Whether names that come or go meanwhile are seen is not said.
 *
 * Returns 1 with `*entry`, or 0 after the last one.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; no name was passed over
 *   BL_EINVAL     dir or entry is NULL
 *   BL_EBUSY      another task waits for the next name
 *   BL_ECLOSED    bl_dir_abort was called meanwhile
 *   BL_ETHREAD    the directory was opened by another loop
 *
 * Any other code is one of bl_file_stat's.
 */
BL_MAY_WAIT
int bl_dir_next(bl_dir *dir, bl_dir_entry *entry);

/*
 * Closes the directory and frees it; never waits.  NULL is allowed.
 */
BL_API
void bl_dir_abort(bl_dir *dir);

/* ---- whole files -------------------------------------------------------- */

/*
 * Reads the file at `path` to its end, if it has `bytes_max` bytes or less.
 *
 * Returns 0; the caller frees `*content` with bl_free.  Behind its `*bytes`
 * bytes (which may be NULL) there is a NUL, so that text is a string.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was written
 *   BL_EINVAL     path or content is NULL
 *   BL_EFBIG      the file is longer; nothing was written
 *
 * Any other code is one of bl_file_open's or bl_file_read's.
 */
BL_MAY_WAIT
int bl_file_read_whole(const char *path, size_t bytes_max, char **content,
                       size_t *bytes);

/*
 * Makes the file at `path` contain these `bytes`, all or nothing: whoever reads
 * it, now or after a crash, finds what was in it before or all of the new.
 *
 * They are written to a nameless neighbour first, which then takes the place
 * of `path`.  A file that was there gives its permissions to the new one,
 * unless `options` (may be NULL) name others; a symbolic link is replaced, not
 * followed.  The directory has to be readable.
 *
 * Returns 0 once the new content is on the disk.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; the file is as it was
 *   BL_EINVAL     path is NULL, options cannot be meant, or content is NULL
 *                 with bytes > 0
 *   BL_EISDIR     it is a directory
 *   BL_EIO        the disk failed.  The file is as it was, unless the last
 *                 step failed, which makes the new name permanent
 *
 * Any other code is one of bl_file_open's or bl_file_write's; the file is as
 * it was, and nothing else is left.
 */
BL_MAY_WAIT
int bl_file_write_whole(const char *path, const void *content, size_t bytes,
                        const bl_file_options *options);

#ifndef BL_NO_SITES
#    define bl_file_open(...) \
        BL__AT("bl_file_open(" #__VA_ARGS__ ")", bl_file_open(__VA_ARGS__))
#    define bl_file_close(...) \
        BL__AT("bl_file_close(" #__VA_ARGS__ ")", bl_file_close(__VA_ARGS__))
#    define bl_file_read(...) \
        BL__AT("bl_file_read(" #__VA_ARGS__ ")", bl_file_read(__VA_ARGS__))
#    define bl_file_write(...) \
        BL__AT("bl_file_write(" #__VA_ARGS__ ")", bl_file_write(__VA_ARGS__))
#    define bl_file_write_all(...)                    \
        BL__AT("bl_file_write_all(" #__VA_ARGS__ ")", \
               bl_file_write_all(__VA_ARGS__))
#    define bl_file_pread(...) \
        BL__AT("bl_file_pread(" #__VA_ARGS__ ")", bl_file_pread(__VA_ARGS__))
#    define bl_file_pwrite(...) \
        BL__AT("bl_file_pwrite(" #__VA_ARGS__ ")", bl_file_pwrite(__VA_ARGS__))
#    define bl_file_preadv(...) \
        BL__AT("bl_file_preadv(" #__VA_ARGS__ ")", bl_file_preadv(__VA_ARGS__))
#    define bl_file_pwritev(...)                    \
        BL__AT("bl_file_pwritev(" #__VA_ARGS__ ")", \
               bl_file_pwritev(__VA_ARGS__))
#    define bl_file_sync(...) \
        BL__AT("bl_file_sync(" #__VA_ARGS__ ")", bl_file_sync(__VA_ARGS__))
#    define bl_file_sync_data(...)                    \
        BL__AT("bl_file_sync_data(" #__VA_ARGS__ ")", \
               bl_file_sync_data(__VA_ARGS__))
#    define bl_file_truncate(...)                    \
        BL__AT("bl_file_truncate(" #__VA_ARGS__ ")", \
               bl_file_truncate(__VA_ARGS__))
#    define bl_file_get_info(...)                    \
        BL__AT("bl_file_get_info(" #__VA_ARGS__ ")", \
               bl_file_get_info(__VA_ARGS__))
#    define bl_file_stat(...) \
        BL__AT("bl_file_stat(" #__VA_ARGS__ ")", bl_file_stat(__VA_ARGS__))
#    define bl_file_lstat(...) \
        BL__AT("bl_file_lstat(" #__VA_ARGS__ ")", bl_file_lstat(__VA_ARGS__))
#    define bl_file_rename(...) \
        BL__AT("bl_file_rename(" #__VA_ARGS__ ")", bl_file_rename(__VA_ARGS__))
#    define bl_file_unlink(...) \
        BL__AT("bl_file_unlink(" #__VA_ARGS__ ")", bl_file_unlink(__VA_ARGS__))
#    define bl_dir_make(...) \
        BL__AT("bl_dir_make(" #__VA_ARGS__ ")", bl_dir_make(__VA_ARGS__))
#    define bl_dir_remove(...) \
        BL__AT("bl_dir_remove(" #__VA_ARGS__ ")", bl_dir_remove(__VA_ARGS__))
#    define bl_dir_open(...) \
        BL__AT("bl_dir_open(" #__VA_ARGS__ ")", bl_dir_open(__VA_ARGS__))
#    define bl_dir_next(...) \
        BL__AT("bl_dir_next(" #__VA_ARGS__ ")", bl_dir_next(__VA_ARGS__))
#    define bl_file_read_whole(...)                    \
        BL__AT("bl_file_read_whole(" #__VA_ARGS__ ")", \
               bl_file_read_whole(__VA_ARGS__))
#    define bl_file_write_whole(...)                    \
        BL__AT("bl_file_write_whole(" #__VA_ARGS__ ")", \
               bl_file_write_whole(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
