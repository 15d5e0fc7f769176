/* SPDX-License-Identifier: MIT */
/*
 * demo/server.c - a TCP service with a start, a stop, and figures to check
 *
 * One task accepts, and one serves each connection; they are children of one
 * group, so the service has ended when the last of them has.
 *
 * A graceful stop has to tell apart what is idle and what is in progress.
 * Waiting for the first byte of a request happens in a scope bound to a token,
 * and the stop cancels that token: idle connections end at once.  Everything
 * from the first byte to the answer happens outside of it, so a request that
 * has begun does not notice the stop at all.
 *
 * Invariant: in_flight counts exactly the tasks inside answer().
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "server.h"

enum {
    HELD_WORK_MS = 20 /* what is left of a held request after the stop */
};

/* One connection: copied onto the stack of the task that serves it. */
struct connection {
    struct server *server;
    bl_stream *stream;
    size_t count; /* bytes in the buffer */
    char buffer[LINE_BYTES_MAX];
};

/* ---- reading requests ---------------------------------------------------- */

/* Reads more into the buffer.  Returns how much, 0 at the end. */
static bl_ssize fill(struct connection *connection) {
    size_t room = sizeof(connection->buffer) - connection->count;
    if (room == 0) return -EMSGSIZE;

    bl_ssize got = bl_stream_read(connection->stream,
                                  connection->buffer + connection->count, room);
    if (got > 0) connection->count += (size_t)got;
    return got;
}

/* Reads the first bytes of a request: here, and only here, we are idle. */
static bl_ssize fill_idle(struct connection *connection) {
    bl_scope scope = { 0 };
    bl_scope_options options = {
        .size = sizeof(options),
        .token = connection->server->_idle,
    };
    int rc = bl_scope_enter_with(&scope, &options);
    if (rc < 0) return rc;

    bl_ssize got = fill(connection);
    rc = bl_scope_exit(&scope, got < 0 ? (int)got : 0);
    if (rc < 0) return rc;
    return got > 0 ? got : 0; /* closed by the peer, or stopped by us */
}

/* Takes the first line off the buffer.  Returns its length, 0 if none. */
static size_t take_line(struct connection *connection,
                        char line[LINE_BYTES_MAX + 1]) {
    char *buffer = connection->buffer;
    char *newline = memchr(buffer, '\n', connection->count);
    if (newline == NULL) return 0;

    size_t bytes = (size_t)(newline - buffer) + 1;
    memcpy(line, buffer, bytes);
    line[bytes] = '\0';
    connection->count -= bytes;
    memmove(buffer, buffer + bytes, connection->count);
    return bytes;
}

/* Returns the length of the next request, 0 if there will be none. */
static bl_ssize next_request(struct connection *connection,
                             char line[LINE_BYTES_MAX + 1]) {
    for (;;) {
        size_t bytes = take_line(connection, line);
        if (bytes > 0) return (bl_ssize)bytes;

        bl_ssize got =
            connection->count == 0 ? fill_idle(connection) : fill(connection);
        if (got <= 0) return got;
    }
}

/* ---- answering them ------------------------------------------------------ */

static int sleep_through(void *arg) {
    const bl_ns *duration = arg;
    return bl_sleep(*duration);
}

/* Ends when the client leaves; what it says meanwhile stays in the buffer. */
static int watch_client(void *arg) {
    struct connection *connection = arg;
    bl_ssize got;
    do {
        got = fill(connection);
    } while (got > 0);
    return got == BL_ECANCELED ? BL_ECANCELED : 0;
}

/* Takes its time, unless the client leaves first. */
static int nap(struct connection *connection, bl_ns duration) {
    const bl_racer racers[] = {
        { .fn = sleep_through, .arg = &duration },
        { .fn = watch_client, .arg = connection },
    };
    size_t winner;
    int rc = bl_race(racers, 2, &winner);
    if (rc < 0) return rc;
    return winner == 0 ? 0 : BL_EPIPE;
}

static int hold(struct server *server) {
    bl_sem_release(&server->held);
    int rc = bl_event_wait(&server->stop);
    return rc < 0 ? rc : bl_sleep(BL_MS(HELD_WORK_MS));
}

static int answer(struct connection *connection, const char *line,
                  size_t bytes) {
    struct server *server = connection->server;
    int rc = 0;

    server->in_flight++;
    if (strncmp(line, "nap ", 4) == 0) {
        rc = nap(connection, BL_MS(atoi(line + 4)));
    } else if (strncmp(line, "hold ", 5) == 0) {
        rc = hold(server);
    }
    if (rc == 0) {
        rc = bl_stream_write_all(connection->stream, line, bytes, NULL);
    }
    server->in_flight--;

    if (rc == 0)
        server->answered++;
    else if (rc == BL_ECANCELED)
        server->cut++;
    else
        server->abandoned++;
    return rc;
}

static int serve_connection(void *arg) {
    struct connection *connection = arg;
    struct server *server = connection->server;
    char line[LINE_BYTES_MAX + 1];
    bl_ssize rc;

    server->connections++;
    if (server->connections > server->connections_max) {
        server->connections_max = server->connections;
    }
    do {
        rc = next_request(connection, line);
        if (rc > 0)
            rc = answer(connection, line, (size_t)rc);
        else
            break;
    } while (rc == 0);
    server->connections--;

    bl_stream_abort(connection->stream); /* every answer has been written */
    /* What a peer does wrong ends its own connection, not the service. */
    return rc == BL_ECANCELED ? BL_ECANCELED : 0;
}

/* ---- the service --------------------------------------------------------- */

static int accept_one(struct server *server, bl_group *connections) {
    struct connection connection = { .server = server };

    int rc = bl_listener_accept(server->_listener, &connection.stream, NULL);
    if (rc == BL_EMFILE) return bl_sleep(BL_MS(5)); /* it stays in line */
    if (rc < 0) return rc;

    rc = bl_spawn_copy(connections, serve_connection, &connection,
                       sizeof(connection));
    if (rc < 0) bl_stream_abort(connection.stream);
    return rc;
}

/* Ends what is idle: accepting connections, and waiting for requests. */
static int watch_for_stop(void *arg) {
    struct server *server = arg;

    int rc = bl_event_wait(&server->stop);
    if (rc < 0) return rc;
    bl_listener_close(server->_listener);
    server->_listener = NULL;
    bl_token_cancel(server->_idle, "the service stops");
    return 0;
}

static int serve(struct server *server) {
    int rc;
    BL_GROUP(connections, rc) {
        rc = bl_spawn_daemon(connections, watch_for_stop, server);
        while (rc == 0)
            rc = accept_one(server, connections);
        if (rc == BL_ECLOSED) rc = 0; /* the stop closed the listener */
    }
    return rc;
}

int server_run(void *arg) {
    struct server *server = arg;
    bl_addr loopback;

    BL_TRY(bl_sem_init(&server->held, 0, 0));
    BL_TRY(bl_addr_parse("127.0.0.1:0", &loopback));
    BL_TRY(bl_token_new(&server->_idle));

    int rc = bl_tcp_listen(&loopback, &server->_listener);
    if (rc < 0) goto unref_token;
    server->address = bl_listener_address(server->_listener);

    rc = bl_started(NULL);
    if (rc == 0) rc = serve(server);

    bl_listener_close(server->_listener);
unref_token:
    bl_token_unref(server->_idle);
    return BL_TRACE(rc);
}
