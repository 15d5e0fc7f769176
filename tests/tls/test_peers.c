/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_peers.c - the program `openssl` at the other end
 */
#include <belay/test.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/sockets.h"
#include "tls/pairs.h"
#include "tls/pki.h"

extern char **environ;

static const char *no_openssl(void) {
    if (access("/usr/bin/openssl", X_OK) == 0) return NULL;
    return "the program openssl is not installed";
}

/* A process whose standard input and output are a stream. */
struct peer {
    pid_t pid;
    bl_stream *stream;
};

static struct peer peer_start(char *const argv[]) {
    struct peer peer;
    int in[2];
    int out[2];
    posix_spawn_file_actions_t actions;
    REQUIRE_OK(pipe2(in, O_CLOEXEC));
    REQUIRE_OK(pipe2(out, O_CLOEXEC));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    REQUIRE_EQ(posix_spawnp(&peer.pid, argv[0], &actions, NULL, argv, environ),
               0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    REQUIRE_OK(bl_stream_take_pipe(out[0], in[1], &peer.stream));
    return peer;
}

static int peer_end(struct peer *peer) {
    int status = -1;
    bl_stream_abort(peer->stream);
    REQUIRE_EQ(waitpid(peer->pid, &status, 0), peer->pid);
    return status;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    REQUIRE(fputs(text, file) >= 0);
    REQUIRE_EQ(fclose(file), 0);
}

/* Reads lines until one begins with `start`; copies what stands behind. */
static void read_until(bl_reader *reader, const char *start, char *rest,
                       size_t bytes) {
    char *line;
    do {
        REQUIRE_EQ(bl_reader_line(reader, &line, NULL), 1);
    } while (strncmp(line, start, strlen(start)) != 0);
    snprintf(rest, bytes, "%s", line + strlen(start));
}

static void check_reversed(bl_stream *stream) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "olleh\n", 6);
    CHECK_OK(bl_stream_write_all(stream, "CLOSE\n", 6, NULL));
    CHECK_EQ(bl_stream_read(stream, bytes, 8), 0);
    CHECK_OK(bl_stream_close(stream));
}

TEST(s_server_is_a_server, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    char cert[300];
    char key[300];
    char address[100];
    bl_reader reader;
    bl_addr where;
    bl_stream *under;
    bl_stream *stream;
    bl_tls_context *context;
    bl_tls_config server = server_config();
    bl_tls_config client = client_config();
    client.alpn = "echo";
    snprintf(cert, sizeof cert, "%s/cert.pem", t_tmpdir);
    snprintf(key, sizeof key, "%s/key.pem", t_tmpdir);
    write_file(cert, server.certificates);
    write_file(key, server.key);
    char *argv[] = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                     cert,      "-key",     key,       "-rev",        "-alpn",
                     "echo",    "-naccept", "1",       NULL };
    struct peer peer = peer_start(argv);
    REQUIRE_OK(bl_reader_init(&reader, peer.stream, NULL, 4096));
    read_until(&reader, "ACCEPT ", address, sizeof address);
    REQUIRE_OK(bl_addr_parse(address, &where));
    REQUIRE_OK(bl_tcp_connect(&where, &under));
    REQUIRE_OK(bl_tls_context_new(&client, &context));
    REQUIRE_OK(bl_tls_connect(context, under, "localhost", NULL, &stream));
    CHECK_STR(described(stream).version, "TLSv1.3");
    CHECK_STR(described(stream).alpn, "echo");
    check_reversed(stream);
    bl_tls_context_unref(context);
    bl_reader_done(&reader);
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(s_client_is_a_client, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    char roots[300];
    char address[BL_ADDR_TEXT_BYTES];
    char bytes[16];
    bl_stream *under;
    bl_stream *stream;
    bl_tls_context *context;
    bl_tls_config server = server_config();
    snprintf(roots, sizeof roots, "%s/roots.pem", t_tmpdir);
    write_file(roots, pki_root());
    bl_addr_format(&t_port.address, address, sizeof address);
    char *argv[] = {
        "openssl",     "s_client",  "-connect",         address,
        "-CAfile",     roots,       "-verify_hostname", "localhost",
        "-servername", "localhost", "-quiet",           "-verify_return_error",
        NULL
    };
    struct peer peer = peer_start(argv);
    REQUIRE_EQ(bl_fd_wait(t_port.fd, BL_READABLE), BL_READABLE);
    int fd = accept4(t_port.fd, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(bl_stream_take_fd(fd, &under));
    REQUIRE_OK(bl_tls_context_new(&server, &context));
    REQUIRE_OK(bl_tls_accept(context, under, NULL, &stream));
    CHECK_STR(described(stream).host, "localhost");
    CHECK_OK(bl_stream_write_all(peer.stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
    CHECK_OK(bl_stream_write_all(stream, "welcome\n", 8, NULL));
    CHECK_OK(bl_stream_read_exactly(peer.stream, bytes, 8, NULL));
    CHECK_MEM(bytes, 8, "welcome\n", 8);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(bl_stream_read(peer.stream, bytes, 8), 0); /* it ends as well */
    bl_tls_context_unref(context);
    CHECK_EQ(peer_end(&peer), 0);
}
