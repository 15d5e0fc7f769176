/* SPDX-License-Identifier: MIT */
/*
 * examples/echo_client.c - talks to a server: asyncio.open_connection
 *
 *     echo_client [HOST:PORT [TEXT]]
 *
 * Sends TEXT to an echo server, 127.0.0.1:7777 unless given, and prints what
 * comes back.  One limit of five seconds covers looking up the name,
 * connecting, sending and receiving.
 */
#include <stdio.h>
#include <string.h>

#include <belay.h>

struct message {
    const char *server;
    const char *text;
};

static int exchange(bl_stream *stream, const char *text) {
    char answer[256];
    size_t bytes = strlen(text);
    if (bytes > sizeof(answer)) return BL_ERR(BL_EINVAL, "too long a text");

    BL_TRY(bl_stream_write_all(stream, text, bytes, NULL));
    BL_TRY(bl_stream_shutdown_write(stream)); /* that was all */
    BL_TRY(bl_stream_read_exactly(stream, answer, bytes, NULL));

    printf("%.*s\n", (int)bytes, answer);
    return memcmp(answer, text, bytes) == 0 ? 0 : BL_ERR(BL_EIO, "no echo");
}

static int talk(const struct message *message) {
    bl_stream *stream;

    BL_TRY(bl_connect_name(message->server, NULL, &stream));

    int rc = exchange(stream, message->text);
    bl_stream_abort(stream);
    return rc;
}

static int main_task(void *arg) {
    int rc;
    BL_TIMEOUT(rc, BL_SEC(5)) {
        rc = talk(arg);
    }
    return rc;
}

int main(int argc, char **argv) {
    struct message message = {
        .server = argc > 1 ? argv[1] : "127.0.0.1:7777",
        .text = argc > 2 ? argv[2] : "hello",
    };

    int rc = bl_run(main_task, &message);
    if (rc < 0) {
        fprintf(stderr, "echo_client: %s: %s\n", message.server,
                bl_strerror(rc));
    }
    return rc < 0;
}
