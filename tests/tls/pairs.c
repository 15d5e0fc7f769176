/* SPDX-License-Identifier: MIT */
/*
 * tls/pairs.c - a client and a server, connected and shaking hands
 */
#include "tls/pairs.h"

#include <belay/test.h>

#include <fcntl.h>

#include "support/sockets.h"
#include "tls/pki.h"

bl_tls_config server_config(void) {
    struct pki_cert own = pki_named("localhost");
    return (bl_tls_config){
        .size = sizeof(bl_tls_config),
        .certificates = own.certificate,
        .key = own.key,
        .roots = pki_root(),
    };
}

bl_tls_config client_config(void) {
    return (bl_tls_config){
        .size = sizeof(bl_tls_config),
        .roots = pki_root(),
    };
}

/* Streams of both descriptors, or of none. */
static int take_both(const int fds[2], bl_stream *ends[2]) {
    int rc = bl_stream_take_fd(fds[0], &ends[0]);
    if (rc < 0) {
        bl_fd_close(fds[0]);
        bl_fd_close(fds[1]);
        return rc;
    }
    rc = bl_stream_take_fd(fds[1], &ends[1]);
    if (rc == 0) return 0;
    bl_stream_abort(ends[0]);
    bl_fd_close(fds[1]);
    return rc;
}

/* The kernel is left out where a descriptor blocks. */
static void unblock_both(const int fds[2]) {
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(fcntl(fds[i], F_SETFL, O_NONBLOCK));
    }
}

int pair_try_connect(struct tls_pair *pair, enum tls_carrier carrier) {
    int rc;
    if (carrier >= OVER_TCP) {
        int fds[2];
        tcp_pair(fds);
        if (carrier > OVER_TCP) unblock_both(fds);
        rc = take_both(fds, pair->ends);
    } else {
        rc = bl_mem_pair(0, pair->ends);
    }
    if (rc < 0) return rc;
    for (int i = 0; i < 2 && carrier == BYTE_BY_BYTE; i++) {
        REQUIRE_OK(bl_mem_limit(pair->ends[i], 1, 1));
    }
    pair->client.under = pair->ends[0];
    pair->server.under = pair->ends[1];
    return 0;
}

void pair_connect(struct tls_pair *pair, enum tls_carrier carrier) {
    REQUIRE_OK(pair_try_connect(pair, carrier));
}

static void make_context(const bl_tls_config *config, enum tls_carrier carrier,
                         bl_tls_context **context) {
    bl_tls_config own = *config;
    if (carrier == OVER_KERNEL) own.uses_kernel = true;
    REQUIRE_OK(bl_tls_context_new(&own, context));
}

void pair_make(struct tls_pair *pair, const bl_tls_config *client,
               const bl_tls_config *server, enum tls_carrier carrier) {
    *pair = (struct tls_pair){
        .client = { .host = "localhost",
                    .options = { .size = sizeof(bl_tls_options) } },
        .server = { .options = { .size = sizeof(bl_tls_options) } },
    };
    make_context(client, carrier, &pair->client.context);
    make_context(server, carrier, &pair->server.context);
    pair_connect(pair, carrier);
}

int pair_try_make(struct tls_pair *pair, enum tls_carrier carrier) {
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    *pair = (struct tls_pair){ .client = { .host = "localhost" } };
    client.uses_kernel = server.uses_kernel = carrier == OVER_KERNEL;
    int rc = bl_tls_context_new(&client, &pair->client.context);
    if (rc == 0) rc = bl_tls_context_new(&server, &pair->server.context);
    if (rc < 0) CHECK_ALWAYS(rc == BL_ENOMEM);
    return rc < 0 ? rc : pair_try_connect(pair, carrier);
}

/* A lower stream is taken, or aborted so that the other end is not kept. */
static void end_shaken(struct tls_end *end) {
    if (end->rc < 0) bl_stream_abort(end->under);
    end->under = NULL;
}

static int shake_server(void *arg) {
    struct tls_end *end = arg;
    end->rc =
        bl_tls_accept(end->context, end->under, &end->options, &end->stream);
    end_shaken(end);
    return 0;
}

void pair_shake(struct tls_pair *pair) {
    struct tls_end *end = &pair->client;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, shake_server, &pair->server));
    end->rc = bl_tls_connect(end->context, end->under, end->host, &end->options,
                             &end->stream);
    end_shaken(end);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

void pair_open(struct tls_pair *pair, enum tls_carrier carrier) {
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(pair, &client, &server, carrier);
    pair_shake(pair);
    REQUIRE_OK(pair->client.rc);
    REQUIRE_OK(pair->server.rc);
}

static void end_drop(struct tls_end *end) {
    bl_stream_abort(end->stream);
    bl_stream_abort(end->under);
    end->stream = NULL;
    end->under = NULL;
}

void pair_drop_streams(struct tls_pair *pair) {
    end_drop(&pair->client);
    end_drop(&pair->server);
}

void pair_abort(struct tls_pair *pair) {
    pair_drop_streams(pair);
    bl_tls_context_unref(pair->client.context);
    bl_tls_context_unref(pair->server.context);
}

bl_tls_info described(const bl_stream *stream) {
    bl_tls_info info = { 0 };
    REQUIRE_OK(bl_tls_describe(stream, &info));
    return info;
}
