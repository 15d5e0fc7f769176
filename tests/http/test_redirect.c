/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_redirect.c - responses that send the client somewhere else
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/kids.h"
#include "support/wires.h"

#define ENCODING "Accept-Encoding: identity\r\n"
#define OK_HI    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define MOVED(status, location)                               \
    "HTTP/1.1 " status " Moved\r\nLocation: " location "\r\n" \
    "Content-Length: 5\r\n\r\nmoved"

static struct wires wires;

static int secure(void *arg, bl_stream *under, const char *host,
                  bl_stream **stream) {
    (void)arg;
    note("tls:%s", host);
    *stream = under;
    return 0;
}

static bl_http_client_options plain_options(void) {
    return (bl_http_client_options){ .size = sizeof(bl_http_client_options),
                                     .dial = wires_dial,
                                     .dial_arg = &wires,
                                     .secure = secure,
                                     .proxy = "",
                                     .user_agent = "" };
}

/* Asks; "status body url", or the name of the code. */
static const char *asked(const bl_http_client_options *options,
                         const char *method, const char *url,
                         const bl_http_call_options *request) {
    static char text[512];
    bl_http_client *client;
    bl_http_answer *answer;
    REQUIRE_OK(bl_http_client_open(options, &client));
    int rc = bl_http_send(client, method, url, request, &answer);
    if (rc < 0) {
        snprintf(text, sizeof text, "%s", bl_error_name(rc));
    } else {
        snprintf(text, sizeof text, "%d %s %s", answer->status, answer->body,
                 answer->url);
        bl_http_answer_free(answer);
    }
    bl_http_client_close(client);
    return text;
}

/* Runs one script against one request. */
#define AGAINST(steps, method, url, request, expected)               \
    do {                                                             \
        bl_http_client_options plain = plain_options();              \
        AGAINST_WITH(&plain, steps, method, url, request, expected); \
    } while (0)
#define AGAINST_WITH(options, steps, method, url, request, expected) \
    do {                                                             \
        BL_GROUP_SCOPED(group);                                      \
        wires = (struct wires){ 0 };                                 \
        wires_offer(&wires, t_peer(&group, steps));                  \
        CHECK_STR(asked(options, method, url, request), expected);   \
        wires_done(&wires);                                          \
        CHECK_OK(bl_group_exit(&group, 0));                          \
    } while (0)

/* Runs two scripts, one for each connection, against one request. */
#define AGAINST_TWO(options, first, second, url, request, expected) \
    do {                                                            \
        BL_GROUP_SCOPED(group);                                     \
        wires = (struct wires){ 0 };                                \
        wires_offer(&wires, t_peer(&group, first));                 \
        wires_offer(&wires, t_peer(&group, second));                \
        CHECK_STR(asked(options, "GET", url, request), expected);   \
        wires_done(&wires);                                         \
        CHECK_OK(bl_group_exit(&group, 0));                         \
    } while (0)

TEST(a_redirect_is_followed_over_the_same_connection) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET /a/b HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("301", "../c?d")),
        T_EXPECT("GET /c?d HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    AGAINST(steps, "GET", "http://a/a/b", NULL, "200 hi http://a/c?d");
}

TEST(to_another_host_another_connection_is_made) {
    static const bl_test_step first[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("308", "https://b:8443/x#part")),
        T_EXPECT_END(),
    };
    static const bl_test_step second[] = {
        T_EXPECT("GET /x HTTP/1.1\r\nHost: b:8443\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    bl_http_client_options options = plain_options();
    AGAINST_TWO(&options, first, second, "http://a", NULL,
                "200 hi https://b:8443/x");
    CHECK_STR(notes(), "a:80 b:8443 tls:b");
}

struct rule {
    const char *method;
    const char *status;
    const char *next; /* the method, and whether the body goes along */
    bool has_body;
};

PARAM(struct rule, rule, { "POST", "301", "GET", false },
      { "POST", "302", "GET", false }, { "POST", "303", "GET", false },
      { "POST", "307", "POST", true }, { "POST", "308", "POST", true },
      { "PUT", "301", "PUT", true }, { "PUT", "302", "PUT", true },
      { "PUT", "303", "GET", false }, { "PUT", "307", "PUT", true },
      { "HEAD", "303", "HEAD", true }, { "DELETE", "303", "GET", false });

/* The two requests, and what is said to the first, made of the rule. */
TEST(the_status_says_with_what_it_goes_on, (rule)) {
    char first[200];
    char moved[200];
    char second[200];
    bool is_head = strcmp(rule.method, "HEAD") == 0;
    static const char body[] = "X-Kept: 1\r\nContent-Type: a/b\r\n" ENCODING
                               "Content-Length: 3\r\n\r\nabc";
    snprintf(first, sizeof first, "%s / HTTP/1.1\r\nHost: a\r\n%s", rule.method,
             body);
    snprintf(moved, sizeof moved,
             "HTTP/1.1 %s Moved\r\nLocation: /n\r\nContent-Length: 0\r\n\r\n",
             rule.status);
    snprintf(second, sizeof second, "%s /n HTTP/1.1\r\nHost: a\r\n%s",
             rule.next, rule.has_body ? body : "X-Kept: 1\r\n" ENCODING "\r\n");
    const char *reply = is_head ? "HTTP/1.1 200 OK\r\n\r\n" : OK_HI;
    const bl_test_step steps[] = {
        { BL_TEST_STEP_EXPECT, first, strlen(first), 0 },
        { BL_TEST_STEP_SEND, moved, strlen(moved), 0 },
        { BL_TEST_STEP_EXPECT, second, strlen(second), 0 },
        { BL_TEST_STEP_SEND, reply, strlen(reply), 0 },
        T_END(),
    };
    static const bl_http_field fields[] = { { "X-Kept", "1" },
                                            { "Content-Type", "a/b" } };
    bl_http_call_options request = { .size = sizeof request,
                                     .fields = fields,
                                     .field_count = 2,
                                     .body = "abc",
                                     .body_bytes = 3 };
    AGAINST(steps, rule.method, "http://a/", &request,
            is_head ? "200  http://a/n" : "200 hi http://a/n");
}

TEST(a_body_that_is_gone_makes_the_redirect_the_response) {
    static const bl_test_step steps[] = {
        T_EXPECT("PUT / HTTP/1.1\r\nHost: a\r\n" ENCODING
                 "Content-Length: 2\r\n\r\nab"),
        T_SEND(MOVED("307", "/n")),
        T_EXPECT_END(),
    };
    bl_stream *ends[2];
    REQUIRE_OK(bl_mem_pair(0, ends));
    REQUIRE_OK(bl_stream_write_all(ends[1], "ab", 2, NULL));
    bl_http_call_options request = { .size = sizeof request,
                                     .source = ends[0],
                                     .has_length = true,
                                     .length = 2 };
    AGAINST(steps, "PUT", "http://a/", &request, "307 moved http://a/");
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
}

TEST(what_was_written_leads_to_a_get) {
    static const bl_test_step steps[] = {
        T_EXPECT("POST / HTTP/1.1\r\nHost: a\r\n" ENCODING
                 "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
        T_SEND(MOVED("303", "/n")),
        T_EXPECT("GET /n HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = plain_options();
    bl_http_call_options request = { .size = sizeof request,
                                     .is_written = true };
    bl_http_client *client;
    bl_http_call *call;
    char text[8] = "";
    wires = (struct wires){ 0 };
    wires_offer(&wires, t_peer(&group, steps));
    REQUIRE_OK(bl_http_client_open(&options, &client));
    REQUIRE_OK(bl_http_call_open(client, "POST", "http://a/", &request, &call));
    CHECK_OK(bl_http_call_write(call, "ab", 2));
    CHECK_EQ(bl_http_call_receive(call), 200);
    CHECK_STR(bl_http_call_url(call)->text, "http://a/n");
    CHECK_EQ(bl_http_client_stats_of(client).redirected, 1u);
    CHECK_EQ(bl_http_body_read_all(bl_http_call_body(call), text, 8), 2);
    bl_http_call_close(call);
    bl_http_client_close(client);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- secrets ------------------------------------------------------------- */

TEST(what_is_for_one_origin_is_not_said_to_another) {
    static const bl_test_step at_home[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n"
                 "cookie: y\r\nX-Kept: z\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("302", "/same")),
        T_EXPECT("GET /same HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n"
                 "cookie: y\r\nX-Kept: z\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("302", "http://evil:p@b/")),
        T_EXPECT("GET /back HTTP/1.1\r\nHost: a\r\nX-Kept: z\r\n" ENCODING
                 "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    static const bl_test_step abroad[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: b\r\nX-Kept: z\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("302", "http://a/back")),
        T_EXPECT_END(),
    };
    static const bl_http_field fields[] = { { "Authorization", "x" },
                                            { "cookie", "y" },
                                            { "X-Kept", "z" } };
    bl_http_client_options options = plain_options();
    bl_http_call_options request = { .size = sizeof request,
                                     .fields = fields,
                                     .field_count = 3 };
    AGAINST_TWO(&options, at_home, abroad, "http://a/", &request,
                "200 hi http://a/back");
}

TEST(a_password_in_the_url_goes_as_far_as_its_origin) {
    static const bl_test_step at_home[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING
                 "Authorization: Basic bWU6YSBi\r\n\r\n"), /* me:a b */
        T_SEND(MOVED("302", "/x")),
        T_EXPECT("GET /x HTTP/1.1\r\nHost: a\r\n" ENCODING
                 "Authorization: Basic bWU6YSBi\r\n\r\n"),
        T_SEND(MOVED("302", "//a:81/")),
        T_EXPECT_END(),
    };
    static const bl_test_step abroad[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a:81\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    bl_http_client_options options = plain_options();
    AGAINST_TWO(&options, at_home, abroad, "http://me:a%20b@a/", NULL,
                "200 hi http://a:81/");
}

/* ---- redirects that are not followed ------------------------------------- */

TEST(a_chain_without_end_is_left) {
    static const char loop[] =
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n";
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = plain_options();
    wires = (struct wires){ .reply = loop,
                            .reply_bytes = sizeof loop - 1,
                            .group = &group };
    CHECK_STR(asked(&options, "GET", "http://a/x", NULL), "BL_EHTTP_REDIRECT");
    CHECK_STR(notes(), "a:80 a:80 a:80 a:80 a:80 a:80 a:80 a:80 a:80 a:80 "
                       "a:80"); /* the first, and ten more */
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

struct refusal {
    const char *url;
    const char *fields;
    const char *result;
};

PARAM(struct refusal, refusal,
      { "https://a/", "Location: http://a/\r\n", "BL_EHTTP_REDIRECT" },
      { "http://a/", "Location: /a b\r\n", "BL_EHTTP_REDIRECT" },
      { "http://a/", "Location: file:///etc/passwd\r\n", "BL_EHTTP_REDIRECT" },
      { "http://a/", "Location: http://127.1/\r\n", "BL_EHTTP_REDIRECT" },
      { "http://a/", "Location: /b\r\nLocation: /c\r\n", "BL_EHTTP_REDIRECT" },
      { "http://a/", "", "302  http://a/" });

TEST(a_redirect_that_leads_nowhere_good_is_refused, (refusal)) {
    char reply[200];
    int length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 302 Found\r\n%sContent-Length: 0\r\n\r\n",
                          refusal.fields);
    BL_GROUP_SCOPED(group);
    bl_http_client_options options = plain_options();
    wires = (struct wires){ .reply = reply,
                            .reply_bytes = (size_t)length,
                            .group = &group };
    CHECK_STR(asked(&options, "GET", refusal.url, NULL), refusal.result);
    wires_done(&wires);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(options_allow_less_or_more) {
    static const bl_test_step steps[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("302", "/x")),
        T_EXPECT_END(),
    };
    bl_http_client_options options = plain_options();
    options.redirects_max = -1;
    AGAINST_WITH(&options, steps, "GET", "http://a/", NULL,
                 "302 moved http://a/");

    static const bl_test_step secure_steps[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(MOVED("302", "http://a/x")),
        T_EXPECT_END(),
    };
    static const bl_test_step plain_steps[] = {
        T_EXPECT("GET /x HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    options = plain_options();
    options.allows_downgrades = true;
    AGAINST_TWO(&options, secure_steps, plain_steps, "https://a/", NULL,
                "200 hi http://a/x");
}

TEST(a_large_redirect_costs_its_connection_and_nothing_else) {
    static const bl_test_step first[] = {
        T_EXPECT("GET / HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND("HTTP/1.1 302 Found\r\nLocation: /x\r\n"
               "Content-Length: 100000000\r\n\r\n"),
        T_EXPECT_END(),
    };
    static const bl_test_step second[] = {
        T_EXPECT("GET /x HTTP/1.1\r\nHost: a\r\n" ENCODING "\r\n"),
        T_SEND(OK_HI),
        T_EXPECT_END(),
    };
    bl_http_client_options options = plain_options();
    AGAINST_TWO(&options, first, second, "http://a/", NULL,
                "200 hi http://a/x");
    CHECK_LT(bl_now(), BL_SEC(1));
}
