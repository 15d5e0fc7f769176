/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_listener.c - listening, accepting, and closing while one
 * accepts
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"
#include "sync/callers.h"

static bl_listener *listen_somewhere(void) {
    bl_addr address = loopback();
    bl_listener *listener;
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    return listener;
}

/* A plain client of `listener`. */
static int connect_plainly(const bl_listener *listener) {
    bl_addr address = bl_listener_address(listener);
    int family = address.storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(
        connect(fd, (struct sockaddr *)&address.storage, address.length));
    return fd;
}

/* A task that accepts once, and what came of it. */
struct op {
    bl_listener *listener;
    bl_stream *stream;
    bl_addr peer;
    int result;
    bool has_ended;
};

static int op_accept(void *arg) {
    struct op *op = arg;
    op->result = bl_listener_accept(op->listener, &op->stream, &op->peer);
    op->has_ended = true;
    return 0;
}

/* ---- listening --------------------------------------------------------- */

TEST(the_kernel_chooses_a_port_and_the_listener_tells_it) {
    bl_listener *listener = listen_somewhere();
    bl_addr address = bl_listener_address(listener);
    CHECK_NE(bl_addr_port(&address), 0);
    int client = connect_plainly(listener);
    close(client);
    bl_listener_close(listener);
}

TEST(an_address_in_use_is_refused_with_the_address_in_the_text) {
    bl_listener *listener = listen_somewhere();
    bl_listener *second = NULL;
    char text[BL_ADDR_TEXT_BYTES];
    bl_addr address = bl_listener_address(listener);
    bl_addr_format(&address, text, sizeof text);
    int rc = bl_tcp_listen(&address, &second);
    CHECK_ERR(rc, -EADDRINUSE);
    REQUIRE(bl_error_current(rc) != NULL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(rc)), text);
    CHECK(second == NULL);
    bl_listener_close(listener);
}

TEST(the_address_can_be_used_again_at_once) {
    bl_listener *listener = listen_somewhere();
    bl_addr address = bl_listener_address(listener);
    for (int i = 0; i < 5; i++) {
        struct op op = { .listener = listener };
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, op_accept, &op));
        t_settle();
        int client = connect_plainly(listener);
        CHECK_OK(bl_group_exit(&group, 0));
        CHECK_OK(bl_stream_close(op.stream)); /* our side goes to TIME_WAIT */
        bl_listener_close(listener);
        close(client);
        REQUIRE_OK(bl_tcp_listen(&address, &listener));
    }
    bl_listener_close(listener);
}

TEST(a_port_alone_is_for_both_families) {
    bl_addr address;
    bl_listener *listener;
    REQUIRE_OK(bl_addr_parse(":0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    bl_addr bound = bl_listener_address(listener);
    struct sockaddr_in in = {
        .sin_family = AF_INET,
        .sin_port = htons(bl_addr_port(&bound)),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(connect(client, (struct sockaddr *)&in, sizeof in));
    bl_stream *stream;
    CHECK_OK(bl_listener_accept(listener, &stream, NULL));
    CHECK_OK(bl_stream_close(stream));
    close(client);
    bl_listener_close(listener);
}

TEST(without_a_descriptor_left_nothing_is_opened) {
    bl_addr address = loopback();
    bl_listener *listener = NULL;
    limit_descriptors(0);
    int rc = bl_tcp_listen(&address, &listener);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(listener == NULL);
}

/* ---- what a connection inherits ---------------------------------------- */

static bool is_delayed(const bl_stream *stream) {
    int is_on = 0;
    socklen_t length = sizeof is_on;
    REQUIRE_OK(getsockopt(bl_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY,
                          &is_on, &length));
    return !is_on;
}

/* The next connection, from a plain client that goes away at once. */
static bl_stream *accept_plainly(bl_listener *listener) {
    bl_stream *stream;
    close(connect_plainly(listener));
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    return stream;
}

TEST(no_connection_delays_small_segments_or_has_to_be_told) {
    bl_listener *listener = listen_somewhere();
    bl_stream *first = accept_plainly(listener);
    CHECK(!is_delayed(first));
    bl_stream_abort(first);
    refuse_call(SYS_setsockopt, EPERM);
    refuse_call(SYS_newfstatat, EPERM); /* nor does anybody ask what it is */
    bl_stream *second = accept_plainly(listener);
    CHECK(!is_delayed(second));
    bl_stream_abort(second);
    bl_listener_close(listener);
}

TEST(connections_of_anybody_elses_listener_are_told) {
    bl_addr address = loopback();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(bind(fd, (struct sockaddr *)&address.storage, address.length));
    REQUIRE_OK(listen(fd, 5));
    bl_listener *listener;
    REQUIRE_OK(bl_listener_take_fd(fd, &listener));
    for (int i = 0; i < 2; i++) {
        bl_stream *stream = accept_plainly(listener);
        CHECK(!is_delayed(stream));
        bl_stream_abort(stream);
    }
    bl_listener_close(listener);
}

/* ---- accepting --------------------------------------------------------- */

TEST(an_accept_waits_and_tells_the_peer) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    CHECK(!op.has_ended);
    int client = connect_plainly(listener);
    CHECK_OK(bl_group_exit(&group, 0));
    REQUIRE_OK(op.result);

    struct sockaddr_in name;
    socklen_t length = sizeof name;
    CHECK_OK(getsockname(client, (struct sockaddr *)&name, &length));
    CHECK_EQ(bl_addr_port(&op.peer), ntohs(name.sin_port));
    CHECK(fcntl(bl_stream_fd(op.stream), F_GETFD) & FD_CLOEXEC);
    say(client, "hello");
    char bytes[8];
    CHECK_EQ(bl_stream_read(op.stream, bytes, sizeof bytes), 5);
    CHECK_OK(bl_stream_close(op.stream));
    close(client);
    bl_listener_close(listener);
}

TEST(a_burst_is_accepted_to_the_last, .tags = "bulky") {
    enum {
        CLIENTS = 300
    };
    static int clients[CLIENTS];
    static bl_stream *streams[CLIENTS];
    bl_listener *listener = listen_somewhere();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = connect_plainly(listener);
        }
        for (int i = 0; i < CLIENTS; i++) {
            REQUIRE_OK(bl_listener_accept(listener, &streams[i], NULL));
        }
        for (int i = 0; i < CLIENTS; i++) {
            bl_stream_abort(streams[i]);
            close(clients[i]);
        }
    }
    struct op op = { .listener = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    CHECK(!op.has_ended); /* not one more than came */
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_listener_close(listener);
}

TEST(a_cancelled_accept_has_accepted_nothing) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    int client = connect_plainly(listener);
    CHECK_OK(bl_listener_accept(listener, &op.stream, NULL));
    CHECK_OK(bl_stream_close(op.stream));
    close(client);
    bl_listener_close(listener);
}

TEST(a_second_task_is_refused) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    bl_stream *stream;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_listener_accept(listener, &stream, NULL), BL_EBUSY);
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_listener_close(listener);
}

TEST(a_client_that_gave_up_in_the_queue_does_no_harm) {
    bl_listener *listener = listen_somewhere();
    bl_stream *stream;
    char byte;
    close_by_reset(connect_plainly(listener));
    int client = connect_plainly(listener);
    say(client, "x");
    /* Linux hands out the dead connection, too; the next one is alive. */
    REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
    bl_ssize count = bl_stream_read(stream, &byte, 1);
    if (count < 0) {
        CHECK_ERR(count, BL_ECONNRESET);
        CHECK_OK(bl_stream_close(stream));
        REQUIRE_OK(bl_listener_accept(listener, &stream, NULL));
        count = bl_stream_read(stream, &byte, 1);
    }
    CHECK_EQ(count, 1);
    CHECK_OK(bl_stream_close(stream));
    close(client);
    bl_listener_close(listener);
}

TEST(without_a_descriptor_left_the_connection_stays_queued) {
    bl_listener *listener = listen_somewhere();
    bl_stream *stream = NULL;
    int client = connect_plainly(listener);
    limit_descriptors(0);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(bl_listener_accept(listener, &stream, NULL), BL_EMFILE);
    }
    unlimit_descriptors();
    CHECK(stream == NULL);
    CHECK_OK(bl_listener_accept(listener, &stream, NULL));
    CHECK_OK(bl_stream_close(stream));
    close(client);
    bl_listener_close(listener);
}

/* ---- memory that fails once it is told to ------------------------------ */

static bool is_out_of_memory;

static void *may_alloc(void *context, size_t bytes) {
    (void)context;
    return is_out_of_memory ? NULL : malloc(bytes);
}

static void *may_resize(void *context, void *memory, size_t bytes) {
    (void)context;
    return is_out_of_memory ? NULL : realloc(memory, bytes);
}

static void plain_free(void *context, void *memory) {
    (void)context;
    free(memory);
}

static int accept_without_memory(void *arg) {
    bl_listener *listener = listen_somewhere();
    bl_stream *stream = NULL;
    bl_addr peer;
    int client = connect_plainly(listener);
    is_out_of_memory = true;
    int rc = bl_listener_accept(listener, &stream, &peer);
    is_out_of_memory = false;
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(stream == NULL);
    if (arg != NULL) {
        /* The very connection is the first that comes later. */
        REQUIRE_OK(bl_listener_accept(listener, &stream, &peer));
        say(client, "x");
        char byte;
        CHECK_EQ(bl_stream_read(stream, &byte, 1), 1);
        CHECK_GT(bl_addr_port(&peer), 0);
        CHECK_OK(bl_stream_close(stream));
    }
    bl_listener_close(listener);
    CHECK(is_at_end(client) || errno == ECONNRESET);
    close(client);
    return 0;
}

TEST(without_memory_the_connection_stays_queued, .no_loop = true) {
    bl_allocator allocator = { .alloc = may_alloc,
                               .resize = may_resize,
                               .free = plain_free };
    int later = 1;
    bl_allocator before;
    bl_allocator_get(&before);
    bl_allocator_set(&allocator);
    CHECK_OK(bl_run(accept_without_memory, &later));
    CHECK_OK(bl_run(accept_without_memory, NULL)); /* closed while it waits */
    bl_allocator_set(&before);
}

/* ---- closing ----------------------------------------------------------- */

TEST(closing_sends_the_accepter_away) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    CHECK_NO_CHECKPOINTS bl_listener_close(listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
}

/* Runs in the iteration in which the accepter was woken, before it runs. */
static void close_listener(void *context) {
    bl_listener_close(context);
}

TEST(a_woken_accepter_does_not_touch_a_listener_that_is_gone) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    bl_timer timer;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    bl_timer_init(&timer, close_listener, listener);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    int client = connect_plainly(listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    close(client);
}

TEST(a_cancelled_accepter_does_not_touch_a_listener_that_is_gone) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    bl_group_cancel(&group);
    bl_listener_close(listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
}

TEST(nothing_can_be_closed) {
    bl_listener_close(NULL);
}

/* ---- refusals ---------------------------------------------------------- */

TEST(null_is_refused) {
    bl_listener *listener = listen_somewhere();
    bl_addr address = loopback();
    bl_stream *stream;
    CHECK_ERR(bl_tcp_listen(NULL, &listener), BL_EINVAL);
    CHECK_ERR(bl_tcp_listen(&address, NULL), BL_EINVAL);
    CHECK_ERR(bl_listener_accept(NULL, &stream, NULL), BL_EINVAL);
    CHECK_ERR(bl_listener_accept(listener, NULL, NULL), BL_EINVAL);
    bl_listener_close(listener);
}

static void use_without_loop(void *arg) {
    bl_addr address = loopback();
    bl_listener *listener;
    bl_stream *stream;
    CHECK_ERR(bl_tcp_listen(&address, &listener), BL_ENOLOOP);
    CHECK_ERR(bl_listener_accept(arg, &stream, NULL), BL_ENOLOOP);
}

static int use_elsewhere(void *arg) {
    bl_stream *stream;
    CHECK_ERR(bl_listener_accept(arg, &stream, NULL), BL_ETHREAD);
    return 0;
}

static void use_in_callback(void *context) {
    struct op *op = context;
    CHECK_ERR(bl_listener_accept(op->listener, &op->stream, NULL), BL_ENOTASK);
    op->has_ended = true;
}

TEST(it_is_used_by_tasks_of_its_loop) {
    bl_listener *listener = listen_somewhere();
    struct op op = { .listener = listener };
    bl_call call = { 0 };
    on_thread(use_without_loop, listener);
    CHECK_OK(run_elsewhere(use_elsewhere, listener, NULL));
    bl_call_soon(bl_loop_running(), &call, use_in_callback, &op);
    while (!op.has_ended)
        CHECK_OK(bl_sleep(1));
    bl_listener_close(listener);
}

/* ---- everything at every point ----------------------------------------- */

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    bl_addr address = loopback();
    bl_listener *listener;
    bl_stream *stream = NULL;
    int rc = bl_tcp_listen(&address, &listener);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        return;
    }
    int client = connect_plainly(listener);
    rc = bl_listener_accept(listener, &stream, NULL);
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM || rc == BL_ECANCELED);
    if (rc < 0) CHECK_ALWAYS(stream == NULL);
    bl_stream_abort(stream);
    bl_listener_close(listener);
    close(client);
}

TEST(a_try_takes_what_has_come_and_never_waits) {
    bl_listener *listener;
    bl_stream *stream = NULL;
    bl_addr any = loopback();
    bl_addr peer;
    REQUIRE_OK(bl_listen(&any, NULL, &listener));
    CHECK_NO_CHECKPOINTS {
        CHECK_ERR(bl_listener_try_accept(listener, &stream, NULL), BL_EAGAIN);
    }
    bl_addr address = bl_listener_address(listener);
    bl_stream *guest;
    REQUIRE_OK(bl_connect(&address, NULL, &guest));
    limit_descriptors(0);
    CHECK_ERR(bl_listener_try_accept(listener, &stream, NULL), BL_EMFILE);
    unlimit_descriptors();
    famine_begin(0);
    CHECK_ERR(bl_listener_try_accept(listener, &stream, NULL), BL_ENOMEM);
    famine_end();
    CHECK(stream == NULL);
    REQUIRE_OK(bl_listener_try_accept(listener, &stream, &peer));
    CHECK(bl_addr_is_loopback(&peer));
    CHECK_ERR(bl_listener_try_accept(listener, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_listener_try_accept(NULL, &stream, NULL), BL_EINVAL);
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_stream_close(guest));
    bl_listener_close(listener);
}

static int tries(void *listener) {
    bl_stream *stream;
    return bl_listener_try_accept(listener, &stream, NULL);
}

static int accepts_one(void *listener) {
    bl_stream *stream;
    return bl_listener_accept(listener, &stream, NULL);
}

TEST(a_try_is_refused_where_it_cannot_be_made) {
    bl_listener *listener;
    bl_addr any = loopback();
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_listen(&any, NULL, &listener));
    CHECK_ERR(without_loop(tries, listener), BL_ENOLOOP);
    CHECK_ERR(in_other_loop(tries, listener), BL_ETHREAD);
    REQUIRE_OK(bl_spawn(&group, accepts_one, listener));
    t_settle();
    CHECK_ERR(tries(listener), BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_listener_close(listener);
}
