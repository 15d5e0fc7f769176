/* SPDX-License-Identifier: MIT */
/*
 * demo/client.c - what every client does: dial, ask, be answered
 */
#include <string.h>

#include "client.h"

enum {
    DIALS_AT_ONCE = 256
};

int dialler_init(struct dialler *dialler, const bl_addr *server) {
    dialler->server = *server;
    return bl_sem_init(&dialler->permits, DIALS_AT_ONCE, DIALS_AT_ONCE);
}

/* Where no descriptor is left, the server's end of a connection that is over
 * will be closed in a moment. */
static int connect_patiently(const bl_addr *server, bl_stream **stream) {
    for (;;) {
        int rc = bl_tcp_connect(server, stream);
        if (rc != BL_EMFILE) return rc;
        rc = bl_sleep(BL_MS(5));
        if (rc < 0) return rc;
    }
}

/* The permit is given back when the server has answered: connected alone
 * may mean standing in the kernel's line. */
int dialler_dial(struct dialler *dialler, bl_stream **stream) {
    int rc = bl_sem_acquire(&dialler->permits);
    if (rc < 0) return rc;

    bl_stream *dialled = NULL;
    rc = connect_patiently(&dialler->server, &dialled);
    if (rc == 0) rc = client_ask(dialled, "hello\n");
    bl_sem_release(&dialler->permits);

    if (rc < 0)
        bl_stream_abort(dialled);
    else
        *stream = dialled;
    return rc;
}

/* Shows what came, without letting it touch the terminal. */
static void printable(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') *c = '.';
    }
}

/* Says what came instead of `line`. */
static int not_an_echo(const char *line, size_t line_bytes, const char *answer,
                       size_t answer_bytes) {
    char sent[LINE_BYTES_MAX + 1] = { 0 };
    char got[LINE_BYTES_MAX + 1] = { 0 };

    memcpy(sent, line, line_bytes - 1); /* without the newline */
    memcpy(got, answer, answer_bytes);
    printable(sent);
    printable(got);
    return BL_ERR(-EPROTO, "sent \"%s\", got \"%s\"", sent, got);
}

int client_ask(bl_stream *stream, const char *line) {
    char answer[LINE_BYTES_MAX];
    size_t bytes = strlen(line);
    if (bytes == 0 || bytes > sizeof(answer)) return BL_EINVAL;

    int rc = bl_stream_write_all(stream, line, bytes, NULL);
    if (rc < 0) return rc;

    for (size_t done = 0; done < bytes;) {
        bl_ssize got = bl_stream_read(stream, answer + done, bytes - done);
        if (got < 0) return (int)got;
        if (got == 0) return BL_ECONNRESET;
        done += (size_t)got;
        if (memcmp(answer, line, done) != 0) {
            return not_an_echo(line, bytes, answer, done);
        }
    }
    return 0;
}
