/* SPDX-License-Identifier: MIT */
/*
 * demo/farewell.c - a server that is stopped while it works
 */
#include "farewell.h"
#include "client.h"
#include "verdict.h"

struct farewell {
    struct server *server;
    struct farewell_report *report;
    struct dialler dialler;
    bl_sem silent; /* one permit for each silent client that is connected */
};

static int dial(struct farewell *farewell, bl_stream **stream) {
    int rc = dialler_dial(&farewell->dialler, stream);
    if (rc == 0) farewell->report->hellos++;
    return rc;
}

/* Waits until the server has closed the connection, in order. */
static int await_end(bl_stream *stream) {
    char byte;
    bl_ssize got = bl_stream_read(stream, &byte, 1);
    if (got > 0) return BL_ERR(-EPROTO, "an answer nobody asked for");
    return (int)got;
}

static int busy_client(void *arg) {
    struct farewell *farewell = arg;
    bl_stream *stream = NULL;

    int rc = dial(farewell, &stream);
    if (rc == 0) rc = client_ask(stream, "hold this, please\n");
    if (rc == 0) {
        farewell->report->finished++;
        rc = await_end(stream);
    }
    bl_stream_abort(stream);
    return rc;
}

static int silent_client(void *arg) {
    struct farewell *farewell = arg;
    bl_stream *stream = NULL;

    int rc = dial(farewell, &stream);
    if (rc == 0) {
        bl_sem_release(&farewell->silent);
        rc = await_end(stream);
    }
    if (rc == 0) farewell->report->idle++;
    bl_stream_abort(stream);
    return rc;
}

static int acquire_many(bl_sem *sem, size_t count) {
    int rc = 0;
    while (count-- > 0 && rc == 0)
        rc = bl_sem_acquire(sem);
    return rc;
}

static int stop_at_work(struct farewell *farewell, size_t busy, size_t idle) {
    struct server *server = farewell->server;
    bl_ns stopped_at = 0;
    int rc;

    BL_GROUP(clients, rc) {
        for (size_t i = 0; i < busy && rc == 0; i++) {
            rc = bl_spawn(clients, busy_client, farewell);
        }
        for (size_t i = 0; i < idle && rc == 0; i++) {
            rc = bl_spawn(clients, silent_client, farewell);
        }
        if (rc == 0) rc = acquire_many(&server->held, busy);
        if (rc == 0) rc = acquire_many(&farewell->silent, idle);

        farewell->report->in_flight = server->in_flight;
        stopped_at = clock_read();
        bl_event_set(&server->stop);
    }
    farewell->report->stop_ns = clock_read() - stopped_at;
    return rc;
}

static bool is_refused(const bl_addr *address) {
    bl_stream *stream = NULL;
    int rc = bl_tcp_connect(address, &stream);
    bl_stream_abort(stream);
    bl_error_handled();
    return rc == BL_ECONNREFUSED;
}

int farewell_run(struct server *server, size_t busy, size_t idle,
                 struct farewell_report *report) {
    struct farewell farewell = { .server = server, .report = report };

    BL_TRY(dialler_init(&farewell.dialler, &server->address));
    BL_TRY(bl_sem_init(&farewell.silent, 0, 0));
    BL_TRY(stop_at_work(&farewell, busy, idle));
    report->is_refused = is_refused(&server->address);
    return 0;
}
