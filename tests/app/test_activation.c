/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_activation.c - descriptors that a manager passes
 *
 * Those begin with number 3, which a test process uses for other things; so
 * each test is about a child, whose descriptors are put in place before it
 * goes on.
 */
#include <belay/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"

/* In a child a check must reach the parent: through the exit status. */
#define INSIST(condition)                                              \
    do {                                                               \
        if (!(condition)) {                                            \
            dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                  \
        }                                                              \
    } while (0)

static int listening(void) {
    struct sockaddr_in any = { .sin_family = AF_INET };
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    INSIST(fd >= 0);
    INSIST(bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
    INSIST(listen(fd, 8) == 0);
    return fd;
}

/* Puts `count` sockets at 3 and up: listening, datagram, pipe, listening. */
static void pass(size_t count, const char *names) {
    int fds[4];
    char text[32];
    int pipes[2];
    INSIST(pipe(pipes) == 0);
    fds[0] = fcntl(listening(), F_DUPFD, 50);
    fds[1] = fcntl(socket(AF_INET, SOCK_DGRAM, 0), F_DUPFD, 50);
    fds[2] = fcntl(pipes[0], F_DUPFD, 50);
    fds[3] = fcntl(listening(), F_DUPFD, 50);
    for (int i = 0; i < 4; i++) {
        INSIST(fds[i] >= 0);
        INSIST(dup2(fds[i], 3 + i) == 3 + i); /* not closed on exec */
        close(fds[i]);
    }
    for (int fd = 7; fd < 50; fd++)
        close(fd);
    snprintf(text, sizeof text, "%zu", count);
    setenv("LISTEN_FDS", text, 1);
    snprintf(text, sizeof text, "%ld", (long)getpid());
    setenv("LISTEN_PID", text, 1);
    if (names != NULL) setenv("LISTEN_FDNAMES", names, 1);
    if (names == NULL) unsetenv("LISTEN_FDNAMES");
}

static bool is_clean(void) {
    return getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL &&
           getenv("LISTEN_FDNAMES") == NULL;
}

/* ---- taking them --------------------------------------------------------- */

static int takes_listeners(void *arg) {
    bl_activation *a = arg;
    bl_listener *web;
    bl_listener *mixed;
    bl_addr address;
    famine_begin(0);
    INSIST(bl_activation_take_listener(a, "web", &web) == BL_ENOMEM);
    famine_end();
    INSIST(bl_activation_take_listener(a, "web", &web) == 0);
    INSIST(bl_listener_fd(web) == 3);
    INSIST(bl_activation_take_listener(a, "web", &web) == BL_ENOENT);
    const bl_error *error = bl_error_current(BL_ENOENT);
    INSIST(error != NULL);
    INSIST(strstr(bl_error_message(error), "udp, unknown, admin") != NULL);

    /* A datagram socket, and no socket at all, are no listeners. */
    bl_listener *none = NULL;
    INSIST(bl_activation_take_listener(a, "udp", &none) == BL_EPROTO);
    error = bl_error_current(BL_EPROTO);
    INSIST(error != NULL);
    INSIST(strstr(bl_error_message(error), "is a datagram socket") != NULL);
    INSIST(bl_activation_take_listener(a, "unknown", &none) == BL_EPROTO);
    INSIST(none == NULL);
    INSIST(bl_activation_take_fd(a, "udp") == 4); /* it was not taken */

    /* Passed, or else bound: the program need not know. */
    INSIST(bl_addr_parse("127.0.0.1:0", &address) == 0);
    for (int round = 0; round < 2; round++) {
        INSIST(bl_activation_listen(a, "admin", &address, NULL, &mixed) == 1);
        INSIST(bl_listener_fd(mixed) > 6);
        bl_listener_close(mixed);
    }
    INSIST(bl_activation_take_fd(a, "admin") == 6); /* it was not taken */
    INSIST(bl_activation_listen(a, "admin", &address, NULL, &mixed) == 0);
    bl_listener_close(mixed);
    INSIST(bl_activation_listen(NULL, "web", &address, NULL, &mixed) == 0);
    bl_listener_close(mixed);
    INSIST(bl_activation_listen(a, "unknown", &address, NULL, &mixed) ==
           BL_EPROTO);
    bl_listener_close(web);
    return 0;
}

static int listeners_child(void *arg) {
    bl_activation *a;
    (void)arg;
    pass(4, "web:udp::admin");
    INSIST(bl_activation_open(&a) == 0);
    INSIST(is_clean());
    INSIST(bl_activation_count(a) == 4);
    INSIST(strcmp(bl_activation_name(a, 0), "web") == 0);
    INSIST(strcmp(bl_activation_name(a, 2), "unknown") == 0);
    INSIST(bl_activation_name(a, 4) == NULL);
    for (int fd = 3; fd < 7; fd++)
        INSIST(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    bl_listener *listener;
    bl_addr address;
    INSIST(bl_activation_take_listener(a, "web", &listener) == BL_ENOLOOP);
    INSIST(bl_addr_parse("127.0.0.1:0", &address) == 0);
    INSIST(bl_activation_listen(a, "?", &address, NULL, &listener) ==
           BL_ENOLOOP);
    INSIST(bl_run(takes_listeners, a) == 0);
    INSIST(bl_activation_count(a) == 1);
    bl_activation_close(a);
    INSIST(fcntl(5, F_GETFD) < 0); /* nobody took it, so it is closed */
    return 0;
}

TEST(listeners_are_taken_by_name, .no_loop = true) {
    CHECK_EQ(in_child(listeners_child, NULL), 0);
}

static int nameless_child(void *arg) {
    bl_activation *a;
    (void)arg;
    pass(2, NULL);
    INSIST(bl_activation_open(&a) == 0);
    INSIST(strcmp(bl_activation_name(a, 1), "unknown") == 0);
    INSIST(bl_activation_take_fd(a, NULL) == 3);
    INSIST(bl_activation_take_fd(a, NULL) == 4);
    INSIST(bl_activation_take_fd(a, NULL) == BL_ENOENT);
    bl_activation_close(a);
    return 0;
}

TEST(without_names_they_come_in_order, .no_loop = true) {
    CHECK_EQ(in_child(nameless_child, NULL), 0);
}

/* ---- what is not for us, or wrong ---------------------------------------- */

TEST(those_of_another_process_are_left_alone, (t_env)) {
    bl_activation *a;
    t_env_set(t_env, "LISTEN_PID", "1");
    t_env_set(t_env, "LISTEN_FDS", "3");
    REQUIRE_OK(bl_activation_open(&a));
    CHECK_EQ(bl_activation_count(a), 0);
    CHECK_STR(getenv("LISTEN_FDS"), "3");
    bl_activation_close(a);
    t_env_set(t_env, "LISTEN_PID", NULL);
    t_env_set(t_env, "LISTEN_FDS", NULL);
    REQUIRE_OK(bl_activation_open(&a));
    CHECK_ERR(bl_activation_take_fd(a, "web"), BL_ENOENT);
    bl_activation_close(a);
    bl_activation_close(NULL);
}

struct wrong {
    const char *pid; /* NULL: ours */
    const char *count;
    const char *names;
    int rc;
};

static const struct wrong wrongs[] = {
    { "me", "1", NULL, BL_EINVAL },        { NULL, "", NULL, BL_EINVAL },
    { NULL, "-1", NULL, BL_EINVAL },       { NULL, "3x", NULL, BL_EINVAL },
    { NULL, "99999999", NULL, BL_EINVAL }, { NULL, "2", "a", BL_EINVAL },
    { NULL, "2", "a:b:c", BL_EINVAL },     { NULL, "30", NULL, BL_EBADF },
};

static int wrong_child(void *arg) {
    const struct wrong *wrong = arg;
    bl_activation *a = NULL;
    pass(4, wrong->names);
    setenv("LISTEN_FDS", wrong->count, 1);
    if (wrong->pid != NULL) setenv("LISTEN_PID", wrong->pid, 1);
    int rc = bl_activation_open(&a);
    INSIST(rc == wrong->rc);
    INSIST(a == NULL);
    INSIST(bl_error_current(rc) != NULL);
    INSIST(is_clean());
    return 0;
}

TEST(contradictions_are_refused, .no_loop = true) {
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct wrong wrong = wrongs[i];
        T_INFO("LISTEN_FDS=%s names %s", wrong.count,
               wrong.names != NULL ? wrong.names : "");
        CHECK_EQ(in_child(wrong_child, &wrong), 0);
    }
}

TEST(misuse_is_refused, (t_env)) {
    bl_activation *a = NULL;
    bl_listener *listener = NULL;
    t_env_set(t_env, "LISTEN_PID", NULL);
    CHECK_ERR(bl_activation_open(NULL), BL_EINVAL);
    famine_begin(0);
    CHECK_ERR(bl_activation_open(&a), BL_ENOMEM);
    famine_end();
    REQUIRE_OK(bl_activation_open(&a));
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    CHECK_ERR(bl_activation_take_fd(NULL, "x"), BL_EINVAL);
    CHECK_ERR(bl_activation_take_listener(a, "x", NULL), BL_EINVAL);
    CHECK_ERR(bl_activation_take_listener(NULL, "x", &listener), BL_EINVAL);
    CHECK_ERR(bl_activation_take_listener(a, "x", &listener), BL_ENOENT);
    CHECK_ERR(bl_activation_listen(a, NULL, &address, NULL, &listener),
              BL_EINVAL);
    CHECK_ERR(bl_activation_listen(a, "x", NULL, NULL, &listener), BL_EINVAL);
    famine_begin(0);
    CHECK_ERR(bl_activation_listen(a, "x", &address, NULL, &listener),
              BL_ENOMEM);
    famine_end();
    REQUIRE_OK(bl_activation_listen(a, "x", &address, NULL, &listener));
    bl_addr taken = bl_listener_address(listener);
    bl_listener *second = NULL;
    CHECK_ERR(bl_activation_listen(a, "x", &taken, NULL, &second),
              BL_EADDRINUSE);
    bl_listener_close(listener);
    bl_activation_close(a);
}
