/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_states.c - a stop by each means, from each state, with each
 * checkpoint cancelled and each allocation failed
 */
#include <belay/test.h>

#include "support/actor.h"

/* By which means. */
enum way {
    BY_STOP,
    BY_BEGIN,
    BY_REQUEST,
    BY_GROUP,
    BY_TWO /* at once */
};

static const bl_restart_policy policy = {
    .size = sizeof policy,
    .when = BL_RESTART_ON_FAILURE,
    .delay_min = SEC(20),
    .restarts_max = 1,
};

static int call_start(void *arg) {
    struct actor *actor = arg;
    int rc = bl_service_start(&actor->service, actor->context, NULL);
    bl_error_handled();
    return rc == BL_ECANCELED && bl_is_cancelled() ? rc : 0;
}

static int call_stop(void *arg) {
    struct actor *actor = arg;
    int rc = bl_service_stop(&actor->service);
    bl_error_handled();
    return rc == BL_ECANCELED && bl_is_cancelled() ? rc : 0;
}

/* What the actor has to be like to be found in `state` after 5 s. */
static void actor_prepare(struct actor *actor, bl_service_state state) {
    actor->cleanup_time = MS(10);
    actor->end = BL_EIO;
    switch (state) {
    case BL_SERVICE_STARTING: actor->start_time = SEC(10); break;
    case BL_SERVICE_BACKOFF: actor->life = SEC(1); break;
    case BL_SERVICE_FAILED:
        actor->life = SEC(1);
        actor->never_ready = true;
        break;
    case BL_SERVICE_STOPPING: actor->cleanup_time = SEC(8); break;
    default: break;
    }
}

/* Brings it into `state`. */
static int actor_enter(struct actor *actor, bl_group *callers,
                       bl_service_state state) {
    if (state == BL_SERVICE_NEW) return 0;
    int rc = bl_spawn(callers, call_start, actor);
    if (rc == 0) rc = bl_sleep(state == BL_SERVICE_FAILED ? SEC(30) : SEC(2));
    if (rc < 0) return rc;
    if (state == BL_SERVICE_STOPPED || state == BL_SERVICE_STOPPING) {
        bl_service_begin_stop(&actor->service, BL_FOREVER);
        rc = bl_sleep(SEC(1));
    }
    return rc;
}

static int stop_by(struct actor *actor, bl_group *callers, enum way way) {
    switch (way) {
    case BY_BEGIN:
        bl_service_begin_stop(&actor->service, bl_now() + SEC(9));
        break;
    case BY_REQUEST: bl_thread_service_request_stop(&actor->service); break;
    case BY_GROUP: bl_group_cancel(actor->context); break;
    case BY_TWO: {
        int rc = bl_spawn(callers, call_stop, actor);
        if (rc < 0) return rc;
        bl_thread_service_request_stop(&actor->service);
        break;
    }
    default: return bl_service_stop(&actor->service);
    }
    return 0;
}

PARAM(bl_service_state, state, BL_SERVICE_NEW, BL_SERVICE_STARTING,
      BL_SERVICE_RUNNING, BL_SERVICE_STOPPING, BL_SERVICE_STOPPED,
      BL_SERVICE_FAILED, BL_SERVICE_BACKOFF);
PARAM(enum way, way, BY_STOP, BY_BEGIN, BY_REQUEST, BY_GROUP, BY_TWO);

/* The stage of one stop: groups inside each other, the service outermost. */
static void play(struct actor *actor, bl_service_state state, enum way way) {
    BL_GROUP_SCOPED(group);
    actor->context = &group;
    BL_GROUP_SCOPED(callers);
    REQUIRE_OK(actor_enter(actor, &callers, state));
    CHECK_EQ(bl_service_state_of(&actor->service), state);
    int rc = stop_by(actor, &callers, way);
    CHECK(rc == 0 || rc == BL_EIO);
    if (rc == BL_ENOMEM) bl_group_cancel(&group); /* nobody could ask */
    BL_SHIELD(SEC(60)) {
        BL_IGNORE(bl_sleep(SEC(11))); /* longer than any of it takes */
    }
    BL_IGNORE(bl_group_exit(&callers, 0)); /* it may have been cancelled */
    BL_IGNORE(bl_group_exit(&group, 0));   /* likewise */
}

TEST(a_stop_from_each_state_ends_it, (state, way), .sweep = T_CANCEL | T_OOM) {
    ACTOR actor = { .life = 0 };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    actor_prepare(&actor, state);
    REQUIRE_OK(actor_init(&actor, &options));
    play(&actor, state, way);
    CHECK_ALWAYS(actor.inside == 0);
    bl_service_state at_last = bl_service_state_of(&actor.service);
    bool is_at_rest = at_last == BL_SERVICE_STOPPED ||
                      at_last == BL_SERVICE_FAILED || at_last == BL_SERVICE_NEW;
    CHECK_ALWAYS(is_at_rest);
    bool was_asked = way != BY_REQUEST && way != BY_GROUP;
    if (state == BL_SERVICE_NEW && was_asked) {
        CHECK_EQ(at_last, BL_SERVICE_STOPPED);
    }
    if (state == BL_SERVICE_FAILED) CHECK_EQ(at_last, BL_SERVICE_FAILED);
}
