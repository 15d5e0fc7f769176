/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_request.c - an app that is asked to stop from outside its loop
 *
 * Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <signal.h>

#include "support/cast.h"

enum {
    ASKERS = 8
};

/* web requires db. */
struct stage {
    bl_app *app;
    struct part db;
    struct part web;
};

static void stage_set(struct stage *stage) {
    *stage = (struct stage){ .app = bl_app_new(NULL) };
    cast_add(stage->app, &stage->web, "web", NULL);
    cast_add(stage->app, &stage->db, "db", NULL);
    bl_app_requires(stage->app, "web", "db", BL_DEP_RESTART_WITH);
}

static void *ask(void *arg) {
    bl_thread_app_request_stop(arg);
    return NULL;
}

TEST(another_thread_can_ask_an_app_to_stop, .clock = T_CLOCK_REAL) {
    struct stage s;
    pthread_t thread;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    bl_loop_expect(bl_loop_running());
    REQUIRE_OK(bl_app_start(s.app, &group));
    REQUIRE_EQ(pthread_create(&thread, NULL, ask, s.app), 0);
    CHECK_OK(bl_app_wait(s.app));
    CHECK_EQ(pthread_join(thread, NULL), 0);
    bl_loop_unexpect(bl_loop_running());
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_STOPPED);
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

static void have_many_ask(bl_app *app) {
    pthread_t threads[ASKERS];
    for (int i = 0; i < ASKERS; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, ask, app), 0);
    CHECK_OK(bl_app_wait(app));
    for (int i = 0; i < ASKERS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* The last of them ask while the app ends, or has. */
TEST(many_threads_that_ask_are_one_stop_of_the_app, .clock = T_CLOCK_REAL) {
    bl_loop_expect(bl_loop_running());
    for (int round = 0; round < 30; round++) {
        struct stage s;
        BL_GROUP_SCOPED(group);
        stage_set(&s);
        REQUIRE_OK(bl_app_start(s.app, &group));
        have_many_ask(s.app);
        CHECK_EQ(s.web.runs, 1);
        CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
        CHECK_OK(bl_group_exit(&group, 0));
        bl_app_free(s.app);
    }
    bl_loop_unexpect(bl_loop_running());
}

static bl_app *signalled;

static void on_signal(int number) {
    (void)number;
    bl_thread_app_request_stop(signalled);
}

TEST(a_signal_handler_can_ask_an_app_to_stop) {
    struct stage s;
    struct sigaction action = { .sa_handler = on_signal };
    struct sigaction before;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    signalled = s.app;
    REQUIRE_OK(bl_app_start(s.app, &group));
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(bl_app_is_ready(s.app)); /* until the loop has its turn */
    CHECK_OK(bl_app_wait(s.app));
    CHECK_EQ(sigaction(SIGUSR1, &before, NULL), 0);
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    bl_thread_app_request_stop(s.app); /* it has ended */
    t_settle();
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_request_before_the_start_of_an_app_is_remembered) {
    struct stage s;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    bl_thread_app_request_stop(s.app);
    bl_thread_app_request_stop(NULL);
    CHECK_ERR(bl_app_start(s.app, &group), BL_ECANCELED);
    CHECK_OK(bl_app_wait(s.app));
    CHECK_EQ(s.db.runs, 0);
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_NEW);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

static int start_within(void *arg) {
    struct stage *stage = arg;
    BL_GROUP_SCOPED(group);
    int rc = bl_app_start(stage->app, &group);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_OK(bl_group_exit(&group, 0));
    return 0;
}

TEST(a_request_ends_the_start_of_an_app) {
    struct stage s;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    s.db.start_time = SEC(20);
    REQUIRE_OK(bl_spawn(&group, start_within, &s));
    CHECK_OK(bl_sleep(SEC(1)));
    bl_thread_app_request_stop(s.app);
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    CHECK_EQ(s.web.runs, 0);
    bl_app_free(s.app);
}

static int ask_and_be_done(bl_service *self, void *arg) {
    int rc = bl_service_ready(self, NULL);
    if (rc == 0) rc = bl_sleep(SEC(1));
    bl_thread_app_request_stop(arg);
    return rc;
}

TEST(a_request_that_is_on_its_way_at_the_end_of_an_app_arrives) {
    bl_service_options once = { .size = sizeof once, .is_oneshot = true };
    BL_GROUP_SCOPED(group);
    bl_app *app = bl_app_new(NULL);
    bl_app_add(app, "worker", ask_and_be_done, app, &once);
    REQUIRE_OK(bl_app_start(app, &group));
    CHECK_OK(bl_app_wait(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}
