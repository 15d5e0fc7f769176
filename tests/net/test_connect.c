/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_connect.c - connecting with options, locally, and by name
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

/* Connects to `listener` and takes the other end. */
static void meet(bl_listener *listener, const bl_connect_options *options,
                 bl_stream *ends[2], bl_addr *peer) {
    bl_addr address = bl_listener_address(listener);
    REQUIRE_OK(bl_connect(&address, options, &ends[0]));
    REQUIRE_OK(bl_listener_accept(listener, &ends[1], peer));
}

static void part(bl_stream *ends[2]) {
    CHECK_OK(bl_stream_close(ends[0]));
    CHECK_OK(bl_stream_close(ends[1]));
}

static bl_listener *listen_at(const char *text,
                              const bl_listen_options *options) {
    bl_addr address;
    bl_listener *listener;
    REQUIRE_OK(bl_addr_parse(text, &address));
    REQUIRE_OK(bl_listen(&address, options, &listener));
    return listener;
}

static int option_of(int fd, int level, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    CHECK_OK(getsockopt(fd, level, option, &value, &length));
    return value;
}

/* ---- options ----------------------------------------------------------- */

static const bl_socket_options careful = {
    .size = sizeof careful,
    .is_delayed = true,
    .keepalive_idle = BL_MS(59500), /* rounded up */
    .keepalive_interval = BL_SEC(7),
    .keepalive_count = 3,
    .unacked_max = BL_MS(30000),
    .send_bytes = 20000,
    .receive_bytes = 30000,
};

static void check_careful(int fd) {
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_SNDBUF), 40000); /* doubled */
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_RCVBUF), 60000);
}

TEST(both_sides_can_be_told_how_to_be) {
    bl_listen_options listening = { .size = sizeof listening,
                                    .socket = &careful };
    bl_connect_options connecting = { .size = sizeof connecting,
                                      .socket = &careful };
    bl_stream *ends[2];
    bl_listener *listener = listen_at("127.0.0.1:0", &listening);
    meet(listener, &connecting, ends, NULL);
    check_careful(bl_stream_fd(ends[0]));
    check_careful(bl_stream_fd(ends[1]));
    part(ends);
    bl_listener_close(listener);
}

TEST(connections_of_an_inherited_socket_can_be_told_too) {
    bl_listen_options listening = { .size = sizeof listening,
                                    .socket = &careful };
    bl_stream *ends[2];
    bl_listener *first = listen_at("127.0.0.1:0", NULL);
    bl_listener *second = NULL;
    int fd = dup(bl_listener_fd(first));
    REQUIRE_OK(bl_listener_take_fd_with(fd, &listening, &second));
    bl_listener_close(first);
    meet(second, NULL, ends, NULL);
    check_careful(bl_stream_fd(ends[1]));
    part(ends);
    bl_listener_close(second);
}

TEST(options_out_of_range_are_refused) {
    static const bl_socket_options bads[] = {
        { .size = 0 },
        { .size = sizeof *bads, .keepalive_idle = -1 },
        { .size = sizeof *bads, .keepalive_idle = BL_SEC(32768) },
        { .size = sizeof *bads, .keepalive_interval = -1 },
        { .size = sizeof *bads, .keepalive_count = -1 },
        { .size = sizeof *bads, .keepalive_count = 128 },
        { .size = sizeof *bads, .unacked_max = -1 },
        { .size = sizeof *bads, .send_bytes = -1 },
        { .size = sizeof *bads, .receive_bytes = -1 },
    };
    bl_addr address = loopback();
    bl_stream *stream = NULL;
    bl_listener *listener = NULL;
    bl_listener *open = listen_at("127.0.0.1:0", NULL);
    int fds[2];
    tcp_pair(fds);
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        bl_connect_options connecting = { .size = sizeof connecting,
                                          .socket = &bads[i] };
        bl_listen_options listening = { .size = sizeof listening,
                                        .socket = &bads[i] };
        T_INFO("%zu", i);
        CHECK_ERR(bl_socket_set_options(fds[0], &bads[i]), BL_EINVAL);
        CHECK_ERR(bl_connect(&address, &connecting, &stream), BL_EINVAL);
        CHECK_ERR(bl_listen(&address, &listening, &listener), BL_EINVAL);
        CHECK_ERR(bl_listener_take_fd_with(bl_listener_fd(open), &listening,
                                           &listener),
                  BL_EINVAL);
    }
    bl_listener_close(open);
    CHECK_ERR(bl_socket_set_options(fds[0], NULL), BL_EINVAL);
    CHECK_ERR(bl_socket_set_options(-1, &careful), BL_EBADF);
    bl_connect_options none = { .size = 0 };
    CHECK_ERR(bl_connect(&address, &none, &stream), BL_EINVAL);
    none = (bl_connect_options){ .size = sizeof none, .attempt_delay = -1 };
    CHECK_ERR(bl_connect(&address, &none, &stream), BL_EINVAL);
    CHECK_ERR(bl_connect_name("localhost:1", &none, &stream), BL_EINVAL);
    bl_listen_options bad = { .size = 0 };
    CHECK_ERR(bl_listen(&address, &bad, &listener), BL_EINVAL);
    bad = (bl_listen_options){ .size = sizeof bad, .backlog = -1 };
    CHECK_ERR(bl_listen(&address, &bad, &listener), BL_EINVAL);
    bad = (bl_listen_options){ .size = sizeof bad, .mode = 010000 };
    CHECK_ERR(bl_listen(&address, &bad, &listener), BL_EINVAL);
    CHECK(stream == NULL);
    CHECK(listener == NULL);
    close(fds[0]);
    close(fds[1]);
}

TEST(one_can_choose_where_to_come_from) {
    bl_addr local;
    bl_addr peer;
    bl_stream *ends[2];
    char text[BL_ADDR_TEXT_BYTES];
    REQUIRE_OK(bl_addr_parse("127.0.0.9:0", &local));
    bl_connect_options options = { .size = sizeof options, .local = &local };
    bl_listener *listener = listen_at("127.0.0.1:0", NULL);
    meet(listener, &options, ends, &peer);
    bl_addr_format(&peer, text, sizeof text);
    CHECK_CONTAINS(text, "127.0.0.9:");
    part(ends);
    bl_addr address = bl_listener_address(listener);
    bl_stream *stream = NULL;
    REQUIRE_OK(bl_addr_parse("192.0.2.1:0", &local)); /* nobody's */
    CHECK_ERR(bl_connect(&address, &options, &stream), -EADDRNOTAVAIL);
    CHECK(stream == NULL);
    bl_listener_close(listener);
}

TEST(several_listeners_share_a_port_if_all_say_so) {
    bl_listen_options shared = { .size = sizeof shared,
                                 .is_port_shared = true,
                                 .backlog = 7 };
    bl_listener *first = listen_at("127.0.0.1:0", &shared);
    bl_addr address = bl_listener_address(first);
    bl_listener *second = NULL;
    bl_listener *third = NULL;
    CHECK_ERR(bl_listen(&address, NULL, &third), BL_EADDRINUSE);
    CHECK_OK(bl_listen(&address, &shared, &second));
    CHECK(third == NULL);
    bl_listener_close(first);
    bl_listener_close(second);
}

TEST(tcp_can_be_told_to_hurry_or_to_wait) {
    bl_listen_options options = { .size = sizeof options,
                                  .defer_accept_s = 3,
                                  .fast_open = 5,
                                  .is_v6_only = true };
    bl_listener *listener = listen_at("[::1]:0", &options);
    int fd = bl_listener_fd(listener);
    CHECK_GE(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 3);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_FASTOPEN), 5);
    CHECK_EQ(option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    CHECK_EQ(bl_listener_fd(NULL), -1);
    bl_listener_close(listener);
}

/* ---- inherited listeners ----------------------------------------------- */

static int inherited_socket(void) {
    bl_addr address = loopback();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(bind(fd, (struct sockaddr *)&address.storage, address.length));
    return fd;
}

static void take_without_loop(void *arg) {
    bl_listener *listener;
    CHECK_ERR(bl_listener_take_fd(*(int *)arg, &listener), BL_ENOLOOP);
}

TEST(a_socket_that_listens_can_be_taken_over) {
    int fd = inherited_socket();
    bl_listener *listener = NULL;
    bl_stream *ends[2];
    CHECK_ERR(bl_listener_take_fd(fd, &listener), BL_EINVAL); /* not yet */
    REQUIRE_OK(listen(fd, 5));
    CHECK_ERR(bl_listener_take_fd(fd, NULL), BL_EINVAL);
    CHECK_ERR(bl_listener_take_fd(-1, &listener), BL_EBADF);
    on_thread(take_without_loop, &fd);
    REQUIRE_OK(bl_listener_take_fd(fd, &listener));
    bl_listener *again = NULL;
    CHECK_ERR(bl_listener_take_fd(fd, &again), BL_EBUSY);
    CHECK_EQ(bl_listener_fd(listener), fd);
    meet(listener, NULL, ends, NULL);
    part(ends);
    bl_listener_close(listener);
    CHECK(!is_open(fd));
    int file = plain_file();
    CHECK_ERR(bl_listener_take_fd(file, &listener), BL_EINVAL);
    close(file);
}

/* ---- local sockets ----------------------------------------------------- */

static char directory[64];

static const char *local_path(const char *name) {
    static char text[128];
    snprintf(text, sizeof text, "unix:%s/%s", directory, name);
    return text;
}

FIXTURE(bool, in_directory) {
    snprintf(directory, sizeof directory, "/tmp/belay-test-XXXXXX");
    REQUIRE(mkdtemp(directory) != NULL);
    YIELD(true);
    CHECK_OK(rmdir(directory)); /* nothing was left behind */
}

static bool path_exists(const char *address) {
    struct stat status;
    return lstat(address + 5, &status) == 0;
}

/* Rigid: left in the middle, the file stays. */
TEST(a_local_listener_has_a_file_as_long_as_it_lives, (in_directory),
     .tags = "rigid") {
    bl_listen_options options = { .size = sizeof options,
                                  .has_mode = true,
                                  .mode = 0600 };
    const char *text = local_path("a");
    bl_stream *ends[2];
    bl_addr peer;
    struct stat status;
    char written[BL_ADDR_TEXT_BYTES];
    bl_listener *listener = listen_at(text, &options);
    REQUIRE_OK(stat(text + 5, &status));
    CHECK_EQ(status.st_mode & 0777, 0600);
    bl_addr address = bl_listener_address(listener);
    bl_addr_format(&address, written, sizeof written);
    CHECK_STR(written, text);
    meet(listener, NULL, ends, &peer);
    CHECK_OK(bl_stream_write_all(ends[0], "hello", 5, NULL));
    char bytes[8];
    CHECK_EQ(bl_stream_read(ends[1], bytes, sizeof bytes), 5);
    part(ends);

    bl_listener *second = NULL;
    CHECK_ERR(bl_listen(&address, NULL, &second), BL_EADDRINUSE);
    CHECK(second == NULL);
    CHECK(path_exists(text)); /* it is alive, and left alone */
    bl_listener_close(listener);
    CHECK(!path_exists(text));
}

/* Rigid: likewise. */
TEST(what_a_dead_listener_left_is_replaced, (in_directory), .tags = "rigid") {
    bl_listen_options options = { .size = sizeof options, .keeps_path = true };
    const char *text = local_path("dead");
    bl_listener *listener = listen_at(text, &options);
    bl_listener_close(listener);
    CHECK(path_exists(text));
    listener = listen_at(text, NULL);
    /* Somebody puts another one in its place: that is not ours to remove. */
    CHECK_OK(unlink(text + 5));
    bl_listener *other = listen_at(text, NULL);
    bl_listener_close(listener);
    CHECK(path_exists(text));
    bl_listener_close(other);
    CHECK(!path_exists(text));
}

TEST(a_file_that_is_no_socket_is_left_alone, (in_directory)) {
    const char *text = local_path("file");
    bl_addr address;
    bl_listener *listener = NULL;
    int fd = open(text + 5, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    REQUIRE_GE(fd, 0);
    close(fd);
    REQUIRE_OK(bl_addr_parse(text, &address));
    CHECK_ERR(bl_listen(&address, NULL, &listener), BL_EADDRINUSE);
    CHECK(listener == NULL);
    CHECK_OK(unlink(text + 5));
}

TEST(a_name_needs_no_file) {
    char text[64];
    bl_stream *ends[2];
    bl_stream *stream = NULL;
    snprintf(text, sizeof text, "unix:@belay-test-%d", (int)getpid());
    bl_listener *listener = listen_at(text, NULL);
    bl_addr address = bl_listener_address(listener);
    meet(listener, NULL, ends, NULL);
    part(ends);
    bl_listener_close(listener);
    CHECK_ERR(bl_connect(&address, NULL, &stream), BL_ECONNREFUSED);
}

/* ---- by name ----------------------------------------------------------- */

/* A resolver that knows one name, and says it has two addresses: one where
 * nobody listens, and that of the listener. */
static int resolve(void *context, const char *host_and_port, bl_addr *addresses,
                   size_t capacity) {
    const bl_listener *listener = context;
    REQUIRE_GE(capacity, 2);
    if (strcmp(host_and_port, "none:1") == 0) return 0;
    if (strcmp(host_and_port, "here:1") != 0) return BL_EIO;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:1", &addresses[0]));
    addresses[1] = bl_listener_address(listener);
    return 2;
}

TEST(a_name_is_connected_to_by_whichever_address_answers) {
    bl_listener *listener = listen_at("127.0.0.1:0", NULL);
    bl_connect_options options = { .size = sizeof options,
                                   .resolve = resolve,
                                   .resolve_context = listener };
    bl_stream *stream = NULL;
    REQUIRE_OK(bl_connect_name("here:1", &options, &stream));
    CHECK_OK(bl_stream_close(stream));
    stream = NULL;
    CHECK_ERR(bl_connect_name("there:1", &options, &stream), BL_EIO);
    CHECK_ERR(bl_connect_name("none:1", &options, &stream), BL_EIO);
    CHECK_ERR(bl_connect_name(NULL, &options, &stream), BL_EINVAL);
    CHECK_ERR(bl_connect_name("here:1", &options, NULL), BL_EINVAL);
    CHECK_ERR(bl_connect_name("nothing", NULL, &stream), BL_EINVAL);
    bl_listener_close(listener);
    CHECK_ERR(bl_connect_name("127.0.0.1:1", NULL, &stream), BL_ECONNREFUSED);
    CHECK(stream == NULL);
}

TEST(localhost_is_a_name) {
    bl_listener *listener = listen_at("127.0.0.1:0", NULL);
    bl_addr address = bl_listener_address(listener);
    char text[32];
    bl_stream *stream;
    snprintf(text, sizeof text, "localhost:%u",
             (unsigned)bl_addr_port(&address));
    REQUIRE_OK(bl_connect_name(text, NULL, &stream));
    CHECK_OK(bl_stream_close(stream));
    bl_listener_close(listener);
}

/* ---- who may, and when --------------------------------------------------- */

TEST(in_a_cancelled_scope_nothing_is_opened) {
    bl_addr address = loopback();
    bl_addr several[4];
    bl_stream *stream = NULL;
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_connect(&address, NULL, &stream), BL_ECANCELED);
    CHECK_ERR(bl_connect_name("localhost:1", NULL, &stream), BL_ECANCELED);
    CHECK_ERR(bl_addr_resolve_all("localhost:1", several, 4), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK(stream == NULL);
}

TEST(without_memory_nothing_is_opened) {
    bl_addr address = loopback();
    bl_addr several[4];
    bl_listener *listener = NULL;
    bl_stream *stream = NULL;
    int fd = inherited_socket();
    REQUIRE_OK(listen(fd, 5));
    bl_listener *other = listen_at("127.0.0.1:0", NULL);
    bl_addr reachable = bl_listener_address(other);
    famine_begin(0);
    CHECK_ERR(bl_listen(&address, NULL, &listener), BL_ENOMEM);
    CHECK_ERR(bl_listener_take_fd(fd, &listener), BL_ENOMEM);
    CHECK_ERR(bl_addr_resolve_all("localhost:1", several, 4), BL_ENOMEM);
    CHECK_ERR(bl_connect(&reachable, NULL, &stream), BL_ENOMEM);
    famine_end();
    CHECK(listener == NULL);
    CHECK(stream == NULL);
    CHECK(is_open(fd));
    close(fd);
    bl_listener_close(other);
}

TEST(without_a_descriptor_left_nothing_is_opened) {
    bl_listener *other = listen_at("127.0.0.1:0", NULL);
    bl_addr address = loopback();
    bl_listener *listener = NULL;
    bl_stream *stream = NULL;
    limit_descriptors(0);
    int listening = bl_listen(&address, NULL, &listener);
    int connecting = bl_connect(&address, NULL, &stream);
    unlimit_descriptors();
    CHECK_ERR(listening, BL_EMFILE);
    CHECK_ERR(connecting, BL_EMFILE);
    bl_listener_close(other);
}

static void open_without_loop(void *arg) {
    bl_listener *listener;
    bl_stream *stream;
    CHECK_ERR(bl_listen(arg, NULL, &listener), BL_ENOLOOP);
    CHECK_ERR(bl_connect(arg, NULL, &stream), BL_ENOLOOP);
}

static void open_in_callback(void *context) {
    bl_stream *stream;
    CHECK_ERR(bl_connect(context, NULL, &stream), BL_ENOTASK);
    ((bl_addr *)context)->length = 0; /* it was called */
}

TEST(only_a_task_connects) {
    bl_addr address = loopback();
    bl_call call = { 0 };
    on_thread(open_without_loop, &address);
    bl_call_soon(bl_loop_running(), &call, open_in_callback, &address);
    while (address.length > 0)
        CHECK_OK(bl_sleep(1));
}

TEST(all_addresses_of_a_name_are_found) {
    bl_addr several[4];
    CHECK_GE(bl_addr_resolve_all("localhost:80", several, 4), 1);
    CHECK(bl_addr_is_loopback(&several[0]));
    CHECK_EQ(bl_addr_resolve_all("127.0.0.1:80", several, 4), 1);
    CHECK_ERR(bl_addr_resolve_all("nobody.invalid:80", several, 4), BL_EIO);
    CHECK_ERR(bl_addr_resolve_all(NULL, several, 4), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve_all("localhost:80", NULL, 4), BL_EINVAL);
    CHECK_ERR(bl_addr_resolve_all("localhost:80", several, 0), BL_EINVAL);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    bl_addr any = loopback();
    bl_listener *listener = NULL;
    bl_stream *stream = NULL;
    bl_stream *accepted = NULL;
    int rc = bl_listen(&any, NULL, &listener);
    if (rc == 0) {
        bl_connect_options options = { .size = sizeof options,
                                       .resolve = resolve,
                                       .resolve_context = listener };
        rc = bl_connect_name("here:1", &options, &stream);
    }
    if (rc == 0) rc = bl_listener_accept(listener, &accepted, NULL);
    if (!t_injected()) CHECK_OK(rc);
    bl_stream_abort(stream);
    bl_stream_abort(accepted);
    bl_listener_close(listener);
}
