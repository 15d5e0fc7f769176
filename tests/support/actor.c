/* SPDX-License-Identifier: MIT */
/*
 * support/actor.c - a service that behaves as a test wants it to
 */
#include "support/actor.h"

#include <stdio.h>
#include <string.h>

/* Waits for the first thing that ends it.  Returns 1 if that is a stop. */
static int actor_live(struct actor *actor) {
    bl_event never = BL_EVENT_INIT;
    bl_event *stop = bl_service_stopping(&actor->service);
    bl_branch branches[] = {
        bl_on_event(&actor->crash),
        bl_on_event(actor->ignores_stop ? &never : stop),
        bl_on_sleep(actor->life > 0 ? actor->life : BL_FOREVER),
    };
    return bl_select(branches, 3);
}

static int actor_act(struct actor *actor) {
    int rc = actor->start_time > 0 ? bl_sleep(actor->start_time) : 0;
    if (rc < 0) return rc;
    if (!actor->never_ready) {
        rc = bl_service_ready(&actor->service, actor->value);
        if (rc < 0) return rc;
    }
    rc = actor_live(actor);
    if (rc < 0) return rc;
    if (rc == 1) actor->stops_seen++;
    return rc == 1 ? actor->stop_result : actor->end;
}

static int actor_run(bl_service *self, void *arg) {
    struct actor *actor = arg;
    if (self != &actor->service) return BL_EMISUSE;
    actor->began[actor->runs++ % ACTOR_BEGINNINGS] = bl_now();
    actor->inside++;
    if (actor->on_begin != NULL) actor->on_begin(actor);
    int rc = actor_act(actor);
    if (rc == BL_ECANCELED) {
        actor->cancels_seen++;
        if (actor->stop_result < 0) rc = actor->stop_result;
    }
    if (actor->ignores_cancel) {
        BL_SHIELD(BL_SEC(1000)) {
            BL_IGNORE(bl_event_wait(&actor->release)); /* that is the point */
        }
    }
    BL_SHIELD(BL_SHIELD_FOREVER) {
        if (actor->cleanup_time > 0) BL_IGNORE(bl_sleep(actor->cleanup_time));
    }
    actor->inside--;
    return rc;
}

int actor_init(struct actor *actor, const bl_service_options *options) {
    bl_service_options own = { .size = sizeof own };
    if (options != NULL) own = *options;
    if (own.name == NULL) own.name = "actor";
    bl_event_init(&actor->crash);
    bl_event_init(&actor->release);
    return bl_service_init(&actor->service, actor_run, actor, &own);
}

void actor_done(struct actor *actor) {
    bl_service_done(&actor->service);
}

const char *actor_path(const struct actor *actor) {
    static char text[512];
    bl_service_change changes[16];
    size_t count = bl_service_history(&actor->service, changes, 16);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                 i > 0 ? ">" : "",
                                 bl_service_state_name(changes[i].to));
    }
    return text;
}
