/* SPDX-License-Identifier: MIT */
/*
 * support/cast.h - services of an app that behave as a test wants them to
 *
 * Each notes (support/kids.h) "+name" when it becomes ready and "-name" at its
 * end.  Zero: it is ready at once, runs until it is told to stop, and returns
 * 0.
 */
#ifndef SUPPORT_CAST_H
#define SUPPORT_CAST_H

#include <belay.h>

struct part {
    const char *name;
    bl_ns start_time; /* before it is ready */
    int start_rc;     /* returned then, instead of becoming ready */
    int failures;     /* so many starts fail with start_rc; 0: all */
    bl_event crash;   /* set: it returns crash_rc */
    int crash_rc;
    bl_ns stop_time;     /* from the event to its return */
    int stop_rc;         /* returned then */
    bool ignores_stop;   /* only a cancellation moves it */
    bool ignores_cancel; /* not even that: until `release` is set */
    bl_event release;
    int prepare_rc; /* of a reload, after prepare_time */
    bl_ns prepare_time;
    const char *needs_restart; /* a setting */
    /* What has happened. */
    bl_service *service;
    int runs;
    bool is_inside;
    const void *config; /* committed */
    int prepared;
    int committed;
    int discarded;
};

/* Adds it; `options` may be NULL, `name` is the part's. */
void cast_add(bl_app *app, struct part *part, const char *name,
              const bl_service_options *options);

/* As cast_add, and begun again after failures, without jitter. */
void cast_add_restarted(bl_app *app, struct part *part, const char *name);

/* Has the running service fail now. */
void cast_crash(struct part *part, int rc);

/* The state of a part's service. */
bl_service_state cast_state(const struct part *part);

#endif
