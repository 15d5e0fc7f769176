/* SPDX-License-Identifier: MIT */
/*
 * http/pool.c - connections that are used again
 *
 * Of the idle connections of a host the one that was used last is taken first:
 * it is the least likely to have been closed by the server, and the others can
 * grow old.  One from which anything can be read while nobody has asked for
 * anything has been closed, or says what it should not, and is not used again.
 * What TLS says for itself is not read as anything.
 *
 * A slot that is given back goes to the first in line, if there is anybody, in
 * the same moment.
 *
 * Invariants:
 *   a connection is in the lists of its host and of the client <-> it is idle;
 *   the reaper is started <-> there is an idle connection;
 *   somebody is in line <-> all slots are taken.
 */
#include <belay/error.h>

#include "base/alloc.h"
#include "base/list.h"
#include "http/client.h"

/* ---- hosts --------------------------------------------------------------- */

static bl_link *bucket_of(bl_http_client *client, const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &client->hosts[hash % BL__HTTP_BUCKETS];
}

/* Requests that a proxy only hands on may share its connections. */
static bool is_forwarded(const bl_url *url, const bl_url *proxy) {
    return proxy != NULL && !url->is_secure;
}

/* Returns the host, with one more user; NULL: no memory. */
static struct bl__http_host *host_take(bl_http_client *client,
                                       const bl_url *url, const bl_url *proxy) {
    bool is_forward = is_forwarded(url, proxy);
    const bl_url *to = is_forward ? proxy : url;
    bl_link *bucket = bucket_of(client, to->host);
    bl__list_each(link, bucket) {
        struct bl__http_host *host =
            bl__container_of(link, struct bl__http_host, link);
        if (host->is_forward != is_forward) continue;
        if (host->is_secure != to->is_secure || host->port != to->port) {
            continue;
        }
        if (strcmp(host->name, to->host) != 0) continue;
        host->users++;
        return host;
    }
    size_t name_bytes = strlen(to->host) + 1;
    struct bl__http_host *host = bl__http_new(sizeof *host + name_bytes);
    if (host == NULL) return NULL;
    memcpy(host->name, to->host, name_bytes);
    host->is_forward = is_forward;
    host->is_secure = to->is_secure;
    host->port = to->port;
    host->users = 1;
    bl__list_init(&host->idle);
    bl_waitq_init(&host->line);
    bl__list_append(bucket, &host->link);
    return host;
}

static void host_leave(struct bl__http_host *host) {
    BL__ASSERT(host->users > 0);
    if (--host->users > 0) return;
    BL__ASSERT(host->active == 0);
    BL__ASSERT(bl__list_is_empty(&host->idle));
    bl__list_remove(&host->link);
    bl__free(host);
}

/* ---- slots --------------------------------------------------------------- */

static int slot_take(bl_http_client *client, struct bl__http_host *host) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (client->is_closed) return BL_ECLOSED;
    if (host->active < client->options.host_connections_max) {
        host->active++;
        client->stats.active++;
        return 0;
    }
    bl_waiter waiter;
    client->stats.waiting++;
    rc = bl_waitq_wait(&host->line, &waiter, "HTTP connection", client);
    client->stats.waiting--;
    return rc;
}

static void slot_give(bl_http_client *client, struct bl__http_host *host) {
    bl_waiter *next = bl_waitq_first(&host->line);
    if (next != NULL) {
        bl_waitq_serve(next, 0);
        return;
    }
    BL__ASSERT(host->active > 0);
    BL__ASSERT(client->stats.active > 0);
    host->active--;
    client->stats.active--;
}

/* ---- idle connections ---------------------------------------------------- */

static struct bl__http_pooled *oldest(const bl_http_client *client) {
    bl_link *link = bl__list_first(&client->ages);
    if (link == NULL) return NULL;
    return bl__container_of(link, struct bl__http_pooled, age);
}

static void reaper_set(bl_http_client *client) {
    const struct bl__http_pooled *first = oldest(client);
    bl_timer_stop(&client->reaper);
    if (first == NULL) return;
    bl_timer_start(client->loop, &client->reaper, first->idle_until);
}

/* Takes the connection out of the lists; it stays a user of its host. */
static void idle_remove(struct bl__http_pooled *connection) {
    bl_http_client *client = connection->client;
    bool was_oldest = connection == oldest(client);
    bl__list_remove(&connection->link);
    bl__list_remove(&connection->age);
    BL__ASSERT(client->stats.idle > 0);
    client->stats.idle--;
    if (was_oldest) reaper_set(client);
}

static void connection_free(struct bl__http_pooled *connection) {
    bl_stream_abort(connection->stream);
    bl__free(connection);
}

static void idle_close(struct bl__http_pooled *connection) {
    struct bl__http_host *host = connection->host;
    idle_remove(connection);
    connection_free(connection);
    host_leave(host);
}

static void reap(void *context) {
    bl_http_client *client = context;
    for (;;) {
        struct bl__http_pooled *first = oldest(client);
        if (first == NULL || first->idle_until > bl_now()) break;
        idle_close(first);
    }
    reaper_set(client);
}

/*
 * Whether nothing has come where nothing was asked for, and it has not ended.
 * A stream of a kind that cannot tell is not used again either.
 */
static bool is_quiet(const struct bl__http_pooled *connection) {
    char byte;
    return bl_stream_try_read(connection->stream, &byte, 1) == BL_EAGAIN;
}

/* Takes the connection out that was used last; NULL: there is none. */
static struct bl__http_pooled *idle_take(struct bl__http_host *host) {
    while (!bl__list_is_empty(&host->idle)) {
        struct bl__http_pooled *last =
            bl__container_of(host->idle._prev, struct bl__http_pooled, link);
        if (!is_quiet(last)) {
            idle_close(last);
            continue;
        }
        idle_remove(last);
        host_leave(host); /* whoever takes it is a user already */
        return last;
    }
    return NULL;
}

/* ---- taking and giving --------------------------------------------------- */

static int connection_new(bl_http_client *client, struct bl__http_host *host,
                          const bl_url *url, const bl_url *proxy,
                          struct bl__http_pooled **connection) {
    size_t capacity = client->options.head_bytes_max + BL__HTTP_BODY_ROOM_BYTES;
    struct bl__http_pooled *made = bl__alloc(sizeof *made + capacity);
    if (made == NULL) return BL_ENOMEM;
    *made = (struct bl__http_pooled){ .client = client, .host = host };
    int rc = bl__http_dial(client, url, proxy, &made->stream);
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    made->input = (bl__http_input){ .stream = made->stream,
                                    .bytes = made->bytes,
                                    .capacity = capacity };
    client->stats.opened++;
    *connection = made;
    return 0;
}

int bl__pool_take(bl_http_client *client, const bl_url *url,
                  const bl_url *proxy, bool is_fresh,
                  struct bl__http_pooled **connection) {
    struct bl__http_host *host = host_take(client, url, proxy);
    if (host == NULL) return BL_ENOMEM;
    int rc = slot_take(client, host);
    if (rc < 0) goto leave_host;

    struct bl__http_pooled *found = is_fresh ? NULL : idle_take(host);
    if (found != NULL) {
        client->stats.reused++;
        *connection = found;
        return 0;
    }
    rc = connection_new(client, host, url, proxy, connection);
    if (rc == 0) return 0;
    slot_give(client, host);

leave_host:
    host_leave(host);
    return rc;
}

void bl__pool_drop(struct bl__http_pooled *connection) {
    bl_http_client *client = connection->client;
    struct bl__http_host *host = connection->host;
    connection_free(connection);
    slot_give(client, host);
    host_leave(host);
}

void bl__pool_give(struct bl__http_pooled *connection) {
    bl_http_client *client = connection->client;
    struct bl__http_host *host = connection->host;
    BL__ASSERT(bl__http_input_count(&connection->input) == 0);
    if (client->is_closed) {
        bl__pool_drop(connection);
        return;
    }
    if (client->stats.idle == client->options.idle_max) {
        idle_close(oldest(client));
    }
    bl__http_input_unpin(&connection->input);
    connection->is_reused = true;
    connection->idle_until = bl_ns_add(bl_now(), client->options.idle_ns_max);
    bl__list_append(&host->idle, &connection->link);
    bl__list_append(&client->ages, &connection->age);
    client->stats.idle++;
    if (connection == oldest(client)) reaper_set(client);
    slot_give(client, host); /* its part as a user goes to the connection */
}

void bl__pool_init(bl_http_client *client) {
    for (size_t i = 0; i < BL__HTTP_BUCKETS; i++)
        bl__list_init(&client->hosts[i]);
    bl__list_init(&client->ages);
    bl_timer_init(&client->reaper, reap, client);
}

void bl__pool_close(bl_http_client *client) {
    while (oldest(client) != NULL) {
        idle_close(oldest(client));
    }
    for (size_t i = 0; i < BL__HTTP_BUCKETS; i++) {
        bl__list_each(link, &client->hosts[i]) {
            bl_waitq_serve_all(
                &bl__container_of(link, struct bl__http_host, link)->line,
                BL_ECLOSED);
        }
    }
}
