/* SPDX-License-Identifier: MIT */
/*
 * demo/crowd.h - ten thousand clients at once
 *
 * Every client is a task with a connection of its own.  Connected, all wait
 * for one future, which a thread that knows nothing of Belay sets; then each
 * sends its requests.  Every few clients end with a request that is answered
 * far too late, and give it up in time.
 */
#ifndef DEMO_CROWD_H
#define DEMO_CROWD_H

#include <belay.h>

struct crowd_plan {
    bl_addr server;
    size_t clients;
    size_t connections_max; /* at once; further clients wait their turn */
    size_t requests;        /* of each client, after its hello */
    size_t late_every;      /* each n-th client sends one more, in vain */
    bl_ns late_limit;       /* how long that one waits */
};

struct crowd_report {
    size_t clients;        /* tasks that ran */
    size_t together;       /* clients connected when the future was set */
    size_t answered;       /* requests, hellos included */
    size_t timed_out;      /* given up as planned */
    size_t lost;           /* clients that ended with an error */
    bl_ns connect_ns;      /* until all who fit were connected */
    bl_ns wake_ns;         /* from setting the future to the last one awake */
    bl_ns ask_ns;          /* from then to the last answer */
    bl_error *first_error; /* of those lost; NULL, or the caller's to unref */
};

/*
 * Runs the crowd and waits for its end.
 *
 * Returns 0 once every client has ended, also where some were lost.
 */
int crowd_run(const struct crowd_plan *plan, struct crowd_report *report);

#endif
