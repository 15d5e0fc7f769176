/* SPDX-License-Identifier: MIT */
/*
 * examples/unix_socket.c - a local socket: who is there, and passing a file
 *
 * A vault has a file that its visitors cannot open by themselves.  It asks the
 * kernel who they are, and passes them the open file.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <belay.h>

static const char secret[] = "the treasure is under the oak";

struct vault {
    bl_listener *listener;
    bl_event stop;
    int file;
};

/* Passes the file to a visitor who is of our own user. */
static int open_vault(bl_connection *connection) {
    const struct vault *vault = connection->arg;
    bl_unix_peer peer;

    BL_TRY(bl_unix_get_peer(connection->stream, &peer));
    bool is_known = peer.uid == geteuid();
    printf("a visitor, %s\n", is_known ? "whom I know" : "a stranger");
    if (!is_known) return BL_EPERM;

    bl_ssize rc = bl_unix_send_fds(connection->stream, "!", 1, &vault->file, 1);
    return rc < 0 ? (int)rc : 0;
}

static int serve(void *arg) {
    struct vault *vault = arg;
    bl_serve_options options = {
        .size = sizeof(options),
        .arg = vault,
        .stop = &vault->stop,
    };
    return bl_serve(vault->listener, open_vault, &options);
}

/* Takes the file and reads it. */
static int take_file(bl_stream *stream) {
    char byte;
    char text[64];
    int file;
    size_t count = 1;

    bl_ssize rc = bl_unix_recv_fds(stream, &byte, 1, &file, &count);
    if (rc < 0) return (int)rc;
    if (rc == 0 || count != 1) return BL_EPERM;

    ssize_t bytes = pread(file, text, sizeof(text), 0);
    close(file);
    if (bytes < 0) return BL_EIO;
    printf("the file says: %.*s\n", (int)bytes, text);
    return (size_t)bytes == strlen(secret) ? 0 : BL_EIO;
}

static int visit(const bl_addr *address) {
    bl_stream *stream;
    BL_TRY(bl_connect(address, NULL, &stream));
    int rc = take_file(stream);
    bl_stream_abort(stream);
    return rc;
}

static int main_task(void *arg) {
    struct vault *vault = arg;
    char text[64];
    bl_addr address;
    int rc;

    /* A name with "@" needs no file; "unix:/run/vault.sock" would have one. */
    snprintf(text, sizeof(text), "unix:@belay-vault-%d", (int)getpid());
    bl_event_init(&vault->stop);
    BL_TRY(bl_addr_parse(text, &address));
    BL_TRY(bl_listen(&address, NULL, &vault->listener));

    BL_GROUP(tasks, rc) {
        rc = bl_spawn(tasks, serve, vault);
        if (rc < 0) break;
        rc = visit(&address);
        bl_event_set(&vault->stop);
    }
    return rc;
}

int main(void) {
    FILE *file = tmpfile();
    if (file == NULL || fputs(secret, file) < 0 || fflush(file) != 0) {
        perror("unix_socket");
        return 1;
    }
    struct vault vault = { .file = fileno(file) };

    int rc = bl_run(main_task, &vault);
    if (rc < 0) fprintf(stderr, "unix_socket: %s\n", bl_strerror(rc));
    fclose(file);
    return rc < 0;
}
