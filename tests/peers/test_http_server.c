/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_http_server.c - curl, Python and wrk ask our HTTP server
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <belay/http.h>

#include "peers/peer.h"

PEER_NEEDED(curl)
PEER_NEEDED(python3)
PEER_NEEDED(wrk)

/* ---- the server --------------------------------------------------------- */

enum {
    FILE_BYTES = 3 * 1024 * 1024
};

struct site {
    bl_listener *listener;
    bl_event stop;
    bl_http_stats stats;
    const char *url; /* "http://127.0.0.1:4711" */
    int file;        /* of FILE_BYTES */
};

/* Gives the body back as it comes, in chunks. */
static int echo(bl_http_exchange *exchange, void *arg) {
    char part[1000];
    bl_ssize count;
    (void)arg;
    bl_http_limit_body(exchange, UINT64_MAX);
    count = bl_http_body_read(exchange->body, part, sizeof part);
    if (count < 0) return (int)count;
    int rc = bl_http_begin(exchange, 200, NULL, BL_HTTP_UNKNOWN_LENGTH);
    while (rc == 0 && count > 0) {
        rc = bl_http_write(exchange, part, (size_t)count);
        if (rc == 0) rc = bl_http_flush(exchange);
        if (rc == 0) {
            count = bl_http_body_read(exchange->body, part, sizeof part);
            if (count < 0) rc = (int)count;
        }
    }
    return rc;
}

static int say_hello(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply_text(exchange, 200, "hello\n");
}

static int send_file(bl_http_exchange *exchange, void *arg) {
    const struct site *site = arg;
    return bl_http_reply_file(exchange, 200, "application/octet-stream",
                              site->file, 0, FILE_BYTES);
}

static int send_events(bl_http_exchange *exchange, void *arg) {
    static const bl_http_event event = { .name = "tick", .data = "a\nb" };
    (void)arg;
    int rc = bl_http_events_begin(exchange);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = bl_http_event_send(exchange, &event);
    return rc;
}

static int handle(bl_http_exchange *exchange, void *arg) {
    const bl_http_route routes[] = {
        { NULL, "/echo", echo, NULL },
        { "GET", "/hello", say_hello, NULL },
        { "GET", "/file", send_file, arg },
        { "GET", "/events", send_events, NULL },
    };
    return bl_http_dispatch(exchange, routes, 4);
}

static int site_run(void *arg) {
    struct site *site = arg;
    bl_http_options options = { .size = sizeof options,
                                .arg = site,
                                .stop = &site->stop,
                                .stats = &site->stats };
    return bl_http_serve(site->listener, handle, &options);
}

FIXTURE(struct site *, site, (t_tmpdir)) {
    static struct site made;
    static char url[64];
    bl_addr any;
    BL_GROUP_SCOPED(group);
    bl_event_init(&made.stop);
    const char *path = peer_path(t_tmpdir, "file");
    made.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE_GE(made.file, 0);
    REQUIRE_EQ(ftruncate(made.file, FILE_BYTES), 0);
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    REQUIRE_OK(bl_tcp_listen(&any, &made.listener));
    bl_addr address = bl_listener_address(made.listener);
    snprintf(url, sizeof url, "http://%s", peer_address(&address));
    made.url = url;
    REQUIRE_OK(bl_spawn(&group, site_run, &made));
    YIELD(&made);
    bl_event_set(&made.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    close(made.file);
}

/* ---- helpers ------------------------------------------------------------ */

/* What is asked for; of one time. */
static const char *at(const struct site *site, const char *path) {
    static char texts[4][100];
    static int next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s%s", site->url, path);
    return text;
}

/* All that the program says until it closes its output. */
static const char *all_of(struct peer *peer) {
    static char said[100000];
    size_t count = 0;
    bl_ssize got;
    do {
        got = bl_reader_read(&peer->reader, said + count,
                             sizeof said - 1 - count);
        if (got > 0) count += (size_t)got;
    } while (got > 0);
    said[count] = '\0';
    return said;
}

/* ---- curl --------------------------------------------------------------- */

TEST(curl_keeps_its_connection, (site), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer = peer_start("curl", "-s", "-w", "%{num_connects} ",
                                  at(site, "/hello"), at(site, "/hello"),
                                  at(site, "/nowhere"), at(site, "/hello"));
    CHECK_STR(all_of(&peer), "hello\n1 hello\n0 404 Not Found\n0 hello\n0 ");
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_EQ(site->stats.connections.accepted, 1);
    CHECK_EQ(site->stats.requests, 4);
}

TEST(curl_uploads_in_chunks, (site), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer = peer_start("curl", "-s", "-T", "-", at(site, "/echo"));
    char text[5001];
    memset(text, 'x', 5000);
    text[5000] = '\0';
    CHECK_OK(bl_stream_write_all(peer.stream, text, 5000, NULL));
    CHECK_OK(bl_stream_shutdown_write(peer.stream));
    CHECK_STR(all_of(&peer), text);
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(curl_expects_leave_to_send, (site), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer = peer_start_heard(
        "curl", "-s", "-v", "-H", "Expect: 100-continue", "--expect100-timeout",
        "60", "-d", "hello", at(site, "/echo"));
    peer_await(&peer, "< HTTP/1.1 100 Continue");
    CHECK_CONTAINS(all_of(&peer), "< HTTP/1.1 200 OK");
    CHECK_EQ(peer_end(&peer), 0);
    peer = peer_start_heard("curl", "-s", "-v", "-H", "Expect: 100-continue",
                            "--expect100-timeout", "60", "-d", "hello",
                            at(site, "/nowhere"));
    CHECK_CONTAINS(all_of(&peer), "< HTTP/1.1 404 Not Found");
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(curl_speaks_the_old_version, (site), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer =
        peer_start("curl", "-s", "--http1.0", "-d", "hello", at(site, "/echo"));
    CHECK_STR(all_of(&peer), "hello");
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(curl_gets_a_file, (site, t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer =
        peer_start("curl", "-s", "-o", peer_path(t_tmpdir, "copy"), "-w",
                   "%{http_code} %{size_download}", at(site, "/file"));
    CHECK_STR(all_of(&peer), "200 3145728");
    CHECK_EQ(peer_end(&peer), 0);
    peer = peer_start("curl", "-s", "-I", at(site, "/file"));
    CHECK_CONTAINS(all_of(&peer), "Content-Length: 3145728\r\n");
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(curl_uploads_much, (site, t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_curl) {
    struct peer peer =
        peer_start("curl", "-s", "-o", peer_path(t_tmpdir, "copy"), "-T",
                   peer_path(t_tmpdir, "file"), "-w", "%{size_download}",
                   at(site, "/echo"));
    CHECK_STR(all_of(&peer), "3145728");
    CHECK_EQ(peer_end(&peer), 0);
}

TEST(curl_hears_events, (site), .clock = T_CLOCK_REAL, .skip_if = no_curl) {
    struct peer peer = peer_start("curl", "-s", "-N", at(site, "/events"));
    for (int i = 0; i < 3; i++)
        peer_await(&peer, "event: tick");
    CHECK_STR(all_of(&peer), "data: a\ndata: b\n\n");
    CHECK_EQ(peer_end(&peer), 0);
}

/* ---- Python ------------------------------------------------------------- */

static const char python[] =
    "import http.client, sys\n"
    "c = http.client.HTTPConnection(sys.argv[1][7:])\n"
    "for i in range(3):\n"
    "    c.request('GET', '/hello')\n"
    "    r = c.getresponse()\n"
    "    assert (r.status, r.read()) == (200, b'hello\\n')\n"
    "c.request('POST', '/echo', body=iter([b'ab', b'c' * 70000]),\n"
    "          encode_chunked=True,\n"
    "          headers={'Transfer-Encoding': 'chunked'})\n"
    "r = c.getresponse()\n"
    "assert r.read() == b'ab' + b'c' * 70000\n"
    "c.request('HEAD', '/file')\n"
    "r = c.getresponse()\n"
    "assert (r.getheader('content-length'), r.read()) == ('3145728', b'')\n"
    "c.request('DELETE', '/hello')\n"
    "r = c.getresponse()\n"
    "assert (r.status, r.getheader('allow')) == (405, 'GET')\n"
    "r.read()\n"
    "print('all is well')\n";

TEST(python_asks_in_many_ways, (site), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    struct peer peer = peer_start_heard("python3", "-c", python, site->url);
    CHECK_STR(all_of(&peer), "all is well\n");
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_EQ(site->stats.connections.accepted, 1);
}

/* ---- wrk ---------------------------------------------------------------- */

TEST(wrk_finds_no_fault, (site, t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_wrk) {
    const char *script = peer_file(t_tmpdir, "pipeline.lua",
                                   "init = function(args)\n"
                                   "  local one = wrk.format('GET', '/hello')\n"
                                   "  local more = {}\n"
                                   "  for i = 1, 8 do more[i] = one end\n"
                                   "  all = table.concat(more)\n"
                                   "end\n"
                                   "request = function() return all end\n");
    struct peer peer = peer_start("wrk", "-t1", "-c20", "-d1s", "-s", script,
                                  at(site, "/hello"));
    const char *said = all_of(&peer);
    CHECK_CONTAINS(said, "requests in");
    CHECK(strstr(said, "Non-2xx") == NULL);
    CHECK(strstr(said, "Socket errors") == NULL);
    CHECK_EQ(peer_end(&peer), 0);
    CHECK_GT(site->stats.requests, 1000);
}
