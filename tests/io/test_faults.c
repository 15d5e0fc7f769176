/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_faults.c - descriptors and streams under every failure
 *
 * A sweep has each system call fail, in each way that fits it, once.  A call
 * that is only short, interrupted or too early costs nothing: the message comes
 * all the same.  Other failures are told, and lose no descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belay/test.h>

enum channel {
    SOCKETS,
    PIPE
};

PARAM(int, channel, SOCKETS, PIPE);

/* A connected pair: what is written to [1] is read from [0]. */
static void open_pair(int channel, int fds[2]) {
    if (channel == PIPE) {
        REQUIRE_OK(pipe2(fds, O_CLOEXEC));
    } else {
        REQUIRE_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    }
}

static int write_slowly(void *arg) {
    const int *fd = arg;
    const char *text = "a message in parts";
    size_t left = strlen(text);
    int rc = bl_yield();
    while (rc == 0 && left > 0) {
        bl_ssize count = bl_fd_write(*fd, text, left < 7 ? left : 7);
        if (count < 0) {
            rc = (int)count;
            break;
        }
        text += count;
        left -= (size_t)count;
        rc = bl_yield();
    }
    /* The end of the file; the number stays its owner's. */
    int closed = bl_fd_close(*fd);
    return rc < 0 ? rc : closed;
}

static bl_ssize read_to_end(int fd, char *text, size_t bytes) {
    size_t total = 0;
    while (total < bytes) {
        bl_ssize count = bl_fd_read(fd, text + total, bytes - total);
        if (count < 0) return count;
        if (count == 0) break;
        total += (size_t)count;
    }
    return (bl_ssize)total;
}

TEST(a_descriptor_gives_all_or_says_why, (channel), .sweep = T_IO) {
    int fds[2];
    char text[40] = "";
    open_pair(channel, fds);
    bl_group group;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, write_slowly, &fds[1]));
    bl_ssize count = read_to_end(fds[0], text, sizeof text);
    int rc = bl_group_exit(&group, 0);
    if (rc == 0 && count >= 0) {
        CHECK_ALWAYS(strcmp(text, "a message in parts") == 0);
    }
    CHECK_OK(rc);
    CHECK_GE(count, 0);
    bl_error_handled();
    BL_IGNORE(bl_fd_close(fds[0])); /* it is closed */
}

static int send_all(void *arg) {
    bl_stream *stream = arg;
    char bytes[300];
    memset(bytes, 'x', sizeof bytes);
    int rc = bl_stream_write_all(stream, bytes, sizeof bytes, NULL);
    if (rc == 0) rc = bl_stream_shutdown_write(stream);
    return rc;
}

static int receive_all(bl_stream *stream) {
    char bytes[300];
    int rc = bl_stream_read_exactly(stream, bytes, sizeof bytes, NULL);
    if (rc < 0) return rc;
    for (size_t i = 0; i < sizeof bytes; i++) {
        CHECK_ALWAYS(bytes[i] == 'x');
    }
    bl_ssize count = bl_stream_read(stream, bytes, sizeof bytes);
    if (count >= 0) CHECK_ALWAYS(count == 0);
    return count < 0 ? (int)count : 0;
}

/* A sender that fails has to end its side, or the receiver waits for ever. */
static int send_or_abort(void *arg) {
    bl_stream **sender = arg;
    int rc = send_all(*sender);
    if (rc < 0) {
        bl_stream_abort(*sender);
        *sender = NULL;
    }
    return rc;
}

TEST(a_stream_gives_all_or_says_why, .sweep = T_IO) {
    int fds[2];
    bl_stream *streams[2];
    open_pair(SOCKETS, fds);
    int rc = bl_stream_take_fd(fds[0], &streams[0]);
    if (rc == 0) {
        rc = bl_stream_take_fd(fds[1], &streams[1]);
        if (rc < 0) bl_stream_abort(streams[0]);
    } else {
        close(fds[0]);
    }
    if (rc < 0) {
        CHECK_OK(rc);
        close(fds[1]);
        return;
    }
    bl_group group;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, send_or_abort, &streams[1]));
    CHECK_OK(receive_all(streams[0]));
    BL_IGNORE(bl_group_exit(&group, 0));
    bl_error_handled();
    BL_IGNORE(bl_stream_close(streams[0]));
    bl_stream_abort(streams[1]);
}
