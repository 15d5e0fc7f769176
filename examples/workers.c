/* SPDX-License-Identifier: MIT */
/*
 * examples/workers.c - an echo server on two cores, and its clients
 *
 * Each worker has a loop and a listener of its own on one port, which the
 * system spreads connections over.  The clients run in the same workers; what
 * they got back goes through a channel to the first worker, which ends all of
 * them when it has heard from every client.
 */
#include <stdio.h>

#include <belay.h>

enum {
    WORKERS = 2,
    CLIENTS = 10, /* of each worker */
    CLIENTS_IN_ALL = WORKERS * CLIENTS
};

struct town {
    bl_channel *addresses; /* of bl_addr: where the first worker listens */
    bl_channel *echoes;    /* of int: how many bytes a client got back */
    int client_count;      /* these two are the first worker's alone */
    int byte_count;
};

/* The handler of a connection: sends back what comes until the peer is done. */
static int echo(bl_connection *connection) {
    char buffer[256];
    for (;;) {
        bl_ssize count =
            bl_stream_read(connection->stream, buffer, sizeof buffer);
        if (count <= 0) return (int)count;
        BL_TRY(bl_stream_write_all(connection->stream, buffer, (size_t)count,
                                   NULL));
    }
}

/* The first worker picks a free port and tells the others. */
static int open_listener(struct town *town, bl_addr *address,
                         bl_listener **listener) {
    bl_listen_options options = { .size = sizeof options,
                                  .is_port_shared = true };
    bool is_first = bl_worker_index() == 0;
    if (is_first) {
        BL_TRY(bl_addr_parse("127.0.0.1:0", address));
    } else {
        BL_TRY(bl_channel_get(town->addresses, address));
    }
    BL_TRY(bl_listen(address, &options, listener));
    if (!is_first) return 0;

    *address = bl_listener_address(*listener);
    for (int i = 1; i < WORKERS; i++)
        BL_IGNORE(bl_channel_try_put(town->addresses, address)); /* has room */
    return 0;
}

struct client {
    struct town *town;
    bl_addr address;
};

/* Says hello, and reports how much of it came back. */
static int client(void *arg) {
    struct client *client = arg;
    char answer[5];
    bl_stream *stream;
    BL_TRY(bl_tcp_connect(&client->address, &stream));
    int rc = bl_stream_write_all(stream, "hello", 5, NULL);
    if (rc == 0) rc = bl_stream_read_exactly(stream, answer, 5, NULL);
    bl_stream_abort(stream);
    if (rc < 0) return rc;

    int count = sizeof answer;
    return bl_channel_put(client->town->echoes, &count);
}

/* In the first worker: hears from the clients of all, then ends all. */
static int count_echoes(void *arg) {
    struct town *town = arg;
    while (town->client_count < CLIENTS_IN_ALL) {
        int count;
        BL_TRY(bl_channel_get(town->echoes, &count));
        town->client_count++;
        town->byte_count += count;
    }
    bl_thread_workers_cancel(bl_workers_running(), "all have been served");
    return 0;
}

/* The root of each worker. */
static int worker(void *arg) {
    struct client first = { .town = arg };
    bl_listener *listener;
    BL_TRY(open_listener(first.town, &first.address, &listener));

    int rc = 0;
    BL_GROUP(group, rc) {
        for (int i = 0; i < CLIENTS && rc == 0; i++)
            rc = bl_spawn_copy(group, client, &first, sizeof first);
        if (rc == 0 && bl_worker_index() == 0) {
            rc = bl_spawn(group, count_echoes, first.town);
        }
        if (rc == 0) {
            rc = bl_serve(listener, echo, NULL); /* closes it, too */
        } else {
            bl_listener_close(listener);
        }
    }
    return rc;
}

int main(void) {
    struct town town = { .client_count = 0 };
    int rc = bl_channel_new(sizeof(bl_addr), WORKERS, &town.addresses);
    if (rc == 0) rc = bl_channel_new(sizeof(int), 4, &town.echoes);
    if (rc == 0) rc = bl_run_workers(WORKERS, worker, &town);
    if (rc < 0) fprintf(stderr, "workers: %s\n", bl_strerror(rc));

    bl_channel_unref(town.addresses);
    bl_channel_unref(town.echoes);
    printf("%d workers, %d clients: %d bytes came back\n", WORKERS,
           town.client_count, town.byte_count);
    return rc == 0 && town.byte_count == 5 * CLIENTS_IN_ALL ? 0 : 1;
}
