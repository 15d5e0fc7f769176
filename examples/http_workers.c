/* SPDX-License-Identifier: MIT */
/*
 * examples/http_workers.c - HTTP on two cores, with a good end for both
 *
 *     http_workers                  serves on a free port, and talks to itself
 *     http_workers 127.0.0.1:8080   serves until Ctrl-C
 *
 * Each worker has a loop, a listener on the one port, and a server of its own.
 * What ends them, Ctrl-C or the last visitor, cancels all workers.  A server
 * serves in a shield, so it is not broken off by that: it is told to stop, and
 * answers what it has begun.
 */
#include <stdio.h>

#include <belay.h>
#include <belay/http.h>

enum {
    WORKERS = 2,
    VISITORS = 10, /* of each worker, if the program talks to itself */
    VISITORS_IN_ALL = WORKERS * VISITORS
};

struct town {
    bl_addr address;
    bool is_alone;                /* nobody comes but our own visitors */
    bl_channel *ports;            /* of bl_addr: which one the first has got */
    bl_channel *answers;          /* of int: the status that a visitor got */
    bl_http_stats stats[WORKERS]; /* each worker's own, until all have ended */
};

/* ---- serving ------------------------------------------------------------- */

static int hello(bl_http_exchange *exchange, void *arg) {
    char text[64];
    (void)arg;
    snprintf(text, sizeof(text), "worker %u says hello\n", bl_worker_index());
    return bl_http_reply_text(exchange, 200, text);
}

static void say_where(const bl_addr *address) {
    char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, text, sizeof(text));
    printf("listening on %s\n", text);
    fflush(stdout);
}

/* The first worker opens the port and tells the others which it is. */
static int open_listener(struct town *town, bl_addr *address,
                         bl_listener **listener) {
    bl_listen_options options = { .size = sizeof(options),
                                  .is_port_shared = true };
    bool is_first = bl_worker_index() == 0;
    *address = town->address;
    if (!is_first) BL_TRY(bl_channel_get(town->ports, address));
    BL_TRY(bl_listen(address, &options, listener));
    if (!is_first) return 0;

    *address = bl_listener_address(*listener);
    if (!town->is_alone) say_where(address);
    for (int i = 1; i < WORKERS; i++)
        BL_IGNORE(bl_channel_try_put(town->ports, address)); /* has room */
    return 0;
}

/* Waits to be cancelled, with the whole worker, and passes it on as a stop. */
static int stop_when_cancelled(void *arg) {
    bl_event *stop = arg;
    int rc = bl_sleep(BL_FOREVER);
    bl_event_set(stop);
    return rc;
}

static int serve(struct town *town, bl_listener *listener, bl_event *stop) {
    bl_http_options options = {
        .size = sizeof(options),
        .stop = stop,
        .grace = BL_SEC(10), /* the bound of the shield, once it is stopped */
        .stats = &town->stats[bl_worker_index()],
    };
    int rc = 0;
    BL_SHIELD(BL_SHIELD_FOREVER) {
        rc = bl_http_serve(listener, hello, &options);
    }
    return rc;
}

/* ---- a conversation with itself ------------------------------------------ */

struct visitor {
    struct town *town;
    bl_addr address;
};

static int visit(void *arg) {
    struct visitor *visitor = arg;
    char where[BL_ADDR_TEXT_BYTES];
    char url[BL_ADDR_TEXT_BYTES + 16];
    bl_http_client_options options = { .size = sizeof(options), .proxy = "" };
    bl_http_client *client;
    bl_http_answer *answer;
    bl_addr_format(&visitor->address, where, sizeof(where));
    snprintf(url, sizeof(url), "http://%s/", where);

    BL_TRY(bl_http_client_open(&options, &client));
    int rc = bl_http_get(client, url, &answer);
    bl_http_client_close(client);
    if (rc < 0) return rc;

    int status = answer->status;
    bl_http_answer_free(answer);
    return bl_channel_put(visitor->town->answers, &status);
}

/* In the first worker: hears from the visitors of all, then ends all. */
static int count_answers(void *arg) {
    struct town *town = arg;
    int right_count = 0;
    for (int i = 0; i < VISITORS_IN_ALL; i++) {
        int status;
        BL_TRY(bl_channel_get(town->answers, &status));
        if (status == 200) right_count++;
    }
    printf("%d visitors, %d were answered\n", VISITORS_IN_ALL, right_count);
    bl_thread_workers_cancel(bl_workers_running(), "all have been answered");
    return 0;
}

static int send_visitors(bl_group *group, struct visitor *first) {
    int rc = 0;
    for (int i = 0; i < VISITORS && rc == 0; i++)
        rc = bl_spawn_copy(group, visit, first, sizeof(*first));
    if (rc == 0 && bl_worker_index() == 0) {
        rc = bl_spawn(group, count_answers, first->town);
    }
    return rc;
}

/* ---- workers ------------------------------------------------------------- */

/* The root of each worker. */
static int worker(void *arg) {
    struct visitor first = { .town = arg };
    bl_listener *listener;
    bl_event stop;
    int rc = 0;
    bl_event_init(&stop);
    BL_TRY(open_listener(first.town, &first.address, &listener));
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, stop_when_cancelled, &stop);
        if (rc == 0 && first.town->is_alone) rc = send_visitors(group, &first);
        if (rc == 0) {
            rc = serve(first.town, listener, &stop); /* closes it, too */
        } else {
            bl_listener_close(listener);
        }
    }
    return rc;
}

static int run(struct town *town, const char *where) {
    town->is_alone = where == NULL;
    if (where == NULL) where = "127.0.0.1:0";
    BL_TRY(bl_addr_parse(where, &town->address));
    BL_TRY(bl_channel_new(sizeof(bl_addr), WORKERS, &town->ports));
    BL_TRY(bl_channel_new(sizeof(int), 4, &town->answers));
    return bl_run_workers(WORKERS, worker, town);
}

int main(int argc, char **argv) {
    struct town town = { .ports = NULL };
    bl_http_stats all = { .requests = 0 };
    int rc = run(&town, argc > 1 ? argv[1] : NULL);
    bl_channel_unref(town.ports);
    bl_channel_unref(town.answers);
    for (int i = 0; i < WORKERS; i++) {
        all.requests += town.stats[i].requests;
        all.cut += town.stats[i].cut;
    }
    printf("%d workers answered %llu requests and cut %llu\n", WORKERS,
           (unsigned long long)all.requests, (unsigned long long)all.cut);
    if (rc == BL_EINTERRUPTED) return 0; /* Ctrl-C is how it is stopped */
    if (rc < 0) fprintf(stderr, "http_workers: %s\n", bl_strerror(rc));
    return rc < 0;
}
