/* SPDX-License-Identifier: MIT */
/*
 * tests/explore/test_service.c - start, ready, stop, crash and restart in any
 * order
 *
 * Everything happens in the same few milliseconds, so each order of two things
 * comes up.  An observer holds the rules of the state machine at every change;
 * at the end nothing is left.
 */
#include <belay/test.h>

#include "support/actor.h"

enum {
    SCHEDULES = 100
};

/* The actor, and what the rules are held by. */
struct stage {
    struct actor actor;
    bl_group *group;
    bl_service_observer observer;
    bl_service_state state; /* as it was told last */
    bool is_stop_asked;     /* and no start since */
    int changes;
};

/* Whether the state machine has this arrow. */
static bool is_arrow(bl_service_state from, bl_service_state to) {
    switch (from) {
    case BL_SERVICE_NEW:
    case BL_SERVICE_STOPPED:
        return to == BL_SERVICE_STARTING ||
               (from == BL_SERVICE_NEW && to == BL_SERVICE_STOPPED);
    case BL_SERVICE_FAILED: return to == BL_SERVICE_STARTING;
    case BL_SERVICE_STARTING:
        return to != BL_SERVICE_NEW && to != BL_SERVICE_STARTING;
    case BL_SERVICE_RUNNING:
        return to == BL_SERVICE_STOPPING || to == BL_SERVICE_BACKOFF ||
               to == BL_SERVICE_FAILED || to == BL_SERVICE_STOPPED;
    case BL_SERVICE_STOPPING:
        return to == BL_SERVICE_STOPPED || to == BL_SERVICE_FAILED;
    case BL_SERVICE_BACKOFF:
        return to == BL_SERVICE_STARTING || to == BL_SERVICE_STOPPED;
    }
    return false;
}

static void hold_rules(bl_service *service, const bl_service_change *change,
                       void *context) {
    struct stage *stage = context;
    stage->changes++;
    if (change->subject != BL_CHANGE_STATE) {
        CHECK_EQ(change->from, stage->state);
        return;
    }
    T_INFO("%s to %s", bl_service_state_name(change->from),
           bl_service_state_name(change->to));
    CHECK_EQ(change->from, stage->state);
    CHECK(is_arrow(change->from, change->to));
    if (change->to == BL_SERVICE_STOPPING) stage->is_stop_asked = true;
    if (change->to == BL_SERVICE_STARTING) {
        CHECK_EQ(stage->actor.inside, 0); /* one body at a time */
        if (change->cause == BL_WHY_RESTART) CHECK(!stage->is_stop_asked);
        stage->is_stop_asked = false;
    }
    if (change->to == BL_SERVICE_RUNNING) {
        CHECK(!stage->is_stop_asked);
        CHECK(bl_service_is_ready(service));
    }
    bool has_ended = change->to == BL_SERVICE_STOPPED ||
                     change->to == BL_SERVICE_FAILED ||
                     change->to == BL_SERVICE_BACKOFF;
    bool is_abandoned = service->_is_abandoned;
    if (is_abandoned) CHECK_EQ(change->rc, BL_ETIMEDOUT);
    if (has_ended) CHECK_EQ(stage->actor.inside, is_abandoned ? 1 : 0);
    stage->state = change->to;
}

static void stage_done(struct stage *stage) {
    bl_service_done(&stage->actor.service);
}

#define STAGE struct stage BL__CLEANUP(stage_done)

static void stage_open(struct stage *stage, bl_group *group, bl_restart when) {
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = when,
                                 .delay_min = MS(1),
                                 .delay_max = MS(1),
                                 .has_no_jitter = true,
                                 .restarts_max = 2 };
    bl_service_options options = { .size = sizeof options,
                                   .is_contained = true,
                                   .stop_timeout = MS(2),
                                   .cancel_grace = MS(5),
                                   .start_timeout = MS(4),
                                   .restart = &policy };
    REQUIRE_OK(actor_init(&stage->actor, &options));
    bl_service_observe(&stage->actor.service, &stage->observer, hold_rules,
                       stage);
    stage->group = group;
}

/* ---- who acts ------------------------------------------------------------ */

/* What a start, a stop or a wait may return here, as 0 for the group. */
static int expected(int rc) {
    bl_error_handled();
    if (rc == BL_ECANCELED && bl_is_cancelled()) return rc;
    switch (rc) {
    case 0:
    case 1:
    case BL_ESTATE:
    case BL_EBUSY:
    case BL_EIO:
    case BL_ENOTREADY:
    case BL_ETIMEDOUT:
    case BL_ECANCELED: return 0;
    default: return rc;
    }
}

static int act_start(void *arg) {
    struct stage *stage = arg;
    int rc = bl_service_start(&stage->actor.service, stage->group, NULL);
    /* Who was told 0 may use it: it was ready at that moment. */
    if (rc == 0) CHECK_GT(stage->actor.runs, 0);
    return expected(rc);
}

static int act_start_for_a_while(void *arg) {
    return expected(bl_wait_for(act_start(arg), MS(1)));
}

static int act_start_again(void *arg) {
    int rc = bl_sleep(MS(2));
    return rc < 0 ? rc : act_start(arg);
}

static int act_stop(void *arg) {
    struct stage *stage = arg;
    int rc = bl_sleep(MS(1));
    if (rc < 0) return rc;
    if (stage->state == BL_SERVICE_BACKOFF) stage->is_stop_asked = true;
    rc = bl_service_stop(&stage->actor.service);
    return expected(rc);
}

static int act_begin_stop(void *arg) {
    struct stage *stage = arg;
    int rc = bl_sleep(MS(2));
    bl_service *service = &stage->actor.service;
    if (bl_service_begin_stop(service, bl_now() + MS(1))) {
        stage->is_stop_asked = true;
    }
    return rc;
}

static int act_request(void *arg) {
    struct stage *stage = arg;
    int rc = bl_sleep(MS(1));
    bl_thread_service_request_stop(&stage->actor.service);
    return rc;
}

static int act_crash(void *arg) {
    struct stage *stage = arg;
    int rc = bl_sleep(MS(1));
    bl_event_set(&stage->actor.crash);
    if (rc == 0) rc = bl_sleep(MS(1));
    bl_event_clear(&stage->actor.crash);
    return rc;
}

static int act_wait(void *arg) {
    struct stage *stage = arg;
    int rc = bl_service_wait(&stage->actor.service);
    return expected(rc);
}

static int act_cancel(void *arg) {
    struct stage *stage = arg;
    int rc = bl_sleep(MS(2));
    bl_group_cancel(stage->group);
    return rc;
}

/* Ends whatever runs, and holds what is true of a service that has ended. */
static void stage_close(struct stage *stage) {
    int rc = bl_service_stop(&stage->actor.service);
    CHECK_OK(expected(rc));
    CHECK_OK(bl_sleep(MS(10))); /* a body that was given up comes back */
    CHECK_EQ(stage->actor.inside, 0);
    CHECK(stage->actor.service._keeper == NULL);
    CHECK_EQ(stage->actor.service._deadline, BL_FOREVER);
    CHECK(bl_waitq_first(&stage->actor.service._starters) == NULL);
    CHECK(bl_waitq_first(&stage->actor.service._enders) == NULL);
    bl_service_unobserve(&stage->observer);
}

static void stage_play(struct stage *stage, bl_task_fn *const *acts,
                       size_t count) {
    BL_GROUP_SCOPED(actors);
    for (size_t i = 0; i < count; i++)
        REQUIRE_OK(bl_spawn(&actors, acts[i], stage));
    CHECK_OK(bl_group_exit(&actors, 0));
}

#define PLAY(stage, ...)                                      \
    stage_play((stage), (bl_task_fn *const[]){ __VA_ARGS__ }, \
               sizeof((bl_task_fn *const[]){ __VA_ARGS__ }) / \
                   sizeof(bl_task_fn *))

/* ---- plays --------------------------------------------------------------- */

PARAM(bl_restart, when, BL_RESTART_NEVER, BL_RESTART_ON_FAILURE,
      BL_RESTART_ALWAYS);

TEST(starts_and_stops_in_any_order, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = { .start_time = MS(1), .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    PLAY(&stage, act_start, act_start_for_a_while, act_stop, act_start_again,
         act_begin_stop);
    stage_close(&stage);
}

TEST(crashes_and_stops_in_any_order, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = { .start_time = MS(1), .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    PLAY(&stage, act_start, act_crash, act_request, act_start_again,
         act_begin_stop);
    stage_close(&stage);
}

TEST(crashes_and_cancelled_owners_in_any_order, (when),
     .schedules = SCHEDULES) {
    STAGE stage = { .actor = { .start_time = MS(1),
                               .life = MS(1),
                               .cleanup_time = MS(1),
                               .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    PLAY(&stage, act_start_for_a_while, act_start, act_crash, act_stop,
         act_start_again);
    stage_close(&stage);
}

TEST(slow_starts_and_deadlines_in_any_order, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = { .start_time = MS(4), .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    PLAY(&stage, act_start, act_start_for_a_while, act_start_again,
         act_request);
    stage_close(&stage);
}

TEST(a_stubborn_service_in_any_order, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = { .start_time = MS(1),
                               .ignores_stop = true,
                               .cleanup_time = MS(3),
                               .stop_result = BL_EIO,
                               .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    PLAY(&stage, act_start, act_stop, act_stop, act_begin_stop, act_start_again,
         act_crash);
    stage_close(&stage);
}

TEST(a_group_that_is_cancelled_in_any_order, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = {
                        .start_time = MS(1), .life = MS(1), .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    {
        BL_GROUP_SCOPED(actors); /* inside, so it is cancelled too */
        REQUIRE_OK(bl_spawn(&actors, act_start_for_a_while, &stage));
        REQUIRE_OK(bl_spawn(&actors, act_cancel, &stage));
        REQUIRE_OK(bl_spawn(&actors, act_stop, &stage));
        REQUIRE_OK(bl_spawn(&actors, act_start, &stage));
        CHECK_OK(expected(bl_group_exit(&actors, 0)));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(stage.actor.inside, 0);
    CHECK(stage.actor.service._keeper == NULL);
}

/* ---- who waits for the end ----------------------------------------------- */

TEST(everybody_who_waits_is_served, (when), .schedules = SCHEDULES) {
    STAGE stage = { .actor = {
                        .start_time = MS(1), .life = MS(1), .end = BL_EIO } };
    BL_GROUP_SCOPED(group);
    stage_open(&stage, &group, when);
    REQUIRE_OK(expected(bl_service_start(&stage.actor.service, &group, NULL)));
    PLAY(&stage, act_wait, act_wait, act_stop, act_start_again, act_crash);
    stage_close(&stage);
}
