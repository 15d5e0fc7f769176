/* SPDX-License-Identifier: MIT */
/*
 * demo/target.h - drives a server that is not ours
 */
#ifndef DEMO_TARGET_H
#define DEMO_TARGET_H

#include <stdbool.h>

#include <belay.h>

struct target_plan {
    const char *where; /* "host:port" */
    size_t clients;
    size_t requests; /* of each client */
    bl_ns limit;     /* of connecting, and of each request */
};

/*
 * Drives the server and prints what it did.
 *
 * Returns 0 if every request was answered, and 1 if not, having said why.  A
 * negative code means that it could not be tried.
 */
int target_run(const struct target_plan *plan);

#endif
