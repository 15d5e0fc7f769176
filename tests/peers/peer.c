/* SPDX-License-Identifier: MIT */
/*
 * peers/peer.c - a program that somebody else wrote, at the other end
 */
#include "peers/peer.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/sockets.h"

enum {
    LINE_BYTES_MAX = 4096,
    PATH_BYTES = 512,
    PATHS_MAX = 16
};

/* ---- starting ---------------------------------------------------------- */

/* In the child: never returns. */
static void become(enum peer_errors errors, const char *const *argv, int in,
                   int out) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(errors == PEER_HEARD ? out : null, STDERR_FILENO);
    /* Nothing is written to what execvp wants to be writable. */
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

struct peer peer_start_all(enum peer_errors errors, const char *const *argv) {
    struct peer peer;
    int in[2];
    int out[2];
    REQUIRE_OK(pipe2(in, O_CLOEXEC));
    REQUIRE_OK(pipe2(out, O_CLOEXEC));
    peer.pid = fork();
    REQUIRE_GE(peer.pid, 0);
    if (peer.pid == 0) become(errors, argv, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    peer.input = in[1];
    REQUIRE_OK(bl_stream_take_pipe(out[0], in[1], &peer.stream));
    REQUIRE_OK(bl_reader_init(&peer.reader, peer.stream, NULL, LINE_BYTES_MAX));
    return peer;
}

const char *peer_try_await(struct peer *peer, const char *text) {
    const char *found;
    char *line;
    do {
        int rc = bl_reader_line(&peer->reader, &line, NULL);
        REQUIRE_GE(rc, 0);
        if (rc == 0) return NULL;
        found = strstr(line, text);
    } while (found == NULL);
    return found + strlen(text);
}

const char *peer_await(struct peer *peer, const char *text) {
    const char *found = peer_try_await(peer, text);
    REQUIRE(found != NULL);
    return found;
}

void peer_command(const struct peer *peer, const char *line) {
    size_t bytes = strlen(line);
    CHECK_EQ(write(peer->input, line, bytes), (bl_ssize)bytes);
}

/* ---- ending ------------------------------------------------------------ */

int peer_end(struct peer *peer) {
    int status = -1;
    bl_reader_done(&peer->reader);
    bl_stream_abort(peer->stream);
    int fd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
    if (fd >= 0) {
        CHECK_EQ(bl_fd_wait(fd, BL_READABLE), BL_READABLE);
        REQUIRE_OK(bl_fd_close(fd));
    }
    REQUIRE_EQ(waitpid(peer->pid, &status, 0), peer->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void peer_kill(struct peer *peer) {
    kill(peer->pid, SIGKILL);
    CHECK_EQ(peer_end(peer), -1);
}

bool peer_is_installed(const char *program) {
    static const char *const folders[] = { "/usr/bin", "/usr/sbin",
                                           "/usr/local/bin" };
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], program);
        if (access(path, X_OK) == 0) return true;
    }
    return false;
}

/* ---- texts ------------------------------------------------------------- */

const char *peer_path(const char *folder, const char *name) {
    static char paths[PATHS_MAX][PATH_BYTES];
    static int count;
    REQUIRE_LT(count, PATHS_MAX);
    char *path = paths[count++];
    snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

const char *peer_file(const char *folder, const char *name, const char *text) {
    const char *path = peer_path(folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    REQUIRE_GE(fputs(text, file), 0);
    REQUIRE_EQ(fclose(file), 0);
    return path;
}

const char *peer_address(const bl_addr *address) {
    static char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, text, sizeof text);
    return text;
}

const char *peer_port(const bl_addr *address) {
    static char text[8];
    snprintf(text, sizeof text, "%u", (unsigned)bl_addr_port(address));
    return text;
}

bl_addr peer_parse(const char *text) {
    char copy[BL_ADDR_TEXT_BYTES] = "";
    bl_addr address;
    size_t length = strspn(text, "0123456789.:");
    REQUIRE_LT(length, sizeof copy);
    memcpy(copy, text, length);
    REQUIRE_OK(bl_addr_parse(copy, &address));
    return address;
}

bl_addr peer_free_address(void) {
    bl_listener *listener;
    bl_datagram *datagram;
    bl_addr address = loopback();
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    int rc = bl_datagram_open(&address, NULL, &datagram);
    bl_listener_close(listener);
    if (rc < 0) return peer_free_address();
    bl_datagram_close(datagram);
    return address;
}
