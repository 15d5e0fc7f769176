/* SPDX-License-Identifier: MIT */
/*
 * bench/net_http.c - what an HTTP server of ours costs per request
 *
 * It is written as the guide shows it; all limits and time-outs are in force.
 */
#include <belay.h>
#include <belay/http.h>

#include "peers/net_load.h"

static int greet(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply(exchange, 200, "text/plain", "Hello, world!",
                         NET_HTTP_BYTES);
}

static int serve(void *arg) {
    bl_addr any;
    bl_listener *listener;
    (void)arg;
    int rc = bl_addr_parse("127.0.0.1:0", &any);
    if (rc == 0) rc = bl_listen(&any, NULL, &listener);
    if (rc < 0) return rc;
    net_say_port(bl_listener_fd(listener));
    return bl_http_serve(listener, greet, NULL);
}

static int run_server(const char *mode, void *arg) {
    (void)mode;
    return bl_run(serve, arg);
}

int main(int argc, char **argv) {
    return net_main_http(argc, argv, "belay", run_server, NULL);
}
