/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_serving.c - a server as a service: ready, served, drained
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/kids.h"
#include "support/sockets.h"

struct house {
    bl_app *app;
    bl_service *service;
    bl_addr address;
    bl_ns work; /* of a request */
    char lines[4096];
};

static void on_line(const char *line, void *context) {
    struct house *house = context;
    size_t used = strlen(house->lines);
    snprintf(house->lines + used, sizeof house->lines - used, "%s\n", line);
}

/* Answers each request, after a while. */
static int answer(bl_connection *connection) {
    struct house *house = connection->arg;
    char request[4];
    for (;;) {
        int rc = bl_connection_wait(connection);
        if (rc <= 0) return rc;
        rc = bl_stream_read_exactly(connection->stream, request, 4, NULL);
        if (rc < 0) return rc;
        rc = house->work > 0 ? bl_sleep(house->work) : 0;
        if (rc < 0) return rc;
        rc = bl_stream_write_all(connection->stream, "done", 4, NULL);
        if (rc < 0) return rc;
    }
}

static int house_run(bl_service *self, void *arg) {
    struct house *house = arg;
    bl_listener *listener;
    bl_addr any = loopback();
    int rc = bl_app_listen(house->app, "web", &any, NULL, &listener);
    if (rc < 0) return rc;
    house->address = bl_listener_address(listener);
    bl_serve_options options = { .size = sizeof options, .arg = house };
    return bl_service_serve(self, listener, answer, &options);
}

static void house_open(struct house *house, bl_group *group,
                       const bl_service_options *options) {
    bl_app_options app_options = { .size = sizeof app_options,
                                   .log = on_line,
                                   .log_context = house };
    house->app = bl_app_new(&app_options);
    house->lines[0] = '\0';
    house->service = bl_app_add(house->app, "web", house_run, house, options);
    REQUIRE_OK(bl_app_start(house->app, group));
}

static bl_stream *visit(const struct house *house) {
    bl_stream *stream;
    REQUIRE_OK(bl_connect(&house->address, NULL, &stream));
    return stream;
}

static void ask(bl_stream *stream) {
    REQUIRE_OK(bl_stream_write_all(stream, "work", 4, NULL));
}

static bool is_answered(bl_stream *stream) {
    char bytes[4];
    return bl_stream_read_exactly(stream, bytes, 4, NULL) == 0;
}

TEST(requests_in_flight_finish_and_the_rest_goes_home) {
    struct house house = { .work = SEC(3) };
    bl_stream *busy[3];
    bl_stream *idle;
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, NULL);
    CHECK(bl_service_is_ready(house.service));
    idle = visit(&house);
    ask(idle);
    CHECK(is_answered(idle));
    for (int i = 0; i < 3; i++) {
        busy[i] = visit(&house);
        ask(busy[i]);
    }
    t_settle();
    TAKES(SEC(3)) CHECK_OK(bl_app_stop(house.app));
    for (int i = 0; i < 3; i++) {
        CHECK(is_answered(busy[i]));
        CHECK_OK(bl_stream_close(busy[i]));
    }
    CHECK_OK(bl_stream_close(idle));
    CHECK_CONTAINS(house.lines, "web  draining: 4 connections\n");
    CHECK_CONTAINS(house.lines, "web  STOPPED  drained 4, cut 0\n");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(a_drain_does_not_heal) {
    struct house house = { .work = 0 };
    bl_service_info info;
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, NULL);
    bl_service_set_health(house.service, BL_HEALTH_DEGRADED, "half a disk");
    CHECK_OK(bl_app_stop(house.app));
    bl_service_get_info(house.service, &info);
    CHECK_EQ(info.health, BL_HEALTH_DEGRADED);
    CHECK_STR(info.health_text, "drained 0, cut 0");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(at_the_deadline_the_rest_is_cut_and_named) {
    struct house house = { .work = HOUR };
    char peer[BL_ADDR_TEXT_BYTES];
    char wanted[BL_ADDR_TEXT_BYTES + 64];
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, NULL);
    bl_stream *stream = visit(&house);
    ask(stream);
    t_settle();
    bl_addr self = { .length = sizeof self.storage };
    REQUIRE(getsockname(bl_stream_fd(stream), (struct sockaddr *)&self.storage,
                        &self.length) == 0);
    bl_addr_format(&self, peer, sizeof peer);
    TAKES(SEC(10)) CHECK_OK(bl_app_stop(house.app));
    snprintf(wanted, sizeof wanted,
             "web  STOPPED  drained 0, cut 1 (%s 0 B unsent)\n", peer);
    CHECK_CONTAINS(house.lines, wanted);
    CHECK(!is_answered(stream));
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(during_the_drain_delay_it_serves_and_then_refuses) {
    struct house house = { .work = 0 };
    bl_service_options options = { .size = sizeof options,
                                   .drain_delay = SEC(5) };
    bl_stream *late = NULL;
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, &options);
    bl_app_begin_stop(house.app);
    CHECK_OK(bl_sleep(SEC(4)));
    CHECK(!bl_service_is_ready(house.service)); /* no new work, please */
    bl_stream *stream = visit(&house);
    ask(stream);
    CHECK(is_answered(stream));
    CHECK_OK(bl_app_wait(house.app));
    CHECK_ERR(bl_connect(&house.address, NULL, &late), BL_ECONNREFUSED);
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(a_service_that_begins_again_finds_its_queue) {
    struct house house = { .work = 0 };
    bl_stream *streams[5];
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, NULL);
    bl_addr address = house.address;
    for (int round = 0; round < 20; round++) {
        CHECK_OK(bl_app_restart(house.app, "web"));
        for (int i = 0; i < 5; i++) {
            streams[i] = visit(&house); /* before, between, after: who knows */
            ask(streams[i]);
        }
        for (int i = 0; i < 5; i++) {
            CHECK(is_answered(streams[i]));
            CHECK_OK(bl_stream_close(streams[i]));
        }
        CHECK(bl_addr_is_equal(&house.address, &address));
    }
    bl_service_info info;
    bl_service_get_info(house.service, &info);
    CHECK_EQ(info.incarnation, 21);
    CHECK_OK(bl_app_stop(house.app));
    bl_stream *late = NULL;
    CHECK_ERR(bl_connect(&address, NULL, &late), BL_ECONNREFUSED);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

TEST(many_connections_end_within_the_budget, .tags = "order") {
    enum {
        MANY = 400
    };
    struct house house = { .work = 0 };
    bl_stream *streams[MANY];
    BL_GROUP_SCOPED(group);
    house_open(&house, &group, NULL);
    for (int i = 0; i < MANY; i++) {
        streams[i] = visit(&house);
        ask(streams[i]);
        CHECK(is_answered(streams[i]));
    }
    TAKES(0) CHECK_OK(bl_app_stop(house.app));
    for (int i = 0; i < MANY; i++)
        CHECK_OK(bl_stream_close(streams[i]));
    CHECK_CONTAINS(house.lines, "drained 400, cut 0");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(house.app);
}

static int ready_twice(bl_service *self, void *arg) {
    bl_listener *listener;
    bl_addr any = loopback();
    (void)arg;
    REQUIRE_OK(bl_tcp_listen(&any, &listener));
    bl_serve_options bad = { .size = 1 };
    CHECK_ERR(bl_service_serve(NULL, listener, answer, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_serve(self, NULL, answer, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_serve(self, listener, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_serve(self, listener, answer, &bad), BL_EINVAL);
    REQUIRE_OK(bl_service_ready(self, NULL));
    CHECK_ERR(bl_service_serve(self, listener, answer, NULL), BL_EALREADY);
    bl_listener_close(listener); /* it was ours all the time */
    return bl_event_wait(bl_service_stopping(self));
}

TEST(misuse_leaves_the_listener_to_its_owner) {
    bl_app *app = bl_app_new(NULL);
    bl_listener *listener;
    bl_addr any = loopback();
    BL_GROUP_SCOPED(group);
    bl_service *service = bl_app_add(app, "web", ready_twice, NULL, NULL);
    REQUIRE_OK(bl_tcp_listen(&any, &listener));
    CHECK_ERR(bl_service_serve(service, listener, answer, NULL), BL_ESTATE);
    bl_listener_close(listener);
    REQUIRE_OK(bl_app_start(app, &group));
    CHECK_OK(bl_app_stop(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}
