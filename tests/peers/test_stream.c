/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_stream.c - TCP and local streams with socat, nc and Python
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers/peer.h"
#include "support/sockets.h"

enum {
    MUCH = 300 * 1000,
    MANY = 50
};

PEER_NEEDED(socat)
PEER_NEEDED(nc)
PEER_NEEDED(python3)

/* Longer than any test: by itself socat gives up half a second after the first
 * direction has ended. */
static const char *const patience = "-t60";

/* ---- much, there and back ---------------------------------------------- */

static char much[MUCH];

static int send_much(void *arg) {
    bl_stream *stream = arg;
    for (int i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 % 253);
    CHECK_OK(bl_stream_write_all(stream, much, MUCH, NULL));
    CHECK_OK(bl_stream_shutdown_write(stream));
    return 0;
}

/* Whoever echoes does so to the end, and then ends too. */
static void check_echoed(bl_stream *stream) {
    static char got[MUCH];
    size_t count;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_much, stream));
    CHECK_OK(bl_stream_read_exactly(stream, got, MUCH, &count));
    CHECK_EQ(count, MUCH);
    CHECK_EQ(bl_stream_read(stream, got, 1), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK(memcmp(got, much, MUCH) == 0);
}

/* ---- our server -------------------------------------------------------- */

static int echo(bl_connection *connection) {
    char bytes[5000];
    bl_ssize count;
    while ((count = bl_stream_read(connection->stream, bytes, sizeof bytes)) >
           0) {
        int rc =
            bl_stream_write_all(connection->stream, bytes, (size_t)count, NULL);
        if (rc < 0) return rc;
    }
    return (int)count;
}

static int serve(void *arg) {
    return bl_serve(arg, echo, NULL);
}

/* Has a daemon of `group` echo what comes to `address`. */
static bl_addr serve_at(bl_group *group, bl_addr address) {
    bl_listener *listener;
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    REQUIRE_OK(bl_spawn_daemon(group, serve, listener));
    return address;
}

/* "unix:" and a path in the folder. */
static bl_addr local_address(const char *folder) {
    bl_addr address;
    char text[300];
    snprintf(text, sizeof text, "unix:%s/socket", folder);
    REQUIRE_OK(bl_addr_parse(text, &address));
    return address;
}

TEST(socat_is_a_client_by_tcp, .clock = T_CLOCK_REAL, .skip_if = no_socat) {
    char target[100];
    BL_GROUP_SCOPED(group);
    bl_addr address = serve_at(&group, loopback());
    snprintf(target, sizeof target, "TCP:%s", peer_address(&address));
    struct peer peer = peer_start("socat", patience, "-", target);
    check_echoed(peer.stream);
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(socat_is_a_client_by_a_path, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_socat) {
    char target[300];
    BL_GROUP_SCOPED(group);
    serve_at(&group, local_address(t_tmpdir));
    snprintf(target, sizeof target, "UNIX:%s/socket", t_tmpdir);
    struct peer peer = peer_start("socat", patience, "-", target);
    check_echoed(peer.stream);
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(nc_is_a_client, .clock = T_CLOCK_REAL, .skip_if = no_nc) {
    BL_GROUP_SCOPED(group);
    bl_addr address = serve_at(&group, loopback());
    struct peer peer = peer_start("nc", "-N", "127.0.0.1", peer_port(&address));
    check_echoed(peer.stream);
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(asyncio_is_many_clients, .clock = T_CLOCK_REAL, .skip_if = no_python3) {
    BL_GROUP_SCOPED(group);
    bl_addr address = serve_at(&group, loopback());
    struct peer peer = peer_start("python3", PEER_SCRIPT, "tcp-clients",
                                  peer_port(&address), "50");
    peer_await(&peer, "done");
    CHECK_EQ(peer_end(&peer), 0);
}

/* ---- our client -------------------------------------------------------- */

/* It passes on to our own server what it is told. */
TEST(socat_is_a_server_by_tcp, .clock = T_CLOCK_REAL, .skip_if = no_socat) {
    bl_stream *stream;
    char target[100];
    BL_GROUP_SCOPED(group);
    bl_addr ours = serve_at(&group, loopback());
    snprintf(target, sizeof target, "TCP:%s", peer_address(&ours));
    struct peer peer = peer_start_heard("socat", "-d", "-d", patience,
                                        "TCP-LISTEN:0,bind=127.0.0.1", target);
    bl_addr address = peer_parse(peer_await(&peer, "listening on AF=2 "));
    REQUIRE_OK(bl_tcp_connect(&address, &stream));
    check_echoed(stream);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(socat_is_a_server_by_a_path, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_socat) {
    bl_stream *stream;
    char place[300];
    char target[100];
    BL_GROUP_SCOPED(group);
    bl_addr ours = serve_at(&group, loopback());
    bl_addr address = local_address(t_tmpdir);
    snprintf(place, sizeof place, "UNIX-LISTEN:%s/socket", t_tmpdir);
    snprintf(target, sizeof target, "TCP:%s", peer_address(&ours));
    struct peer peer =
        peer_start_heard("socat", "-d", "-d", patience, place, target);
    peer_await(&peer, "listening on AF=1 ");
    REQUIRE_OK(bl_connect(&address, NULL, &stream));
    check_echoed(stream);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(peer_end(&peer), 0);
}

struct client {
    bl_addr address;
    int echoed;
};

static int run_client(void *arg) {
    struct client *client = arg;
    bl_stream *stream;
    char text[100];
    char got[100];
    REQUIRE_OK(bl_tcp_connect(&client->address, &stream));
    for (int i = 0; i < 20; i++) {
        size_t count = (size_t)snprintf(text, sizeof text, "%d of us", i);
        REQUIRE_OK(bl_stream_write_all(stream, text, count, NULL));
        REQUIRE_OK(bl_stream_read_exactly(stream, got, count, NULL));
        if (memcmp(text, got, count) == 0) client->echoed++;
    }
    return bl_stream_close(stream);
}

TEST(asyncio_is_a_server_of_many, .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    struct peer peer = peer_start("python3", PEER_SCRIPT, "tcp-server");
    struct client client = { .address = peer_parse(peer_await(&peer, "")) };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < MANY; i++)
        REQUIRE_OK(bl_spawn(&group, run_client, &client));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(client.echoed, MANY * 20);
    peer_kill(&peer);
}

/* ---- ends that are none ------------------------------------------------- */

TEST(a_reset_by_python_is_told_from_an_end, (t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    bl_stream *stream;
    bl_listener *listener;
    char byte;
    REQUIRE_OK(bl_listener_take_fd(t_port.fd, &listener));
    struct peer peer = peer_start("python3", PEER_SCRIPT, "tcp-reset",
                                  peer_port(&t_port.address));
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 1);
    CHECK_OK(bl_stream_write_all(stream, "y", 1, NULL));
    CHECK_ERR(bl_stream_read(stream, &byte, 1), BL_ECONNRESET);
    CHECK_ERR(bl_stream_write(stream, "z", 1), BL_EPIPE);
    bl_stream_abort(stream);
    bl_listener_close(listener);
    peer_await(&peer, "done");
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(a_client_that_is_killed_ends_its_connection, (t_port),
     .clock = T_CLOCK_REAL, .skip_if = no_socat) {
    bl_stream *stream;
    bl_listener *listener;
    char target[100];
    char byte;
    REQUIRE_OK(bl_listener_take_fd(t_port.fd, &listener));
    snprintf(target, sizeof target, "TCP:%s", peer_address(&t_port.address));
    struct peer peer = peer_start("socat", patience, "-", target);
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    peer_kill(&peer);
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0);
    bl_stream_abort(stream);
    bl_listener_close(listener);
}

/* ---- descriptors -------------------------------------------------------- */

TEST(python_sends_a_descriptor_and_gets_one, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    bl_stream *stream;
    bl_listener *listener;
    bl_unix_peer who;
    char bytes[16];
    int fds[2];
    size_t count = 2;
    bl_addr address = local_address(t_tmpdir);
    const char *path = peer_path(t_tmpdir, "socket");
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    struct peer peer = peer_start("python3", PEER_SCRIPT, "fd-client", path);
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    CHECK_OK(bl_unix_get_peer(stream, &who));
    CHECK_EQ(who.pid, peer.pid);
    CHECK_EQ(bl_unix_recv_fds(stream, bytes, sizeof bytes, fds, &count), 6);
    CHECK_MEM(bytes, 6, "a pipe", 6);
    REQUIRE_EQ(count, 1);
    CHECK_EQ(write(fds[0], "by the pipe", 11), 11);
    close(fds[0]);
    int file = plain_file();
    CHECK_EQ(pwrite(file, "in the file", 11, 0), 11);
    CHECK_EQ(bl_unix_send_fds(stream, "a file", 6, &file, 1), 6);
    close(file);
    peer_await(&peer, "done");
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_OK(bl_stream_close(stream));
    bl_listener_close(listener);
}
