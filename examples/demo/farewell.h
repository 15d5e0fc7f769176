/* SPDX-License-Identifier: MIT */
/*
 * demo/farewell.h - a server that is stopped while it works
 *
 * Some clients have sent a request that is being worked on, others are
 * connected and silent, when the stop event is set.  The first get their
 * answer, then all see the end of their connection, and nobody can connect
 * any more.
 */
#ifndef DEMO_FAREWELL_H
#define DEMO_FAREWELL_H

#include <belay.h>

#include "server.h"

struct farewell_report {
    size_t in_flight; /* requests, when the event was set */
    size_t finished;  /* answered after it */
    size_t idle;      /* silent connections, which were closed */
    size_t hellos;    /* requests answered before it */
    bool is_refused;  /* a connection after it */
    bl_ns stop_ns;    /* from the event to the last client's end */
};

/*
 * Connects `busy` clients with a request each and `idle` silent ones, stops
 * the server, and waits for the end of them all.
 *
 * Returns 0.
 */
int farewell_run(struct server *server, size_t busy, size_t idle,
                 struct farewell_report *report);

#endif
