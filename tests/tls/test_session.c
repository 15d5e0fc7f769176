/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_session.c - sessions that are taken up again
 */
#include <belay/test.h>

#include <stdio.h>

#include "tls/pairs.h"
#include "tls/pki.h"

/* One more connection between the same contexts; whether it was resumed. */
static bool is_resumed(struct tls_pair *pair) {
    char byte;
    pair_drop_streams(pair);
    pair_connect(pair, OVER_MEMORY);
    pair_shake(pair);
    REQUIRE_OK(pair->client.rc);
    bool is = described(pair->client.stream).is_resumed;
    CHECK_EQ(described(pair->server.stream).is_resumed, is);
    CHECK(described(pair->client.stream).is_verified ||
          pair->client.options.is_unverified);
    /* By TLS 1.3 a session comes with what is read. */
    REQUIRE_OK(bl_stream_write_all(pair->server.stream, "x", 1, NULL));
    REQUIRE_OK(bl_stream_read_exactly(pair->client.stream, &byte, 1, NULL));
    return is;
}

static void make_pair(struct tls_pair *pair) {
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(pair, &client, &server, OVER_MEMORY);
}

TEST(a_second_connection_is_resumed) {
    struct tls_pair pair;
    make_pair(&pair);
    CHECK(!is_resumed(&pair));
    CHECK(is_resumed(&pair));
    CHECK(is_resumed(&pair));
    pair_abort(&pair);
}

TEST(a_session_is_for_one_host) {
    struct tls_pair pair;
    make_pair(&pair);
    CHECK(!is_resumed(&pair));
    pair_drop_streams(&pair);
    pair_connect(&pair, OVER_MEMORY);
    pair.client.host = "elsewhere.example";
    pair_shake(&pair);
    CHECK_ERR(pair.client.rc, BL_ECERTNAME);
    pair.client.host = "localhost";
    CHECK(is_resumed(&pair));
    pair_abort(&pair);
}

TEST(a_session_that_was_not_verified_is_worth_nothing) {
    struct tls_pair pair;
    make_pair(&pair);
    pair.client.options.is_unverified = true;
    CHECK(!is_resumed(&pair));
    CHECK(!is_resumed(&pair));
    pair.client.options.is_unverified = false;
    CHECK(!is_resumed(&pair));
    pair_abort(&pair);
}

TEST(many_hosts_push_the_oldest_out) {
    struct tls_pair pair;
    char names[40][32];
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    struct pki_cert own = pki_make(
        (struct pki_wish){ .name = "many", .names = "DNS:*.example.org" });
    server.certificates = own.certificate;
    server.key = own.key;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "host%d.example.org", i);
        pair.client.host = names[i];
        CHECK(!is_resumed(&pair));
    }
    CHECK(is_resumed(&pair));
    pair.client.host = names[0];
    CHECK(!is_resumed(&pair));
    pair_abort(&pair);
}

TEST(a_reload_ends_all_sessions) {
    struct tls_pair pair;
    bl_tls_config server = server_config();
    bl_tls_config client = client_config();
    make_pair(&pair);
    CHECK(!is_resumed(&pair));
    CHECK_OK(bl_tls_context_reload(pair.server.context, &server));
    CHECK(!is_resumed(&pair));
    CHECK(is_resumed(&pair));
    CHECK_OK(bl_tls_context_reload(pair.client.context, &client));
    CHECK(!is_resumed(&pair));
    pair_abort(&pair);
}

static bl_tls_context *choose_strict(void *arg, const char *host) {
    (void)host;
    return *(bl_tls_context **)arg;
}

/* Who was let in without a certificate where none is demanded does not get in
 * by that session where one is. */
TEST(a_session_is_for_one_context_of_a_server) {
    struct tls_pair pair;
    bl_tls_context *strict;
    bl_tls_context *chosen = NULL;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    bl_tls_config demanding = server;
    demanding.ask = BL_TLS_ASK_DEMAND;
    server.choose = choose_strict;
    server.choose_arg = &chosen;
    REQUIRE_OK(bl_tls_context_new(&demanding, &strict));
    pair_make(&pair, &client, &server, OVER_MEMORY);
    CHECK(!is_resumed(&pair));
    CHECK(is_resumed(&pair));
    chosen = strict;
    pair_drop_streams(&pair);
    pair_connect(&pair, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_EQ(pair.server.rc, BL_ECERT);
    pair_abort(&pair);
    bl_tls_context_unref(strict);
}
