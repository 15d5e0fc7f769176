/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_notify.c - the exact datagrams that a service manager gets
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/manager.h"
#include "support/sockets.h"

#define NOTICE(...) \
    (&(const bl_notice){ .size = sizeof(bl_notice), __VA_ARGS__ })

/* Opens the manager's socket and what talks to it. */
static bl_notify *talk_to(struct manager *manager, bl_test_env *env,
                          const char *folder) {
    bl_notify *notify;
    manager_open(manager, folder);
    t_env_set(env, "NOTIFY_SOCKET", manager->address);
    REQUIRE_OK(bl_notify_open(NULL, &notify));
    return notify;
}

static void hang_up(bl_notify *notify, struct manager *manager) {
    bl_notify_close(notify);
    manager_close(manager);
}

/* ---- what is said -------------------------------------------------------- */

TEST(each_field_is_a_line, (t_env, t_tmpdir)) {
    struct manager m;
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    CHECK(bl_notify_is_managed(notify));
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_ready = true)));
    CHECK_STR(manager_hears(&m), "READY=1");
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_stopping = true)));
    CHECK_STR(manager_hears(&m), "STOPPING=1");
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_alive = true)));
    CHECK_STR(manager_hears(&m), "WATCHDOG=1");
    CHECK_OK(bl_notify_send(notify, NOTICE(.status = "42 guests")));
    CHECK_STR(manager_hears(&m), "STATUS=42 guests");
    CHECK_OK(bl_notify_send(notify, NOTICE(.extend = BL_MS(1500))));
    CHECK_STR(manager_hears(&m), "EXTEND_TIMEOUT_USEC=1500000");
    CHECK_OK(bl_notify_send(notify, NOTICE(.error = BL_EADDRINUSE)));
    char errno_line[32];
    snprintf(errno_line, sizeof errno_line, "ERRNO=%d", EADDRINUSE);
    CHECK_STR(manager_hears(&m), errno_line);
    CHECK_OK(bl_notify_send(notify, NOTICE(.main_pid = 77)));
    CHECK_STR(manager_hears(&m), "MAINPID=77");
    CHECK_OK(bl_notify_send(notify, NOTICE(.watchdog_reset = BL_SEC(3))));
    CHECK_STR(manager_hears(&m), "WATCHDOG_USEC=3000000");
    CHECK_OK(bl_notify_send(notify, NOTICE(.status = NULL)));
    CHECK_STR(manager_hears(&m), ""); /* nothing to say */
    hang_up(notify, &m);
}

TEST(a_notice_is_one_datagram, (t_env)) {
    struct manager m;
    bl_notify *notify = talk_to(&m, t_env, NULL);
    CHECK_OK(bl_notify_send(
        notify, NOTICE(.is_ready = true, .main_pid = 5, .status = "up")));
    CHECK_STR(manager_hears(&m), "READY=1\nMAINPID=5\nSTATUS=up");
    hang_up(notify, &m);
}

TEST(a_reload_says_when_it_began, (t_env, t_tmpdir)) {
    struct manager m;
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    unsigned long long said = 0;
    bl_ns before = bl_now_real() / 1000;
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_reloading = true)));
    bl_ns after = bl_now_real() / 1000;
    const char *text = manager_hears(&m);
    int fields = sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &said);
    CHECK_EQ(fields, 1);
    CHECK_GE((bl_ns)said, before);
    CHECK_LE((bl_ns)said, after);
    hang_up(notify, &m);
}

TEST(a_status_cannot_smuggle_lines_and_is_cut, (t_env, t_tmpdir)) {
    struct manager m;
    char endless[8192];
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    CHECK_OK(bl_notify_send(notify, NOTICE(.status = "a\nREADY=1\r\tb")));
    CHECK_STR(manager_hears(&m), "STATUS=a READY=1  b");
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    CHECK_OK(
        bl_notify_send(notify, NOTICE(.is_ready = true, .status = endless)));
    const char *text = manager_hears(&m);
    CHECK_EQ(strlen(text), 2047);
    CHECK_EQ(strncmp(text, "READY=1\nSTATUS=xxx", 18), 0);
    hang_up(notify, &m);
}

/* ---- where it goes ------------------------------------------------------- */

TEST(the_environment_is_cleaned_for_children, (t_env, t_tmpdir)) {
    struct manager m;
    t_env_set(t_env, "WATCHDOG_USEC", "30000000");
    t_env_set(t_env, "WATCHDOG_PID", NULL);
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    CHECK(getenv("NOTIFY_SOCKET") == NULL);
    CHECK(getenv("WATCHDOG_USEC") == NULL);
    CHECK_EQ(bl_notify_watchdog(notify), BL_SEC(30));
    hang_up(notify, &m);
}

TEST(a_watchdog_of_another_process_is_not_ours, (t_env)) {
    char self[32];
    bl_notify *notify;
    t_env_set(t_env, "NOTIFY_SOCKET", NULL);
    for (int round = 0; round < 2; round++) {
        snprintf(self, sizeof self, "%ld", (long)getpid() + round);
        t_env_set(t_env, "WATCHDOG_USEC", "5000000");
        t_env_set(t_env, "WATCHDOG_PID", self);
        REQUIRE_OK(bl_notify_open(NULL, &notify));
        CHECK_EQ(bl_notify_watchdog(notify), round == 0 ? BL_SEC(5) : 0);
        CHECK(getenv("WATCHDOG_PID") == NULL);
        bl_notify_close(notify);
    }
}

TEST(without_a_manager_all_succeeds, (t_env)) {
    bl_notify *notify;
    int fd = plain_file();
    t_env_set(t_env, "NOTIFY_SOCKET", NULL);
    t_env_set(t_env, "WATCHDOG_USEC", NULL);
    REQUIRE_OK(bl_notify_open(NULL, &notify));
    CHECK(!bl_notify_is_managed(notify));
    CHECK_EQ(bl_notify_watchdog(notify), 0);
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_ready = true)));
    CHECK_OK(bl_notify_flush(notify));
    CHECK_OK(bl_notify_store_fds(notify, "log", &fd, 1));
    CHECK_OK(bl_notify_remove_fds(notify, "log"));
    bl_notify_close(notify);
    bl_notify_close(NULL);
    close(fd);
}

struct nonsense {
    const char *name;
    const char *value;
};

static const struct nonsense nonsenses[] = {
    { "NOTIFY_SOCKET", "" },
    { "NOTIFY_SOCKET", "/" },
    { "NOTIFY_SOCKET", "@" },
    { "NOTIFY_SOCKET", "relative/path" },
    { "NOTIFY_SOCKET", "vsock:2:1234" },
    { "NOTIFY_SOCKET",
      "/an/address/that/is/much/longer/than/any/address/of/a/local/socket/can/"
      "be/because/the/kernel/has/room/for/108/bytes/only" },
    { "WATCHDOG_USEC", "" },
    { "WATCHDOG_USEC", "-5" },
    { "WATCHDOG_USEC", "12s" },
    { "WATCHDOG_USEC", "18446744073709551615" },
    { "WATCHDOG_USEC", "99999999999999999999999" },
    { "WATCHDOG_PID", "me" },
};

TEST(nonsense_is_refused_and_named, (t_env)) {
    for (size_t i = 0; i < sizeof nonsenses / sizeof nonsenses[0]; i++) {
        const struct nonsense *n = &nonsenses[i];
        bl_notify *notify = NULL;
        T_INFO("%s=%s", n->name, n->value);
        t_env_set(t_env, "NOTIFY_SOCKET", NULL);
        t_env_set(t_env, "WATCHDOG_USEC", "1000000");
        t_env_set(t_env, "WATCHDOG_PID", NULL);
        t_env_set(t_env, n->name, n->value);
        int rc = bl_notify_open(NULL, &notify);
        CHECK_ERR(rc, BL_EINVAL);
        CHECK(notify == NULL);
        CHECK(bl_error_current(rc) != NULL);
        CHECK(getenv(n->name) == NULL);
    }
}

TEST(misuse_is_refused, (t_env)) {
    bl_notify *notify = NULL;
    int fds[1] = { 0 };
    char long_name[300];
    t_env_set(t_env, "NOTIFY_SOCKET", NULL);
    CHECK_ERR(bl_notify_open(NULL, NULL), BL_EINVAL);
    bl_notify_options bad = { .size = 1 };
    CHECK_ERR(bl_notify_open(&bad, &notify), BL_EINVAL);
    bad = (bl_notify_options){ .size = sizeof bad, .ready_fd = -1 };
    CHECK_ERR(bl_notify_open(&bad, &notify), BL_EINVAL);
    REQUIRE_OK(bl_notify_open(NULL, &notify));
    CHECK_ERR(bl_notify_send(notify, NULL), BL_EINVAL);
    CHECK_ERR(bl_notify_send(NULL, NOTICE(.is_ready = true)), BL_EINVAL);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.extend = -1)), BL_EINVAL);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.error = 5)), BL_EINVAL);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.main_pid = -5)), BL_EINVAL);
    CHECK_ERR(bl_notify_flush(NULL), BL_EINVAL);
    CHECK_ERR(bl_notify_store_fds(notify, "", fds, 1), BL_EINVAL);
    CHECK_ERR(bl_notify_store_fds(notify, "a:b", fds, 1), BL_EINVAL);
    CHECK_ERR(bl_notify_store_fds(notify, "a\nb", fds, 1), BL_EINVAL);
    CHECK_ERR(bl_notify_store_fds(notify, "a", fds, 0), BL_EINVAL);
    CHECK_ERR(bl_notify_store_fds(notify, "a", NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_notify_remove_fds(notify, NULL), BL_EINVAL);
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    CHECK_ERR(bl_notify_remove_fds(notify, long_name), BL_EINVAL);
    bl_notify_close(notify);
}

TEST(without_memory_or_descriptors_it_says_so, (t_env)) {
    bl_notify *notify = NULL;
    t_env_set(t_env, "NOTIFY_SOCKET", "@nobody");
    famine_begin(0);
    CHECK_ERR(bl_notify_open(NULL, &notify), BL_ENOMEM);
    famine_end();
    t_env_set(t_env, "NOTIFY_SOCKET", "@nobody");
    limit_descriptors(0);
    CHECK_ERR(bl_notify_open(NULL, &notify), BL_EMFILE);
    unlimit_descriptors();
    CHECK(notify == NULL);
    CHECK(getenv("NOTIFY_SOCKET") == NULL);
}

/* ---- a manager in trouble ------------------------------------------------ */

TEST(a_full_socket_gets_what_matters_later_and_in_order, (t_env, t_tmpdir)) {
    struct manager m;
    int fd = plain_file();
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    manager_fill(&m);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.is_ready = true)), BL_EAGAIN);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.is_alive = true)), BL_EAGAIN);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.status = "one")), BL_EAGAIN);
    CHECK_ERR(bl_notify_flush(notify), BL_EAGAIN);
    CHECK_ERR(bl_notify_store_fds(notify, "f", &fd, 1), BL_EAGAIN);
    CHECK_ERR(bl_notify_remove_fds(notify, "f"), BL_EAGAIN);
    while (strcmp(manager_hears(&m), "STATUS=fill") == 0) {}
    CHECK_OK(bl_notify_send(notify, NOTICE(.status = "two")));
    CHECK_STR(manager_hears(&m), "READY=1");
    CHECK_STR(manager_hears(&m), "STATUS=one");
    CHECK_STR(manager_hears(&m), "STATUS=two");
    CHECK_STR(manager_hears(&m), "");
    CHECK_OK(bl_notify_flush(notify));
    hang_up(notify, &m);
    close(fd);
}

TEST(what_is_kept_is_bounded, (t_env, t_tmpdir)) {
    struct manager m;
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    manager_fill(&m);
    for (int i = 0; i < 10000; i++) {
        CHECK_ERR(bl_notify_send(notify, NOTICE(.status = "again")), BL_EAGAIN);
    }
    while (strcmp(manager_hears(&m), "STATUS=fill") == 0) {}
    int kept = 0;
    int rc;
    do {
        rc = bl_notify_flush(notify);
        while (*manager_hears(&m) != '\0')
            kept++;
    } while (rc == BL_EAGAIN);
    CHECK_OK(rc);
    CHECK_LE(kept, 4096 / 14);
    CHECK_GT(kept, 100);
    hang_up(notify, &m);
}

TEST(a_manager_that_is_gone_costs_a_code, (t_env, t_tmpdir)) {
    struct manager m;
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    manager_close(&m);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.is_ready = true)), BL_ENOENT);
    CHECK_OK(bl_notify_flush(notify)); /* nothing was kept */
    bl_notify_close(notify);

    notify = talk_to(&m, t_env, NULL);
    manager_close(&m);
    CHECK_ERR(bl_notify_send(notify, NOTICE(.is_ready = true)),
              BL_ECONNREFUSED);
    bl_notify_close(notify);
}

TEST(any_failing_call_is_only_a_code, (t_env), .sweep = T_IO | T_OOM) {
    struct manager m;
    bl_notify *notify;
    manager_open(&m, NULL);
    t_env_set(t_env, "NOTIFY_SOCKET", m.address);
    int rc = bl_notify_open(NULL, &notify);
    if (rc == 0) {
        rc = bl_notify_send(notify, NOTICE(.is_ready = true));
        CHECK_ALWAYS(rc == 0 || t_injected());
        BL_IGNORE(bl_notify_flush(notify)); /* it may fail as well */
        bl_notify_close(notify);
    }
    CHECK_ALWAYS(getenv("NOTIFY_SOCKET") == NULL);
    manager_close(&m);
}

/* ---- descriptors --------------------------------------------------------- */

TEST(descriptors_are_stored_by_name, (t_env, t_tmpdir)) {
    struct manager m;
    int pipes[2];
    int got[64];
    size_t count;
    bl_notify *notify = talk_to(&m, t_env, t_tmpdir);
    pipe_pair(pipes);
    CHECK_OK(bl_notify_store_fds(notify, "the pipe", pipes, 2));
    CHECK_STR(manager_gets(&m, got, &count), "FDSTORE=1\nFDNAME=the pipe");
    REQUIRE_EQ(count, 2);
    say(got[1], "still ours");
    CHECK_STR(heard(pipes[0]), "still ours");
    close(got[0]);
    close(got[1]);
    CHECK_OK(bl_notify_remove_fds(notify, "the pipe"));
    CHECK_STR(manager_hears(&m), "FDSTOREREMOVE=1\nFDNAME=the pipe");
    close(pipes[0]);
    close(pipes[1]);
    CHECK_ERR(bl_notify_store_fds(notify, "x", pipes, 1), BL_EBADF);
    hang_up(notify, &m);
}

/* ---- s6 ------------------------------------------------------------------ */

TEST(a_descriptor_gets_its_newline_once, (t_env)) {
    int pipes[2];
    bl_notify *notify;
    t_env_set(t_env, "NOTIFY_SOCKET", NULL);
    pipe_pair(pipes);
    bl_notify_options options = { .size = sizeof options,
                                  .ready_fd = pipes[1] };
    REQUIRE_OK(bl_notify_open(&options, &notify));
    CHECK(bl_notify_is_managed(notify));
    CHECK_OK(bl_notify_send(notify, NOTICE(.status = "not yet")));
    CHECK_STR(heard(pipes[0]), "");
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_ready = true)));
    CHECK_STR(heard(pipes[0]), "\n");
    char byte;
    CHECK_EQ(read(pipes[0], &byte, 1), 0); /* it was closed */
    CHECK_OK(bl_notify_send(notify, NOTICE(.is_ready = true)));
    bl_notify_close(notify);
    close(pipes[0]);
}

TEST(nobody_at_the_other_end_kills_nobody, (t_env)) {
    bl_notify *notify;
    t_env_set(t_env, "NOTIFY_SOCKET", NULL);
    for (int full = 0; full < 2; full++) {
        int pipes[2];
        pipe_pair(pipes);
        if (full) fcntl(pipes[1], F_SETFL, O_NONBLOCK);
        if (full) fill(pipes[1]);
        if (full) fcntl(pipes[1], F_SETFL, 0);
        if (!full) close(pipes[0]);
        bl_notify_options options = { .size = sizeof options,
                                      .ready_fd = pipes[1] };
        REQUIRE_OK(bl_notify_open(&options, &notify));
        CHECK_OK(bl_notify_send(notify, NOTICE(.is_ready = true)));
        bl_notify_close(notify);
        if (full) close(pipes[0]);
    }
}
