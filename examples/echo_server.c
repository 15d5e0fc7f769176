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

struct server {
    const struct options *options;
    bl_event stop;
};

/* Sends back what comes until the peer closes its side. */
static int echo(bl_connection *connection) {
    bl_stream *stream = connection->stream;
    struct server *server = connection->arg;
    char buffer[4096];
    bl_ssize count;
    int rc = 0;

    while ((count = bl_stream_read(stream, buffer, sizeof(buffer))) > 0) {
        rc = bl_stream_write_all(stream, buffer, (size_t)count, NULL);
        if (rc < 0) break;
    }

    if (server->options->is_once) bl_event_set(&server->stop);
    return count < 0 ? (int)count : rc;
}

static int listen_and_say(const char *text, bl_listener **listener) {
    bl_addr address;
    char bound[BL_ADDR_TEXT_BYTES];

    BL_TRY(bl_addr_parse(text, &address));
    BL_TRY(bl_listen(&address, NULL, listener));

    address = bl_listener_address(*listener);
    bl_addr_format(&address, bound, sizeof(bound));
    printf("listening on %s\n", bound);
    fflush(stdout);
    return 0;
}

static int main_task(void *arg) {
    struct server server = { .options = arg };
    bl_listener *listener;
    bl_event_init(&server.stop);
    BL_TRY(listen_and_say(server.options->address, &listener));

    bl_serve_options options = {
        .size = sizeof(options),
        .arg = &server,
        .stop = &server.stop,
    };
    int rc;
    BL_MOVE_ON(rc, server.options->limit) {
        rc = bl_serve(listener, echo, &options);
    }
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

    int rc = bl_run(main_task, &options);
    if (rc == BL_EINTERRUPTED) return 0; /* Ctrl-C is how it is stopped */
    if (rc < 0) fprintf(stderr, "echo_server: %s\n", bl_strerror(rc));
    return rc < 0;
}
