/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_faults.c - connections under every failure of the system
 *
 * A sweep has each system call fail, in each way that fits it, once.  Whatever
 * fails, everything ends, nothing leaks, and what succeeded was right.
 */
#include <string.h>
#include <unistd.h>

#include <belay/test.h>

#include "support/sockets.h"

enum {
    CONNECTIONS = 3
};

/* Its failure is its own: it does not end the others. */
static int echo(void *arg) {
    bl_stream *stream = arg;
    char bytes[16];
    bl_ssize count;
    while ((count = bl_stream_read(stream, bytes, sizeof bytes)) > 0) {
        if (bl_stream_write_all(stream, bytes, (size_t)count, NULL) < 0) break;
    }
    bl_stream_abort(stream);
    bl_error_handled();
    return bl_is_cancelled() ? BL_ECANCELED : 0;
}

/* A server that goes on when a connection, or the accepting of one, fails. */
static int serve(void *arg) {
    bl_listener *listener = arg;
    BL_GROUP_SCOPED(group);
    int failures = 0;
    while (failures < 3) {
        bl_stream *stream;
        int rc = bl_listener_accept(listener, &stream, NULL);
        if (rc == BL_ECANCELED) return rc;
        if (rc == 0) {
            rc = bl_spawn_daemon(&group, echo, stream);
            if (rc < 0) bl_stream_abort(stream);
        }
        if (rc < 0) failures++;
        bl_error_handled();
    }
    return 0;
}

static int ask(const bl_addr *address) {
    bl_stream *stream;
    char answer[6] = "";
    int rc = bl_tcp_connect(address, &stream);
    if (rc < 0) return rc;
    rc = bl_stream_write_all(stream, "hello", 5, NULL);
    if (rc == 0) rc = bl_stream_shutdown_write(stream);
    if (rc == 0) rc = bl_stream_read_exactly(stream, answer, 5, NULL);
    if (rc == 0) CHECK_ALWAYS(strcmp(answer, "hello") == 0);
    int closed = bl_stream_close(stream);
    return rc < 0 ? rc : closed;
}

/* At most one call fails, so at most one connection may be refused. */
TEST(one_failing_call_costs_one_connection, .sweep = T_IO) {
    bl_listener *listener;
    bl_addr address;
    int failures = 0;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    int rc = bl_tcp_listen(&address, &listener);
    if (rc < 0) {
        CHECK_OK(rc);
        bl_error_handled();
        return;
    }
    address = bl_listener_address(listener);
    {
        BL_GROUP_SCOPED(group);
        CHECK_OK(bl_spawn_daemon(&group, serve, listener));
        for (int i = 0; i < CONNECTIONS; i++) {
            if (bl_wait_for(ask(&address), SEC(5)) < 0) failures++;
            bl_error_handled();
        }
        BL_IGNORE(bl_group_exit(&group, 0)); /* its daemons may have failed */
        bl_error_handled();
    }
    bl_listener_close(listener);
    CHECK_EQ(failures, 0);
    CHECK_ALWAYS(failures <= 1);
}

/* ---- datagrams, and descriptors ----------------------------------------- */

/* Asks only for what was sent: nobody sends it again. */
static int send_and_hear(bl_datagram *here, bl_datagram *there) {
    char bytes[8] = "";
    bl_addr from;
    bl_addr to = bl_datagram_address(there);
    bl_addr sender = bl_datagram_address(here);
    int rc = bl_datagram_send(here, "hello", 5, &to);
    if (rc < 0) return rc;
    bl_ssize count = bl_datagram_recv(there, bytes, sizeof bytes, &from);
    if (count < 0) return (int)count;
    CHECK_ALWAYS(count == 5 && strcmp(bytes, "hello") == 0);
    CHECK_ALWAYS(bl_addr_is_equal(&from, &sender));
    return 0;
}

TEST(one_failing_call_costs_one_datagram, .sweep = T_IO) {
    bl_datagram *ends[2] = { NULL, NULL };
    bl_addr address;
    int failures = 0;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    int rc = bl_datagram_open(&address, NULL, &ends[0]);
    if (rc == 0) rc = bl_datagram_open(&address, NULL, &ends[1]);
    for (int i = 0; i < 3 && rc == 0; i++) {
        if (send_and_hear(ends[0], ends[1]) < 0) failures++;
        bl_error_handled();
    }
    bl_datagram_close(ends[0]);
    bl_datagram_close(ends[1]);
    CHECK_OK(rc);
    bl_error_handled();
    CHECK_EQ(failures, 0);
    CHECK_ALWAYS(failures <= 1);
}

/* Whatever fails: a descriptor that was sent has come, or is closed. */
TEST(a_descriptor_comes_or_nobody_has_it, .sweep = T_IO) {
    bl_stream *ends[2];
    char byte;
    int fds[1];
    size_t count = 1;
    int rc = bl_unix_pair(ends);
    CHECK_OK(rc);
    bl_error_handled();
    if (rc < 0) return;
    int file = plain_file();
    bl_ssize moved = bl_unix_send_fds(ends[0], "x", 1, &file, 1);
    close(file);
    if (moved > 0) {
        moved = bl_unix_recv_fds(ends[1], &byte, 1, fds, &count);
        if (moved > 0) {
            CHECK_ALWAYS(count == 1 && byte == 'x');
            CHECK_ALWAYS(is_open(fds[0]));
            close(fds[0]);
        }
    }
    CHECK_EQ(moved, 1);
    bl_error_handled();
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}
