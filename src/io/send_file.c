/* SPDX-License-Identifier: MIT */
/*
 * io/send_file.c - a part of a file into a stream
 *
 * A kind that can have the kernel move the pages does so, a chunk at a time, so
 * that the loop gets its turn in between.  Into every other, and from files
 * that the kernel refuses to send, it is read into a buffer and written.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "io/fd.h"
#include "io/stream.h"

enum {
    SEND_CHUNK_BYTES = 256 * 1024,
    SEND_COPY_BYTES = 64 * 1024
};

struct send {
    bl_stream *stream;
    int file;
    off_t offset;
    size_t left;
    size_t done;
};

static void send_advance(struct send *send, size_t bytes) {
    BL__ASSERT(bytes <= send->left);
    send->offset += (off_t)bytes;
    send->left -= bytes;
    send->done += bytes;
}

/* One chunk, without copying; BL_ENOTSUP if it has to be copied. */
static bl_ssize send_chunk(bl_stream *stream, int file, int64_t offset,
                           size_t bytes) {
    if (stream->ops->send_file == NULL) return BL_ENOTSUP;
    if (bytes > SEND_CHUNK_BYTES) bytes = SEND_CHUNK_BYTES;
    bl_ssize moved = stream->ops->send_file(stream->self, file, offset, bytes);
    if (moved > 0) bl__stream_spend(stream, (size_t)moved);
    return moved;
}

static int send_by_kind(struct send *send) {
    bl_stream *stream = send->stream;
    while (send->left > 0) {
        bl_ssize moved =
            send_chunk(stream, send->file, send->offset, send->left);
        if (moved == 0) return BL_EIO; /* the file has become shorter */
        if (moved < 0) return (int)moved;
        send_advance(send, (size_t)moved);
        if (send->left == 0) break;
        int rc = bl__stream_checkpoint(stream);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Writes `bytes` of the buffer; the direction is ours already. */
static int send_buffer(struct send *send, char *buffer, size_t bytes) {
    bl_stream *stream = send->stream;
    struct iovec part = { .iov_base = buffer, .iov_len = bytes };
    while (part.iov_len > 0) {
        int rc = bl__stream_checkpoint(stream);
        if (rc < 0) return rc;
        bl_ssize moved = stream->ops->write(stream->self, &part, 1);
        if (moved < 0) return (int)moved;
        send_advance(send, (size_t)moved);
        part.iov_base = (char *)part.iov_base + moved;
        part.iov_len -= (size_t)moved;
    }
    return 0;
}

static int send_by_copy(struct send *send) {
    char *buffer = bl__alloc(SEND_COPY_BYTES);
    int rc = 0;
    if (buffer == NULL) return BL_ENOMEM;
    while (rc == 0 && send->left > 0) {
        size_t bytes =
            send->left < SEND_COPY_BYTES ? send->left : SEND_COPY_BYTES;
        ssize_t count = pread(send->file, buffer, bytes, send->offset);
        if (count > 0) rc = send_buffer(send, buffer, (size_t)count);
        if (count == 0) rc = BL_EIO;
        if (count < 0 && errno != EINTR) rc = bl__fd_error();
    }
    bl__free(buffer);
    return rc;
}

/* So that a wrong argument is found before anything was sent. */
static int send_check(const struct send *send) {
    struct stat status;
    int flags = fcntl(send->file, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY) return BL_EBADF;
    if (fstat(send->file, &status) < 0) return bl__fd_error();
    if (!S_ISREG(status.st_mode)) return 0;
    if (status.st_size < send->offset) return BL_EIO;
    uint64_t rest = (uint64_t)(status.st_size - send->offset);
    return rest < send->left ? BL_EIO : 0;
}

int bl_stream_send_file(bl_stream *stream, int file_fd, int64_t offset,
                        size_t bytes, size_t *done) {
    struct send send = {
        .stream = stream, .file = file_fd, .offset = offset, .left = bytes
    };
    if (done != NULL) *done = 0;
    if (stream == NULL || offset < 0) return BL_EINVAL;
    int rc = send_check(&send);
    if (rc < 0) return rc;
    rc = bl__stream_enter(stream, BL__WRITING);
    if (rc < 0) return rc;

    rc = send_by_kind(&send);
    if (rc == BL_ENOTSUP) rc = send_by_copy(&send);
    if (rc < 0 && send.done > 0) stream->is_cut = true;
    bl__stream_leave(stream, BL__WRITING);
    if (done != NULL) *done = send.done;
    return rc;
}

bl_ssize bl_stream_send_file_some(bl_stream *stream, int file_fd,
                                  int64_t offset, size_t bytes) {
    if (stream == NULL || offset < 0 || bytes == 0) return BL_EINVAL;
    int rc = bl__stream_enter(stream, BL__WRITING);
    if (rc < 0) return rc;
    bl_ssize moved = send_chunk(stream, file_fd, offset, bytes);
    bl__stream_leave(stream, BL__WRITING);
    return moved;
}
