/* SPDX-License-Identifier: MIT */
/*
 * demo/mishap.h - a group in which one worker fails
 *
 * Many workers wait for an answer of the server when one of them fails.  The
 * others are cancelled, and the group reports what happened as a tree.
 */
#ifndef DEMO_MISHAP_H
#define DEMO_MISHAP_H

#include <belay.h>

struct mishap_report {
    size_t workers;
    size_t cancelled; /* siblings of the one that failed */
    size_t leaves;    /* errors in the tree */
    bool is_the_one;  /* the tree has the error of the one that failed */
    bl_ns cancel_ns;  /* from the failure to the end of the group */
};

/*
 * Runs `workers` tasks against the server, one of which fails, and prints the
 * tree of errors.
 *
 * Returns 0 if the group failed as it should.
 */
int mishap_run(const bl_addr *server, size_t workers,
               struct mishap_report *report);

#endif
