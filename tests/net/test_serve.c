/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_serve.c - a server from its first connection to its end
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failing.h"
#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

/* A stream whose close waits. */
struct wrapped {
    bl_stream *below;
    bl_event may_end;
};

/* A server under test, run by a task. */
struct house {
    bl_listener *listener;
    bl_addr address;
    bl_serve_fn *handler;
    bl_serve_options options;
    bl_serve_stats stats;
    bl_event stop;
    struct wrapped wrapped; /* by the handler, around its connection */
    int rc;
    bool has_ended;
    int errors;
    int last_error;
};

static void on_error(const bl_connection *connection, int rc, void *arg) {
    struct house *house = arg;
    (void)connection;
    house->errors++;
    house->last_error = rc;
}

static int house_init(struct house *house, bl_serve_fn *handler) {
    bl_addr any;
    int rc = bl_addr_parse("127.0.0.1:0", &any);
    if (rc < 0) return rc;
    *house = (struct house){ .handler = handler };
    rc = bl_tcp_listen(&any, &house->listener);
    if (rc < 0) return rc;
    house->address = bl_listener_address(house->listener);
    bl_event_init(&house->stop);
    house->options = (bl_serve_options){ .size = sizeof house->options,
                                         .arg = house,
                                         .stop = &house->stop,
                                         .on_error = on_error,
                                         .stats = &house->stats };
    return 0;
}

static int house_run(void *arg) {
    struct house *house = arg;
    house->rc = bl_serve(house->listener, house->handler, &house->options);
    house->has_ended = true;
    return house->rc == BL_ECANCELED ? house->rc : 0;
}

static bl_stream *visit(struct house *house) {
    bl_stream *stream;
    REQUIRE_OK(bl_connect(&house->address, NULL, &stream));
    return stream;
}

static int echo(bl_connection *connection) {
    char bytes[64];
    for (;;) {
        int rc = bl_connection_wait(connection);
        if (rc <= 0) return rc;
        bl_ssize count =
            bl_stream_read(connection->stream, bytes, sizeof bytes);
        if (count <= 0) return (int)count;
        rc =
            bl_stream_write_all(connection->stream, bytes, (size_t)count, NULL);
        if (rc < 0) return rc;
    }
}

static void ask(bl_stream *stream) {
    char bytes[5];
    REQUIRE_OK(bl_stream_write_all(stream, "hello", 5, NULL));
    REQUIRE_OK(bl_stream_read_exactly(stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "hello", 5);
}

/* ---- serving ----------------------------------------------------------- */

TEST(every_connection_has_a_task_of_its_own) {
    struct house house;
    bl_stream *streams[10];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    for (int i = 0; i < 10; i++)
        streams[i] = visit(&house);
    for (int i = 9; i >= 0; i--)
        ask(streams[i]);
    CHECK_EQ(house.stats.accepted, 10);
    CHECK_EQ(house.stats.active, 10);
    for (int i = 0; i < 10; i++)
        CHECK_OK(bl_stream_close(streams[i]));
    t_settle();
    CHECK_EQ(house.stats.active, 0);
    CHECK_EQ(house.stats.active_max, 10);
    CHECK_EQ(house.stats.finished, 10);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.errors, 0);
}

/* Says its line and fails. */
static int fail(bl_connection *connection) {
    struct house *house = connection->arg;
    CHECK(bl_addr_is_loopback(&connection->peer));
    int rc = bl_stream_write_all(connection->stream, "no", 2, NULL);
    if (rc < 0) return rc;
    return house->stats.accepted % 2 == 1 ? BL_ERR(BL_EPROTO, "odd") : 0;
}

TEST(a_connection_that_fails_harms_nobody_else) {
    struct house house;
    char bytes[4];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, fail));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    for (int i = 0; i < 4; i++) {
        bl_stream *stream = visit(&house);
        CHECK_OK(bl_stream_read_exactly(stream, bytes, 2, NULL));
        CHECK_EQ(bl_stream_read(stream, bytes, 1), 0);
        CHECK_OK(bl_stream_close(stream));
    }
    t_settle();
    CHECK_EQ(house.stats.finished, 2);
    CHECK_EQ(house.stats.failed, 2);
    CHECK_EQ(house.errors, 2);
    CHECK_ERR(house.last_error, BL_EPROTO);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

static int stray(bl_connection *connection) {
    (void)connection;
    return BL_ECANCELED; /* nobody cancelled it */
}

TEST(a_stray_cancellation_is_an_error_of_the_connection) {
    struct house house;
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, stray));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(house.stats.failed, 1);
    CHECK_ERR(house.last_error, BL_ECANCELED);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- a stream that the handler has put around the other ----------------- */

static bl_ssize move_nothing(void *self, const struct iovec *parts, int count) {
    (void)self, (void)parts, (void)count;
    return BL_ENOTSUP;
}

/* As a library calls it: its own lines are nobody's. */
static int say_goodbye(void *self) {
    struct wrapped *wrapped = self;
    return (bl_event_wait)(&wrapped->may_end);
}

static int let_go(void *self, bool is_cut) {
    struct wrapped *wrapped = self;
    (void)is_cut;
    bl_stream_abort(wrapped->below);
    return 0;
}

static int wrap(bl_connection *connection) {
    static const bl_stream_ops ops = { .size = sizeof ops,
                                       .name = "wrapped",
                                       .read = move_nothing,
                                       .write = move_nothing,
                                       .close = say_goodbye,
                                       .abort = let_go };
    struct house *house = connection->arg;
    char byte;
    house->wrapped.below = connection->stream;
    int rc = bl_stream_new(&ops, &house->wrapped, &connection->stream);
    if (rc < 0) return rc;
    return (int)bl_stream_read(house->wrapped.below, &byte, 1);
}

/* What says goodbye is the server, and no call of the handler. */
TEST(a_connection_that_closes_shows_no_call_of_the_handler) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, wrap));
    bl_event_init(&house.wrapped.may_end);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    t_settle();
    CHECK_CONTAINS(t_task_tree(), "bl_stream_read(house->wrapped.below");
    CHECK_OK(bl_stream_write_all(stream, "?", 1, NULL));
    t_settle();
    CHECK_CONTAINS(t_task_tree(), "connection: waits for event\n");
    CHECK_CONTAINS(t_task_tree(), "stop watcher: waits for event, daemon\n");
    bl_event_set(&house.wrapped.may_end);
    t_settle();
    CHECK_EQ(house.stats.finished, 1);
    CHECK_OK(bl_stream_close(stream));
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* ---- limits ------------------------------------------------------------ */

TEST(more_connections_than_the_limit_wait_in_the_kernel) {
    struct house house;
    bl_stream *streams[3];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.connections_max = 2;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    for (int i = 0; i < 3; i++)
        streams[i] = visit(&house);
    ask(streams[0]);
    ask(streams[1]);
    REQUIRE_OK(bl_stream_write_all(streams[2], "hello", 5, NULL));
    t_settle();
    CHECK_EQ(house.stats.accepted, 2);
    CHECK_OK(bl_stream_close(streams[0]));
    char bytes[5];
    CHECK_OK(bl_stream_read_exactly(streams[2], bytes, 5, NULL));
    CHECK_EQ(house.stats.accepted, 3);
    CHECK_EQ(house.stats.active_max, 2);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_stream_close(streams[1]));
    CHECK_OK(bl_stream_close(streams[2]));
}

TEST(a_stop_reaches_a_server_that_waits_for_room) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.connections_max = 1;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream);
    t_settle();
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_OK(bl_stream_close(stream));
}

TEST(a_lack_of_descriptors_is_waited_out) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *first = visit(&house);
    ask(first);
    limit_descriptors(1); /* for the client; then there is none */
    bl_stream *second = visit(&house);
    CHECK_OK(bl_sleep(BL_SEC(60)));
    uint64_t errors = house.stats.accept_errors;
    unlimit_descriptors();
    /* 5, 10, 20 ... 640 ms, and then one a second */
    CHECK_GE(errors, 60);
    CHECK_LE(errors, 70);
    CHECK_EQ(house.errors, (int)errors);
    CHECK_ERR(house.last_error, BL_EMFILE);
    ask(second); /* it was in the queue all the time */
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_stream_close(first));
    CHECK_OK(bl_stream_close(second));
}

/* What others have to give back, or a firewall to allow. */
PARAM(int, lack, BL_EMFILE, -ENFILE, BL_ENOMEM, -ENOBUFS, BL_EPERM);

static int serve_in_need(void *arg) {
    struct failing *failing = arg;
    struct house house;
    bl_group group = BL__ZEROED;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_ns begun = bl_now();
    bl_stream *first = visit(&house);
    ask(first);
    /* 5, 10, 20, 40, 80, 160, 320, 640, 1000 and 1000 ms */
    CHECK_EQ(bl_now() - begun, BL_MS(3275));
    CHECK_EQ(house.stats.accept_errors, 10);
    CHECK_EQ(house.errors, 10);
    CHECK_ERR(house.last_error, failing->code);
    failing->left = 1;
    begun = bl_now();
    bl_stream *second = visit(&house);
    ask(second);
    CHECK_EQ(bl_now() - begun, BL_MS(5)); /* it begins anew */
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.finished, 2);
    CHECK_OK(bl_stream_close(first));
    CHECK_OK(bl_stream_close(second));
    return 0;
}

TEST(whatever_is_lacking_for_accepting_is_waited_out, (lack)) {
    struct failing failing = { BL_IO_ACCEPT, lack, 10 };
    bl_loop_options options = failing_options(&failing);
    CHECK_OK(run_elsewhere(serve_in_need, &failing, &options));
}

/* What became of the connection that was next in the queue. */
PARAM(int, loss, -ECONNABORTED, BL_EPROTO, -EINTR, -ENETDOWN, -EHOSTUNREACH);

static int serve_after_losses(void *arg) {
    struct failing *failing = arg;
    struct house house;
    bl_group group = BL__ZEROED;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_ns begun = bl_now();
    bl_stream *stream = visit(&house);
    ask(stream);
    CHECK_EQ(bl_now(), begun);
    CHECK_EQ(failing->left, 0);
    CHECK_EQ(house.stats.accept_errors, 0);
    CHECK_EQ(house.errors, 0);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_OK(bl_stream_close(stream));
    return 0;
}

TEST(a_connection_lost_in_the_queue_costs_no_time, (loss)) {
    struct failing failing = { BL_IO_ACCEPT, loss, 3 };
    bl_loop_options options = failing_options(&failing);
    CHECK_OK(run_elsewhere(serve_after_losses, &failing, &options));
}

/* ---- stopping ---------------------------------------------------------- */

TEST(a_stop_sends_idle_connections_home_at_once) {
    struct house house;
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream);
    bl_event_set(&house.stop);
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), 0);
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.finished, 1);
    CHECK_OK(bl_stream_close(stream));
    CHECK_ERR(bl_connect(&house.address, NULL, &stream), BL_ECONNREFUSED);
}

/* Connects as the kernel does it, without giving the server a chance. */
static int knock(const struct house *house) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    const struct sockaddr *where =
        (const struct sockaddr *)&house->address.storage;
    REQUIRE(connect(fd, where, house->address.length) == 0);
    return fd;
}

TEST(what_waits_in_the_queue_is_served_by_a_stop, .tags = "order") {
    struct house house;
    int guests[20];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    t_settle();
    for (int i = 0; i < 20; i++) {
        guests[i] = knock(&house);
        say(guests[i], "hello");
    }
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 20; i++) {
        CHECK_STR(heard(guests[i]), "hello");
        CHECK(is_at_end(guests[i])); /* an end, and no reset */
        close(guests[i]);
    }
    CHECK_EQ(house.stats.accepted, 20);
    CHECK_EQ(house.stats.finished, 20);
}

TEST(a_full_server_leaves_the_queue_to_its_end) {
    struct house house;
    int guests[3];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.connections_max = 2;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    t_settle();
    for (int i = 0; i < 3; i++) {
        guests[i] = knock(&house);
        say(guests[i], "hello");
    }
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(house.stats.accepted, 2);
    for (int i = 0; i < 3; i++)
        close(guests[i]);
}

TEST(one_that_has_not_spoken_may_say_its_first_word, .tags = "order") {
    struct house house;
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *speaks = visit(&house);
    bl_stream *silent = visit(&house);
    t_settle();
    bl_event_set(&house.stop);
    CHECK_OK(bl_sleep(BL_MS(500)));
    ask(speaks);
    CHECK_EQ(bl_stream_read(speaks, &byte, 1), 0); /* and that was all */
    CHECK_EQ(bl_stream_read(silent, &byte, 1), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), BL_SEC(1));
    CHECK_EQ(house.stats.idle_closed, 2);
    CHECK_EQ(house.stats.finished, 2);
    CHECK_OK(bl_stream_close(speaks));
    CHECK_OK(bl_stream_close(silent));
}

TEST(a_request_that_comes_with_the_stop_is_served, .tags = "order") {
    struct house house;
    char bytes[5];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream); /* now it is an idle one */
    t_settle();
    CHECK_OK(bl_stream_write_all(stream, "again", 5, NULL));
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "again", 5);
    CHECK_OK(bl_stream_close(stream));
}

static void count_cut(const bl_connection *connection, void *arg) {
    struct house *house = arg;
    CHECK(bl_addr_is_loopback(&connection->peer));
    CHECK_GE(bl_stream_fd(connection->stream), 0);
    house->errors++;
}

/* A request takes ten seconds. */
static int work(bl_connection *connection) {
    char request[4];
    int rc = bl_connection_wait(connection);
    if (rc <= 0) return rc;
    rc = bl_stream_read_exactly(connection->stream, request, 4, NULL);
    if (rc < 0) return rc;
    CHECK(!bl_connection_is_stopping(connection));
    rc = bl_sleep(BL_SEC(10));
    if (rc < 0) return rc;
    CHECK(bl_connection_is_stopping(connection));
    return bl_stream_write_all(connection->stream, "done", 4, NULL);
}

struct ending {
    bl_ns grace;
    bl_ns ends_at;
    bool is_finished;
};

static const struct ending endings[] = {
    { 0, BL_SEC(6), false }, /* five seconds */
    { BL_SEC(2), BL_SEC(3), false },
    { BL_SEC(20), BL_SEC(10), true },
    { BL_FOREVER, BL_SEC(10), true },
};
PARAM(int, ending, 0, 1, 2, 3);

TEST(a_request_in_progress_has_the_grace_to_finish, (ending)) {
    const struct ending *expected = &endings[ending];
    struct house house;
    char bytes[4];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, work));
    house.options.grace = expected->grace;
    house.options.on_cut = count_cut;
    house.options.cut_arg = &house;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_OK(bl_stream_write_all(stream, "work", 4, NULL));
    CHECK_OK(bl_sleep(BL_SEC(1)));
    bl_event_set(&house.stop);
    t_settle();
    bl_stream *late = NULL;
    CHECK_ERR(bl_connect(&house.address, NULL, &late), BL_ECONNREFUSED);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), expected->ends_at);
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.finished, expected->is_finished ? 1 : 0);
    CHECK_EQ(house.stats.cancelled, expected->is_finished ? 0 : 1);
    CHECK_EQ(house.errors, expected->is_finished ? 0 : 1);
    CHECK_EQ(bl_stream_read(stream, bytes, 4), expected->is_finished ? 4 : 0);
    CHECK_OK(bl_stream_close(stream));
}

/* With room for one it waits for room, and does not accept. */
PARAM(uint32_t, limit, 0, 1);

TEST(closing_the_listener_is_a_stop, (limit)) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.stop = NULL;
    house.options.connections_max = limit;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream);
    t_settle();
    bl_listener_close(house.listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.finished, 1);
    CHECK_OK(bl_stream_close(stream));
}

TEST(a_second_server_leaves_the_listener_to_the_first) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.connections_max = 1;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    t_settle();
    CHECK_ERR(bl_serve(house.listener, echo, NULL), BL_EBUSY);
    bl_stream *stream = visit(&house);
    ask(stream);
    t_settle(); /* the first does not accept now: there is no room */
    CHECK_ERR(bl_serve(house.listener, echo, NULL), BL_EBUSY);
    ask(stream);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_OK(bl_stream_close(stream));
}

static int serve_a_stranger(void *listener) {
    return bl_serve(listener, echo, NULL);
}

TEST(a_server_leaves_the_listener_of_another_loop_alone) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    CHECK_ERR(run_elsewhere(serve_a_stranger, house.listener, NULL),
              BL_ETHREAD);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_OK(bl_stream_close(stream));
}

/* It has been given room, and has not run since. */
TEST(a_listener_may_be_closed_just_when_there_is_room) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.connections_max = 1;
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    ask(stream);
    CHECK_OK(bl_stream_close(stream));
    while (house.stats.active > 0)
        CHECK_OK(bl_yield());
    bl_listener_close(house.listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.finished, 1);
}

static int close_in_need(void *arg) {
    struct failing *failing = arg;
    struct house house;
    bl_group group = BL__ZEROED;
    REQUIRE_OK(bl_group_enter(&group));
    REQUIRE_OK(house_init(&house, echo));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    t_settle();
    CHECK_GE(house.stats.accept_errors, 1);
    CHECK_EQ(failing->code, BL_EMFILE);
    bl_ns begun = bl_now();
    bl_listener_close(house.listener);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), begun);
    CHECK_OK(house.rc);
    bl_stream_abort(stream);
    return 0;
}

TEST(closing_the_listener_reaches_a_server_that_lacks_descriptors) {
    struct failing failing = { BL_IO_ACCEPT, BL_EMFILE, 1000 };
    bl_loop_options options = failing_options(&failing);
    CHECK_OK(run_elsewhere(close_in_need, &failing, &options));
}

TEST(a_cancelled_server_cancels_its_connections) {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, work));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_OK(bl_stream_write_all(stream, "work", 4, NULL));
    CHECK_OK(bl_sleep(BL_SEC(1)));
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(house.rc, BL_ECANCELED);
    CHECK_EQ(bl_now(), BL_SEC(1));
    CHECK_EQ(house.stats.cancelled, 1);
    CHECK_OK(bl_stream_close(stream));
}

TEST(a_stop_before_the_start_serves_nobody) {
    struct house house;
    REQUIRE_OK(house_init(&house, echo));
    bl_event_set(&house.stop);
    CHECK_OK(house_run(&house));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.accepted, 0);
}

/* ---- bad peers --------------------------------------------------------- */

TEST(peers_that_misbehave_do_not_keep_the_server, .tags = "native") {
    struct house house;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, echo));
    house.options.grace = BL_SEC(1);
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    /* One breaks off. */
    bl_stream *rude = visit(&house);
    ask(rude);
    int fd = dup(bl_stream_fd(rude));
    bl_stream_abort(rude);
    close_by_reset(fd);
    /* One sends a byte a second. */
    bl_stream *slow = visit(&house);
    char byte;
    for (int i = 0; i < 20; i++) {
        REQUIRE_OK(bl_stream_write_all(slow, "x", 1, NULL));
        CHECK_EQ(bl_stream_read(slow, &byte, 1), 1);
        CHECK_OK(bl_sleep(BL_SEC(1)));
    }
    /* One sends and never reads. */
    bl_stream *deaf = visit(&house);
    static char much[65536];
    int rc = 0;
    BL_MOVE_ON(rc, BL_SEC(1)) {
        while (rc == 0)
            rc = bl_stream_write_all(deaf, much, sizeof much, NULL);
    }
    ask(slow);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(house.rc);
    CHECK_EQ(house.stats.active, 0);
    CHECK_EQ(house.stats.cancelled, 1); /* the deaf one's */
    bl_stream_abort(slow);
    bl_stream_abort(deaf);
}

/* ---- refusals ---------------------------------------------------------- */

static void serve_without_loop(void *arg) {
    CHECK_ERR(bl_serve(arg, echo, NULL), BL_ENOLOOP);
}

static void serve_in_callback(void *context) {
    struct house *house = context;
    CHECK_ERR(bl_serve(house->listener, echo, NULL), BL_ENOTASK);
    house->has_ended = true;
}

TEST(bad_arguments_leave_the_listener_to_the_caller) {
    struct house house;
    bl_serve_options options = { .size = 0 };
    bl_call call = { 0 };
    REQUIRE_OK(house_init(&house, echo));
    CHECK_ERR(bl_serve(NULL, echo, NULL), BL_EINVAL);
    CHECK_ERR(bl_serve(house.listener, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_serve(house.listener, echo, &options), BL_EINVAL);
    options = (bl_serve_options){ .size = sizeof options, .grace = -1 };
    CHECK_ERR(bl_serve(house.listener, echo, &options), BL_EINVAL);
    CHECK_ERR(bl_connection_wait(NULL), BL_EINVAL);
    on_thread(serve_without_loop, house.listener);
    bl_call_soon(bl_loop_running(), &call, serve_in_callback, &house);
    while (!house.has_ended)
        CHECK_OK(bl_sleep(1));
    bl_listener_close(house.listener);
}

/* Waits where its own scope is cancelled. */
static int wait_cancelled(bl_connection *connection) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_connection_wait(connection), BL_ECANCELED);
    return bl_scope_exit(&scope, 0);
}

TEST(a_cancelled_handler_is_not_sent_home) {
    struct house house;
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(house_init(&house, wait_cancelled));
    REQUIRE_OK(bl_spawn(&group, house_run, &house));
    bl_stream *stream = visit(&house);
    CHECK_EQ(bl_stream_read(stream, &byte, 1), 0);
    CHECK_OK(bl_stream_close(stream));
    CHECK_EQ(house.stats.finished, 1);
    bl_event_set(&house.stop);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(without_memory_nothing_is_served) {
    struct house house;
    REQUIRE_OK(house_init(&house, echo));
    famine_begin(0);
    int rc = bl_serve(house.listener, echo, &house.options);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM); /* and the listener is closed */
}

/* ---- everything at every point ----------------------------------------- */

static int talk(struct house *house) {
    bl_stream *stream = NULL;
    char bytes[5];
    int rc = bl_connect(&house->address, NULL, &stream);
    if (rc < 0) return rc;
    rc = bl_stream_write_all(stream, "hello", 5, NULL);
    if (rc == 0) rc = bl_stream_read_exactly(stream, bytes, 5, NULL);
    bl_stream_abort(stream);
    return rc == BL_ECONNRESET ? 0 : rc; /* refused for want of memory */
}

static void serve_and_talk(void) {
    struct house house;
    int rc = house_init(&house, echo);
    if (rc < 0) return;
    house.options.connections_max = 2;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, house_run, &house);
        if (rc < 0) {
            bl_listener_close(house.listener);
            break;
        }
        /* A server without memory tries again and again. */
        rc = bl_wait_for(talk(&house), SEC(60));
        bl_event_set(&house.stop);
    }
    if (!t_injected()) CHECK_OK(rc);
    CHECK_ALWAYS(house.stats.active == 0);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    serve_and_talk();
}

TEST(shuffled_orders_change_nothing, .schedules = 30) {
    serve_and_talk();
}
