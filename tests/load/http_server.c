/* SPDX-License-Identifier: MIT */
/*
 * tests/load/http_server.c - a server of HTTP with nothing to say, for loads
 *
 *     http_server ADDRESS
 *
 * It says so once it listens, answers each request with a line, and keeps idle
 * connections for an hour, those that have not asked for anything yet as well.
 */
#include <stdio.h>

#include <belay.h>
#include <belay/http.h>

static int answer(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply_text(exchange, 200, "hello\n");
}

static int main_task(void *arg) {
    bl_http_options options = {
        .size = sizeof(options),
        .idle_ns_max = BL_SEC(3600),
        .head_ns_max = BL_SEC(3600),
    };
    bl_addr address;
    bl_listener *listener;

    BL_TRY(bl_addr_parse(arg, &address));
    BL_TRY(bl_listen(&address, NULL, &listener));
    puts("listening");
    fflush(stdout);
    return bl_http_serve(listener, answer, &options);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: http_server ADDRESS\n");
        return 2;
    }
    int rc = bl_run(main_task, argv[1]);
    if (rc == BL_EINTERRUPTED) return 0;
    fprintf(stderr, "http_server: %s\n", bl_strerror(rc));
    return 1;
}
