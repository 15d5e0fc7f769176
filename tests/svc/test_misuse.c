/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_misuse.c - services, reloads and supervision used where they
 * cannot be
 */
#include <belay/test.h>

#include "support/actor.h"
#include "sync/callers.h"

static bl_group *the_group; /* that services would be started in */

static int start(void *service) {
    return bl_service_start(service, the_group, NULL);
}

static int stop(void *service) {
    return bl_service_stop(service);
}

static int wait(void *service) {
    return bl_service_wait(service);
}

static int do_nothing(void *arg) {
    (void)arg;
    return 0;
}

static int until_stop(void *service) {
    return bl_service_until_stop(service, do_nothing, NULL);
}

static int prepare(void *service) {
    bl_reload reload;
    return bl_reload_prepare(&reload, service, NULL);
}

static int reload(void *service) {
    return bl_service_reload(service, NULL);
}

static const bl_restart_policy policy = { .size = sizeof policy };

static int supervise(void *arg) {
    return bl_supervise_run(do_nothing, arg, &policy);
}

static int never_prepare(bl_service *self, bl_reload *token) {
    (void)self;
    (void)token;
    return 0;
}

static void never_decide(bl_service *self, bl_reload *token) {
    (void)self;
    (void)token;
}

FIXTURE(struct actor *, actor) {
    ACTOR made = { .life = 0 };
    bl_service_options options = { .size = sizeof options,
                                   .prepare = never_prepare,
                                   .commit = never_decide,
                                   .discard = never_decide };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(actor_init(&made, &options));
    the_group = &group;
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
}

TEST(calls_that_wait_say_where_they_cannot_be_made, (actor)) {
    bl_service *service = &actor->service;
    CHECK_ERR(without_loop(start, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(stop, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(wait, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(until_stop, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(prepare, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(reload, service), BL_ENOLOOP);
    CHECK_ERR(without_loop(supervise, NULL), BL_ENOLOOP);
    CHECK_ERR(in_callback(start, service), BL_ENOTASK);
    CHECK_ERR(in_callback(stop, service), BL_ENOTASK);
    CHECK_ERR(in_callback(wait, service), BL_ENOTASK);
    CHECK_ERR(in_callback(until_stop, service), BL_ENOTASK);
    CHECK_ERR(in_callback(prepare, service), BL_ENOTASK);
    CHECK_ERR(in_callback(reload, service), BL_ENOTASK);
    CHECK_ERR(in_callback(supervise, NULL), BL_ENOTASK);
    CHECK_EQ(bl_service_state_of(service), BL_SERVICE_NEW);
}

TEST(a_service_stays_with_the_loop_that_started_it, (actor)) {
    bl_service *service = &actor->service;
    REQUIRE_OK(bl_service_start(service, the_group, NULL));
    CHECK_ERR(in_other_loop(start, service), BL_ETHREAD);
    CHECK_ERR(in_other_loop(stop, service), BL_ETHREAD);
    CHECK_ERR(in_other_loop(wait, service), BL_ETHREAD);
    CHECK_EQ(bl_service_state_of(service), BL_SERVICE_RUNNING);
}

TEST(what_is_not_there_is_refused, (actor)) {
    bl_reload token;
    bl_restart_policy bad = { .size = 1 };
    CHECK_ERR(bl_service_start(&actor->service, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_reload_prepare(NULL, &actor->service, NULL), BL_EINVAL);
    CHECK_ERR(bl_reload_prepare(&token, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_until_stop(&actor->service, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_supervise_run(NULL, NULL, &policy), BL_EINVAL);
    CHECK_ERR(bl_supervise_run(do_nothing, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_supervise(NULL, do_nothing, NULL, &policy), BL_EINVAL);
    CHECK_ERR(bl_supervise(the_group, NULL, NULL, &policy), BL_EINVAL);
    CHECK_ERR(bl_supervise(the_group, do_nothing, NULL, &bad), BL_EINVAL);
}

TEST(a_cancelled_caller_starts_and_reloads_nothing, (actor)) {
    bl_service *service = &actor->service;
    CHECK_ERR(in_cancelled_scope(start, service), BL_ECANCELED);
    CHECK_EQ(bl_service_state_of(service), BL_SERVICE_NEW);
    REQUIRE_OK(bl_service_start(service, the_group, NULL));
    CHECK_ERR(in_cancelled_scope(prepare, service), BL_ECANCELED);
    CHECK_ERR(in_cancelled_scope(reload, service), BL_ECANCELED);
    CHECK_ERR(in_cancelled_scope(supervise, NULL), BL_ECANCELED);
}

TEST(a_cancelled_caller_begins_a_stop_all_the_same, (actor)) {
    bl_service *service = &actor->service;
    REQUIRE_OK(bl_service_start(service, the_group, NULL));
    CHECK_ERR(in_cancelled_scope(wait, service), BL_ECANCELED);
    CHECK_EQ(bl_service_state_of(service), BL_SERVICE_RUNNING);
    CHECK_ERR(in_cancelled_scope(stop, service), BL_ECANCELED);
    CHECK_NE(bl_service_state_of(service), BL_SERVICE_RUNNING);
}

TEST(a_service_that_runs_cannot_be_done, (actor), .signal = SIGABRT,
     .output = "service \"actor\" is done while it is running") {
    REQUIRE_OK(bl_service_start(&actor->service, the_group, NULL));
    bl_service_done(&actor->service);
}
