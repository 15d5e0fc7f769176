/* SPDX-License-Identifier: MIT */
/*
 * http/exchange.c - one request: what is asked, the handler, and what is left
 *
 * A request is refused before its handler is called, or the handler is called
 * exactly once and the answer is completed, or the connection ends.  Before
 * the next request is looked for, the body of this one has been read to its
 * end: what is left of it is read and forgotten if that is little, and is a
 * reason to close the connection otherwise.
 */
#include <belay/error.h>
#include <belay/scope.h>

#include <strings.h>

#include "base/site.h"
#include "http/server.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

enum {
    CONTINUE_BYTES = sizeof CONTINUE - 1
};

/* ---- what is asked ------------------------------------------------------ */

/*
 * Splits "http://host/path": the host moves to the left, so that it can be
 * ended by NUL and the path keeps its slash.
 */
static int split_absolute(bl_http_exchange *exchange, char *target) {
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;
    if (scheme == 0) return BL_EHTTP_MALFORMED;
    char *host = target + scheme;
    size_t bytes = strcspn(host, "/?#");
    if (bytes == 0 || !bl__http_is_host(host, bytes)) return BL_EHTTP_MALFORMED;
    memmove(host - 1, host, bytes);
    exchange->host = host - 1;
    exchange->path = host + bytes;
    exchange->query = NULL;
    char *query = strchr(host + bytes, '?');
    if (query != NULL) {
        *query = '\0';
        exchange->query = query + 1;
    }
    if (*exchange->path == '\0') exchange->path = "/";
    host[bytes - 1] = '\0';
    return 0;
}

static int split_target(bl_http_exchange *exchange, bl__http_head *head) {
    char *target = head->target;
    exchange->path = target;
    exchange->query = NULL;
    if (strchr(target, '#') != NULL) return BL_EHTTP_MALFORMED;
    if (head->method == BL_HTTP_CONNECT) {
        bool is_authority = bl__http_is_host(target, head->target_bytes);
        if (is_authority) exchange->host = target;
        return is_authority ? 0 : BL_EHTTP_MALFORMED;
    }
    if (*target == '/') {
        char *query = memchr(target, '?', head->target_bytes);
        if (query == NULL) return 0;
        *query = '\0';
        exchange->query = query + 1;
        return 0;
    }
    if (strcmp(target, "*") == 0) {
        return head->method == BL_HTTP_OPTIONS ? 0 : BL_EHTTP_MALFORMED;
    }
    return split_absolute(exchange, target);
}

/* Parses the head, and says what it asks for. */
static int read_request(bl__http_connection *connection, size_t count) {
    const bl_http_options *options = &connection->server->options;
    bl__http_input *input = &connection->input;
    bl__http_head *head = &connection->head;
    bl_http_exchange *exchange = &connection->exchange;
    /* It cannot be moved any more once it is parsed. */
    if (input->capacity - input->start - count < BL__HTTP_BODY_ROOM) {
        bl__http_input_compact(input);
    }
    int rc = bl__http_head_parse(BL__HTTP_REQUEST, input->bytes + input->start,
                                 count, connection->items, options->fields_max,
                                 head);
    if (rc < 0) return rc;
    bl__http_input_skip(input, count);
    bl__http_input_pin(input);
    if (head->target_bytes > options->target_bytes_max) {
        return BL_EHTTP_TARGET_SIZE;
    }
    if (head->minor == 0) {
        head->expects_continue = false; /* it does not know the word */
    } else if (head->has_expectation && !head->expects_continue) {
        return BL_EHTTP_EXPECT;
    }
    *exchange = (bl_http_exchange){
        .method = head->method,
        .version = head->minor == 0 ? 10 : 11,
        .method_name = head->method_name,
        .host = head->host != NULL ? head->host : "",
        .fields = head->fields,
        .body = &connection->body,
        .peer = connection->peer,
        ._connection = connection,
    };
    return split_target(exchange, head);
}

/* ---- its body ----------------------------------------------------------- */

/* Before the server waits for the body, the peer gets what it waits for. */
static int before_waiting(bl_http_body *body) {
    bl__http_connection *connection = body->context;
    /* A task that is answering sends by itself, and is not waited for. */
    int rc = bl__http_connection_try_flush(connection);
    if (rc < 0 || !connection->head.expects_continue) return rc;
    const bl__http_output *output = &connection->output;
    if (output->capacity - output->count < CONTINUE_BYTES) return 0;
    connection->head.expects_continue = false;
    if (connection->reply.stage != BL__HTTP_UNANSWERED) return 0;
    bl__http_put_literal(&connection->output, CONTINUE);
    return bl__http_connection_flush(connection);
}

static void begin_body(bl__http_connection *connection) {
    const bl_http_options *options = &connection->server->options;
    const bl__http_head *head = &connection->head;
    bl_http_body *body = &connection->body;
    bl__http_framing framing = head->is_chunked   ? BL__HTTP_CHUNKED
                               : head->length > 0 ? BL__HTTP_LENGTH
                                                  : BL__HTTP_EMPTY;
    bl__http_body_init(body, &connection->input, framing, head->length);
    if (framing == BL__HTTP_EMPTY) {
        connection->head.expects_continue = false;
        return;
    }
    body->bytes_max = options->body_bytes_max;
    body->pace.patience = options->body_ns_max;
    body->pace.rate = options->rate_min;
    body->prepare = before_waiting;
    body->context = connection;
    body->items = connection->items + head->fields.count;
    body->items_max = options->fields_max - head->fields.count;
}

/* Leaves the next request, if any, in front. */
static int end_body(bl__http_connection *connection) {
    bl_http_body *body = &connection->body;
    if (body->is_done) return 0;
    int rc = BL_EHTTP_BODY_SIZE;
    if (connection->persists) {
        rc = bl__http_body_discard(body, BL__HTTP_DISCARD_BYTES);
    }
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) {
        connection->persists = false;
        connection->lingers = true;
    }
    return 0;
}

/* ---- its answer --------------------------------------------------------- */

/* What the handler has returned is told by a status, for nothing else was. */
static int status_for(bl__http_connection *connection, int rc,
                      bool is_over_time) {
    if (rc >= 200 && rc <= 599) return rc;
    if (is_over_time) return 503;
    if (rc == BL_ETIMEDOUT && connection->body.failure == rc) return 408;
    return rc < 0 ? bl_http_status_of(rc) : 500;
}

/* Brings the answer to its end, with what the handler has returned. */
static int finish_answer(bl__http_connection *connection, int rc,
                         bool is_over_time) {
    bl_http_exchange *exchange = &connection->exchange;
    bool is_silent = connection->reply.stage == BL__HTTP_UNANSWERED &&
                     (rc < 200 || rc > 599);
    if (rc < 0 || is_silent) {
        connection->server->stats->failed++;
        bl__http_report(connection, exchange, rc < 0 ? rc : BL_EMISUSE);
    }
    if (connection->body.failure == BL_ETIMEDOUT) {
        connection->server->stats->timeouts++;
    }
    switch (connection->reply.stage) {
    case BL__HTTP_UNANSWERED:
        /* Who has cut its request off does not wait for an answer. */
        if (connection->body.failure == BL_EHTTP_TRUNCATED) return rc;
        return bl__http_reply_status(connection,
                                     status_for(connection, rc, is_over_time));
    case BL__HTTP_ANSWERING:
        return rc < 0 ? rc : bl_http_end(exchange, NULL, 0);
    case BL__HTTP_ANSWERED: return rc < 0 ? rc : 0;
    case BL__HTTP_TAKEN: return rc < 0 ? rc : 0;
    }
    return rc;
}

/* Calls the handler.  Returns what it returned. */
static int call_handler(bl__http_connection *connection, bool *is_over_time) {
    const bl__http_server *server = connection->server;
    bl_ns limit = server->options.total_ns_max;
    bl_http_exchange *exchange = &connection->exchange;
    if (limit == BL_FOREVER) {
        return server->handler(exchange, server->options.arg);
    }
    bl_scope scope;
    bl_scope_enter_timeout(&scope, limit);
    int rc = server->handler(exchange, server->options.arg);
    rc = bl_scope_exit(&scope, rc);
    *is_over_time = rc == BL_ETIMEDOUT && bl_scope_is_caught(&scope);
    return rc;
}

static int answer(bl__http_connection *connection) {
    bool is_over_time = false;
    connection->server->stats->requests++;
    int rc = call_handler(connection, &is_over_time);
    if (rc == BL_ECANCELED && bl_is_cancelled()) return rc;
    bl__site_forget(); /* the handler's last call */
    rc = finish_answer(connection, rc, is_over_time);
    if (rc >= 0 && connection->is_broken) rc = BL_EMISUSE;
    if (rc < 0) return rc;
    if (connection->reply.stage == BL__HTTP_TAKEN) {
        connection->persists = false;
        return 0;
    }
    return end_body(connection);
}

static void begin(bl__http_connection *connection) {
    connection->was_told = false;
    connection->reply = (bl__http_reply){ .stage = BL__HTTP_UNANSWERED };
    connection->fields.count = 0;
    connection->fields.is_full = false;
    connection->must_end = false;
    connection->was_used = true;
}

int bl__http_exchange_run(bl__http_connection *connection, size_t count) {
    int rc = read_request(connection, count);
    if (rc < 0) return bl__http_exchange_refuse(connection, rc);
    begin(connection);
    begin_body(connection);
    return answer(connection);
}

int bl__http_exchange_refuse(bl__http_connection *connection, int code) {
    bl_http_stats *stats = connection->server->stats;
    uint64_t *count = code == BL_ETIMEDOUT ? &stats->timeouts : &stats->refused;
    int status = code == BL_ETIMEDOUT ? 408 : bl_http_status_of(code);
    ++*count;
    bl__http_report(connection, NULL, code);
    begin(connection);
    bl__http_body_init(&connection->body, &connection->input, BL__HTTP_EMPTY,
                       -1);
    connection->head = (bl__http_head){ .minor = 1, .says_close = true };
    connection->exchange = (bl_http_exchange){ ._connection = connection };
    connection->lingers = true;
    return bl__http_reply_status(connection, status);
}

/* ---- what a handler asks ------------------------------------------------ */

bool bl_http_is_stopping(const bl_http_exchange *exchange) {
    return bl__http_is_stopping(exchange->_connection);
}

bl_token *bl_http_stop_token(const bl_http_exchange *exchange) {
    return exchange->_connection->stop;
}

void bl_http_limit_body(bl_http_exchange *exchange, uint64_t bytes_max) {
    exchange->body->bytes_max = bytes_max;
}

void bl_http_end_connection(bl_http_exchange *exchange) {
    exchange->_connection->must_end = true;
    exchange->_connection->persists = false; /* an answer may have begun */
}
