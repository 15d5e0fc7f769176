/* SPDX-License-Identifier: MIT */
/*
 * demo/server.h - a TCP service with a start, a stop, and figures to check
 *
 * The service echoes lines.  A few words at the start of a line make it take
 * its time first:
 *
 *     nap MS ...   answers after that many milliseconds
 *     hold ...     answers a while after the service was told to stop
 *
 * Start it with bl_start(group, server_run, &server, NULL).  Stop it with
 * bl_event_set(&server.stop): it takes no more connections, closes the idle
 * ones, finishes the requests it has begun, and ends.
 */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include <belay.h>

/* Zero it before the start; read the figures whenever you like. */
struct server {
    bl_event stop;   /* set it to stop the service */
    bl_sem held;     /* one permit for each `hold` that has begun */
    bl_addr address; /* where it listens, from the start on */

    size_t connections;     /* open now */
    size_t connections_max; /* open at once, so far */
    size_t in_flight;       /* requests begun and not yet answered */
    size_t answered;
    size_t abandoned; /* the client left before its answer */
    size_t cut;       /* we left before our answer */

    bl_listener *_listener; /* NULL once stopped */
    bl_token *_idle;        /* cancels those who wait for a request */
};

/* The task of the service; `arg` is a struct server. */
int server_run(void *arg);

#endif
