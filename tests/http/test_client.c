/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_client.c - clients, and whole answers
 *
 *     Legs: sweep
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/wires.h"

static struct wires wires;

static bl_http_client_options wired(void) {
    return (bl_http_client_options){ .size = sizeof(bl_http_client_options),
                                     .dial = wires_dial,
                                     .dial_arg = &wires,
                                     .proxy = "" };
}

TEST(an_answer_has_everything) {
    static const char reply[] = "HTTP/1.1 404 Gone Fishing\r\nA: b\r\n"
                                "A:  c \r\nContent-Length: 6\r\n\r\nno\0one";
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = wired();
    bl_http_client *client;
    bl_http_answer *answer;
    wires = (struct wires){ .reply = reply,
                            .reply_bytes = sizeof reply - 1,
                            .group = &group };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    REQUIRE_OK(bl_http_get(client, "HTTP://A/x/../y#z", &answer));
    bl_http_client_close(client); /* it is its own */
    CHECK_EQ(answer->status, 404);
    CHECK_STR(answer->reason, "Gone Fishing");
    CHECK_STR(answer->url, "http://a/y");
    CHECK_EQ(answer->fields.count, 3u);
    size_t index = 0;
    CHECK_STR(bl_http_fields_next(&answer->fields, "a", &index), "b");
    CHECK_STR(bl_http_fields_next(&answer->fields, "a", &index), "c");
    CHECK_MEM(answer->body, answer->body_bytes + 1, "no\0one\0", 7);
    bl_http_answer_free(answer);
    bl_http_answer_free(NULL);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_body_beyond_the_limit_is_an_error) {
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n",
    };
    BL_GROUP_SCOPED(group);
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        bl_http_client_options options = wired();
        bl_http_client *client;
        bl_http_answer *answer;
        wires = (struct wires){ .reply = replies[i],
                                .reply_bytes = strlen(replies[i]),
                                .group = &group };
        options.body_bytes_max = 4;
        REQUIRE_OK(bl_http_client_open(&options, &client));
        CHECK_ERR(bl_http_get(client, "http://a/", &answer),
                  BL_EHTTP_BODY_SIZE);
        bl_http_client_close(client);
    }
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(the_fields_that_are_sent_can_be_replaced) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: belay/" BL_VERSION
                 "\r\nAccept-Encoding: identity\r\n\r\n"),
        T_SEND("HTTP/1.1 204 OK\r\n\r\n"),
        T_EXPECT("GET / HTTP/1.1\r\nhost: b\r\nUSER-AGENT: me\r\n"
                 "accept-encoding: gzip\r\nAuthorization: mine\r\n\r\n"),
        T_SEND("HTTP/1.1 204 OK\r\n\r\n"),
        T_EXPECT_END(),
    };
    static const bl_http_field fields[] = { { "host", "b" },
                                            { "USER-AGENT", "me" },
                                            { "accept-encoding", "gzip" },
                                            { "Authorization", "mine" } };
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = wired();
    bl_http_call_options request = { .size = sizeof request,
                                     .fields = fields,
                                     .field_count = 4 };
    bl_http_client *client;
    bl_http_answer *answer;
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, steps));
    REQUIRE_OK(bl_http_client_open(&options, &client));
    REQUIRE_OK(bl_http_get(client, "http://a/", &answer));
    bl_http_answer_free(answer);
    REQUIRE_OK(
        bl_http_send(client, "GET", "http://me:p@a/", &request, &answer));
    bl_http_answer_free(answer);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_name_and_password_that_cannot_be_sent_are_refused) {
    bl_http_client_options options = wired();
    bl_http_client *client;
    bl_http_answer *answer;
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .group = &group };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    CHECK_ERR(bl_http_get(client, "http://me%00:p@a/", &answer), BL_EINVAL);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(the_environment_says_where_the_proxy_is, (t_env)) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET http://a/ HTTP/1.1\r\nHost: a\r\n"
                 "Accept-Encoding: identity\r\n\r\n"),
        T_SEND("HTTP/1.1 204 OK\r\n\r\n"),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = wired();
    bl_http_client *client;
    bl_http_answer *answer;
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, steps));
    t_env_set(t_env, "http_proxy", "proxy:3128");
    t_env_set(t_env, "no_proxy", "b");
    options.proxy = NULL;
    options.user_agent = "";
    REQUIRE_OK(bl_http_client_open(&options, &client));
    t_env_set(t_env, "http_proxy", NULL); /* it is not read again */
    REQUIRE_OK(bl_http_get(client, "http://a/", &answer));
    bl_http_answer_free(answer);
    CHECK_ERR(bl_http_get(client, "http://b/", &answer), BL_ECONNREFUSED);
    CHECK_STR(notes(), "proxy:3128 b:80");
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_server_is_found_by_name) {
    bl_addr address;
    bl_listener *listener;
    bl_stream *stream;
    char request[512];
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%u/",
             (unsigned)bl_addr_port(&address));
    bl_http_client_options options = { .size = sizeof options, .proxy = "" };
    bl_http_call_options body = { .size = sizeof body, .is_written = true };
    bl_connect_options connect = { .size = sizeof connect,
                                   .attempt_delay = BL_SEC(1) };
    options.connect = &connect;
    bl_http_client *client;
    bl_http_call *call;
    REQUIRE_OK(bl_http_client_open(&options, &client));
    REQUIRE_OK(bl_http_call_open(client, "POST", url, &body, &call));
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    CHECK_GT(bl_stream_read(stream, request, sizeof request), 0);
    CHECK_OK(bl_stream_write_all(stream, "HTTP/1.1 204 x\r\n\r\n", 18, NULL));
    CHECK_EQ(bl_http_call_receive(call), 204);
    bl_http_call_close(call);
    CHECK_OK(bl_stream_close(stream));
    bl_http_client_close(client);
    bl_listener_close(listener);
}

TEST(options_out_of_range_are_refused) {
    bl_http_client *client = NULL;
    static const bl_http_client_options good = { .size = sizeof good };
    const struct {
        int code;
        bl_http_client_options options;
    } bad[] = {
        { BL_EINVAL, { .size = sizeof good - 1 } },
        { BL_EINVAL, { .size = sizeof good, .idle_ns_max = -1 } },
        { BL_EINVAL, { .size = sizeof good, .connect_ns_max = -1 } },
        { BL_EINVAL, { .size = sizeof good, .head_ns_max = -1 } },
        { BL_EINVAL, { .size = sizeof good, .silence_ns_max = -1 } },
        { BL_EINVAL, { .size = sizeof good, .redirects_max = -2 } },
        { BL_EINVAL, { .size = sizeof good, .head_bytes_max = SIZE_MAX } },
        { BL_EINVAL, { .size = sizeof good, .fields_max = 99999 } },
        { BL_EINVAL, { .size = sizeof good, .user_agent = "a\nb" } },
        { BL_EINVAL, { .size = sizeof good, .proxy = "a b" } },
        { BL_ENOTSUP, { .size = sizeof good, .proxy = "socks5://a" } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(bl_http_client_open(&bad[i].options, &client), bad[i].code);
    }
    CHECK_ERR(bl_http_client_open(&good, NULL), BL_EINVAL);
    static char proxy[BL_URL_BYTES_MAX + 10];
    memset(proxy, 'x', sizeof proxy - 1);
    bl_http_client_options options = { .size = sizeof options, .proxy = proxy };
    CHECK_ERR(bl_http_client_open(&options, &client), BL_EMSGSIZE);
    CHECK(client == NULL);
    bl_http_client_close(NULL);
}

static void open_elsewhere(void *arg) {
    bl_http_client *client;
    *(int *)arg = bl_http_client_open(NULL, &client);
}

TEST(without_a_loop_there_is_no_client) {
    int rc = 0;
    on_thread(open_elsewhere, &rc);
    CHECK_ERR(rc, BL_ENOLOOP);
}

TEST(without_memory_there_is_no_client) {
    bl_http_client_options options = wired();
    bl_http_client *client = NULL;
    for (int spare = 0; spare < 2; spare++) {
        famine_begin(spare);
        int rc = bl_http_client_open(&options, &client);
        famine_end();
        CHECK_ERR(rc, BL_ENOMEM);
    }
    CHECK(client == NULL);
}

TEST(missing_arguments_are_refused) {
    bl_http_client_options options = wired();
    bl_http_client *client;
    bl_http_answer *answer = NULL;
    REQUIRE_OK(bl_http_client_open(&options, &client));
    CHECK_ERR(bl_http_get(NULL, "http://a/", &answer), BL_EINVAL);
    CHECK_ERR(bl_http_get(client, NULL, &answer), BL_EINVAL);
    CHECK_ERR(bl_http_get(client, "http://a/", NULL), BL_EINVAL);
    CHECK_ERR(bl_http_get(client, "a", &answer), BL_EINVAL);
    bl_http_call_options request = { .size = sizeof request,
                                     .is_written = true };
    CHECK_ERR(bl_http_send(client, "POST", "http://a/", &request, &answer),
              BL_EINVAL);
    CHECK_ERR(bl_http_send(client, "POST", "http://a/", NULL, NULL), BL_EINVAL);
    CHECK(answer == NULL);
    bl_http_client_close(client);
}
