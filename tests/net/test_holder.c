/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_holder.c - the error of an address in use names its holder
 */
#include <belay/test.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/sockets.h"

/* A socket that listens there, without a listener of ours; `*address` becomes
 * the one it has got. */
static int listen_plainly(const char *text, bl_addr *address) {
    REQUIRE_OK(bl_addr_parse(text, address));
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(fd, 0);
    struct sockaddr *where = (struct sockaddr *)&address->storage;
    if (bind(fd, where, address->length) < 0 && errno == EADDRNOTAVAIL) {
        t_skip("this machine has no address like that");
    }
    REQUIRE_OK(listen(fd, 1));
    address->length = sizeof address->storage;
    REQUIRE_OK(getsockname(fd, where, &address->length));
    return fd;
}

/* Has a process called "squatter" keep `fd`, which we do not. */
static pid_t give_away(int fd) {
    pid_t parent = getpid();
    pid_t pid = fork();
    REQUIRE_GE(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "squatter");
        while (getppid() == parent)
            pause();
        _exit(0);
    }
    close(fd);
    return pid;
}

static void end(pid_t pid) {
    CHECK_OK(kill(pid, SIGKILL));
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* Listens in vain, and returns the text of the error. */
static const char *refusal(const bl_addr *address) {
    bl_listener *listener = NULL;
    int rc = bl_listen(address, NULL, &listener);
    REQUIRE_ERR(rc, BL_EADDRINUSE);
    return bl_error_message(bl_error_current(rc));
}

static void name_of(pid_t pid, char *name, size_t bytes) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    do {
        FILE *file = fopen(path, "re");
        REQUIRE(file != NULL && fgets(name, (int)bytes, file) != NULL);
        fclose(file);
    } while (strcmp(name, "squatter\n") != 0); /* until it has begun */
    snprintf(name, bytes, "by pid %d (squatter)", (int)pid);
}

PARAM(const char *, text, "127.0.0.1:0", "[::1]:0", "unix:@belay-holder");

TEST(another_process_is_named, (text), .tags = "native") {
    bl_addr address;
    char holder[64];
    pid_t pid = give_away(listen_plainly(text, &address));
    name_of(pid, holder, sizeof holder);
    const char *said = refusal(&address);
    CHECK_CONTAINS(said, holder);
    char where[BL_ADDR_TEXT_BYTES];
    bl_addr_format(&address, where, sizeof where);
    CHECK_CONTAINS(said, where);
    end(pid);
}

/* Whatever has all addresses has ours, by IPv6 too. */
PARAM(const char *, all, "0.0.0.0:0", "[::]:0");

TEST(this_process_is_named, (all), .tags = "native") {
    bl_addr address;
    bl_addr ours;
    int fd = listen_plainly(all, &address);
    char where[64];
    snprintf(where, sizeof where, "127.0.0.1:%d", bl_addr_port(&address));
    REQUIRE_OK(bl_addr_parse(where, &ours));
    CHECK_CONTAINS(refusal(&ours), "it is in use by this process");
    close(fd);
}

TEST(of_a_socket_that_does_not_listen_nothing_is_said) {
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *where = (struct sockaddr *)&address.storage;
    REQUIRE_OK(bind(fd, where, address.length));
    address.length = sizeof address.storage;
    REQUIRE_OK(getsockname(fd, where, &address.length));
    const char *said = refusal(&address);
    CHECK_CONTAINS(said, "it is in use");
    CHECK(strstr(said, "in use by") == NULL);
    close(fd);
}
