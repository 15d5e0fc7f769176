/* SPDX-License-Identifier: MIT */
/*
 * http/server.c - serving connections, one request after the other
 *
 * bl_serve gives each connection a task, limits their number and ends them;
 * here is what that task does:
 *
 *     await a head --> answer it --> may it go on? --> await the next
 *          |                              |
 *          +-- the end, or too slow       +-- no
 *                        |                     |
 *                        +------> finish <-----+
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/scope.h>

#include <stdio.h>

#include "http/server.h"

enum {
    HEAD_BYTES = 16 * 1024,
    HEAD_BYTES_MAX = 64 * 1024,
    HEAD_BYTES_MIN = 256,
    TARGET_BYTES = 8 * 1024,
    FIELDS = 100,
    FIELDS_MAX = 10000,
    RATE = 240
};

static const uint64_t body_bytes = 1024 * 1024;

/* ---- the time of day ---------------------------------------------------- */

const char *bl__http_date(bl__http_server *server) {
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    if (BL__LIKELY(now == server->date_of)) return server->date;

    struct tm day;
    gmtime_r(&now, &day);
    server->date_of = now;
    int length =
        snprintf(server->date, sizeof server->date,
                 "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 days + 3 * day.tm_wday, day.tm_mday, months + 3 * day.tm_mon,
                 day.tm_year + 1900, day.tm_hour, day.tm_min, day.tm_sec);
    BL__ASSERT(length == BL__HTTP_DATE_BYTES - 1);
    return server->date;
}

/* ---- one connection ----------------------------------------------------- */

void bl__http_report(bl__http_connection *connection,
                     const bl_http_exchange *exchange, int rc) {
    const bl_http_options *options = &connection->server->options;
    connection->was_told = true;
    if (options->on_error != NULL) {
        options->on_error(exchange, connection->peer, rc, options->arg);
    }
    bl_error_handled(); /* it goes no further */
}

/* Whether a peer is told by an answer what was wrong. */
static bool is_answerable(bl_ssize code) {
    return code == BL_ETIMEDOUT ||
           (code <= BL_EHTTP_MALFORMED && code > BL_EHTTP_MALFORMED - 100 &&
            code != BL_EHTTP_TRUNCATED);
}

/* Answers requests until there are no more, or may be none. */
static int serve_requests(bl__http_connection *connection) {
    do {
        bl_ssize count = bl__http_connection_await(connection);
        if (count == 0) return 0;
        int rc;
        if (count > 0) {
            rc = bl__http_exchange_run(connection, (size_t)count);
        } else if (is_answerable(count)) {
            rc = bl__http_exchange_refuse(connection, (int)count);
        } else {
            rc = (int)count;
        }
        if (rc < 0) return rc;
    } while (connection->persists);
    return 0;
}

/* `*was_told` tells whether the program knows what has failed. */
static int serve_stream(bl__http_server *server, bl_stream *stream,
                        const bl_addr *peer, bl_token *stop, bool *was_told) {
    bl__http_connection *connection = bl__http_connection_new(server, stream);
    if (connection == NULL) return BL_ENOMEM;
    connection->peer = peer;
    connection->stop = stop;
    int rc = serve_requests(connection);
    if (rc == 0) rc = bl__http_connection_finish(connection);
    if (rc < 0) bl__http_connection_cut(connection);
    *was_told = connection->was_told;
    bl__http_connection_free(connection);
    return rc;
}

/* ---- many --------------------------------------------------------------- */

static int secure(bl__http_server *server, bl_connection *connection) {
    const bl_http_options *options = &server->options;
    bl_scope scope;
    bl_scope_enter_timeout(&scope, options->head_ns_max);
    int rc = options->secure(connection, options->secure_arg);
    return bl_scope_exit(&scope, rc);
}

/* The body of a connection's task. */
static int serve_one(bl_connection *connection) {
    bl__http_server *server = connection->arg;
    bl_token *stop = bl_connection_token(connection);
    bool was_told = false;
    int rc = 0;
    if (server->options.secure != NULL) rc = secure(server, connection);
    if (rc == 0) {
        rc = serve_stream(server, connection->stream, &connection->peer, stop,
                          &was_told);
    }
    if (was_told) connection->arg = NULL; /* see on_serve_error */
    if (bl_token_is_cancelled(stop)) {
        uint64_t *count = &server->stats->drained;
        if (rc == BL_ECANCELED) count = &server->stats->cut;
        ++*count;
    }
    return rc;
}

/* What a handler has failed with comes here again, from bl_serve. */
static void on_serve_error(const bl_connection *connection, int rc, void *arg) {
    const bl__http_server *server = arg;
    const bl_http_options *options = &server->options;
    const bl_addr *peer = connection != NULL ? &connection->peer : NULL;
    bool was_told = connection != NULL && connection->arg == NULL;
    if (options->on_error != NULL && !was_told) {
        options->on_error(NULL, peer, rc, options->arg);
    }
}

/* ---- options ------------------------------------------------------------ */

static void default_ns(bl_ns *value, bl_ns otherwise) {
    if (*value == 0) *value = otherwise;
}

static void fill_in(bl_http_options *options) {
    if (options->head_bytes_max == 0) options->head_bytes_max = HEAD_BYTES;
    if (options->target_bytes_max == 0) {
        options->target_bytes_max = TARGET_BYTES;
    }
    if (options->fields_max == 0) options->fields_max = FIELDS;
    if (options->body_bytes_max == 0) options->body_bytes_max = body_bytes;
    if (options->rate_min == 0) options->rate_min = RATE;
    default_ns(&options->idle_ns_max, BL_SEC(60));
    default_ns(&options->head_ns_max, BL_SEC(10));
    default_ns(&options->body_ns_max, BL_SEC(30));
    default_ns(&options->write_ns_max, BL_SEC(30));
    default_ns(&options->total_ns_max, BL_FOREVER);
}

static bool are_valid(const bl_http_options *options) {
    size_t head = options->head_bytes_max;
    if (head < HEAD_BYTES_MIN || head > HEAD_BYTES_MAX) return false;
    if (options->fields_max > FIELDS_MAX) return false;
    if ((options->serve == NULL) != (options->service == NULL)) return false;
    if (options->serve != NULL && options->stop != NULL) return false;
    if (options->idle_ns_max < 0 || options->head_ns_max < 0) return false;
    if (options->body_ns_max < 0 || options->write_ns_max < 0) return false;
    return options->total_ns_max >= 0 && options->grace >= 0;
}

static int server_init(bl__http_server *server, bl_http_handler *handler,
                       const bl_http_options *options) {
    if (handler == NULL) return BL_EINVAL;
    *server = (bl__http_server){ .handler = handler, .date_of = -1 };
    if (options != NULL) {
        if (options->size < sizeof *options) return BL_EINVAL;
        server->options = *options;
    }
    fill_in(&server->options);
    if (!are_valid(&server->options)) return BL_EINVAL;
    server->stats = server->options.stats;
    if (server->stats == NULL) server->stats = &server->own_stats;
    return 0;
}

/* ---- serving ------------------------------------------------------------ */

int bl_http_serve(bl_listener *listener, bl_http_handler *handler,
                  const bl_http_options *options) {
    bl__http_server server;
    int rc = server_init(&server, handler, options);
    if (rc < 0) return rc;
    const bl_http_options *filled = &server.options;
    bl_serve_options below = {
        .size = sizeof below,
        .arg = &server,
        .stop = filled->stop,
        .grace = filled->grace,
        .connections_max = filled->connections_max,
        .stack_bytes = filled->stack_bytes,
        .on_error = on_serve_error,
        .stats = &server.stats->connections,
    };
    if (filled->serve != NULL) {
        return filled->serve(filled->service, listener, serve_one, &below);
    }
    return bl_serve(listener, serve_one, &below);
}

int bl_http_serve_connection(bl_stream *stream, const bl_addr *peer,
                             bl_token *stop, bl_http_handler *handler,
                             const bl_http_options *options) {
    bl__http_server server;
    if (stream == NULL) return BL_EINVAL;
    int rc = server_init(&server, handler, options);
    if (rc < 0) return rc;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    bool was_told;
    return serve_stream(&server, stream, peer, stop, &was_told);
}
