/* SPDX-License-Identifier: MIT */
/*
 * examples/echo_server.c - one task per connection: asyncio.start_server
 *
 *     echo_server [ADDRESS] [--once | --for MS]
 *
 * Listens at ADDRESS, 127.0.0.1:7777 unless given, and sends back whatever
 * comes.  Runs until Ctrl-C; with --once until the first connection has ended,
 * with --for until that many milliseconds have passed.  Try it with
 * examples/echo_client.c, or with nc.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belay.h>

struct options {
    const char *address;
    bl_ns limit;
    bool is_once;
};

/* Sends back what comes until the peer closes its side. */
static int echo(void *arg) {
    bl_stream *stream = arg; /* ours from here on */
    char buffer[4096];
    bl_ssize rc;

    do {
        rc = bl_stream_read(stream, buffer, sizeof(buffer));
        if (rc <= 0) break;
        rc = bl_stream_write_all(stream, buffer, (size_t)rc, NULL);
    } while (rc == 0);

    bl_stream_abort(stream);
    /* A peer that breaks off ends its own connection, not the server. */
    return rc == BL_ECANCELED ? BL_ECANCELED : 0;
}

static void drop_stream(void *arg) {
    bl_stream_abort(arg);
}

static int accept_loop(bl_listener *listener, bool is_once) {
    int rc;
    BL_GROUP(connections, rc) {
        do {
            bl_stream *stream;
            rc = bl_listener_accept(listener, &stream, NULL);
            if (rc < 0) break;
            rc = bl_spawn_owned(connections, echo, stream, drop_stream);
        } while (rc == 0 && !is_once);
    }
    return rc;
}

static int serve(void *arg) {
    const struct options *options = arg;
    bl_addr address;
    bl_listener *listener;

    int rc = bl_addr_parse(options->address, &address);
    if (rc == 0) rc = bl_tcp_listen(&address, &listener);
    if (rc < 0) return rc;

    char text[BL_ADDR_TEXT_BYTES];
    address = bl_listener_address(listener);
    bl_addr_format(&address, text, sizeof(text));
    printf("listening on %s\n", text);
    fflush(stdout);

    BL_MOVE_ON(rc, options->limit) {
        rc = accept_loop(listener, options->is_once);
    }
    bl_listener_close(listener);
    return rc;
}

static bool parse(int argc, char **argv, struct options *options) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            options->is_once = true;
        } else if (strcmp(argv[i], "--for") == 0 && i + 1 < argc) {
            options->limit = BL_MS(atoi(argv[++i]));
        } else if (argv[i][0] != '-') {
            options->address = argv[i];
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct options options = {
        .address = "127.0.0.1:7777",
        .limit = BL_FOREVER,
    };
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "usage: echo_server [ADDRESS] [--once | --for MS]\n");
        return 2;
    }

    int rc = bl_run(serve, &options);
    if (rc == BL_EINTERRUPTED) return 0; /* Ctrl-C is how it is stopped */
    if (rc < 0) fprintf(stderr, "echo_server: %s\n", bl_strerror(rc));
    return rc < 0;
}
