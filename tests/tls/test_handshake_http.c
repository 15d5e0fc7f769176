/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_handshake_http.c - HTTP clients over TLS: bl_tls_secure
 */
#include <belay/http.h>
#include <belay/test.h>

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"
#include "tls/pairs.h"
#include "tls/pki.h"

extern char **environ;

/* ---- a server of ours ---------------------------------------------------- */

struct server {
    bl_tls_context *context;
    bl_listener *listener;
    const char *reply;
    bool is_cut; /* it ends without a goodbye */
};

/* Answers one request, and the end. */
static int server_run(void *arg) {
    struct server *server = arg;
    bl_stream *under;
    bl_stream *stream;
    char request[1024];
    int rc = bl_listener_accept(server->listener, &under, NULL);
    if (rc < 0) return rc;
    rc = bl_tls_accept(server->context, under, NULL, &stream);
    if (rc < 0) {
        bl_stream_abort(under);
        return 0; /* whom the client did not believe */
    }
    CHECK_GT(bl_stream_read(stream, request, sizeof request), 0);
    CHECK_CONTAINS(request, "GET /x HTTP/1.1\r\nHost: localhost:");
    CHECK_OK(bl_stream_write_all(stream, server->reply, strlen(server->reply),
                                 NULL));
    if (!server->is_cut) return bl_stream_close(stream);
    bl_stream_abort(stream);
    return 0;
}

/* Gets /x from `host`; the body, or the name of the code. */
static const char *got_from(struct server *server, const char *host) {
    static char text[256];
    char url[64];
    bl_tls_config ours = server_config();
    bl_tls_config theirs = client_config();
    bl_tls_context *context;
    bl_addr address;
    bl_http_client *client;
    bl_http_answer *answer;
    REQUIRE_OK(bl_tls_context_new(&ours, &server->context));
    REQUIRE_OK(bl_tls_context_new(&theirs, &context));
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &server->listener));
    address = bl_listener_address(server->listener);
    snprintf(url, sizeof url, "https://%s:%u/x", host,
             (unsigned)bl_addr_port(&address));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, server_run, server));
    bl_http_client_options options = { .size = sizeof options,
                                       .secure = bl_tls_secure,
                                       .secure_arg = context,
                                       .proxy = "" };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    int rc = bl_http_get(client, url, &answer);
    snprintf(text, sizeof text, "%s",
             rc < 0 ? bl_error_name(rc) : answer->body);
    if (rc == 0) bl_http_answer_free(answer);
    bl_http_client_close(client);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_listener_close(server->listener);
    bl_tls_context_unref(context);
    bl_tls_context_unref(server->context);
    return text;
}

TEST(a_server_is_asked_over_tls) {
    struct server server = {
        .reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    };
    CHECK_STR(got_from(&server, "localhost"), "hi");
}

TEST(a_server_that_is_somebody_else_is_not_asked) {
    struct server server = { .reply = "" };
    CHECK_STR(got_from(&server, "127.0.0.1"), "BL_ECERTNAME");
}

TEST(an_end_that_nobody_announced_is_none) {
    struct server server = { .reply = "HTTP/1.1 200 OK\r\n\r\nhalf" };
    CHECK_STR(got_from(&server, "localhost"), "half");
    server.is_cut = true;
    CHECK_STR(got_from(&server, "localhost"), "BL_ETLSTRUNCATED");
}

TEST(missing_arguments_are_refused) {
    bl_stream *stream = NULL;
    CHECK_ERR(bl_tls_secure(NULL, NULL, "a", &stream), BL_EINVAL);
    CHECK(stream == NULL);
}

/* ---- connections that are kept ------------------------------------------- */

struct site {
    bl_tls_context *context;
    bl_listener *listener;
    bl_event stop;
};

static int site_secure(bl_connection *connection, void *arg) {
    return bl_tls_accept(arg, connection->stream, NULL, &connection->stream);
}

static int site_answer(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply_text(exchange, 200, exchange->path);
}

static int site_run(void *arg) {
    struct site *site = arg;
    bl_http_options options = { .size = sizeof options,
                                .stop = &site->stop,
                                .secure = site_secure,
                                .secure_arg = site->context,
                                .idle_ns_max = BL_SEC(10) };
    return bl_http_serve(site->listener, site_answer, &options);
}

/* Asks with POST, which is not sent twice. */
static void post(bl_http_client *client, const char *url) {
    bl_http_answer *answer;
    REQUIRE_OK(bl_http_send(client, "POST", url, NULL, &answer));
    CHECK_STR(answer->body, "/x");
    bl_http_answer_free(answer);
}

TEST(a_connection_is_kept_until_the_server_ends_it) {
    struct site site = { .listener = NULL };
    bl_tls_config ours = server_config();
    bl_tls_config theirs = client_config();
    bl_tls_context *context;
    bl_http_client *client;
    bl_addr address;
    char url[64];
    bl_event_init(&site.stop);
    REQUIRE_OK(bl_tls_context_new(&ours, &site.context));
    REQUIRE_OK(bl_tls_context_new(&theirs, &context));
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &site.listener));
    address = bl_listener_address(site.listener);
    snprintf(url, sizeof url, "https://localhost:%u/x",
             (unsigned)bl_addr_port(&address));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, site_run, &site));
    bl_http_client_options options = { .size = sizeof options,
                                       .secure = bl_tls_secure,
                                       .secure_arg = context,
                                       .proxy = "" };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    post(client, url);
    REQUIRE_OK(bl_sleep(BL_SEC(9)));
    post(client, url);
    CHECK_EQ(bl_http_client_stats_of(client).opened, 1u);
    REQUIRE_OK(bl_sleep(BL_SEC(11)));
    CHECK_EQ(bl_http_client_stats_of(client).idle, 1u);
    post(client, url);
    CHECK_EQ(bl_http_client_stats_of(client).opened, 2u);
    CHECK_EQ(bl_http_client_stats_of(client).retried, 0u);
    bl_http_client_close(client);
    bl_event_set(&site.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_tls_context_unref(context);
    bl_tls_context_unref(site.context);
}

/* ---- the program openssl ------------------------------------------------- */

static const char *no_openssl(void) {
    if (access("/usr/bin/openssl", X_OK) == 0) return NULL;
    return "the program openssl is not installed";
}

static pid_t start_s_server(const char *folder, const char *port) {
    char *argv[] = { "openssl", "s_server", "-quiet",
                     "-WWW",    "-accept",  (char *)(uintptr_t)port,
                     "-cert",   "cert.pem", "-key",
                     "key.pem", NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    REQUIRE_EQ(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* A port that was free a moment ago. */
static unsigned free_port(void) {
    bl_addr address;
    bl_listener *listener;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    bl_listener_close(listener);
    return bl_addr_port(&address);
}

TEST(openssl_is_a_server_too, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_openssl) {
    struct pki_cert cert = pki_named("localhost");
    char url[64];
    char port[16];
    snprintf(port, sizeof port, "%u", free_port());
    snprintf(url, sizeof url, "https://localhost:%s/file.txt", port);
    put_text(below(t_tmpdir, "cert.pem"), cert.certificate);
    put_text(below(t_tmpdir, "key.pem"), cert.key);
    put_text(below(t_tmpdir, "file.txt"), "from a file");
    pid_t pid = start_s_server(t_tmpdir, port);

    bl_tls_config theirs = client_config();
    bl_tls_context *context;
    bl_http_client *client;
    REQUIRE_OK(bl_tls_context_new(&theirs, &context));
    bl_http_client_options options = { .size = sizeof options,
                                       .secure = bl_tls_secure,
                                       .secure_arg = context,
                                       .proxy = "" };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    bl_http_answer *answer = NULL;
    int rc;
    for (int i = 0; i < 500; i++) { /* until it listens */
        rc = bl_http_get(client, url, &answer);
        if (rc != BL_ECONNREFUSED) break;
        REQUIRE_OK(bl_sleep(BL_MS(10)));
    }
    CHECK_OK(rc);
    if (rc == 0) CHECK_STR(answer->body, "from a file");
    if (rc == 0) bl_http_answer_free(answer);
    bl_http_client_close(client);
    bl_tls_context_unref(context);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
