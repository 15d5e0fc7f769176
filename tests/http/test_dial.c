/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_dial.c - connecting: by name, through a proxy, with TLS
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/kids.h"
#include "support/wires.h"

#define ENCODING "Accept-Encoding: identity\r\n"
#define OK_HI    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct wires wires;
static int secure_rc;

static int secure(void *arg, bl_stream *under, const char *host,
                  bl_stream **stream) {
    note("%s:%s", (const char *)arg, host);
    if (secure_rc < 0) return secure_rc;
    *stream = under;
    return 0;
}

/* Gets `url` through `proxy`; "status body", or the name of the code. */
static const char *got_by(const char *proxy, const char *url) {
    static char text[256];
    static char tls[] = "tls";
    bl_http_client_options options = { .size = sizeof options,
                                       .dial = wires_dial,
                                       .dial_arg = &wires,
                                       .secure = secure,
                                       .secure_arg = tls,
                                       .proxy = proxy,
                                       .user_agent = "" };
    bl_http_client *client;
    bl_http_answer *answer;
    REQUIRE_OK(bl_http_client_open(&options, &client));
    int rc = bl_http_get(client, url, &answer);
    if (rc < 0) {
        snprintf(text, sizeof text, "%s", bl_error_name(rc));
    } else {
        snprintf(text, sizeof text, "%d %s", answer->status, answer->body);
        bl_http_answer_free(answer);
    }
    bl_http_client_close(client);
    return text;
}

#define BY(steps, proxy, url, expected)             \
    do {                                            \
        BL_GROUP_SCOPED(group);                     \
        wires = (struct wires){ 0 };                \
        wires_offer(&wires, t_peer(&group, steps)); \
        CHECK_STR(got_by(proxy, url), expected);    \
        wires_done(&wires);                         \
        CHECK_OK(bl_group_exit(&group, 0));         \
    } while (0)

TEST(an_address_is_dialed_in_brackets) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BY(steps, "", "https://[::1]:8443/", "200 hi");
    CHECK_STR(notes(), "[::1]:8443 tls:::1");
}

TEST(a_proxy_is_handed_the_whole_url) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n" ENCODING
                 "Proxy-Authorization: Basic bWU6cA==\r\n\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BY(steps, "http://me:p@proxy:3128", "http://a/x?y", "200 hi");
    CHECK_STR(notes(), "proxy:3128");
}

TEST(all_hosts_share_the_connections_to_a_proxy) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET http://a/ HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND("HTTP/1.1 302 Found\r\nLocation: http://b/\r\n"
               "Content-Length: 0\r\n\r\n"),
        T_EXPECT("GET http://b/ HTTP/1.1\r\nHost: b\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BY(steps, "http://proxy:3128", "http://a/", "200 hi");
    CHECK_STR(notes(), "proxy:3128");
}

TEST(through_a_proxy_https_has_a_tunnel) {
    static const bl_test_step steps[] = {
        T_EXPECT("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"
                 "Proxy-Authorization: Basic bWU6\r\n\r\n"),
        T_SEND("HTTP/1.1 100 Continue\r\n\r\n"
               "HTTP/1.1 200 Connection established\r\n\r\n"),
        T_EXPECT("GET /x HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BY(steps, "https://me@proxy", "https://a/x", "200 hi");
    CHECK_STR(notes(), "proxy:443 tls:proxy tls:a");
}

struct answer {
    const char *bytes;
    const char *code;
};

PARAM(struct answer, answer,
      { "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "BL_EHTTP_PROXY" },
      { "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        "BL_EHTTP_PROXY" },
      { "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "BL_EHTTP_MALFORMED" },
      { "HTTP/1.1 200 O", "BL_EHTTP_TRUNCATED" },
      { "SOCKS?\r\n", "BL_EHTTP_MALFORMED" });

TEST(a_proxy_that_will_not_is_told_of, (answer), .tags = "order") {
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .reply = answer.bytes,
                            .reply_bytes = strlen(answer.bytes),
                            .group = &group };
    CHECK_STR(got_by("http://proxy:3128", "https://a/"), answer.code);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_refusal_says_what_the_proxy_said) {
    static const char reply[] = "HTTP/1.1 403 Not You\r\n\r\n";
    BL_GROUP_SCOPED(group);
    wires = (struct wires){ .reply = reply,
                            .reply_bytes = sizeof reply - 1,
                            .group = &group };
    CHECK_STR(got_by("http://proxy:3128", "https://a/"), "BL_EHTTP_PROXY");
    const bl_error *error = bl_error_current(BL_EHTTP_PROXY);
    REQUIRE(error != NULL);
    CHECK_CONTAINS(bl_error_message(error), "403 Not You");
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(tls_that_fails_ends_the_connection) {
    static const bl_test_step steps[] = { T_EXPECT_END() };
    secure_rc = BL_ECERTNAME;
    BY(steps, "", "https://a/", "BL_ECERTNAME");
    secure_rc = 0;
}

TEST(without_anybody_there_it_fails) {
    wires = (struct wires){ 0 };
    CHECK_STR(got_by("", "http://a/"), "BL_ECONNREFUSED");
    CHECK_STR(got_by("http://proxy", "https://a/"), "BL_ECONNREFUSED");
    CHECK_STR(notes(), "a:80 proxy:80");
}

TEST(connecting_has_a_limit) {
    wires = (struct wires){ .delay = HOUR };
    CHECK_STR(got_by("", "http://a/"), "BL_ETIMEDOUT");
    CHECK_EQ(bl_now(), BL_SEC(30));
}

TEST(a_silent_proxy_counts_as_connecting) {
    static const bl_test_step steps[] = {
        T_EXPECT("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        T_EXPECT_END(),
    };
    BY(steps, "http://proxy", "https://a/", "BL_ETIMEDOUT");
    CHECK_EQ(bl_now(), BL_SEC(30));
}

TEST(a_tunnel_can_be_given_up_anywhere, .sweep = T_CANCEL | T_OOM) {
    static const bl_test_step steps[] = {
        T_EXPECT("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        T_SEND("HTTP/1.1 200 OK\r\n\r\n"),
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    int rc = 0;
    wires = (struct wires){ 0 };
    BL_GROUP(group, rc) {
        bl_http_client_options options = { .size = sizeof options,
                                           .dial = wires_dial,
                                           .dial_arg = &wires,
                                           .secure = secure,
                                           .secure_arg = "tls",
                                           .proxy = "proxy",
                                           .user_agent = "" };
        bl_http_client *client = NULL;
        bl_http_answer *answer = NULL;
        wires_offer(&wires, t_peer(group, steps));
        rc = bl_http_client_open(&options, &client);
        if (rc == 0) rc = bl_http_get(client, "https://a/", &answer);
        bl_http_answer_free(answer);
        bl_http_client_close(client);
        wires_done(&wires);
    }
    if (!t_injected()) CHECK_OK(rc);
}
