/* SPDX-License-Identifier: MIT */
/*
 * http/client.c - clients, and whole answers
 *
 * A client lives until it is closed and its last call is: so whoever closes
 * it does not have to know who is still reading.
 *
 * Invariant: refcount is the number of calls, and one more unless
 * is_closed.
 */
#include <belay/error.h>

#include "base/alloc.h"
#include "http/client.h"

enum {
    CLIENT_HOST_CONNECTIONS = 16,
    CLIENT_IDLE = 64,
    CLIENT_HEAD_BYTES = 64 * 1024,
    CLIENT_HEAD_BYTES_MAX = 16 * 1024 * 1024,
    CLIENT_FIELDS = 128,
    CLIENT_FIELDS_MAX = 10000,
    CLIENT_BODY_BYTES = 16 * 1024 * 1024,
    CLIENT_REDIRECTS = 10
};

static const char client_user_agent[] = "belay/" BL_VERSION;

/* ---- opening and closing ------------------------------------------------- */

static int options_check(const bl_http_client_options *options) {
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->idle_ns_max < 0 || options->connect_ns_max < 0) {
        return BL_EINVAL;
    }
    if (options->head_ns_max < 0 || options->silence_ns_max < 0) {
        return BL_EINVAL;
    }
    if (options->head_bytes_max > CLIENT_HEAD_BYTES_MAX) return BL_EINVAL;
    if (options->fields_max > CLIENT_FIELDS_MAX) return BL_EINVAL;
    if (options->redirects_max < -1) return BL_EINVAL;
    const char *agent = options->user_agent;
    if (agent != NULL && !bl_http_field_is_valid("User-Agent", agent)) {
        return BL_EINVAL;
    }
    return 0;
}

#define DEFAULT(field, value) ((field) = (field) == 0 ? (value) : (field))

static void options_complete(bl_http_client_options *options) {
    DEFAULT(options->host_connections_max, CLIENT_HOST_CONNECTIONS);
    DEFAULT(options->idle_max, CLIENT_IDLE);
    DEFAULT(options->idle_ns_max, BL_SEC(30));
    DEFAULT(options->connect_ns_max, BL_SEC(30));
    DEFAULT(options->head_ns_max, BL_SEC(60));
    DEFAULT(options->silence_ns_max, BL_SEC(60));
    DEFAULT(options->head_bytes_max, CLIENT_HEAD_BYTES);
    DEFAULT(options->fields_max, CLIENT_FIELDS);
    DEFAULT(options->body_bytes_max, CLIENT_BODY_BYTES);
    DEFAULT(options->redirects_max, CLIENT_REDIRECTS);
}

/* Makes what the options point to the client's own. */
static int options_copy(bl_http_client *client) {
    bl_http_client_options *options = &client->options;
    const char *agent = options->user_agent;
    if (options->connect != NULL) {
        client->connect = *options->connect;
        options->connect = &client->connect;
        if (client->connect.socket != NULL) {
            client->socket = *client->connect.socket;
            client->connect.socket = &client->socket;
        }
        if (client->connect.local != NULL) {
            client->local = *client->connect.local;
            client->connect.local = &client->local;
        }
    }
    int rc = bl__proxies_init(&client->proxies, options->proxy);
    options->proxy = NULL;
    options->user_agent = NULL;
    if (rc < 0) return rc;
    if (agent == NULL) agent = client_user_agent;
    if (agent[0] == '\0') return 0;
    size_t bytes = strlen(agent) + 1;
    client->user_agent = bl__alloc(bytes);
    if (client->user_agent == NULL) {
        bl__proxies_done(&client->proxies);
        return BL_ENOMEM;
    }
    memcpy(client->user_agent, agent, bytes);
    return 0;
}

int bl_http_client_open(const bl_http_client_options *options,
                        bl_http_client **client) {
    static const bl_http_client_options defaults = { .size = sizeof defaults };
    if (client == NULL) return BL_EINVAL;
    if (options == NULL) options = &defaults;
    int rc = options_check(options);
    if (rc < 0) return rc;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;

    bl_http_client *made = bl__http_new(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->options = *options;
    options_complete(&made->options);
    rc = options_copy(made);
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    made->loop = loop;
    made->refcount = 1;
    bl__pool_init(made);
    *client = made;
    return 0;
}

void bl__http_client_unref(bl_http_client *client) {
    BL__ASSERT(client->refcount > 0);
    if (--client->refcount > 0) return;
    BL__ASSERT(client->is_closed);
    BL__ASSERT(client->stats.idle == 0);
    BL__ASSERT(client->stats.active == 0);
    bl__proxies_done(&client->proxies);
    bl__free(client->user_agent);
    bl__free(client);
}

void bl_http_client_close(bl_http_client *client) {
    if (client == NULL) return;
    BL__ASSERT(!client->is_closed);
    client->is_closed = true;
    bl__pool_close(client);
    bl__http_client_unref(client);
}

bl_http_client_stats bl_http_client_stats_of(const bl_http_client *client) {
    return client->stats;
}

/* ---- whole answers ------------------------------------------------------- */

/* Copies all but the body into one block. */
static bl_http_answer *answer_new(const bl_http_call *call) {
    const bl_http_fields *fields = bl_http_call_fields(call);
    const char *reason = bl_http_call_reason(call);
    const char *url = bl_http_call_url(call)->text;
    size_t bytes = sizeof(bl_http_answer) +
                   fields->count * sizeof *fields->items +
                   bl__http_fields_bytes(fields->items, fields->count) +
                   strlen(reason) + 1 + strlen(url) + 1;
    bl_http_answer *answer = bl__alloc(bytes);
    if (answer == NULL) return NULL;

    bl_http_field *items = (bl_http_field *)(void *)(answer + 1);
    char *at = (char *)(items + fields->count);
    bl__http_fields_copy(fields->items, fields->count, items, &at);
    *answer = (bl_http_answer){
        .status = bl_http_call_status(call),
        .reason = bl__http_copy_text(&at, reason),
        .fields = { .items = items, .count = fields->count },
        .url = bl__http_copy_text(&at, url),
    };
    BL__ASSERT(at == (char *)answer + bytes);
    return answer;
}

static int answer_read(bl_http_call *call, bl_http_answer **answer) {
    uint64_t limit = call->client->options.body_bytes_max;
    bl_http_answer *made = answer_new(call);
    if (made == NULL) return BL_ENOMEM;
    char *body;
    int rc = bl_http_body_take(bl_http_call_body(call),
                               limit < SIZE_MAX ? (size_t)limit : SIZE_MAX,
                               &body, &made->body_bytes);
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    made->body = body;
    *answer = made;
    return 0;
}

int bl_http_send(bl_http_client *client, const char *method, const char *url,
                 const bl_http_call_options *options, bl_http_answer **answer) {
    if (answer == NULL) return BL_EINVAL;
    if (options != NULL && options->is_written) return BL_EINVAL;
    bl_http_call *call;
    int rc = bl_http_call_open(client, method, url, options, &call);
    if (rc < 0) return rc;
    rc = answer_read(call, answer);
    bl_http_call_close(call);
    return rc;
}

int bl_http_get(bl_http_client *client, const char *url,
                bl_http_answer **answer) {
    return bl_http_send(client, "GET", url, NULL, answer);
}

void bl_http_answer_free(bl_http_answer *answer) {
    if (answer == NULL) return;
    char *body;
    memcpy(&body, &answer->body, sizeof body); /* it is const to others */
    bl__free(body);
    bl__free(answer);
}
