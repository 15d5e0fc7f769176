/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_event_source.c - receiving server-sent events
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/famine.h"
#include "support/kids.h"
#include "support/wires.h"

#define ASK(fields)                                               \
    "GET /e HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n" \
    "Cache-Control: no-store\r\n" fields "Accept-Encoding: identity\r\n\r\n"
#define STREAM                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream;x=y\r\n" \
    "\r\n"

static struct wires wires;

static bl_http_client *plain_client(void) {
    bl_http_client_options options = { .size = sizeof options,
                                       .dial = wires_dial,
                                       .dial_arg = &wires,
                                       .proxy = "",
                                       .user_agent = "" };
    bl_http_client *client;
    REQUIRE_OK(bl_http_client_open(&options, &client));
    return client;
}

static bl_http_event_source *source_of(
    bl_http_client *client, const bl_http_event_source_options *options) {
    bl_http_event_source *source;
    REQUIRE_OK(
        bl_http_event_source_open(client, "http://a/e", options, &source));
    return source;
}

/* The next event as "type|data|id", or the name of the code. */
static const char *next(bl_http_event_source *source) {
    static char text[256];
    bl_http_received_event event;
    int rc = bl_http_event_source_next(source, &event);
    if (rc <= 0) return rc == 0 ? "over" : bl_error_name(rc);
    snprintf(text, sizeof text, "%s|%s|%s", event.type, event.data, event.id);
    return text;
}

TEST(events_come_one_after_the_other_and_go_on_after_a_loss) {
    static const bl_test_step first[] = {
        T_EXPECT(ASK("")),
        T_SEND(STREAM "data: 1\n\nid: x\nevent: e\ndata: 2\n\n"
                      "id: y\ndata: los"),
    };
    static const bl_test_step second[] = {
        T_EXPECT(ASK("Last-Event-ID: x\r\n")),
        T_SEND(STREAM "retry: 500\ndata: 3\nid\n\n"),
    };
    static const bl_test_step third[] = {
        T_EXPECT(ASK("")),
        T_SEND("HTTP/1.1 204 No Content\r\n\r\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, first));
    wires_offer(&wires, t_peer(&group, second));
    wires_offer(&wires, t_peer(&group, third));
    bl_http_client *client = plain_client();
    bl_http_event_source *source = source_of(client, NULL);
    CHECK_STR(next(source), "message|1|");
    CHECK_STR(next(source), "e|2|x");
    CHECK_EQ(bl_now(), 0);
    CHECK_STR(next(source), "message|3|");
    CHECK_EQ(bl_now(), BL_SEC(3));
    CHECK_STR(next(source), "over");
    CHECK_EQ(bl_now(), BL_MS(3500));
    CHECK_STR(next(source), "over");
    bl_http_event_source_close(source);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(what_can_pass_is_waited_out_longer_and_longer) {
    static const bl_test_step busy[] = {
        T_EXPECT(ASK("Last-Event-ID: 7\r\n")),
        T_SEND("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
               "Connection: close\r\n\r\n"),
        T_EXPECT_END(),
    };
    static const bl_test_step good[] = {
        T_EXPECT(ASK("Last-Event-ID: 7\r\n")),
        T_SEND(STREAM "data: 1\n\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ 0 };
    for (int i = 0; i < 4; i++)
        wires_offer(&wires, t_peer(&group, busy));
    wires_offer(&wires, t_peer(&group, good));
    bl_http_client *client = plain_client();
    bl_http_event_source_options options = { .size = sizeof options,
                                             .retry = BL_SEC(1),
                                             .retry_max = BL_SEC(3),
                                             .last_id = "7" };
    bl_http_event_source *source = source_of(client, &options);
    CHECK_STR(next(source), "message|1|7");
    CHECK_EQ(bl_now(), BL_SEC(1 + 2 + 3 + 3));
    bl_http_event_source_close(source);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(tries_may_have_a_limit) {
    wires = (struct wires){ 0 }; /* nobody listens */
    bl_http_client *client = plain_client();
    bl_http_event_source_options options = { .size = sizeof options,
                                             .tries_max = 3 };
    bl_http_event_source *source = source_of(client, &options);
    CHECK_STR(next(source), "BL_ECONNREFUSED");
    CHECK_EQ(bl_now(), BL_SEC(3 + 6));
    bl_http_event_source_close(source);
    bl_http_client_close(client);
}

struct other {
    const char *reply;
    const char *code;
};

PARAM(struct other, other,
      { "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\ndata: 1\n\n",
        "BL_EHTTP_UNEXPECTED" },
      { "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n", "BL_EHTTP_UNEXPECTED" },
      { "HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\n",
        "BL_EHTTP_UNEXPECTED" },
      { "HTTP/1.1 404 Not Found\r\nContent-Type: text/event-stream\r\n\r\n",
        "BL_EHTTP_UNEXPECTED" },
      { "HTTP/1.1 302 Found\r\nLocation: x:y\r\n\r\n", "BL_EHTTP_REDIRECT" },
      { STREAM "data: much too long for this one\n\n", "BL_EMSGSIZE" });

TEST(what_is_no_stream_of_events_is_an_error, (other)) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .reply = other.reply,
                            .reply_bytes = strlen(other.reply),
                            .group = &group };
    bl_http_client *client = plain_client();
    bl_http_event_source_options options = { .size = sizeof options,
                                             .event_bytes_max = 20 };
    bl_http_event_source *source = source_of(client, &options);
    CHECK_STR(next(source), other.code);
    CHECK_EQ(bl_now(), 0);
    bl_http_event_source_close(source);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* What `arg` says. */
static int dial_and_fail(void *arg, const char *host_and_port,
                         bl_stream **stream) {
    (void)host_and_port;
    (void)stream;
    return *(const int *)arg;
}

TEST(what_will_not_pass_is_told_at_once) {
    static const int codes[] = { BL_ECERTNAME, BL_ETLS, BL_EACCES, BL_ENOMEM };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        int code = codes[i];
        bl_http_client_options options = { .size = sizeof options,
                                           .dial = dial_and_fail,
                                           .dial_arg = &code,
                                           .proxy = "" };
        bl_http_client *client;
        REQUIRE_OK(bl_http_client_open(&options, &client));
        bl_http_event_source *source = source_of(client, NULL);
        CHECK_STR(next(source), bl_error_name(code));
        bl_http_event_source_close(source);
        bl_http_client_close(client);
    }
    CHECK_EQ(bl_now(), 0);
}

TEST(silence_is_no_loss_unless_it_has_a_limit) {
    static const bl_test_step steps[] = {
        T_EXPECT(ASK("")),     T_SEND(STREAM), T_WAIT(BL_SEC(300)),
        T_SEND("data: 1\n\n"), T_EXPECT_END(),
    };
    static const bl_test_step second[] = {
        T_EXPECT(ASK("")),
        T_SEND(STREAM "data: 2\n\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, steps));
    wires_offer(&wires, t_peer(&group, second));
    bl_http_client *client = plain_client();
    bl_http_event_source *source = source_of(client, NULL);
    CHECK_STR(next(source), "message|1|");
    CHECK_EQ(bl_now(), BL_SEC(300));
    bl_http_event_source_close(source);

    bl_http_event_source_options options = { .size = sizeof options,
                                             .silence_max = BL_SEC(10),
                                             .tries_max = 1 };
    source = source_of(client, &options);
    CHECK_STR(next(source), "message|2|");
    CHECK_STR(next(source), "BL_ETIMEDOUT");
    CHECK_EQ(bl_now(), BL_SEC(310));
    bl_http_event_source_close(source);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* bl_http_event_source_next returns BL_ECANCELED, and goes on later. */
TEST(a_cancelled_wait_has_lost_nothing) {
    static const bl_test_step steps[] = {
        T_EXPECT(ASK("")),  T_SEND(STREAM "data: 1\ndata"),
        T_WAIT(BL_SEC(10)), T_SEND(": 2\n\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, steps));
    bl_http_client *client = plain_client();
    bl_http_event_source *source = source_of(client, NULL);
    int rc = 0;
    BL_TIMEOUT(rc, BL_SEC(1)) {
        bl_http_received_event event;
        rc = bl_http_event_source_next(source, &event);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_STR(next(source), "message|1\n2|");
    bl_http_event_source_close(source);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(it_can_be_given_up_anywhere, .sweep = T_CANCEL | T_OOM) {
    static const char reply[] = STREAM "id: 1\nevent: e\ndata: x\n\n";
    static const bl_http_field fields[] = { { "X", "y" } };
    int rc = 0;
    wires = (struct wires){ .reply = reply, .reply_bytes = sizeof reply - 1 };
    BL_GROUP(group, rc) {
        bl_http_client_options options = { .size = sizeof options,
                                           .dial = wires_dial,
                                           .dial_arg = &wires,
                                           .proxy = "" };
        bl_http_event_source_options more = { .size = sizeof more,
                                              .fields = fields,
                                              .field_count = 1,
                                              .last_id = "0" };
        bl_http_client *client = NULL;
        bl_http_event_source *source = NULL;
        wires.group = group;
        rc = bl_http_client_open(&options, &client);
        if (rc == 0) {
            rc =
                bl_http_event_source_open(client, "http://a/e", &more, &source);
        }
        for (int i = 0; rc >= 0 && i < 3; i++) {
            bl_http_received_event event;
            rc = bl_http_event_source_next(source, &event);
            if (rc < 0) continue;
            CHECK_STR(event.type, "e");
            CHECK_STR(event.data, "x");
            CHECK_STR(event.id, "1");
        }
        if (rc > 0) rc = 0;
        bl_http_event_source_close(source);
        bl_http_client_close(client);
    }
    if (!t_injected()) CHECK_OK(rc);
}

TEST(without_memory_there_is_no_source) {
    bl_http_client *client = plain_client();
    bl_http_event_source *source = NULL;
    for (int spare = 0; spare < 3; spare++) {
        famine_begin(spare);
        int rc = bl_http_event_source_open(client, "http://a/", NULL, &source);
        famine_end();
        CHECK_ERR(rc, BL_ENOMEM);
    }
    CHECK(source == NULL);
    bl_http_client_close(client);
}

TEST(missing_or_odd_arguments_are_refused) {
    bl_http_client *client = plain_client();
    bl_http_event_source *source = NULL;
    bl_http_received_event event;
    static const bl_http_field nothing = { NULL, NULL };
    bl_http_event_source_options options = { .size = 1 };
#define OPEN(url) bl_http_event_source_open(client, url, &options, &source)
    CHECK_ERR(OPEN("http://a/"), BL_EINVAL);
    options.size = sizeof options;
    CHECK_ERR(OPEN(NULL), BL_EINVAL);
    CHECK_ERR(OPEN("a b"), BL_EINVAL);
    CHECK_ERR(OPEN("ftp://a/"), BL_ENOTSUP);
    options.field_count = 1;
    CHECK_ERR(OPEN("http://a/"), BL_EINVAL);
    options.fields = &nothing;
    CHECK_ERR(OPEN("http://a/"), BL_EINVAL);
    options =
        (bl_http_event_source_options){ .size = sizeof options, .retry = -1 };
    CHECK_ERR(OPEN("http://a/"), BL_EINVAL);
    static char url[BL_URL_BYTES_MAX + 2];
    memset(url, 'x', sizeof url - 1);
    CHECK_ERR(bl_http_event_source_open(client, url, NULL, &source),
              BL_EMSGSIZE);
    CHECK_ERR(bl_http_event_source_open(NULL, "http://a/", NULL, &source),
              BL_EINVAL);
    CHECK_ERR(bl_http_event_source_open(client, "http://a/", NULL, NULL),
              BL_EINVAL);
    CHECK(source == NULL);
    CHECK_ERR(bl_http_event_source_next(NULL, &event), BL_EINVAL);
    bl_http_event_source_close(NULL);
    bl_http_client_close(client);
#undef OPEN
}
