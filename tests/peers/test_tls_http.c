/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_tls_http.c - curl asks our HTTP server over TLS
 */
#include <stdio.h>
#include <string.h>

#include <belay/http.h>

#include "peers/peer.h"
#include "peers/tls.h"
#include "tls/pairs.h"
#include "tls/pki.h"

PEER_NEEDED(curl)

struct site {
    bl_listener *listener;
    bl_event stop;
    bl_tls_context *context;
    bl_http_stats stats;
};

static int say_length(bl_http_exchange *exchange, void *arg) {
    char text[32];
    char *data;
    size_t bytes;
    (void)arg;
    int rc = bl_http_body_take(exchange->body, 200000, &data, &bytes);
    if (rc < 0) return rc;
    bl_free(data);
    snprintf(text, sizeof text, "%zu ", bytes);
    return bl_http_reply_text(exchange, 200, text);
}

/* As the guide shows it. */
static int secure(bl_connection *connection, void *arg) {
    bl_stream *secured;
    int rc = bl_tls_accept(arg, connection->stream, NULL, &secured);
    if (rc == 0) connection->stream = secured;
    return rc;
}

static int site_run(void *arg) {
    struct site *site = arg;
    bl_http_options options = { .size = sizeof options,
                                .stop = &site->stop,
                                .secure = secure,
                                .secure_arg = site->context,
                                .stats = &site->stats };
    return bl_http_serve(site->listener, say_length, &options);
}

TEST(curl_asks_over_tls, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    static char body[100001];
    struct site site = { .listener = NULL };
    char url[64];
    char bytes[64] = "";
    bl_addr any;
    BL_GROUP_SCOPED(group);
    bl_event_init(&site.stop);
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    REQUIRE_OK(bl_tcp_listen(&any, &site.listener));
    bl_addr address = bl_listener_address(site.listener);
    bl_tls_config config = server_config();
    site.context = tls_context(&config);
    REQUIRE_OK(bl_spawn(&group, site_run, &site));

    snprintf(url, sizeof url, "https://localhost:%s/", peer_port(&address));
    memset(body, 'x', sizeof body - 1);
    char data[512];
    snprintf(data, sizeof data, "@%s", peer_file(t_tmpdir, "body", body));
    struct peer peer = peer_start(
        "curl", "-s", "--cacert", peer_file(t_tmpdir, "roots.pem", pki_root()),
        "-w", "%{num_connects} ", "--data-binary", data, url, url);
    size_t count = 0;
    bl_ssize got;
    do {
        got = bl_reader_read(&peer.reader, bytes + count,
                             sizeof bytes - 1 - count);
        if (got > 0) count += (size_t)got;
    } while (got > 0);
    CHECK_STR(bytes, "100000 1 100000 0 ");
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_EQ(site.stats.requests, 2);
    bl_event_set(&site.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_tls_context_unref(site.context);
}
