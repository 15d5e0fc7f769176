/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_tls_openssl.c - s_client and s_server at the other end
 *
 *     Legs: kernel
 */
#include <stdio.h>
#include <string.h>

#include "peers/peer.h"
#include "peers/tls.h"
#include "tls/pairs.h"
#include "tls/pki.h"

enum {
    ARGUMENTS_MAX = 40,
    COUNT_OF_EXTRA = 8
};

PEER_NEEDED(openssl)
PEER_NEEDED(nc)

PARAM(const char *, version, "1.2", "1.3");

/* "-tls1_3" and "TLSv1.3" */
static const char *version_option(const char *number) {
    return strcmp(number, "1.2") == 0 ? "-tls1_2" : "-tls1_3";
}

static const char *version_name(const char *number) {
    return strcmp(number, "1.2") == 0 ? "TLSv1.2" : "TLSv1.3";
}

/* ---- starting them ----------------------------------------------------- */

/* Up to eight more arguments. */
struct extra {
    const char *options[COUNT_OF_EXTRA];
};

static struct peer start(enum peer_errors errors, const char *const *usual,
                         struct extra extra) {
    const char *argv[ARGUMENTS_MAX] = { "openssl" };
    int count = 1;
    for (int i = 0; usual[i] != NULL; i++)
        argv[count++] = usual[i];
    for (int i = 0; i < COUNT_OF_EXTRA && extra.options[i] != NULL; i++)
        argv[count++] = extra.options[i];
    REQUIRE_LT(count, ARGUMENTS_MAX);
    return peer_start_all(errors, argv);
}

/* A server with that certificate, for one connection at a time. */
static struct peer s_server(const char *folder, struct pki_cert own,
                            bl_addr *address, struct extra extra) {
    const char *usual[] = { "s_server",
                            "-accept",
                            "127.0.0.1:0",
                            "-cert",
                            peer_file(folder, "cert.pem", own.certificate),
                            "-key",
                            peer_file(folder, "key.pem", own.key),
                            "-CAfile",
                            peer_file(folder, "roots.pem", pki_root()),
                            NULL };
    struct peer peer = start(PEER_HEARD, usual, extra);
    *address = peer_parse(peer_await(&peer, "ACCEPT "));
    return peer;
}

/* A client that believes our authority and asks for localhost.  Without -quiet
 * a line may be a command: K, R, Q. */
static struct peer s_client(const char *folder, const bl_addr *address,
                            struct extra extra) {
    const char *usual[] = { "s_client",
                            "-connect",
                            peer_address(address),
                            "-CAfile",
                            peer_file(folder, "roots.pem", pki_root()),
                            "-verify_hostname",
                            "localhost",
                            "-servername",
                            "localhost",
                            "-verify_return_error",
                            NULL };
    return start(PEER_HEARD, usual, extra);
}

/* ---- s_server ---------------------------------------------------------- */

/* With -rev it turns each line around, and CLOSE ends the connection. */
static void check_reversed(bl_stream *stream) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "olleh\n", 6);
    CHECK_OK(bl_stream_write_all(stream, "CLOSE\n", 6, NULL));
    CHECK_EQ(bl_stream_read(stream, bytes, 8), 0);
    CHECK_OK(bl_stream_close(stream));
}

TEST(s_server_is_a_server, (t_tmpdir, version), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_addr address;
    bl_tls_config config = client_config();
    config.alpn = "other,echo";
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_server(t_tmpdir, pki_named("localhost"), &address,
                 (struct extra){ { "-rev", "-naccept", "1", "-alpn", "echo",
                                   version_option(version) } });
    bl_stream *stream = tls_connect(context, &address);
    CHECK_STR(described(stream).version, version_name(version));
    CHECK_STR(described(stream).alpn, "echo");
    CHECK_STR(described(stream).peer, "CN=localhost");
    CHECK(described(stream).is_verified);
    check_reversed(stream);
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(s_server_resumes_a_session, (t_tmpdir, version), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_addr address;
    bl_tls_config config = client_config();
    bl_tls_context *context = tls_context(&config);
    struct peer peer = s_server(
        t_tmpdir, pki_named("localhost"), &address,
        (struct extra){ { "-rev", "-naccept", "2", version_option(version) } });
    for (int i = 0; i < 2; i++) {
        bl_stream *stream = tls_connect(context, &address);
        CHECK_EQ(described(stream).is_resumed, i == 1);
        CHECK(described(stream).is_verified);
        check_reversed(stream);
    }
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(s_server_wants_a_certificate, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_addr address;
    char byte;
    struct pki_cert own = pki_named("somebody");
    bl_tls_config config = client_config();
    struct peer peer =
        s_server(t_tmpdir, pki_named("localhost"), &address,
                 (struct extra){ { "-rev", "-naccept", "2", "-Verify", "1",
                                   "-verify_return_error" } });
    bl_tls_context *without = tls_context(&config);
    bl_stream *stream = tls_connect(without, &address);
    CHECK_ERR(bl_stream_read(stream, &byte, 1), BL_ETLSALERT);
    bl_stream_abort(stream);
    bl_tls_context_unref(without);

    config.certificates = own.certificate;
    config.key = own.key;
    bl_tls_context *with = tls_context(&config);
    stream = tls_connect(with, &address);
    check_reversed(stream);
    bl_tls_context_unref(with);
    CHECK_EQ(peer_end(&peer), 0);
}

/* What s_server reads and obeys first depends on how its input comes. */
TEST(s_server_changes_keys, (t_tmpdir), .clock = T_CLOCK_REAL, .tags = "order",
     .skip_if = no_openssl) {
    bl_addr address;
    char bytes[8];
    bl_tls_config config = client_config();
    bl_tls_context *context;
    REQUIRE_OK(bl_tls_context_new(&config, &context)); /* not the kernel */
    struct peer peer = s_server(t_tmpdir, pki_named("localhost"), &address,
                                (struct extra){ { "-naccept", "1" } });
    bl_stream *stream = tls_connect(context, &address);
    peer_await(&peer, "CIPHER is ");
    peer_command(&peer, "K\n");
    CHECK_OK(bl_stream_write_all(stream, "first\n", 6, NULL));
    peer_await(&peer, "first"); /* it obeys before it listens */
    CHECK_OK(bl_stream_write_all(peer.stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
    CHECK_OK(bl_tls_update_keys(stream));
    CHECK_OK(bl_stream_write_all(stream, "second\n", 7, NULL));
    peer_await(&peer, "second");
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(s_server_that_is_killed_has_not_ended_the_stream, (t_tmpdir, version),
     .clock = T_CLOCK_REAL, .skip_if = no_openssl) {
    bl_addr address;
    char bytes[8];
    bl_tls_config config = client_config();
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_server(t_tmpdir, pki_named("localhost"), &address,
                 (struct extra){ { "-rev", version_option(version) } });
    bl_stream *stream = tls_connect(context, &address);
    CHECK_OK(bl_stream_write_all(stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    peer_kill(&peer);
    CHECK_ERR(bl_stream_read(stream, bytes, 8), BL_ETLSTRUNCATED);
    bl_stream_abort(stream);
    bl_tls_context_unref(context);
}

/* ---- what is refused, and what they are told --------------------------- */

struct refusal {
    struct pki_wish wish;
    int code;
    const char *alert;
    bool is_strange; /* the client believes another authority */
    bool is_listed;  /* the client has a list with serial 66 */
};

static const struct refusal refusals[] = {
    { .wish = { .name = "elsewhere.example" },
      .code = BL_ECERTNAME,
      .alert = "bad certificate" },
    { .wish = { .name = "localhost", .begins_s = -7200, .ends_s = -3600 },
      .code = BL_ECERTEXPIRED,
      .alert = "certificate expired" },
    { .wish = { .name = "localhost" },
      .is_strange = true,
      .code = BL_ECERTUNKNOWN,
      .alert = "unknown ca" },
    { .wish = { .name = "localhost", .is_self_signed = true },
      .code = BL_ECERTSELF,
      .alert = "unknown ca" },
    { .wish = { .name = "localhost", .serial = 66 },
      .is_listed = true,
      .code = BL_ECERTREVOKED,
      .alert = "certificate revoked" },
};

PARAM(int, refused, 0, 1, 2, 3, 4);

TEST(s_server_with_a_bad_certificate_is_told, (t_tmpdir, refused, version),
     .clock = T_CLOCK_REAL, .skip_if = no_openssl) {
    bl_addr address;
    bl_stream *under;
    bl_stream *stream;
    const struct refusal *refusal = &refusals[refused];
    bl_tls_config config = client_config();
    if (refusal->is_strange) config.roots = pki_stranger();
    if (refusal->is_listed) config.revoked = pki_list(66);
    bl_tls_context *context = tls_context(&config);
    struct peer peer = s_server(
        t_tmpdir, pki_make(refusal->wish), &address,
        (struct extra){ { "-rev", "-naccept", "1", version_option(version) } });
    REQUIRE_OK(bl_tcp_connect(&address, &under));
    CHECK_ERR(bl_tls_connect(context, under, "localhost", NULL, &stream),
              refusal->code);
    bl_stream_abort(under);
    CHECK_CONTAINS(peer_await(&peer, "alert"), refusal->alert);
    peer_end(&peer);
    bl_tls_context_unref(context);
}

TEST(s_client_refuses_our_bad_certificate, (t_tmpdir, t_port, refused, version),
     .clock = T_CLOCK_REAL, .skip_if = no_openssl) {
    struct extra extra = { { "-quiet", version_option(version) } };
    const struct refusal *refusal = &refusals[refused];
    struct pki_cert own = pki_make(refusal->wish);
    bl_tls_config config = server_config();
    bl_stream *stream = NULL;
    config.certificates = own.certificate;
    config.key = own.key;
    if (refusal->is_listed) {
        extra.options[2] = "-crl_check";
        extra.options[3] = "-CRL";
        extra.options[4] = peer_file(t_tmpdir, "list.pem", pki_list(66));
    }
    if (refusal->is_strange) {
        extra.options[2] = "-CAfile";
        extra.options[3] = peer_file(t_tmpdir, "other.pem", pki_stranger());
    }
    bl_tls_context *context = tls_context(&config);
    struct peer peer = s_client(t_tmpdir, &t_port.address, extra);
    CHECK_ERR(tls_try_accept(context, &t_port, &stream), BL_ETLSALERT);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ETLSALERT)),
                   refusal->alert);
    CHECK_NE(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

static const char weak[] = "DEFAULT@SECLEVEL=0";

PARAM(const char *, old, "-tls1", "-tls1_1");

TEST(an_old_s_server_is_refused, (t_tmpdir, old), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_addr address;
    bl_stream *under;
    bl_stream *stream;
    bl_tls_config config = client_config();
    bl_tls_context *context = tls_context(&config);
    struct peer peer = s_server(
        t_tmpdir, pki_named("localhost"), &address,
        (struct extra){ { "-rev", "-naccept", "1", old, "-cipher", weak } });
    REQUIRE_OK(bl_tcp_connect(&address, &under));
    CHECK_ERR(bl_tls_connect(context, under, "localhost", NULL, &stream),
              BL_ETLSALERT);
    bl_stream_abort(under);
    peer_end(&peer);
    bl_tls_context_unref(context);
}

TEST(an_old_s_client_is_refused, (t_tmpdir, t_port, old), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_tls_config config = server_config();
    bl_stream *stream = NULL;
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_client(t_tmpdir, &t_port.address,
                 (struct extra){ { "-quiet", old, "-cipher", weak } });
    CHECK_ERR(tls_try_accept(context, &t_port, &stream), BL_ETLS);
    CHECK_NE(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(plain_text_by_nc_is_no_tls, (t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_nc) {
    static const char text[] = "GET / HTTP/1.0\r\n\r\n";
    bl_tls_config config = server_config();
    bl_stream *stream = NULL;
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        peer_start("nc", "-N", "127.0.0.1", peer_port(&t_port.address));
    CHECK_OK(bl_stream_write_all(peer.stream, text, strlen(text), NULL));
    CHECK_ERR(tls_try_accept(context, &t_port, &stream), BL_ETLS);
    peer_end(&peer);
    bl_tls_context_unref(context);
}

/* ---- s_client ---------------------------------------------------------- */

/* Both say a line; then we say goodbye, and it goes. */
static void check_talk(bl_stream *stream, struct peer *peer) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(peer->stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
    CHECK_OK(bl_stream_write_all(stream, "welcome\n", 8, NULL));
    peer_await(peer, "welcome");
    CHECK_OK(bl_stream_close(stream));
}

TEST(s_client_is_a_client, (t_tmpdir, t_port, version), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    bl_tls_config config = server_config();
    config.alpn = "echo";
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_client(t_tmpdir, &t_port.address,
                 (struct extra){ { "-quiet", "-alpn", "other,echo",
                                   version_option(version) } });
    bl_stream *stream = tls_accept(context, &t_port);
    CHECK_STR(described(stream).version, version_name(version));
    CHECK_STR(described(stream).host, "localhost");
    CHECK_STR(described(stream).alpn, "echo");
    check_talk(stream, &peer);
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

static bl_tls_context *choose_other(void *arg, const char *host) {
    return host != NULL && strcmp(host, "localhost") == 0 ? arg : NULL;
}

TEST(s_client_gets_the_certificate_of_the_host_it_names, (t_tmpdir, t_port),
     .clock = T_CLOCK_REAL, .skip_if = no_openssl) {
    struct pki_cert own = pki_named("elsewhere.example");
    bl_tls_config config = server_config();
    bl_tls_context *right = tls_context(&config);
    config.certificates = own.certificate;
    config.key = own.key;
    config.choose = choose_other;
    config.choose_arg = right;
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_client(t_tmpdir, &t_port.address, (struct extra){ { "-quiet" } });
    bl_stream *stream = tls_accept(context, &t_port);
    check_talk(stream, &peer);
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
    bl_tls_context_unref(right);
}

TEST(s_client_shows_its_certificate, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    struct pki_cert own = pki_named("somebody");
    bl_tls_config config = server_config();
    config.ask = BL_TLS_ASK_DEMAND;
    bl_tls_context *context = tls_context(&config);
    struct peer peer = s_client(
        t_tmpdir, &t_port.address,
        (struct extra){ { "-quiet", "-cert",
                          peer_file(t_tmpdir, "cert.pem", own.certificate),
                          "-key", peer_file(t_tmpdir, "key.pem", own.key) } });
    bl_stream *stream = tls_accept(context, &t_port);
    CHECK_STR(described(stream).peer, "CN=somebody");
    CHECK(described(stream).is_verified);
    check_talk(stream, &peer);
    CHECK_EQ(peer_end(&peer), 0);

    peer = s_client(t_tmpdir, &t_port.address, (struct extra){ { "-quiet" } });
    CHECK_ERR(tls_try_accept(context, &t_port, &stream), BL_ECERT);
    CHECK_NE(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(s_client_resumes_its_session, (t_tmpdir, t_port, version),
     .clock = T_CLOCK_REAL, .skip_if = no_openssl) {
    const char *session = peer_path(t_tmpdir, "session.pem");
    bl_tls_config config = server_config();
    bl_tls_context *context = tls_context(&config);
    for (int i = 0; i < 2; i++) {
        struct peer peer = s_client(
            t_tmpdir, &t_port.address,
            (struct extra){ { "-quiet", version_option(version),
                              i == 0 ? "-sess_out" : "-sess_in", session } });
        bl_stream *stream = tls_accept(context, &t_port);
        CHECK_EQ(described(stream).is_resumed, i == 1);
        check_talk(stream, &peer);
        CHECK_EQ(peer_end(&peer), 0);
    }
    bl_tls_context_unref(context);
}

TEST(s_client_changes_keys, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    char bytes[8];
    bl_tls_config config = server_config();
    bl_tls_context *context;
    REQUIRE_OK(bl_tls_context_new(&config, &context)); /* not the kernel */
    struct peer peer =
        s_client(t_tmpdir, &t_port.address, (struct extra){ { NULL } });
    bl_stream *stream = tls_accept(context, &t_port);
    peer_await(&peer, "Verify return code: 0");
    peer_command(&peer, "K\n");
    peer_await(&peer, "KEYUPDATE");
    CHECK_OK(bl_stream_write_all(peer.stream, "hello\n", 6, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 6, NULL));
    CHECK_MEM(bytes, 6, "hello\n", 6);
    CHECK_OK(bl_tls_update_keys(stream));
    CHECK_OK(bl_stream_write_all(stream, "after\n", 6, NULL));
    peer_await(&peer, "after");
    peer_command(&peer, "Q\n");
    CHECK_EQ(bl_stream_read(stream, bytes, 8), 0); /* it said goodbye */
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}

TEST(s_client_cannot_negotiate_anew, (t_tmpdir, t_port), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    char bytes[8];
    bl_tls_config config = server_config();
    bl_tls_context *context = tls_context(&config);
    struct peer peer =
        s_client(t_tmpdir, &t_port.address, (struct extra){ { "-tls1_2" } });
    bl_stream *stream = tls_accept(context, &t_port);
    peer_await(&peer, "Verify return code: 0");
    peer_command(&peer, "R\n");
    CHECK_LT(bl_stream_read(stream, bytes, 8), 0); /* it gives up */
    bl_stream_abort(stream);
    CHECK_NE(peer_end(&peer), 0);
    bl_tls_context_unref(context);
}
