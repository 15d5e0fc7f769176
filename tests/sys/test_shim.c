/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_shim.c - what comes from a shim to us
 *
 * What shims do for programs is tested in tests/proc/.
 */
#include <belay/test.h>

#include <sys/socket.h>
#include <unistd.h>

#include "sys/spawn.h"

/* What a peer has not read is told of before what it has sent is given. */
TEST(a_report_is_read_though_an_order_was_not) {
    int ends[2];
    struct bl__shim_report sent = { .kind = BL__SHIM_EXITED, .pid = 7 };
    struct bl__shim_report report = { .kind = 0 };
    REQUIRE_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
    struct bl__shim shim = { .pidfd = -1, .socket = ends[0] };
    CHECK(!bl__shim_read_report(&shim, &report));
    bl__shim_tell(&shim, BL__SHIM_SIGNAL_GROUP, 0);
    CHECK_EQ(send(ends[1], &sent, sizeof sent, 0), (ssize_t)sizeof sent);
    close(ends[1]);
    CHECK(bl__shim_read_report(&shim, &report));
    CHECK_EQ(report.kind, BL__SHIM_EXITED);
    CHECK_EQ(report.pid, 7);
    CHECK(!bl__shim_read_report(&shim, &report));
    close(ends[0]);
}
