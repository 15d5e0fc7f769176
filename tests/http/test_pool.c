/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_pool.c - connections that are used again
 *
 *     Legs: valgrind
 */
#include <belay/http.h>
#include <belay/test.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/kids.h"
#include "support/sockets.h"
#include "support/wires.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct wires wires;

static bl_http_client *client_with(uint32_t host_connections_max,
                                   uint32_t idle_max) {
    bl_http_client *client;
    bl_http_client_options options = {
        .size = sizeof options,
        .dial = wires_dial,
        .dial_arg = &wires,
        .proxy = "",
        .user_agent = "",
        .host_connections_max = host_connections_max,
        .idle_max = idle_max,
    };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    return client;
}

/* Holds a connection to `url` until it is told not to. */
static bl_http_call *hold(bl_http_client *client, const char *url) {
    bl_http_call *call;
    REQUIRE_OK(bl_http_call_open(client, "GET", url, NULL, &call));
    return call;
}

/* Reads to the end, so that the connection can be used again. */
static void let_go(bl_http_call *call) {
    char text[256];
    CHECK_GT(bl_http_body_read_all(bl_http_call_body(call), text, sizeof text),
             0);
    bl_http_call_close(call);
}

TEST(connections_are_used_again_for_the_same_origin) {
    static const char *const urls[] = { "http://a/1", "http://A:80/2",
                                        "http://b/3", "http://a:81/4",
                                        "http://a/5" };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(0, 0);
    for (size_t i = 0; i < 5; i++)
        let_go(hold(client, urls[i]));
    CHECK_STR(notes(), "a:80 b:80 a:81");
    bl_http_client_stats stats = bl_http_client_stats_of(client);
    CHECK_EQ(stats.opened, 3u);
    CHECK_EQ(stats.reused, 2u);
    CHECK_EQ(stats.idle, 3u);
    CHECK_EQ(stats.active, 0u);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- the line ------------------------------------------------------------ */

struct asker {
    bl_http_client *client;
    const char *name;
    int rc;
};

/* Gets something, and notes its name and the result. */
static int asker_run(void *arg) {
    struct asker *asker = arg;
    bl_http_answer *answer = NULL;
    asker->rc = bl_http_get(asker->client, "http://a/x", &answer);
    note("%s%s", asker->name, asker->rc == 0 ? "" : "!");
    bl_http_answer_free(answer);
    return asker->rc == BL_ECANCELED ? asker->rc : 0;
}

TEST(who_finds_no_slot_waits_in_line, .tags = "order") {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(2, 0);
    bl_http_call *first = hold(client, "http://a/1");
    bl_http_call *second = hold(client, "http://a/2");
    bl_http_call *other = hold(client, "http://b/1"); /* has its own */
    forget_notes();
    struct asker askers[] = { { client, "one", 1 }, { client, "two", 1 } };
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(bl_spawn(&group, asker_run, &askers[i]));
    t_settle();
    CHECK_EQ(bl_http_client_stats_of(client).waiting, 2u);
    CHECK_EQ(bl_http_client_stats_of(client).active, 3u);
    CHECK_STR(notes(), "");
    bl_http_call_close(first); /* unread: closed, and another is opened */
    t_settle();
    CHECK_STR(notes(), "a:80 one two");
    let_go(second);
    let_go(other);
    CHECK_EQ(bl_http_client_stats_of(client).waiting, 0u);
    CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(who_is_cancelled_in_line_leaves_it) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(1, 0);
    bl_http_call *first = hold(client, "http://a/1");
    int rc = 0;
    BL_TIMEOUT(rc, BL_SEC(1)) {
        bl_http_answer *answer;
        rc = bl_http_get(client, "http://a/2", &answer);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_http_client_stats_of(client).waiting, 0u);
    let_go(first);
    let_go(hold(client, "http://a/3"));
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(closing_sends_away_who_waits_and_lets_the_others_finish) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(1, 0);
    bl_http_call *first = hold(client, "http://a/1");
    struct asker asker = { client, "one", 1 };
    REQUIRE_OK(bl_spawn(&group, asker_run, &asker));
    t_settle();
    bl_http_client_close(client);
    t_settle();
    CHECK_ERR(asker.rc, BL_ECLOSED);
    let_go(first); /* the last one frees the client */
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(many_share_few_connections, .schedules = 20, .sweep = T_CANCEL) {
    enum {
        MANY = 12
    };
    struct asker askers[MANY];
    int rc = 0;
    wires = (struct wires){ 0 };
    BL_GROUP(group, rc) {
        wires.group = group;
        bl_http_client *client = client_with(3, 0);
        BL_GROUP(inner, rc) {
            for (int i = 0; rc == 0 && i < MANY; i++) {
                askers[i] = (struct asker){ client, "x", 1 };
                rc = bl_spawn(inner, asker_run, &askers[i]);
            }
        }
        CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
        CHECK_EQ(bl_http_client_stats_of(client).waiting, 0u);
        CHECK_LE(bl_http_client_stats_of(client).idle, 3u);
        bl_http_client_close(client);
    }
    if (t_injected()) return;
    CHECK_OK(rc);
    CHECK_EQ(wires.served, MANY);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(askers[i].rc);
}

/* ---- idle connections ---------------------------------------------------- */

TEST(idle_connections_end_when_their_time_is_over) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(0, 0);
    let_go(hold(client, "http://a/1"));
    REQUIRE_OK(bl_sleep(BL_SEC(20)));
    let_go(hold(client, "http://b/1"));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 2u);
    REQUIRE_OK(bl_sleep(BL_SEC(11)));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    let_go(hold(client, "http://b/2")); /* begins anew */
    REQUIRE_OK(bl_sleep(BL_SEC(29)));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    REQUIRE_OK(bl_sleep(BL_SEC(2)));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u);
    CHECK_EQ(wires.dialed, 0);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(the_oldest_gives_way_when_there_are_too_many) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client = client_with(0, 2);
    let_go(hold(client, "http://a/1"));
    let_go(hold(client, "http://b/1"));
    let_go(hold(client, "http://c/1"));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 2u);
    forget_notes();
    let_go(hold(client, "http://b/2"));
    let_go(hold(client, "http://c/2"));
    CHECK_STR(notes(), "");
    let_go(hold(client, "http://a/2"));
    CHECK_STR(notes(), "a:80");
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* Dials one end of a pair of sockets, whose other end is in `arg`. */
static int socket_dial(void *arg, const char *name, bl_stream **stream) {
    int *fds = arg;
    (void)name;
    socket_pair(fds);
    return bl_stream_take_fd(fds[0], stream);
}

TEST(what_the_server_has_closed_is_not_used_again) {
    int fds[2] = { -1, -1 };
    bl_http_client_options options = { .size = sizeof options,
                                       .dial = socket_dial,
                                       .dial_arg = fds,
                                       .proxy = "" };
    bl_http_client *client;
    bl_http_call_options body = { .size = sizeof body, .is_written = true };
    bl_http_call *call;
    signal(SIGPIPE, SIG_IGN); /* the other end is a plain one */
    REQUIRE_OK(bl_http_client_open(&options, &client));
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(
            bl_http_call_open(client, "POST", "http://a/", &body, &call));
        say(fds[1], HELLO);
        CHECK_EQ(bl_http_call_receive(call), 200);
        bl_http_call_close(call);
        CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
        if (i == 0) continue; /* the first is used again, by the second */
        if (i == 1) say(fds[1], "HTTP/1.1 408 Request Timeout\r\n\r\n");
        close(fds[1]);
    }
    CHECK_EQ(bl_http_client_stats_of(client).opened, 2u);
    CHECK_EQ(bl_http_client_stats_of(client).retried, 0u);
    bl_http_client_close(client);
}

TEST(what_came_unasked_for_is_nobodys_answer) {
    static const bl_test_step late[] = {
        T_EXPECT("GET /1 HTTP/1.1\r\nHost: a\r\n"
                 "Accept-Encoding: identity\r\n\r\n"),
        T_SEND(HELLO),
        T_WAIT(BL_SEC(1)),
        T_SEND("HTTP/1.1 408 Late\r\nContent-Length: 4\r\n\r\nlate"),
        T_EXPECT_END(),
    };
    static const bl_test_step gone[] = {
        T_EXPECT("GET /1 HTTP/1.1\r\nHost: a\r\n"
                 "Accept-Encoding: identity\r\n\r\n"),
        T_SEND(HELLO),
    };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        wires = (struct wires){ .group = &group };
        bl_http_client *client = client_with(0, 0);
        bl_http_answer *answer;
        wires_offer(&wires,
                    i == 0 ? t_peer(&group, late) : t_peer(&group, gone));
        let_go(hold(client, "http://a/1"));
        REQUIRE_OK(bl_sleep(BL_SEC(2)));
        CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
        REQUIRE_OK(bl_http_send(client, "POST", "http://a/2", NULL, &answer));
        CHECK_EQ(answer->status, 200);
        CHECK_STR(answer->body, "/2!");
        bl_http_answer_free(answer);
        CHECK_EQ(bl_http_client_stats_of(client).opened, 2u);
        CHECK_EQ(bl_http_client_stats_of(client).retried, 0u);
        bl_http_client_close(client);
        wires_done(&wires);
    }
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- a kind that cannot be tried ----------------------------------------- */

static bl_ssize plain_read(void *self, const struct iovec *parts, int count) {
    return bl_stream_readv(self, parts, count);
}

static bl_ssize plain_write(void *self, const struct iovec *parts, int count) {
    return bl_stream_writev(self, parts, count);
}

static int plain_abort(void *self, bool is_cut) {
    bl_stream_abort(self);
    return is_cut ? BL_EIO : 0;
}

static const bl_stream_ops plain_ops = { .size = sizeof plain_ops,
                                         .name = "plain",
                                         .read = plain_read,
                                         .write = plain_write,
                                         .abort = plain_abort };

static int plain_dial(void *arg, const char *name, bl_stream **stream) {
    bl_stream *below;
    int rc = wires_dial(arg, name, &below);
    if (rc < 0) return rc;
    rc = bl_stream_new(&plain_ops, below, stream);
    if (rc < 0) bl_stream_abort(below);
    return rc;
}

TEST(who_cannot_tell_whether_anything_came_is_not_used_again) {
    bl_http_client_options options = { .size = sizeof options,
                                       .dial = plain_dial,
                                       .dial_arg = &wires,
                                       .proxy = "" };
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    bl_http_client *client;
    REQUIRE_OK(bl_http_client_open(&options, &client));
    let_go(hold(client, "http://a/1"));
    let_go(hold(client, "http://a/2"));
    CHECK_EQ(bl_http_client_stats_of(client).opened, 2u);
    CHECK_EQ(bl_http_client_stats_of(client).reused, 0u);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_cancelled_connect_gives_its_slot_back) {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group, .delay = BL_SEC(1) };
    bl_http_client *client = client_with(1, 0);
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(10)) { /* in the middle of connecting */
        bl_http_answer *answer;
        rc = bl_http_get(client, "http://a/", &answer);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_http_client_stats_of(client).active, 0u);
    CHECK_EQ(bl_http_client_stats_of(client).opened, 0u);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}
