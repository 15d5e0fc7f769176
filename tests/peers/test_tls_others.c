/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_tls_others.c - GnuTLS, Python and socat at the other end
 *
 * GnuTLS shares no code with what we stand on.
 *
 *     Legs: kernel
 */
#include <stdio.h>
#include <string.h>

#include "peers/peer.h"
#include "peers/tls.h"
#include "support/sockets.h"
#include "tls/pairs.h"
#include "tls/pki.h"

PEER_NEEDED(python3)
PEER_NEEDED(socat)

static const char *no_gnutls(void) {
    if (peer_is_installed("gnutls-cli")) return NULL;
    return "the package gnutls-bin is not installed";
}

PARAM(const char *, version, "1.2", "1.3");

/* Both say a line.  Programs may have something to say before. */
static void check_talk(bl_stream *stream, struct peer *peer) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(peer->stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
    CHECK_OK(bl_stream_write_all(stream, "welcome\n", 8, NULL));
    peer_await(peer, "welcome");
}

static void check_echoed(bl_stream *stream) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
}

/* A configuration with a certificate that the other side demands. */
static bl_tls_config known_client(void) {
    struct pki_cert own = pki_named("somebody");
    bl_tls_config config = client_config();
    config.certificates = own.certificate;
    config.key = own.key;
    config.alpn = "other,echo";
    return config;
}

/* ---- GnuTLS ------------------------------------------------------------- */

static const char *priority(const char *number) {
    return strcmp(number, "1.2") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2"
                                      : "NORMAL:-VERS-ALL:+VERS-TLS1.3";
}

TEST(gnutls_is_a_client, (t_tmpdir, t_port, version), .clock = T_CLOCK_REAL,
     .skip_if = no_gnutls) {
    char bytes[8];
    struct pki_cert own = pki_named("somebody");
    bl_tls_config config = server_config();
    config.alpn = "echo";
    config.ask = BL_TLS_ASK_DEMAND;
    bl_tls_context *context = tls_context(&config);
    struct peer peer = peer_start(
        "gnutls-cli", "--port", peer_port(&t_port.address), "--x509cafile",
        peer_file(t_tmpdir, "roots.pem", pki_root()), "--x509certfile",
        peer_file(t_tmpdir, "cert.pem", own.certificate), "--x509keyfile",
        peer_file(t_tmpdir, "key.pem", own.key), "--sni-hostname", "localhost",
        "--verify-hostname", "localhost", "--alpn", "echo", "--priority",
        priority(version), "127.0.0.1");
    bl_stream *stream = tls_accept(context, &t_port);
    CHECK_STR(described(stream).host, "localhost");
    CHECK_STR(described(stream).alpn, "echo");
    CHECK_STR(described(stream).peer, "CN=somebody");
    check_talk(stream, &peer);
    /* It says goodbye at the end of its input. */
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_EQ(bl_stream_read(stream, bytes, 8), 0);
    CHECK_OK(bl_stream_close(stream));
    bl_tls_context_unref(context);
}

TEST(gnutls_refuses_our_expired_certificate, (t_tmpdir, t_port),
     .clock = T_CLOCK_REAL, .skip_if = no_gnutls) {
    bl_stream *stream;
    struct pki_cert own = pki_make((struct pki_wish){
        .name = "localhost", .begins_s = -7200, .ends_s = -3600 });
    bl_tls_config config = server_config();
    config.certificates = own.certificate;
    config.key = own.key;
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        peer_start("gnutls-cli", "--port", peer_port(&t_port.address),
                   "--x509cafile", peer_file(t_tmpdir, "roots.pem", pki_root()),
                   "--verify-hostname", "localhost", "127.0.0.1");
    CHECK_LT(tls_try_accept(context, &t_port, &stream), 0);
    CHECK_NE(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

/* It cannot be told to let the kernel choose a port: one that was free is
 * asked for, and another one where somebody was faster. */
static struct peer gnutls_server(const char *folder, const char *priorities,
                                 bl_addr *address) {
    struct pki_cert own = pki_named("localhost");
    const char *cert = peer_file(folder, "cert.pem", own.certificate);
    const char *key = peer_file(folder, "key.pem", own.key);
    const char *roots = peer_file(folder, "roots.pem", pki_root());
    for (;;) {
        *address = peer_free_address();
        struct peer peer = peer_start_heard(
            "gnutls-serv", "--echo", "--port", peer_port(address),
            "--x509certfile", cert, "--x509keyfile", key, "--x509cafile", roots,
            "--require-client-cert", "--verify-client-cert", "--alpn", "echo",
            "--priority", priorities);
        if (strstr(peer_await(&peer, "IPv4"), "done") != NULL) return peer;
        peer_kill(&peer);
    }
}

TEST(gnutls_is_a_server, (t_tmpdir, version), .clock = T_CLOCK_REAL,
     .skip_if = no_gnutls) {
    bl_addr address;
    bl_tls_config config = known_client();
    bl_tls_context *context = tls_context(&config);
    struct peer peer = gnutls_server(t_tmpdir, priority(version), &address);
    for (int i = 0; i < 2; i++) {
        bl_stream *stream = tls_connect(context, &address);
        CHECK_STR(described(stream).alpn, "echo");
        CHECK_STR(described(stream).version,
                  strcmp(version, "1.2") == 0 ? "TLSv1.2" : "TLSv1.3");
        CHECK_EQ(described(stream).is_resumed, i == 1);
        check_echoed(stream);
        CHECK_OK(bl_stream_close(stream));
    }
    peer_kill(&peer);
    bl_tls_context_unref(context);
}

/* ---- Python ------------------------------------------------------------- */

TEST(python_is_a_client, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    static char bytes[10 * 1000];
    struct pki_cert own = pki_named("somebody");
    bl_tls_config config = server_config();
    config.ask = BL_TLS_ASK_DEMAND;
    config.alpn = "echo";
    bl_tls_context *context = tls_context(&config);
    struct peer peer = peer_start(
        "python3", PEER_SCRIPT, "tls-client", peer_port(&t_port.address),
        peer_file(t_tmpdir, "cert.pem", own.certificate),
        peer_file(t_tmpdir, "key.pem", own.key),
        peer_file(t_tmpdir, "roots.pem", pki_root()));
    bl_stream *stream = tls_accept(context, &t_port);
    CHECK_OK(bl_stream_read_exactly(stream, bytes, sizeof bytes, NULL));
    CHECK_OK(bl_stream_write_all(stream, bytes, sizeof bytes, NULL));
    CHECK_EQ(bl_stream_read(stream, bytes, 1), 0);
    CHECK_OK(bl_stream_close(stream));
    peer_await(&peer, "done");
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(asyncio_is_a_server, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    struct pki_cert own = pki_named("localhost");
    bl_tls_config config = known_client();
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        peer_start("python3", PEER_SCRIPT, "tls-server",
                   peer_file(t_tmpdir, "cert.pem", own.certificate),
                   peer_file(t_tmpdir, "key.pem", own.key),
                   peer_file(t_tmpdir, "roots.pem", pki_root()));
    bl_addr address = peer_parse(peer_await(&peer, ""));
    bl_stream *stream = tls_connect(context, &address);
    CHECK_STR(described(stream).alpn, "echo");
    check_echoed(stream);
    CHECK_OK(bl_stream_close(stream));
    peer_kill(&peer);
    bl_tls_context_unref(context);
}

/* ---- socat -------------------------------------------------------------- */

TEST(socat_is_a_client, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_socat) {
    char target[600];
    bl_tls_config config = server_config();
    bl_tls_context *context = tls_context(&config);
    snprintf(target, sizeof target, "OPENSSL:%s,cafile=%s,commonname=localhost",
             peer_address(&t_port.address),
             peer_file(t_tmpdir, "roots.pem", pki_root()));
    struct peer peer = peer_start("socat", "-", target);
    bl_stream *stream = tls_accept(context, &t_port);
    check_talk(stream, &peer);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(socat_is_a_server, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_socat) {
    char place[900];
    struct pki_cert own = pki_named("localhost");
    bl_tls_config config = known_client();
    bl_tls_context *context = tls_context(&config);
    snprintf(place, sizeof place,
             "OPENSSL-LISTEN:0,bind=127.0.0.1,cert=%s,key=%s,cafile=%s",
             peer_file(t_tmpdir, "cert.pem", own.certificate),
             peer_file(t_tmpdir, "key.pem", own.key),
             peer_file(t_tmpdir, "roots.pem", pki_root()));
    struct peer peer = peer_start_heard("socat", "-d", "-d", place, "PIPE");
    bl_addr address = peer_parse(peer_await(&peer, "listening on AF=2 "));
    bl_stream *stream = tls_connect(context, &address);
    check_echoed(stream);
    CHECK_OK(bl_stream_close(stream));
    peer_end(&peer);
    bl_tls_context_unref(context);
}
