/* SPDX-License-Identifier: MIT */
/*
 * support/actor.h - a service that behaves as a test wants it to
 *
 * Fields may be changed at any time before the actor comes to where they count.
 * Zero: it is ready at once, runs until it is told to stop, and returns 0.
 */
#ifndef SUPPORT_ACTOR_H
#define SUPPORT_ACTOR_H

#include <belay.h>

enum {
    ACTOR_BEGINNINGS = 64
};

struct actor {
    bl_service service;
    /* What it does, in this order. */
    bl_ns start_time;    /* before it is ready */
    bool never_ready;    /* after start_time it goes on without a word */
    bl_ns life;          /* then it ends by itself; 0: it does not */
    bl_event crash;      /* set: it ends, likewise */
    int end;             /* returned when it has ended by itself */
    bool ignores_stop;   /* only a cancellation moves it */
    bool ignores_cancel; /* not even that: until `release` is set,
                             or for a thousand seconds */
    bl_event release;
    bl_ns cleanup_time; /* in a shield, on the way out */
    int stop_result;    /* returned after a stop or a cancellation that it
                             was asked for; 0: what the wait returned */
    void *value;
    void (*on_begin)(struct actor *actor); /* first thing in the body */
    void *context;
    /* What has happened. */
    int runs;
    int inside; /* bodies that run right now */
    int stops_seen;
    int cancels_seen;
    bl_ns began[ACTOR_BEGINNINGS]; /* modulo */
};

/*
 * Ends the actor, whose service must have ended.  As a clean-up attribute: an
 * ACTOR stands before the group that it is started in, so a test that is left
 * early leaves the group, which ends the service, first.
 */
void actor_done(struct actor *actor);

#define ACTOR   struct actor BL__CLEANUP(actor_done)
#define SERVICE bl_service BL__CLEANUP(bl_service_done)

/* Makes the service, named "actor", around a zeroed or prepared actor. */
int actor_init(struct actor *actor, const bl_service_options *options);

/* The last `count` states it came into, oldest first, as "new>running". */
const char *actor_path(const struct actor *actor);

#endif
