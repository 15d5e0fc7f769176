/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_change.c - what is recorded, and who is told of it; readiness,
 * health and heartbeats
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/actor.h"

/* What an observer was told, as text: "state:running state:stopping ...". */
struct diary {
    bl_service_observer observer;
    char text[1024];
    bool (*answer)(bl_service *service, const bl_service_change *change);
};

static const char *subject_name(bl_service_subject subject) {
    static const char *const names[] = { "state",   "phase",    "readiness",
                                         "health",  "extended", "reloaded",
                                         "returned" };
    return names[subject];
}

static void diary_write(bl_service *service, const bl_service_change *change,
                        void *context) {
    struct diary *diary = context;
    size_t used = strlen(diary->text);
    snprintf(diary->text + used, sizeof diary->text - used, "%s%s:%s",
             used > 0 ? " " : "", subject_name(change->subject),
             bl_service_state_name(change->to));
    if (diary->answer != NULL) diary->answer(service, change);
}

static void diary_begin(struct diary *diary, struct actor *actor) {
    *diary = (struct diary){ .text = "" };
    bl_service_observe(&actor->service, &diary->observer, diary_write, diary);
}

TEST(every_transition_is_told_in_order) {
    ACTOR actor = { .life = 0 };
    struct diary diary;
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(1) };
    REQUIRE_OK(actor_init(&actor, &options));
    diary_begin(&diary, &actor);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_STR(diary.text, "state:starting state:running state:stopping "
                          "phase:stopping phase:stopping state:stopped");
}

TEST(a_change_says_when_why_and_by_which_incarnation) {
    ACTOR actor = { .start_time = SEC(2), .life = SEC(3), .end = BL_EIO };
    bl_service_change changes[4];
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    bl_ns began = bl_now();
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_ERR(bl_service_wait(&actor.service), BL_EIO);
    REQUIRE_EQ(bl_service_history(&actor.service, changes, 4), 3u);
    CHECK_EQ(changes[0].when, began);
    CHECK_EQ(changes[0].from, BL_SERVICE_NEW);
    CHECK_EQ(changes[0].to, BL_SERVICE_STARTING);
    CHECK_EQ(changes[0].cause, BL_WHY_STARTED);
    CHECK_EQ(changes[1].when, began + SEC(2));
    CHECK_EQ(changes[1].cause, BL_WHY_READY);
    CHECK_EQ(changes[1].incarnation, 1u);
    CHECK_EQ(changes[2].when, began + SEC(5));
    CHECK_EQ(changes[2].from, BL_SERVICE_RUNNING);
    CHECK_EQ(changes[2].cause, BL_WHY_ERROR);
    CHECK_EQ(changes[2].rc, BL_EIO);
}

TEST(the_last_sixteen_transitions_are_kept) {
    ACTOR actor = { .life = 0 };
    bl_service_change changes[20];
    REQUIRE_OK(actor_init(&actor, NULL));
    CHECK_EQ(bl_service_history(&actor.service, changes, 20), 0u);
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 10; i++) {
        REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
        REQUIRE_OK(bl_service_stop(&actor.service));
    }
    REQUIRE_EQ(bl_service_history(&actor.service, changes, 20), 16u);
    CHECK_EQ(changes[0].incarnation, 7u);
    CHECK_EQ(changes[0].to, BL_SERVICE_STARTING);
    CHECK_EQ(changes[15].to, BL_SERVICE_STOPPED);
    CHECK_EQ(changes[15].incarnation, 10u);
    CHECK_EQ(bl_service_history(&actor.service, changes, 1), 1u);
    CHECK_EQ(changes[0].to, BL_SERVICE_STOPPED);
}

static bool stop_when_running(bl_service *service,
                              const bl_service_change *change) {
    if (change->to != BL_SERVICE_RUNNING) return false;
    return bl_service_begin_stop(service, BL_FOREVER);
}

TEST(what_an_observer_changes_is_told_after_what_it_was_told) {
    ACTOR actor = { .life = 0 };
    struct diary first;
    struct diary second;
    REQUIRE_OK(actor_init(&actor, NULL));
    diary_begin(&first, &actor);
    first.answer = stop_when_running;
    diary_begin(&second, &actor);
    BL_GROUP_SCOPED(group);
    CHECK_EQ(bl_service_start(&actor.service, &group, NULL), 0);
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_STR(first.text, second.text);
    CHECK_STR(first.text,
              "state:starting state:running state:stopping phase:stopping "
              "state:stopped");
}

static bool leave_when_running(bl_service *service,
                               const bl_service_change *change) {
    (void)service;
    if (change->to != BL_SERVICE_RUNNING) return false;
    return true;
}

static void leave_at_once(bl_service *service, const bl_service_change *change,
                          void *context) {
    bl_service_observer *observer = context;
    if (leave_when_running(service, change)) bl_service_unobserve(observer);
}

TEST(observers_can_leave_while_they_are_told) {
    ACTOR actor = { .life = 0 };
    bl_service_observer leavers[3];
    struct diary diary;
    REQUIRE_OK(actor_init(&actor, NULL));
    bl_service_observe(&actor.service, &leavers[0], leave_at_once, &leavers[0]);
    bl_service_observe(&actor.service, &leavers[1], leave_at_once,
                       &leavers[2]); /* takes out the next */
    bl_service_observe(&actor.service, &leavers[2], leave_at_once, &leavers[2]);
    diary_begin(&diary, &actor);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_CONTAINS(diary.text, "state:running");
    CHECK_CONTAINS(diary.text, "state:stopped");
    bl_service_unobserve(&leavers[1]);
    bl_service_unobserve(&leavers[1]);
    bl_service_unobserve(&diary.observer);
}

static bool change_without_end(bl_service *service,
                               const bl_service_change *change) {
    (void)change;
    for (int i = 0; i < 20; i++)
        bl_service_set_health(service, BL_HEALTH_OK, NULL);
    return true;
}

TEST(an_observer_that_answers_without_end_is_stopped, .signal = SIGABRT,
     .output = "answers changes with changes without end") {
    ACTOR actor = { .life = 0 };
    struct diary diary;
    REQUIRE_OK(actor_init(&actor, NULL));
    diary_begin(&diary, &actor);
    diary.answer = change_without_end;
    CHECK_OK(bl_service_stop(&actor.service));
}

static void extend(struct actor *actor) {
    CHECK_EQ(bl_service_extend(&actor->service, SEC(40)), 0);
}

TEST(an_extension_is_told) {
    ACTOR actor = { .start_time = SEC(1), .on_begin = extend };
    bl_service_info info;
    struct diary diary;
    REQUIRE_OK(actor_init(&actor, NULL));
    diary_begin(&diary, &actor);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_CONTAINS(diary.text, "extended:starting");
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.deadline, BL_FOREVER);
    CHECK_OK(bl_service_stop(&actor.service));
}

/* ---- readiness, health, heartbeat ---------------------------------------- */

TEST(readiness_may_flip_while_it_runs) {
    ACTOR actor = { .life = 0 };
    struct diary diary;
    REQUIRE_OK(actor_init(&actor, NULL));
    bl_service_set_ready(&actor.service, true); /* it does not run */
    CHECK(!bl_service_is_ready(&actor.service));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    diary_begin(&diary, &actor);
    bl_service_set_ready(&actor.service, true);
    CHECK_STR(diary.text, "");
    bl_service_set_ready(&actor.service, false);
    CHECK(!bl_service_is_ready(&actor.service));
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    bl_service_set_ready(&actor.service, true);
    CHECK(bl_service_is_ready(&actor.service));
    CHECK_STR(diary.text, "readiness:running readiness:running");
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK(!bl_service_is_ready(&actor.service));
}

TEST(health_is_a_grade_and_a_text) {
    ACTOR actor = { .life = 0 };
    struct diary diary;
    bl_service_info info;
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    diary_begin(&diary, &actor);
    bl_service_set_health(&actor.service, BL_HEALTH_DEGRADED, "disk 91 %");
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.health, BL_HEALTH_DEGRADED);
    CHECK_STR(info.health_text, "disk 91 %");
    CHECK(info.is_ready); /* that is another matter */
    CHECK_STR(diary.text, "health:running");
    bl_service_set_health(&actor.service, BL_HEALTH_FAILING, longer);
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(strlen(info.health_text), 95u);
    CHECK_OK(bl_service_stop(&actor.service));
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.health, BL_HEALTH_OK);
    CHECK_STR(info.health_text, "");
    CHECK_OK(bl_service_stop(&actor.service));
}

static bool is_alive(const struct actor *actor) {
    bl_service_info info;
    bl_service_get_info(&actor->service, &info);
    return info.is_alive;
}

TEST(a_service_with_a_heartbeat_is_alive_while_it_beats) {
    ACTOR actor = { .start_time = SEC(20) };
    bl_service_options options = { .size = sizeof options,
                                   .heartbeat = SEC(5) };
    REQUIRE_OK(actor_init(&actor, &options));
    CHECK(is_alive(&actor));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK(is_alive(&actor)); /* it counts from when it was ready */
    REQUIRE_OK(bl_sleep(SEC(5)));
    CHECK(is_alive(&actor));
    REQUIRE_OK(bl_sleep(1));
    CHECK(!is_alive(&actor));
    bl_service_beat(&actor.service);
    CHECK(is_alive(&actor));
    REQUIRE_OK(bl_sleep(SEC(6)));
    CHECK(!is_alive(&actor));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK(is_alive(&actor)); /* who does not run need not beat */
}

TEST(a_service_without_a_heartbeat_is_always_alive) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(3600)));
    CHECK(is_alive(&actor));
    CHECK_OK(bl_service_stop(&actor.service));
}

/* ---- a stop in the tick of ready ----------------------------------------- */

static void stop_it(void *context) {
    struct actor *actor = context;
    bl_service_begin_stop(&actor->service, BL_FOREVER);
}

/* Armed in front of the body's own timer, which is due in the same tick. */
static void stop_in_the_tick_of_ready(struct actor *actor) {
    bl_timer *timer = actor->context;
    bl_timer_start(bl_loop_running(), timer, bl_now() + actor->start_time);
}

TEST(a_stop_before_ready_in_one_tick_wins) {
    ACTOR actor = { .start_time = SEC(1),
                    .on_begin = stop_in_the_tick_of_ready };
    bl_timer BL__CLEANUP(bl_timer_stop) timer;
    bl_timer_init(&timer, stop_it, &actor);
    actor.context = &timer;
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(1)) {
        CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ECANCELED);
    }
    CHECK_STR(actor_path(&actor), "starting>stopping>stopped");
}

static bool stop_by_call(bl_service *service, const bl_service_change *change) {
    static bl_call call;
    if (change->to != BL_SERVICE_RUNNING) return false;
    bl_call_soon(bl_loop_running(), &call, stop_it, bl_service_arg(service));
    return true;
}

TEST(a_stop_behind_ready_in_one_tick_follows_it) {
    ACTOR actor = { .start_time = SEC(1) };
    struct diary diary;
    REQUIRE_OK(actor_init(&actor, NULL));
    diary_begin(&diary, &actor);
    diary.answer = stop_by_call;
    BL_GROUP_SCOPED(group);
    TAKES(SEC(1)) {
        CHECK_EQ(bl_service_start(&actor.service, &group, NULL), 0);
        CHECK_OK(bl_service_wait(&actor.service));
    }
    CHECK_STR(actor_path(&actor), "starting>running>stopping>stopped");
    const char *stopping = strstr(diary.text, "state:stopping");
    REQUIRE(stopping != NULL);
    CHECK(strstr(stopping, "state:running") == NULL);
}
