/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_faults.c - HTTP under every failure of the system
 *
 * A sweep has each system call fail, in each way that fits it, once.  Whatever
 * fails, everything ends, no answer is another's or short, and it costs one
 * request at most.
 */
#include <belay/http.h>
#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/sockets.h"

enum {
    BODY_BYTES = 200 * 1024
};

static char body[BODY_BYTES];

/* ---- a server ------------------------------------------------------------ */

struct site {
    bl_listener *listener;
    bl_addr address;
    bl_event stop;
    bl_http_stats stats;
};

/* Answers by the path, and how many bytes the body had. */
static int answer(bl_http_exchange *exchange, void *arg) {
    char part[4096];
    char text[100];
    size_t total = 0;
    bl_ssize count;
    (void)arg;
    if (strcmp(exchange->path, "/refuse") == 0) return 413;
    while ((count = bl_http_body_read(exchange->body, part, sizeof part)) > 0)
        total += (size_t)count;
    if (count < 0) return (int)count;
    int length = snprintf(text, sizeof text, "%s %zu", exchange->path, total);
    if (strcmp(exchange->path, "/parts") != 0) {
        return bl_http_reply(exchange, 200, NULL, text, (size_t)length);
    }
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    for (int i = 0; rc == 0 && i < length; i++) {
        rc = bl_http_write(exchange, text + i, 1);
        if (rc == 0 && i % 4 == 0) rc = bl_http_flush(exchange);
    }
    return rc < 0 ? rc : bl_http_end(exchange, NULL, 0);
}

static int site_run(void *arg) {
    struct site *site = arg;
    bl_http_options options = { .size = sizeof options,
                                .stop = &site->stop,
                                .stats = &site->stats };
    int rc = bl_http_serve(site->listener, answer, &options);
    bl_error_handled(); /* the client sees what it did not do */
    return rc == BL_ECANCELED ? rc : 0;
}

/* ---- clients ------------------------------------------------------------- */

struct request {
    const char *method;
    const char *path;
    size_t body_bytes;
    bool is_written;
    const char *answer;
};

static const struct request requests[] = {
    { "GET", "/one", 0, false, "200 /one 0" },
    { "POST", "/two", 5, false, "200 /two 5" },
    { "PUT", "/parts", BODY_BYTES, false, "200 /parts 204800" },
    { "POST", "/three", 1000, true, "200 /three 1000" },
    { "GET", "/parts", 0, false, "200 /parts 0" },
    { "POST", "/refuse", BODY_BYTES, true, "413 413 Content Too Large\n" },
    { "GET", "/four", 0, false, "200 /four 0" },
};

static int write_body(bl_http_call *call, size_t bytes) {
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < bytes; at += bytes / 4)
        rc = bl_http_call_write(call, body + at, bytes / 4);
    if (rc == 0 || rc == BL_EHTTP_EARLY) rc = bl_http_call_receive(call);
    return rc < 0 ? rc : 0;
}

/* Asks, and checks that nothing but the right answer came. */
static int ask(bl_http_client *client, const struct site *site,
               const struct request *request) {
    char url[100];
    char text[100];
    char said[120];
    bl_http_call *call;
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = request->is_written };
    if (!request->is_written && request->body_bytes > 0) {
        options.body = body;
        options.body_bytes = request->body_bytes;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s",
             (unsigned)bl_addr_port(&site->address), request->path);
    int rc = bl_http_call_open(client, request->method, url, &options, &call);
    if (rc < 0) return rc;
    if (request->is_written) rc = write_body(call, request->body_bytes);
    bl_ssize count = rc;
    if (rc == 0) {
        count =
            bl_http_body_read_all(bl_http_call_body(call), text, sizeof text);
    }
    if (count >= 0 && bl_http_call_status(call) == 500) {
        count = BL_EIO; /* the handler could not read the body */
    }
    if (count >= 0) {
        snprintf(said, sizeof said, "%d %.*s", bl_http_call_status(call),
                 (int)count, text);
        CHECK_ALWAYS(strcmp(said, request->answer) == 0);
    }
    bl_http_call_close(call);
    return count < 0 ? (int)count : 0;
}

/* Asks for everything in turn.  Returns how often there was no answer. */
static int ask_all(bl_http_client *client, const struct site *site) {
    int failures = 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (bl_wait_for(ask(client, site, &requests[i]), BL_SEC(5)) < 0) {
            failures++;
        }
        bl_error_handled();
    }
    return failures;
}

TEST(one_failing_call_costs_one_request, .sweep = T_IO) {
    static struct site site;
    bl_http_client *client = NULL;
    bl_http_client_options options = { .size = sizeof options, .proxy = "" };
    int failures = 0;
    site = (struct site){ .address = loopback() };
    bl_event_init(&site.stop);
    int rc = bl_tcp_listen(&site.address, &site.listener);
    CHECK_OK(rc);
    bl_error_handled();
    if (rc < 0) return;
    site.address = bl_listener_address(site.listener);
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, site_run, &site);
        if (rc == 0) rc = bl_http_client_open(&options, &client);
        if (rc == 0) failures = ask_all(client, &site);
        if (client != NULL) {
            CHECK_ALWAYS(bl_http_client_stats_of(client).active == 0);
        }
        bl_http_client_close(client);
        bl_event_set(&site.stop);
    }
    CHECK_OK(rc);
    CHECK_EQ(failures, 0);
    CHECK_ALWAYS(rc == 0);
    CHECK_ALWAYS(failures <= 1);
    CHECK_ALWAYS(site.stats.connections.active == 0);
}
