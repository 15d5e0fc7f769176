/* SPDX-License-Identifier: MIT */
/*
 * tests/health/test_health.c - /livez and /readyz, word for word
 */
#include <belay/health.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "http/talk.h"
#include "support/cast.h"
#include "support/famine.h"

static struct talk talk;

/* An app of db and web, and what is asked about it. */
struct house {
    bl_app *app;
    struct part db;
    struct part web;
};

static void house_build(struct house *house) {
    house->app = bl_app_new(NULL);
    cast_add_restarted(house->app, &house->db, "db");
    cast_add_restarted(house->app, &house->web, "web");
    bl_app_requires(house->app, "web", "db", BL_DEP_RESTART_WITH);
}

/* Returns the answer to one request. */
static const char *ask(struct house *house, const char *request) {
    talk_init(&talk, bl_health_reply);
    talk.options.arg = house->app;
    talk_begin(&talk, 0);
    talk_send(&talk, request);
    talk_send_end(&talk);
    const char *answer = talk_hear_all(&talk);
    CHECK_OK(talk_end(&talk));
    return answer;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

TEST(live_is_the_loop_and_nothing_else) {
    struct house house = { .db = { .name = "db" } };
    house_build(&house); /* it does not even run */
    const char *answer = ask(&house, GET("/livez"));
    CHECK_CONTAINS(answer, "HTTP/1.1 200 OK\r\n");
    CHECK_CONTAINS(answer, "Cache-Control: no-store\r\n");
    CHECK_CONTAINS(answer, "\r\n\r\nok\n");
    bl_app_free(house.app);
}

TEST(ready_is_all_that_is_required) {
    struct house house = { .web = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    house_build(&house);
    CHECK_CONTAINS(ask(&house, GET("/readyz")), " 503 ");
    REQUIRE_OK(bl_app_start(house.app, &group));
    const char *answer = ask(&house, GET("/readyz"));
    CHECK_CONTAINS(answer, " 200 OK\r\n");
    CHECK_CONTAINS(answer, "\r\n\r\nready\n");

    bl_service_set_ready(house.db.service, false);
    answer = ask(&house, GET("/readyz"));
    CHECK_CONTAINS(answer, " 503 ");
    CHECK_CONTAINS(answer, "\r\n\r\nnot ready\n");
    CHECK_CONTAINS(ask(&house, GET("/livez")), " 200 OK\r\n");
    bl_service_set_ready(house.db.service, true);
    CHECK_CONTAINS(ask(&house, GET("/readyz")), " 200 OK\r\n");

    bl_app_begin_stop(house.app); /* and while it drains */
    CHECK_CONTAINS(ask(&house, GET("/readyz")), " 503 ");
    CHECK_OK(bl_app_stop(house.app));
    CHECK_CONTAINS(ask(&house, GET("/readyz")), " 503 ");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(verbose_lists_each_service) {
    struct house house = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    house_build(&house);
    REQUIRE_OK(bl_app_start(house.app, &group));
    bl_service_set_health(house.db.service, BL_HEALTH_DEGRADED, "2 of 3 up");
    const char *answer = ask(&house, GET("/readyz?a=b&verbose"));
    CHECK_CONTAINS(answer, " 200 OK\r\n");
    CHECK_CONTAINS(answer, "app up ready 2/2 ready generation=0\n"
                           "db running ready health=degraded incarnation=1 "
                           "failures=0  2 of 3 up\n"
                           "web running ready health=ok incarnation=1 "
                           "failures=0\n");
    CHECK(strstr(ask(&house, GET("/readyz?verbosely")), "web") == NULL);
    CHECK_OK(bl_app_stop(house.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(verbose_lists_hundreds_of_services) {
    enum {
        MANY = 300
    };
    static char names[MANY][32];
    static struct part parts[MANY];
    struct house house = { .app = bl_app_new(NULL) };
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "service-%d", i);
        cast_add_restarted(house.app, &parts[i], names[i]);
    }
    const char *answer = ask(&house, GET("/readyz?verbose"));
    CHECK_CONTAINS(answer, "service-0 ");
    CHECK_CONTAINS(answer, "service-299 ");
    bl_app_free(house.app);
}

TEST(other_paths_and_methods_are_refused) {
    struct house house = { .db = { .name = "db" } };
    house_build(&house);
    CHECK_CONTAINS(ask(&house, GET("/")), " 404 ");
    CHECK_CONTAINS(ask(&house, GET("/livez/")), " 404 ");
    CHECK_CONTAINS(ask(&house, "DELETE /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
                   " 405 ");
    const char *answer =
        ask(&house, "HEAD /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_CONTAINS(answer, " 503 ");
    CHECK(strstr(answer, "db new") == NULL);
    CHECK_ERR(bl_health_reply(NULL, house.app), BL_EINVAL);
    bl_app_free(house.app);
}
