/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_service.c - a server of HTTP as a service
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/sockets.h"

struct house {
    bl_app *app;
    bl_service *service;
    bl_addr address;
    bl_http_options options;
    bl_http_stats stats;
    bl_ns work; /* of a request */
};

static void log_nothing(const char *line, void *context) {
    (void)line;
    (void)context;
}

static int answer(bl_http_exchange *exchange, void *arg) {
    struct house *house = arg;
    if (house->work > 0) BL_TRY(bl_sleep(house->work));
    return bl_http_reply_text(exchange, 200, "done");
}

/* Wrong options leave the service, and the listener, alone. */
static void check_misuse(const struct house *house, bl_service *self,
                         bl_listener *listener) {
    bl_http_options options = house->options;
    CHECK_ERR(bl_http_serve(listener, answer, &options), BL_EINVAL);
    options.service = self;
    options.stop = bl_service_stopping(self);
    CHECK_ERR(bl_http_serve(listener, answer, &options), BL_EINVAL);
    options.stop = NULL;
    options.serve = NULL;
    CHECK_ERR(bl_http_serve(listener, answer, &options), BL_EINVAL);
    CHECK(!bl_service_is_ready(self));
}

static int house_run(bl_service *self, void *arg) {
    struct house *house = arg;
    bl_listener *listener;
    bl_addr any = loopback();
    BL_TRY(bl_app_listen(house->app, "web", &any, NULL, &listener));
    house->address = bl_listener_address(listener);
    check_misuse(house, self, listener);
    house->options.service = self;
    return bl_http_serve(listener, answer, &house->options);
}

static void house_open(struct house *house, bl_group *group) {
    bl_app_options app_options = { .size = sizeof app_options,
                                   .log = log_nothing };
    house->options = (bl_http_options){ .size = sizeof house->options,
                                        .arg = house,
                                        .stats = &house->stats,
                                        .serve = bl_service_serve };
    house->app = bl_app_new(&app_options);
    house->service = bl_app_add(house->app, "web", house_run, house, NULL);
    REQUIRE_OK(bl_app_start(house->app, group));
}

static void house_close(struct house *house, bl_group *group) {
    CHECK_OK(bl_group_exit(group, 0));
    bl_app_free(house->app);
}

/* What the service says of itself; of one time. */
static const char *text_of(const struct house *house) {
    static bl_service_info info;
    bl_service_get_info(house->service, &info);
    return info.health_text;
}

static bl_stream *ask(const struct house *house) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    bl_stream *stream;
    REQUIRE_OK(bl_connect(&house->address, NULL, &stream));
    REQUIRE_OK(bl_stream_write_all(stream, request, sizeof request - 1, NULL));
    return stream;
}

/* Whether all of an answer comes; the connection may be kept behind it. */
static bool is_answered(bl_stream *stream) {
    char text[512] = "";
    size_t count = 0;
    while (strstr(text, "\r\n\r\ndone") == NULL) {
        bl_ssize more =
            bl_stream_read(stream, text + count, sizeof text - 1 - count);
        if (more <= 0) return false;
        count += (size_t)more;
    }
    return true;
}

TEST(a_stop_tells_how_the_draining_went) {
    struct house house = { .work = SEC(3) };
    bl_stream *busy[3];
    BL_GROUP_SCOPED(group);
    house_open(&house, &group);
    CHECK(bl_service_is_ready(house.service));
    bl_stream *idle = ask(&house);
    CHECK(is_answered(idle));
    for (int i = 0; i < 3; i++)
        busy[i] = ask(&house);
    t_settle();
    TAKES(SEC(3)) CHECK_OK(bl_app_stop(house.app));
    for (int i = 0; i < 3; i++) {
        CHECK(is_answered(busy[i]));
        bl_stream_abort(busy[i]);
    }
    bl_stream_abort(idle);
    CHECK_STR(text_of(&house), "drained 4, cut 0");
    CHECK_EQ(house.stats.drained, 4u);
    CHECK_EQ(house.stats.cut, 0u);
    house_close(&house, &group);
}

TEST(what_is_cut_at_the_deadline_is_named) {
    struct house house = { .work = BL_SEC(3600) };
    BL_GROUP_SCOPED(group);
    house_open(&house, &group);
    bl_stream *stream = ask(&house);
    t_settle();
    TAKES(SEC(10)) CHECK_OK(bl_app_stop(house.app));
    CHECK_CONTAINS(text_of(&house), "drained 0, cut 1 (127.0.0.1:");
    CHECK_CONTAINS(text_of(&house), " 0 B unsent)");
    CHECK_EQ(house.stats.cut, 1u);
    CHECK(!is_answered(stream));
    bl_stream_abort(stream);
    house_close(&house, &group);
}
