/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_datagram.c - UDP and local datagrams with socat and Python
 */
#include <stdio.h>
#include <string.h>

#include "peers/peer.h"
#include "support/sockets.h"

PEER_NEEDED(socat)
PEER_NEEDED(python3)

static int echo(void *arg) {
    bl_datagram *datagram = arg;
    char bytes[2000];
    bl_addr from;
    for (;;) {
        bl_ssize count = bl_datagram_recv(datagram, bytes, sizeof bytes, &from);
        if (count < 0) return (int)count;
        int rc = bl_datagram_send(datagram, bytes, (size_t)count, &from);
        if (rc < 0) return rc;
    }
}

/* What socat reads at once it sends as one datagram, and back. */
static void check_echoed(const struct peer *peer) {
    char got[8];
    for (int i = 0; i < 5; i++) {
        CHECK_OK(bl_stream_write_all(peer->stream, "hello\n", 6, NULL));
        CHECK_OK(bl_stream_read_exactly(peer->stream, got, 6, NULL));
        CHECK_MEM(got, 6, "hello\n", 6);
    }
}

TEST(socat_is_a_client_by_udp, .clock = T_CLOCK_REAL, .skip_if = no_socat) {
    char target[100];
    bl_datagram *datagram;
    bl_addr address = loopback();
    REQUIRE_OK(bl_datagram_open(&address, NULL, &datagram));
    address = bl_datagram_address(datagram);
    snprintf(target, sizeof target, "UDP:%s", peer_address(&address));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_daemon(&group, echo, datagram));
    struct peer peer = peer_start("socat", "-", target);
    check_echoed(&peer);
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_datagram_close(datagram);
}

TEST(socat_is_a_client_by_a_path, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_socat) {
    char text[300];
    bl_datagram *datagram;
    bl_addr address;
    snprintf(text, sizeof text, "unix:%s/ours", t_tmpdir);
    REQUIRE_OK(bl_addr_parse(text, &address));
    REQUIRE_OK(bl_datagram_open(&address, NULL, &datagram));
    snprintf(text, sizeof text, "UNIX-SENDTO:%s/ours,bind=%s/theirs", t_tmpdir,
             t_tmpdir);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_daemon(&group, echo, datagram));
    struct peer peer = peer_start("socat", "-", text);
    check_echoed(&peer);
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_datagram_close(datagram);
}

PARAM(bool, is_connected, false, true);

TEST(python_is_a_server_by_udp, (is_connected), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    bl_datagram *datagram;
    bl_addr from;
    char bytes[1500];
    char got[1500];
    bl_addr local = loopback();
    struct peer peer = peer_start("python3", PEER_SCRIPT, "udp-server");
    bl_addr address = peer_parse(peer_await(&peer, ""));
    bl_datagram_options options = { .size = sizeof options };
    if (is_connected) options.remote = &address;
    REQUIRE_OK(bl_datagram_open(&local, &options, &datagram));
    for (size_t size = 0; size <= sizeof bytes; size += 500) {
        memset(bytes, 'a' + (int)(size / 500), sizeof bytes);
        CHECK_OK(bl_datagram_send(datagram, bytes, size,
                                  is_connected ? NULL : &address));
        CHECK_EQ(bl_datagram_recv(datagram, got, sizeof got, &from),
                 (bl_ssize)size);
        CHECK_MEM(got, size, bytes, size);
        CHECK(bl_addr_is_equal(&from, &address));
    }
    bl_datagram_close(datagram);
    peer_kill(&peer);
}
