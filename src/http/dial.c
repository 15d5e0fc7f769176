/* SPDX-License-Identifier: MIT */
/*
 * http/dial.c - connecting: by name, through a proxy, with TLS
 *
 *     http              a connection to the host
 *     http, by proxy    a connection to the proxy, which hands requests on
 *     https             a connection, TLS
 *     https, by proxy   a connection to the proxy, CONNECT, TLS
 *
 * A proxy may itself be spoken to by TLS.  All of it has one time limit.
 *
 * How names are looked up, and TLS, are functions that the client was given:
 * this library links neither c-ares nor OpenSSL.
 */
#include <belay/error.h>
#include <belay/scope.h>

#include <stdio.h>

#include "base/alloc.h"
#include "http/client.h"

enum {
    DIAL_NAME_BYTES = 300, /* "host:port" */
    DIAL_HEAD_BYTES = 8192,
    DIAL_FIELDS_MAX = 64,
    DIAL_HEADS_MAX = 16 /* with those of 1xx */
};

/* "host:port", or "[address]:port". */
static void name_of(const bl_url *url, char name[DIAL_NAME_BYTES]) {
    const char *format = url->is_v6 ? "[%s]:%u" : "%s:%u";
    int length =
        snprintf(name, DIAL_NAME_BYTES, format, url->host, (unsigned)url->port);
    BL__ASSERT(length < DIAL_NAME_BYTES);
}

static int dial_plain(const bl_http_client *client, const bl_url *to,
                      bl_stream **stream) {
    const bl_http_client_options *options = &client->options;
    char name[DIAL_NAME_BYTES];
    name_of(to, name);
    if (options->dial != NULL) {
        return options->dial(options->dial_arg, name, stream);
    }
    return bl_connect_name(name, options->connect, stream);
}

/* Puts TLS over `*stream`, which is aborted if that fails. */
static int dial_secure(const bl_http_client *client, const bl_url *to,
                       bl_stream **stream) {
    const bl_http_client_options *options = &client->options;
    bl_stream *above = NULL;
    int rc =
        options->secure == NULL
            ? BL_ENOTSUP
            : options->secure(options->secure_arg, *stream, to->host, &above);
    if (rc < 0) {
        bl_stream_abort(*stream);
        return rc;
    }
    *stream = above;
    return 0;
}

static int dial_one(const bl_http_client *client, const bl_url *to,
                    bl_stream **stream) {
    bl_stream *dialed = NULL;
    int rc = dial_plain(client, to, &dialed);
    if (rc == 0 && to->is_secure) rc = dial_secure(client, to, &dialed);
    if (rc == 0) *stream = dialed;
    return rc;
}

/* ---- through a proxy ----------------------------------------------------- */

/* "CONNECT host:port HTTP/1.1" and what goes with it. */
static int tunnel_ask(bl_stream *stream, const bl_url *url, const bl_url *proxy,
                      bl__http_output *output) {
    char name[DIAL_NAME_BYTES];
    name_of(url, name);
    int rc = bl__http_put_request(output, "CONNECT", name);
    if (rc == 0) rc = bl__http_put_field(output, "Host", name);
    if (rc == 0) {
        rc = bl__http_put_basic(output, "Proxy-Authorization", proxy->userinfo);
    }
    if (rc < 0) return rc;
    bl__http_put_literal(output, "\r\n");
    if (output->is_full) return BL_EMSGSIZE;
    return bl_stream_write_all(stream, output->bytes, output->count, NULL);
}

static int tunnel_answer(bl__http_input *input) {
    bl_http_field items[DIAL_FIELDS_MAX];
    bl__http_head head;
    for (int i = 0; i < DIAL_HEADS_MAX; i++) {
        int rc = bl__http_read_head(input, bl__http_input_fill, DIAL_HEAD_BYTES,
                                    items, DIAL_FIELDS_MAX, &head);
        if (rc < 0) return rc;
        if (head.status >= 300) {
            return BL_ERR(BL_EHTTP_PROXY, "the proxy answers %d %s",
                          head.status, head.reason);
        }
        if (head.status < 200) continue;
        /* The host does not speak first, so whoever does is not the host. */
        return bl__http_input_count(input) > 0 ? BL_EHTTP_MALFORMED : 0;
    }
    return BL_EHTTP_MALFORMED;
}

/* Asks the proxy at the other end of `stream` for a way to the host. */
static int dial_tunnel(bl_stream *stream, const bl_url *url,
                       const bl_url *proxy) {
    char *bytes = bl__alloc(DIAL_HEAD_BYTES);
    if (bytes == NULL) return BL_ENOMEM;
    bl__http_output output = { .bytes = bytes, .capacity = DIAL_HEAD_BYTES };
    int rc = tunnel_ask(stream, url, proxy, &output);
    if (rc == 0) {
        bl__http_input input = { .stream = stream,
                                 .bytes = bytes,
                                 .capacity = DIAL_HEAD_BYTES };
        rc = tunnel_answer(&input);
    }
    bl__free(bytes);
    return rc;
}

/* ---- all of it ----------------------------------------------------------- */

static int dial(const bl_http_client *client, const bl_url *url,
                const bl_url *proxy, bl_stream **stream) {
    bl_stream *dialed = NULL;
    if (proxy == NULL) return dial_one(client, url, stream);
    int rc = dial_one(client, proxy, &dialed);
    if (rc < 0) return rc;
    if (url->is_secure) {
        rc = dial_tunnel(dialed, url, proxy);
        if (rc < 0) {
            bl_stream_abort(dialed);
            return rc;
        }
        rc = dial_secure(client, url, &dialed);
        if (rc < 0) return rc;
    }
    *stream = dialed;
    return 0;
}

int bl__http_dial(bl_http_client *client, const bl_url *url,
                  const bl_url *proxy, bl_stream **stream) {
    bl_stream *dialed = NULL;
    bl_scope scope = { 0 };
    bl_scope_enter_timeout(&scope, client->options.connect_ns_max);
    int rc = dial(client, url, proxy, &dialed);
    rc = bl_scope_exit(&scope, rc);
    if (rc == BL_ETIMEDOUT && bl_scope_is_expired(&scope)) {
        return BL_ERR(rc, "no connection to %s in time", url->authority);
    }
    if (rc == 0) *stream = dialed;
    return rc;
}
