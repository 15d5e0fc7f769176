/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_context.c - what contexts are made of, and replaced by
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/famine.h"
#include "tls/pairs.h"
#include "tls/pki.h"

static int make(const bl_tls_config *config) {
    bl_tls_context *context;
    int rc = bl_tls_context_new(config, &context);
    if (rc == 0) bl_tls_context_unref(context);
    return rc;
}

static void check_invalid(const bl_tls_config *config) {
    bl_tls_context *context;
    CHECK_ERR(bl_tls_context_new(config, &context), BL_EINVAL);
}

TEST(a_context_needs_nothing) {
    bl_tls_context *context;
    REQUIRE_OK(bl_tls_context_new(NULL, &context));
    CHECK(bl_tls_context_ref(context) == context);
    bl_tls_context_unref(context);
    bl_tls_context_unref(context);
    bl_tls_context_unref(NULL);
    CHECK(bl_tls_context_ref(NULL) == NULL);
}

TEST(fields_that_are_not_valid_are_refused) {
    bl_tls_config good = server_config();
    bl_tls_config bad = good;
    CHECK_ERR(bl_tls_context_new(&good, NULL), BL_EINVAL);
    CHECK_ERR(bl_tls_context_reload(NULL, &good), BL_EINVAL);
    bad.size = 0;
    check_invalid(&bad);
    bad = good;
    bad.key = NULL;
    check_invalid(&bad);
    bad = good;
    bad.certificates = NULL;
    check_invalid(&bad);
    bad = good;
    bad.key_file = "key.pem"; /* beside the text */
    check_invalid(&bad);
    bad = good;
    bad.version_min = (bl_tls_version)9;
    check_invalid(&bad);
    bad = good;
    bad.ask = (bl_tls_ask)9;
    check_invalid(&bad);
    static const char *const alpns[] = { "", ",h2", "h2,", "h2,,http/1.1" };
    for (int i = 0; i < 4; i++) {
        bad = good;
        bad.alpn = alpns[i];
        check_invalid(&bad);
    }
}

TEST(what_is_no_pem_is_refused) {
    bl_tls_context *context;
    struct pki_cert other = pki_named("other");
    bl_tls_config good = server_config();
    bl_tls_config bad = good;
    bad.certificates = "nonsense";
    CHECK_ERR(bl_tls_context_new(&bad, &context), BL_ECERT);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ECERT)),
                   "certificates:");
    bad = good;
    bad.key = other.key; /* it fits another certificate */
    CHECK_ERR(bl_tls_context_new(&bad, &context), BL_ECERT);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ECERT)), "key");
    bad = good;
    bad.roots = good.key;
    CHECK_ERR(bl_tls_context_new(&bad, &context), BL_ECERT);
    bad = good;
    bad.revoked = "";
    CHECK_ERR(bl_tls_context_new(&bad, &context), BL_ECERT);
}

/* OpenSSL asks at the terminal unless it is told not to. */
TEST(a_key_with_a_password_is_refused_not_asked_about) {
    bl_tls_config bad = server_config();
    bad.key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
              "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjQ0mQ4hVBvQQICCAAw"
              "\n-----END ENCRYPTED PRIVATE KEY-----\n";
    CHECK_EQ(make(&bad), BL_ECERT);
}

static const char *write_file(const char *folder, const char *name,
                              const char *text, char *path, size_t bytes) {
    snprintf(path, bytes, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    REQUIRE(fputs(text, file) >= 0);
    REQUIRE_EQ(fclose(file), 0);
    return path;
}

TEST(files_are_read_at_once, (t_tmpdir)) {
    char paths[4][256];
    bl_tls_config text = server_config();
    bl_tls_config config = { .size = sizeof config };
    config.certificates_file =
        write_file(t_tmpdir, "cert.pem", text.certificates, paths[0], 256);
    config.key_file = write_file(t_tmpdir, "key.pem", text.key, paths[1], 256);
    config.roots_file =
        write_file(t_tmpdir, "roots.pem", pki_root(), paths[2], 256);
    config.revoked_file =
        write_file(t_tmpdir, "list.pem", pki_list(66), paths[3], 256);
    CHECK_OK(make(&config));
    config.key_file = "/nowhere/key.pem";
    CHECK_EQ(make(&config), -ENOENT);
    CHECK_CONTAINS(bl_error_message(bl_error_current(-ENOENT)),
                   "/nowhere/key.pem");
}

TEST(without_memory_no_context_is_made) {
    bl_tls_context *context = NULL;
    bl_tls_config config = server_config();
    for (int spare = 0; spare < 2; spare++) {
        famine_begin(spare);
        CHECK_ERR(bl_tls_context_new(&config, &context), BL_ENOMEM);
        famine_end();
    }
    CHECK(context == NULL);
}

TEST(a_handshake_without_memory_is_refused) {
    struct tls_pair pair;
    bl_stream *stream = NULL;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &client, &server, OVER_MEMORY);
    famine_begin(0);
    CHECK_ERR(bl_tls_connect(pair.client.context, pair.client.under, "x", NULL,
                             &stream),
              BL_ENOMEM);
    CHECK_ERR(
        bl_tls_accept(pair.server.context, pair.server.under, NULL, &stream),
        BL_ENOMEM);
    famine_end();
    CHECK(stream == NULL);
    pair_abort(&pair);
}

static int refuse(void *ssl_ctx, void *arg) {
    (void)ssl_ctx;
    return *(int *)arg;
}

TEST(who_configures_can_refuse) {
    int rc = BL_EPERM;
    bl_tls_config config = client_config();
    config.configure = refuse;
    config.configure_arg = &rc;
    CHECK_EQ(make(&config), BL_EPERM);
}

/* ---- reload ------------------------------------------------------------ */

static const char *peer_of_new(struct tls_pair *pair) {
    static char peer[256];
    pair_drop_streams(pair);
    pair_connect(pair, OVER_MEMORY);
    pair_shake(pair);
    REQUIRE_OK(pair->client.rc);
    snprintf(peer, sizeof peer, "%s", described(pair->client.stream).peer);
    return peer;
}

TEST(a_reload_is_for_new_connections_alone) {
    struct tls_pair pair;
    struct tls_pair old;
    char bytes[8];
    struct pki_cert own = pki_make(
        (struct pki_wish){ .name = "renewed", .names = "DNS:localhost" });
    bl_tls_config config = server_config();
    pair_open(&pair, OVER_MEMORY);
    old = pair;
    config.certificates = own.certificate;
    config.key = own.key;
    CHECK_OK(bl_tls_context_reload(pair.server.context, &config));
    REQUIRE_OK(bl_stream_write_all(old.client.stream, "still", 5, NULL));
    CHECK_OK(bl_stream_read_exactly(old.server.stream, bytes, 5, NULL));
    pair.client.stream = pair.server.stream = NULL;
    CHECK_STR(peer_of_new(&pair), "CN=renewed");
    CHECK_STR(described(old.client.stream).peer, "CN=localhost");
    pair_drop_streams(&old);

    config.key = "nonsense";
    CHECK_ERR(bl_tls_context_reload(pair.server.context, &config), BL_ECERT);
    CHECK_STR(peer_of_new(&pair), "CN=renewed"); /* as before */
    pair_abort(&pair);
}
