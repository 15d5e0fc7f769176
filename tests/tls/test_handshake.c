/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_handshake.c - who is believed, what is agreed on
 *
 *     Legs: kernel
 */
#include <belay/test.h>

#include <openssl/ssl.h>
#include <string.h>

#include "support/host.h"
#include "tls/pairs.h"
#include "tls/pki.h"

PARAM(int, carrier, OVER_MEMORY, BYTE_BY_BYTE, OVER_TCP, OVER_KERNEL);

static void check_talk(struct tls_pair *pair) {
    char bytes[8];
    CHECK_OK(bl_stream_write_all(pair->client.stream, "hello", 5, NULL));
    CHECK_OK(bl_stream_read_exactly(pair->server.stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "hello", 5);
    CHECK_OK(bl_stream_write_all(pair->server.stream, "you", 3, NULL));
    CHECK_OK(bl_stream_read_exactly(pair->client.stream, bytes, 3, NULL));
    CHECK_MEM(bytes, 3, "you", 3);
}

TEST(two_ends_agree_and_talk, (carrier)) {
    struct tls_pair pair;
    pair_open(&pair, (enum tls_carrier)carrier);
    bl_tls_info client = described(pair.client.stream);
    bl_tls_info server = described(pair.server.stream);
    CHECK_STR(client.version, "TLSv1.3");
    CHECK_STR(server.host, "localhost");
    CHECK_STR(client.peer, "CN=localhost");
    CHECK_STR(server.peer, "");
    CHECK_STR(client.alpn, "");
    CHECK(client.is_verified);
    CHECK(!server.is_verified);
    CHECK(!client.is_resumed);
    CHECK_EQ(bl_stream_fd(pair.client.stream), -1); /* nobody gets past it */
    check_talk(&pair);
    CHECK_OK(bl_stream_close(pair.client.stream));
    CHECK_OK(bl_stream_close(pair.server.stream));
    pair.client.stream = pair.server.stream = NULL;
    pair_abort(&pair);
}

/* ---- certificates that are not believed -------------------------------- */

struct refusal {
    struct pki_wish wish;
    const char *host;
    int code;
    const char *text;
    bool is_strange; /* the client believes another authority */
    bool is_listed;  /* the client has a list with serial 66 */
};

static const struct refusal refusals[] = {
    { .wish = { .name = "localhost" },
      .host = "elsewhere.example",
      .code = BL_ECERTNAME,
      .text = "hostname mismatch" },
    { .wish = { .name = "localhost" },
      .host = "127.0.0.1",
      .code = BL_ECERTNAME,
      .text = "IP address mismatch" },
    { .wish = { .name = "localhost", .begins_s = -7200, .ends_s = -3600 },
      .code = BL_ECERTEXPIRED,
      .text = "has expired" },
    { .wish = { .name = "localhost", .begins_s = 3600, .ends_s = 7200 },
      .code = BL_ECERTEXPIRED,
      .text = "not yet valid" },
    { .wish = { .name = "localhost" },
      .is_strange = true,
      .code = BL_ECERTUNKNOWN,
      .text = "issuer" },
    { .wish = { .name = "localhost", .is_self_signed = true },
      .code = BL_ECERTSELF,
      .text = "self-signed" },
    { .wish = { .name = "localhost", .serial = 66 },
      .is_listed = true,
      .code = BL_ECERTREVOKED,
      .text = "revoked" },
    { .wish = { .name = "localhost" },
      .is_strange = true,
      .is_listed = true,
      .code = BL_ECERTUNKNOWN,
      .text = "issuer" },
};

PARAM(int, refused, 0, 1, 2, 3, 4, 5, 6, 7);

TEST(a_bad_certificate_is_refused_by_its_code, (refused)) {
    const struct refusal *refusal = &refusals[refused];
    struct pki_cert own = pki_make(refusal->wish);
    bl_tls_config server = server_config();
    bl_tls_config client = client_config();
    struct tls_pair pair;
    server.certificates = own.certificate;
    server.key = own.key;
    if (refusal->is_strange) client.roots = pki_stranger();
    if (refusal->is_listed) client.revoked = pki_list(66);
    pair_make(&pair, &client, &server, OVER_MEMORY);
    if (refusal->host != NULL) pair.client.host = refusal->host;
    pair_shake(&pair);
    CHECK_ERR(pair.client.rc, refusal->code);
    const bl_error *error = bl_error_current(refusal->code);
    REQUIRE(error != NULL);
    CHECK_CONTAINS(bl_error_message(error), refusal->text);
    CHECK_CONTAINS(bl_error_message(error), pair.client.host);
    CHECK_ERR(pair.server.rc, BL_ETLSALERT);
    pair_abort(&pair);
}

TEST(a_certificate_without_a_list_by_its_issuer_is_bad) {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.revoked = pki_list(66);
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc); /* it is not on the list */
    pair_abort(&pair);

    struct pki_cert own =
        pki_make((struct pki_wish){ .name = "x", .is_self_signed = true });
    client.roots = own.certificate;
    server.certificates = own.certificate;
    server.key = own.key;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair.client.host = "x";
    pair_shake(&pair);
    CHECK_ERR(pair.client.rc, BL_ECERT);
    pair_abort(&pair);
}

TEST(who_does_not_verify_talks_to_anybody) {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.roots = pki_stranger();
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair.client.options.is_unverified = true;
    pair.client.host = NULL;
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK(!described(pair.client.stream).is_verified);
    CHECK_STR(described(pair.server.stream).host, "");
    check_talk(&pair);
    pair_abort(&pair);
}

TEST(an_address_is_a_name_too) {
    struct tls_pair pair;
    struct pki_cert own = pki_make((struct pki_wish){
        .name = "loop", .names = "IP:127.0.0.1,DNS:*.example.org" });
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    server.certificates = own.certificate;
    server.key = own.key;
    static const char *const hosts[] = { "127.0.0.1", "www.example.org",
                                         "www.example.org." };
    for (int i = 0; i < 3; i++) {
        pair_make(&pair, &client, &server, OVER_MEMORY);
        pair.client.host = hosts[i];
        pair_shake(&pair);
        CHECK_OK(pair.client.rc);
        CHECK_STR(described(pair.server.stream).host,
                  i == 0 ? "" : "www.example.org");
        pair_abort(&pair);
    }
}

/* ---- certificates of clients ------------------------------------------- */

TEST(a_client_shows_its_certificate) {
    struct tls_pair pair;
    struct pki_cert own = pki_named("somebody");
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.certificates = own.certificate;
    client.key = own.key;
    server.ask = BL_TLS_ASK_DEMAND;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_OK(pair.server.rc);
    CHECK(described(pair.server.stream).is_verified);
    CHECK_STR(described(pair.server.stream).peer, "CN=somebody");
    check_talk(&pair);
    pair_abort(&pair);
}

TEST(without_one_it_gets_in_only_where_it_is_not_demanded) {
    struct tls_pair pair;
    char byte;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    server.ask = BL_TLS_ASK_OFFER;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.server.rc);
    CHECK(!described(pair.server.stream).is_verified);
    pair_abort(&pair);

    server.ask = BL_TLS_ASK_DEMAND;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_ERR(pair.server.rc, BL_ECERT);
    if (pair.client.rc == 0) { /* it learns of it by what it reads */
        CHECK_ERR(bl_stream_read(pair.client.stream, &byte, 1), BL_ETLSALERT);
        CHECK_ERR(bl_stream_read(pair.client.stream, &byte, 1), BL_ETLSALERT);
        CHECK_ERR(bl_stream_write(pair.client.stream, &byte, 1), BL_ETLSALERT);
        CHECK_OK(bl_stream_close(pair.client.stream));
        pair.client.stream = NULL;
    } else { /* it was refused while it was still writing */
        CHECK_ERR(pair.client.rc, BL_ETLSALERT);
    }
    pair_abort(&pair);
}

TEST(a_bad_one_is_worse_than_none) {
    struct tls_pair pair;
    struct pki_cert own =
        pki_make((struct pki_wish){ .name = "me", .is_self_signed = true });
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.certificates = own.certificate;
    client.key = own.key;
    server.ask = BL_TLS_ASK_OFFER;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_ERR(pair.server.rc, BL_ECERTSELF);
    pair_abort(&pair);
}

/* ---- versions and protocols -------------------------------------------- */

static int only_up_to(void *ssl_ctx, void *arg) {
    SSL_CTX *ctx = ssl_ctx;
    const int *version = arg;
    SSL_CTX_set_security_level(ctx, 0);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) != 1) return BL_EIO;
    return SSL_CTX_set_max_proto_version(ctx, *version) == 1 ? 0 : BL_EIO;
}

TEST(an_old_version_is_refused) {
    static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION,
                                    TLS1_2_VERSION };
    for (int i = 0; i < 3; i++) {
        struct tls_pair pair;
        int version = versions[i];
        bl_tls_config client = client_config();
        bl_tls_config server = server_config();
        client.configure = only_up_to;
        client.configure_arg = &version;
        if (version == TLS1_2_VERSION) {
            server.version_min = BL_TLS_VERSION_1_3;
        }
        pair_make(&pair, &client, &server, OVER_MEMORY);
        pair_shake(&pair);
        CHECK_ERR(pair.server.rc, BL_ETLS);
        CHECK_ERR(pair.client.rc, BL_ETLSALERT);
        pair_abort(&pair);
    }
}

TEST(tls_1_2_is_spoken_with_who_knows_no_better) {
    struct tls_pair pair;
    int version = TLS1_2_VERSION;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.configure = only_up_to;
    client.configure_arg = &version;
    pair_make(&pair, &client, &server, BYTE_BY_BYTE);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_STR(described(pair.client.stream).version, "TLSv1.2");
    CHECK_ERR(bl_tls_update_keys(pair.client.stream), BL_ENOTSUP);
    check_talk(&pair);
    pair_abort(&pair);
}

TEST(a_protocol_is_agreed_on) {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.alpn = "http/1.1,h2";
    server.alpn = "h3,h2,http/1.1";
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_STR(described(pair.client.stream).alpn, "h2"); /* the server's best */
    CHECK_STR(described(pair.server.stream).alpn, "h2");
    pair_abort(&pair);

    server.alpn = NULL; /* it does not care */
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_STR(described(pair.client.stream).alpn, "");
    pair_abort(&pair);

    server.alpn = "gopher";
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_ERR(pair.server.rc, BL_ETLS);
    CHECK_ERR(pair.client.rc, BL_ETLSALERT);
    pair_abort(&pair);
}

static bl_tls_context *choose_by_name(void *arg, const char *host) {
    return host != NULL && strcmp(host, "second.example") == 0 ? arg : NULL;
}

TEST(the_name_that_is_asked_for_chooses_the_certificate) {
    struct tls_pair pair;
    struct pki_cert own = pki_named("second.example");
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    bl_tls_config other = server;
    bl_tls_context *second;
    other.certificates = own.certificate;
    other.key = own.key;
    other.alpn = "special";
    client.alpn = "special";
    REQUIRE_OK(bl_tls_context_new(&other, &second));
    server.choose = choose_by_name;
    server.choose_arg = second;
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair.client.host = "second.example";
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_STR(described(pair.client.stream).peer, "CN=second.example");
    CHECK_STR(described(pair.client.stream).alpn, "special");
    pair_drop_streams(&pair);

    pair.client.host = "localhost";
    pair_connect(&pair, OVER_MEMORY);
    pair_shake(&pair);
    CHECK_OK(pair.client.rc);
    CHECK_STR(described(pair.client.stream).peer, "CN=localhost");
    pair_abort(&pair);
    bl_tls_context_unref(second);
}

/* ---- ends and nonsense ------------------------------------------------- */

static int close_end(void *arg) {
    return bl_stream_close(arg);
}

TEST(a_peer_that_closes_in_the_middle_is_told_of) {
    struct tls_pair pair;
    bl_tls_config config = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &config, &server, OVER_MEMORY);
    REQUIRE_OK(close_end(pair.server.under));
    pair.client.rc = bl_tls_connect(pair.client.context, pair.client.under,
                                    "localhost", NULL, &pair.client.stream);
    CHECK_ERR(pair.client.rc, BL_EPIPE);
    bl_stream_abort(pair.client.under);
    pair_connect(&pair, OVER_MEMORY);
    REQUIRE_OK(bl_stream_shutdown_write(pair.client.under));
    CHECK_ERR(bl_tls_accept(pair.server.context, pair.server.under, NULL,
                            &pair.server.stream),
              BL_ETLSTRUNCATED);
    pair_drop_streams(&pair);
    pair_connect(&pair, OVER_MEMORY);
    REQUIRE_OK(bl_stream_shutdown_write(pair.server.under));
    CHECK_ERR(bl_tls_connect(pair.client.context, pair.client.under,
                             "localhost", NULL, &pair.client.stream),
              BL_ETLSTRUNCATED);
    pair_abort(&pair);
}

TEST(a_server_that_speaks_something_else_is_refused) {
    static const char banner[] = "220 mail.example ESMTP ready\r\n";
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &client, &server, OVER_MEMORY);
    REQUIRE_OK(bl_stream_write_all(pair.server.under, banner, sizeof banner - 1,
                                   NULL));
    CHECK_ERR(bl_tls_connect(pair.client.context, pair.client.under,
                             "localhost", NULL, &pair.client.stream),
              BL_ETLS);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ETLS)),
                   "wrong version number");
    pair_abort(&pair);
}

struct shaking {
    struct tls_pair *pair;
    int client_rc;
    int server_rc;
};

static int shake_client_alone(void *arg) {
    struct shaking *shaking = arg;
    struct tls_end *end = &shaking->pair->client;
    shaking->client_rc = bl_tls_connect(end->context, end->under, "localhost",
                                        NULL, &end->stream);
    return 0;
}

static int shake_server_alone(void *arg) {
    struct shaking *shaking = arg;
    struct tls_end *end = &shaking->pair->server;
    shaking->server_rc =
        bl_tls_accept(end->context, end->under, NULL, &end->stream);
    return 0;
}

TEST(a_cancelled_handshake_leaves_the_lower_stream_to_its_owner) {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &client, &server, OVER_MEMORY);
    struct shaking shaking = { .pair = &pair };
    bl_task_fn *const bodies[] = { shake_client_alone, shake_server_alone };
    for (int i = 0; i < 2; i++) {
        BL_GROUP_SCOPED(group);
        pair_drop_streams(&pair);
        pair_connect(&pair, OVER_MEMORY);
        REQUIRE_OK(bl_spawn(&group, bodies[i], &shaking));
        t_settle();
        bl_group_cancel(&group);
        CHECK_OK(bl_group_exit(&group, 0));
    }
    CHECK_ERR(shaking.client_rc, BL_ECANCELED);
    CHECK_ERR(shaking.server_rc, BL_ECANCELED);
    CHECK(pair.client.stream == NULL && pair.server.stream == NULL);
    CHECK_OK(bl_stream_close(pair.client.under)); /* it is still ours */
    pair.client.under = NULL;
    pair_abort(&pair);
}

/* ---- bad arguments ----------------------------------------------------- */

static void shake_without_loop(void *arg) {
    struct tls_pair *pair = arg;
    bl_stream *stream;
    CHECK_ERR(bl_tls_connect(pair->client.context, pair->client.under, "x",
                             NULL, &stream),
              BL_ENOLOOP);
    CHECK_ERR(
        bl_tls_accept(pair->server.context, pair->server.under, NULL, &stream),
        BL_ENOLOOP);
}

TEST(bad_arguments_are_refused) {
    struct tls_pair pair;
    bl_stream *stream;
    bl_tls_info info;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    char name[400];
    memset(name, 'a', sizeof name);
    name[399] = '\0';
    pair_make(&pair, &client, &server, OVER_MEMORY);
    bl_tls_context *context = pair.client.context;
    bl_stream *under = pair.client.under;
    bl_tls_options bad = { .size = 1 };
    CHECK_ERR(bl_tls_connect(NULL, under, "x", NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, NULL, "x", NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, under, NULL, NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, under, "", NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, under, name, NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, under, "x", &bad, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_connect(context, under, "x", NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_tls_accept(context, under, NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_accept(NULL, under, NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tls_describe(under, &info), BL_EINVAL);
    CHECK_ERR(bl_tls_describe(NULL, &info), BL_EINVAL);
    CHECK_ERR(bl_tls_update_keys(under), BL_EINVAL);
    CHECK(bl_tls_ssl(under) == NULL);
    on_thread(shake_without_loop, &pair);
    pair_abort(&pair);
}

/* ---- everything at every point ----------------------------------------- */

static int serve_once(void *arg) {
    struct tls_end *end = arg;
    char bytes[8];
    int rc = bl_tls_accept(end->context, end->under, NULL, &end->stream);
    if (rc < 0) {
        bl_stream_abort(end->under);
        end->under = NULL;
        return rc;
    }
    end->under = NULL;
    rc = bl_stream_read_exactly(end->stream, bytes, 5, NULL);
    if (rc == 0) rc = bl_stream_write_all(end->stream, bytes, 5, NULL);
    if (rc < 0) {
        bl_stream_abort(end->stream);
    } else {
        rc = bl_stream_close(end->stream);
    }
    end->stream = NULL;
    return rc;
}

static int ask_once(struct tls_end *end) {
    char bytes[8];
    int rc = bl_tls_connect(end->context, end->under, "localhost", NULL,
                            &end->stream);
    if (rc < 0) {
        bl_stream_abort(end->under);
        end->under = NULL;
        return rc;
    }
    end->under = NULL;
    rc = bl_stream_write_all(end->stream, "hello", 5, NULL);
    if (rc == 0) rc = bl_stream_read_exactly(end->stream, bytes, 5, NULL);
    if (rc == 0) CHECK_ALWAYS(memcmp(bytes, "hello", 5) == 0);
    bl_ssize count = rc == 0 ? bl_stream_read(end->stream, bytes, 8) : 0;
    if (count >= 0) CHECK_ALWAYS(count == 0);
    if (rc == 0 && count < 0) rc = (int)count;
    if (rc < 0) {
        bl_stream_abort(end->stream);
    } else {
        rc = bl_stream_close(end->stream);
    }
    end->stream = NULL;
    return rc;
}

static void ask_and_serve(enum tls_carrier carrier) {
    struct tls_pair pair;
    int rc = pair_try_make(&pair, carrier);
    if (rc < 0) {
        CHECK_OK(rc);
        pair_abort(&pair);
        return;
    }
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, serve_once, &pair.server);
        if (rc < 0) break;
        rc = ask_once(&pair.client);
    }
    CHECK_OK(rc);
    bl_error_handled();
    pair_abort(&pair);
}

TEST(a_conversation_survives_every_cancellation_and_lack_of_memory,
     .sweep = T_CANCEL | T_OOM) {
    ask_and_serve(OVER_MEMORY);
}

TEST(a_conversation_survives_every_fault, .sweep = T_IO) {
    ask_and_serve(OVER_TCP);
}

TEST(a_conversation_in_any_order, .schedules = 50, .short_io = true) {
    ask_and_serve(OVER_MEMORY);
}
