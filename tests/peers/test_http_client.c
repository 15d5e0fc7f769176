/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_http_client.c - our HTTP client asks nginx and Python
 */
#include <stdio.h>
#include <string.h>

#include <belay/http.h>

#include "peers/peer.h"

PEER_NEEDED(nginx)
PEER_NEEDED(python3)

enum {
    FILE_BYTES = 3 * 1024 * 1024,
    ASKERS = 20,
    ASKED_BY_EACH = 10
};

static bl_http_client *client_open(uint32_t connections_max) {
    bl_http_client *client;
    bl_http_client_options options = {
        .size = sizeof options,
        .proxy = "",
        .host_connections_max = connections_max,
    };
    REQUIRE_OK(bl_http_client_open(&options, &client));
    return client;
}

/* Gets what is at `path`; "status body", or the name of the code. */
static const char *got(bl_http_client *client, const char *site,
                       const char *path) {
    static char text[512];
    char url[256];
    bl_http_answer *answer;
    snprintf(url, sizeof url, "%s%s", site, path);
    int rc = bl_http_get(client, url, &answer);
    if (rc < 0) return bl_error_name(rc);
    snprintf(text, sizeof text, "%d %s", answer->status, answer->body);
    bl_http_answer_free(answer);
    return text;
}

/* Waits until somebody listens. */
static void await_listener(const bl_addr *address) {
    for (int i = 0; i < 1000; i++) {
        bl_stream *stream;
        int rc = bl_connect(address, NULL, &stream);
        if (rc == 0) {
            bl_stream_abort(stream);
            return;
        }
        REQUIRE_OK(bl_sleep(BL_MS(10)));
    }
    t_fail("nobody listens at %s", peer_address(address));
}

/* ---- nginx --------------------------------------------------------------- */

static struct peer nginx_start(const char *folder, char site[64]) {
    char config[4096];
    bl_addr address = peer_free_address();
    snprintf(site, 64, "http://%s", peer_address(&address));
    snprintf(config, sizeof config,
             "daemon off; master_process off; pid %s/pid; error_log %s/log;\n"
             "events {}\n"
             "http {\n"
             "  access_log off;\n"
             "  client_body_temp_path %s/b; proxy_temp_path %s/p;\n"
             "  fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;\n"
             "  scgi_temp_path %s/s;\n"
             "  server {\n"
             "    listen %s; root %s; client_max_body_size 10k;\n"
             "    location /moved { return 302 /small; }\n"
             "    location /loop { return 307 /loop; }\n"
             "    location /none { return 204; }\n"
             "    location /close { keepalive_timeout 0; return 200 bye; }\n"
             "    location /upload { dav_methods PUT; }\n"
             "  }\n"
             "}\n",
             folder, folder, folder, folder, folder, folder, folder,
             peer_address(&address), folder);
    const char *path = peer_file(folder, "nginx.conf", config);
    struct peer peer = peer_start("nginx", "-c", path);
    await_listener(&address);
    return peer;
}

struct asker {
    bl_http_client *client;
    const char *site;
};

static int asker_run(void *arg) {
    const struct asker *asker = arg;
    for (int i = 0; i < ASKED_BY_EACH; i++) {
        CHECK_STR(got(asker->client, asker->site, "/small"), "200 hello");
    }
    return 0;
}

TEST(nginx_is_asked_by_many_over_few_connections, (t_tmpdir),
     .clock = T_CLOCK_REAL, .skip_if = no_nginx) {
    char site[64];
    peer_file(t_tmpdir, "small", "hello");
    struct peer nginx = nginx_start(t_tmpdir, site);
    struct asker asker = { client_open(4), site };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < ASKERS; i++)
        REQUIRE_OK(bl_spawn(&group, asker_run, &asker));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_http_client_stats stats = bl_http_client_stats_of(asker.client);
    CHECK_LE(stats.opened, 4u);
    CHECK_EQ(stats.opened + stats.reused, ASKERS * ASKED_BY_EACH);
    bl_http_client_close(asker.client);
    peer_kill(&nginx);
}

TEST(nginx_answers_in_its_ways, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_nginx) {
    char site[64];
    peer_file(t_tmpdir, "small", "hello");
    struct peer nginx = nginx_start(t_tmpdir, site);
    bl_http_client *client = client_open(0);
    CHECK_STR(got(client, site, "/moved"), "200 hello");
    CHECK_STR(got(client, site, "/none"), "204 ");
    CHECK_STR(got(client, site, "/loop"), "BL_EHTTP_REDIRECT");
    CHECK_STR(got(client, site, "/close"), "200 bye");
    CHECK_EQ(strncmp(got(client, site, "/missing"), "404 <html>", 10), 0);
    CHECK_STR(got(client, site, "/small"), "200 hello");
    bl_http_client_close(client);
    peer_kill(&nginx);
}

TEST(nginx_refuses_a_large_body_and_says_so, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_nginx) {
    static char body[FILE_BYTES];
    char site[64];
    char url[100];
    struct peer nginx = nginx_start(t_tmpdir, site);
    bl_http_client *client = client_open(0);
    bl_http_answer *answer;
    bl_http_call_options options = { .size = sizeof options,
                                     .body = body,
                                     .body_bytes = sizeof body,
                                     .expects_100 = true };
    snprintf(url, sizeof url, "%s/upload", site);
    REQUIRE_OK(bl_http_send(client, "PUT", url, &options, &answer));
    CHECK_EQ(answer->status, 413);
    bl_http_answer_free(answer);
    bl_http_client_close(client);
    peer_kill(&nginx);
}

/* Makes a file of lines, the number of each in it. */
static void make_large(const char *folder) {
    static char text[FILE_BYTES + 1];
    size_t length = 0;
    for (int i = 0; length + 8 <= FILE_BYTES; i++) {
        snprintf(text + length, 9, "%07d\n", i);
        length += 8;
    }
    peer_file(folder, "large", text);
}

TEST(nginx_sends_a_large_file_at_our_pace, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_nginx) {
    char site[64];
    char url[100];
    char part[1000];
    uint64_t total = 0;
    make_large(t_tmpdir);
    struct peer nginx = nginx_start(t_tmpdir, site);
    bl_http_client *client = client_open(0);
    bl_http_call *call;
    snprintf(url, sizeof url, "%s/large", site);
    REQUIRE_OK(bl_http_call_open(client, "GET", url, NULL, &call));
    bl_http_body *body = bl_http_call_body(call);
    CHECK_EQ(bl_http_body_length(body), FILE_BYTES);
    bl_ssize count;
    while ((count = bl_http_body_read(body, part, sizeof part)) > 0) {
        char line[9];
        snprintf(line, sizeof line, "%07d\n", (int)(total / 8));
        CHECK_EQ(part[0], line[total % 8]);
        total += (uint64_t)count;
    }
    CHECK_OK(count);
    CHECK_EQ(total, FILE_BYTES);
    bl_http_call_close(call);
    REQUIRE_OK(bl_http_call_open(client, "GET", url, NULL, &call));
    bl_http_call_close(call); /* given up in the middle */
    CHECK_EQ(bl_http_client_stats_of(client).idle, 0u);
    bl_http_client_close(client);
    peer_kill(&nginx);
}

/* ---- Python -------------------------------------------------------------- */

static const char python_server[] =
    "import http.server, sys\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    protocol_version = 'HTTP/' + sys.argv[1]\n"
    "    def log_message(self, *arguments):\n"
    "        pass\n"
    "    def do_GET(self):\n"
    "        self.send_response(200)\n"
    "        if sys.argv[1] == '1.1':\n"
    "            self.send_header('Transfer-Encoding', 'chunked')\n"
    "        self.end_headers()\n"
    "        for word in 'a', 'bc', 'def':\n"
    "            part = word.encode()\n"
    "            if sys.argv[1] == '1.1':\n"
    "                part = b'%x\\r\\n%s\\r\\n' % (len(part), part)\n"
    "            self.wfile.write(part)\n"
    "            self.wfile.flush()\n"
    "        if sys.argv[1] == '1.1':\n"
    "            self.wfile.write(b'0\\r\\nX-End: yes\\r\\n\\r\\n')\n"
    "    def do_POST(self):\n"
    "        if 'Content-Length' in self.headers:\n"
    "            length = int(self.headers['Content-Length'])\n"
    "            body = self.rfile.read(length)\n"
    "        else:\n"
    "            body = b''\n"
    "            while size := int(self.rfile.readline(), 16):\n"
    "                body += self.rfile.read(size)\n"
    "                self.rfile.readline()\n"
    "            self.rfile.readline()\n"
    "        self.send_response(200)\n"
    "        self.send_header('Content-Length', str(len(body)))\n"
    "        self.end_headers()\n"
    "        self.wfile.write(body)\n"
    "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
    "print('at 127.0.0.1:%d' % server.server_address[1], flush=True)\n"
    "server.serve_forever()\n";

static struct peer python_start(const char *folder, const char *version,
                                char site[64]) {
    const char *path = peer_file(folder, "server.py", python_server);
    struct peer peer = peer_start("python3", path, version);
    bl_addr address = peer_parse(peer_await(&peer, "at "));
    snprintf(site, 64, "http://%s", peer_address(&address));
    return peer;
}

PARAM(const char *, version, "1.0", "1.1");

TEST(python_is_asked, (t_tmpdir, version), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    char site[64];
    struct peer python = python_start(t_tmpdir, version, site);
    bl_http_client *client = client_open(0);
    for (int i = 0; i < 3; i++)
        CHECK_STR(got(client, site, "/x"), "200 abcdef");
    bool is_kept = strcmp(version, "1.1") == 0;
    CHECK_EQ(bl_http_client_stats_of(client).opened, is_kept ? 1u : 3u);
    bl_http_client_close(client);
    peer_kill(&python);
}

TEST(python_gives_back_what_it_is_sent, (t_tmpdir), .clock = T_CLOCK_REAL,
     .skip_if = no_python3) {
    char site[64];
    char url[100];
    char text[100];
    struct peer python = python_start(t_tmpdir, "1.1", site);
    bl_http_client *client = client_open(0);
    bl_http_call_options options = { .size = sizeof options,
                                     .is_written = true };
    snprintf(url, sizeof url, "%s/x", site);
    for (int i = 0; i < 4; i++) {
        bl_http_call *call;
        options.has_length = i % 2 == 1;
        options.length = 6;
        options.expects_100 = i >= 2;
        REQUIRE_OK(bl_http_call_open(client, "POST", url, &options, &call));
        CHECK_OK(bl_http_call_write(call, "abc", 3));
        CHECK_OK(bl_http_call_write(call, "def", 3));
        CHECK_EQ(bl_http_call_receive(call), 200);
        CHECK_EQ(
            bl_http_body_read_all(bl_http_call_body(call), text, sizeof text),
            6);
        CHECK_MEM(text, 6, "abcdef", 6);
        bl_http_call_close(call);
    }
    CHECK_EQ(bl_http_client_stats_of(client).opened, 1u);
    bl_http_client_close(client);
    peer_kill(&python);
}
