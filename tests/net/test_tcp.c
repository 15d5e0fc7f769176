/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_tcp.c - connecting, and whole conversations over loopback
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

/* A server that sends back what it gets, one task per connection. */
struct server {
    bl_group *group;
    bl_listener *listener;
    bl_addr address;
    int served; /* conversations that came to their end */
};

static int serve(void *arg) {
    bl_stream *stream = *(bl_stream **)arg;
    char bytes[2000];
    bl_ssize count;
    int rc = 0;
    while ((count = bl_stream_read(stream, bytes, sizeof bytes)) > 0) {
        rc = bl_stream_write_all(stream, bytes, (size_t)count, NULL);
        if (rc < 0) break;
    }
    bl_stream_abort(stream);
    return count < 0 ? (int)count : rc;
}

static int accept_all(void *arg) {
    struct server *server = arg;
    for (;;) {
        bl_stream *stream;
        int rc = bl_listener_accept(server->listener, &stream, NULL);
        if (rc < 0) return rc;
        rc = bl_spawn_copy(server->group, serve, &stream, sizeof stream);
        if (rc < 0) {
            bl_stream_abort(stream);
            return rc;
        }
        server->served++;
    }
}

static int server_open(struct server *server, bl_group *group) {
    bl_addr any;
    int rc = bl_addr_parse("127.0.0.1:0", &any);
    if (rc < 0) return rc;
    *server = (struct server){ .group = group };
    rc = bl_tcp_listen(&any, &server->listener);
    if (rc < 0) return rc;
    server->address = bl_listener_address(server->listener);
    rc = bl_spawn_daemon(group, accept_all, server);
    if (rc < 0) {
        bl_listener_close(server->listener);
        server->listener = NULL;
    }
    return rc;
}

/* ---- connecting -------------------------------------------------------- */

TEST(a_connection_carries_bytes_both_ways) {
    struct server server;
    char bytes[8];
    int rc = 0;
    BL_GROUP(group, rc) {
        bl_stream *stream;
        REQUIRE_OK(server_open(&server, group));
        REQUIRE_OK(bl_tcp_connect(&server.address, &stream));
        CHECK_OK(bl_stream_write_all(stream, "hello", 5, NULL));
        WITHIN(SEC(1)) {
            CHECK_OK(bl_stream_read_exactly(stream, bytes, 5, NULL));
        }
        CHECK_MEM(bytes, 5, "hello", 5);
        CHECK_OK(bl_stream_close(stream));
    }
    CHECK_OK(rc);
    bl_listener_close(server.listener);
}

TEST(nobody_listens_is_an_error_with_the_address_in_the_text) {
    bl_addr address = loopback();
    bl_listener *listener;
    bl_stream *stream = NULL;
    char text[BL_ADDR_TEXT_BYTES];
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    bl_listener_close(listener);
    bl_addr_format(&address, text, sizeof text);
    int rc = bl_tcp_connect(&address, &stream);
    CHECK_ERR(rc, BL_ECONNREFUSED);
    REQUIRE(bl_error_current(rc) != NULL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(rc)), text);
    CHECK(stream == NULL);
}

TEST(bad_arguments_are_refused) {
    bl_addr address = loopback();
    bl_addr none = { .length = 0 };
    bl_stream *stream = NULL;
    CHECK_ERR(bl_tcp_connect(NULL, &stream), BL_EINVAL);
    CHECK_ERR(bl_tcp_connect(&address, NULL), BL_EINVAL);
    CHECK_LT(bl_tcp_connect(&none, &stream), 0);
    CHECK(stream == NULL);
}

TEST(without_memory_nothing_is_opened) {
    bl_addr address = loopback();
    bl_listener *listener = NULL, *none = NULL;
    bl_stream *stream = NULL;
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    bl_addr any = loopback();
    int fds[2];
    socket_pair(fds);
    famine_begin(0);
    int listen_rc = bl_tcp_listen(&any, &none);
    int connect_rc = bl_tcp_connect(&address, &stream);
    int take_rc = bl_stream_take_fd(fds[0], &stream);
    int resolve_rc = bl_addr_resolve("localhost:80", &any);
    famine_end();
    CHECK_ERR(listen_rc, BL_ENOMEM);
    CHECK_ERR(connect_rc, BL_ENOMEM);
    CHECK_ERR(take_rc, BL_ENOMEM);
    CHECK_ERR(resolve_rc, BL_ENOMEM);
    CHECK(none == NULL);
    CHECK(stream == NULL);
    CHECK(is_open(fds[0])); /* still the caller's */
    bl_listener_close(listener);
    close(fds[0]);
    close(fds[1]);
}

TEST(without_a_descriptor_left_nothing_is_opened) {
    bl_addr address = loopback();
    bl_listener *listener;
    bl_stream *stream = NULL;
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    limit_descriptors(0);
    int rc = bl_tcp_connect(&address, &stream);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(stream == NULL);
    bl_listener_close(listener);
}

static void connect_without_loop(void *arg) {
    bl_stream *stream;
    CHECK_ERR(bl_tcp_connect(arg, &stream), BL_ENOLOOP);
}

static void connect_in_callback(void *context) {
    bl_stream *stream;
    CHECK_ERR(bl_tcp_connect(context, &stream), BL_ENOTASK);
    ((bl_addr *)context)->length = 0; /* it was called */
}

TEST(only_a_task_connects) {
    bl_addr address = loopback();
    bl_call call = { 0 };
    on_thread(connect_without_loop, &address);
    bl_call_soon(bl_loop_running(), &call, connect_in_callback, &address);
    while (address.length > 0)
        CHECK_OK(bl_sleep(1));
}

static int connect_once(void *arg) {
    bl_stream *stream;
    int rc = bl_tcp_connect(arg, &stream);
    if (rc < 0) return rc;
    return bl_stream_close(stream);
}

TEST(a_connect_that_waits_can_be_cancelled) {
    struct full_queue full;
    full_queue_open(&full);
    BL_GROUP_SCOPED(group);
    bl_task *task;
    bl_outcome outcome;
    REQUIRE_OK(bl_spawn_task(&group, connect_once, &full.address, &task));
    t_settle();
    CHECK(!bl_task_is_done(task));
    bl_task_cancel(task);
    CHECK_OK(bl_task_join(task, &outcome));
    CHECK_ERR(outcome.rc, BL_ECANCELED);
    CHECK(outcome.is_cancelled);
    bl_task_unref(task);
    CHECK_OK(bl_group_exit(&group, 0));
    full_queue_close(&full);
}

/* ---- conversations ----------------------------------------------------- */

/* A small generator, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

enum {
    MEGABYTE = 1024 * 1024
};

/* One side of a megabyte that is sent, sent back, and compared. */
struct transfer {
    bl_stream *stream;
    unsigned char *bytes;
    uint32_t seed;
};

static int send_chunks(void *arg) {
    struct transfer *transfer = arg;
    uint32_t state = transfer->seed;
    size_t done = 0;
    while (done < MEGABYTE) {
        size_t count = 1 + next_random(&state) % 20000;
        if (count > MEGABYTE - done) count = MEGABYTE - done;
        int rc = bl_stream_write_all(transfer->stream, transfer->bytes + done,
                                     count, NULL);
        if (rc < 0) return rc;
        done += count;
        if (next_random(&state) % 8 == 0) {
            rc = bl_sleep(BL_MS(1));
            if (rc < 0) return rc;
        }
    }
    return bl_stream_shutdown_write(transfer->stream);
}

static int compare_chunks(void *arg) {
    struct transfer *transfer = arg;
    static unsigned char chunk[30000];
    uint32_t state = transfer->seed + 1;
    size_t done = 0;
    for (;;) {
        size_t room = 1 + next_random(&state) % sizeof chunk;
        bl_ssize count = bl_stream_read(transfer->stream, chunk, room);
        if (count < 0) return (int)count;
        if (count == 0) break;
        REQUIRE_LE(done + (size_t)count, MEGABYTE);
        CHECK_EQ(memcmp(chunk, transfer->bytes + done, (size_t)count), 0);
        done += (size_t)count;
    }
    CHECK_EQ(done, MEGABYTE);
    return 0;
}

PARAM(int, seed, 1, 2, 3);

TEST(a_megabyte_comes_back_as_it_was_sent, (seed), .tags = "bulky") {
    struct server server;
    struct transfer transfer = { .seed = (uint32_t)seed };
    uint32_t state = transfer.seed;
    transfer.bytes = malloc(MEGABYTE);
    for (size_t i = 0; i < MEGABYTE; i++) {
        transfer.bytes[i] = (unsigned char)next_random(&state);
    }
    int rc = 0;
    BL_GROUP(group, rc) {
        REQUIRE_OK(server_open(&server, group));
        REQUIRE_OK(bl_tcp_connect(&server.address, &transfer.stream));
        REQUIRE_OK(bl_spawn(group, send_chunks, &transfer));
        REQUIRE_OK(bl_spawn(group, compare_chunks, &transfer));
    }
    CHECK_OK(rc);
    CHECK_OK(bl_stream_close(transfer.stream));
    bl_listener_close(server.listener);
    free(transfer.bytes);
}

/* One of many clients. */
struct client {
    const bl_addr *address;
    int number;
    int answers;
};

static int talk(void *arg) {
    struct client *client = arg;
    bl_stream *stream;
    int rc = bl_tcp_connect(client->address, &stream);
    if (rc < 0) return rc;
    for (int i = 0; i < 5; i++) {
        int question[2] = { client->number, i };
        int answer[2];
        rc = bl_stream_write_all(stream, question, sizeof question, NULL);
        if (rc < 0) break;
        rc = bl_stream_read_exactly(stream, answer, sizeof answer, NULL);
        if (rc < 0) break;
        CHECK_MEM(answer, sizeof answer, question, sizeof question);
        client->answers++;
        rc = bl_sleep(BL_MS(client->number % 7));
        if (rc < 0) break;
    }
    bl_stream_abort(stream);
    return rc;
}

TEST(a_thousand_connections_talk_at_once, .tags = "bulky") {
    enum {
        CLIENTS_MAX = 1000
    };
    static struct client clients[CLIENTS_MAX];
    struct rlimit limit;
    struct server server;
    REQUIRE_OK(getrlimit(RLIMIT_NOFILE, &limit));
    int count = CLIENTS_MAX; /* two descriptors each */
    if (limit.rlim_cur < 2 * CLIENTS_MAX + 50) {
        count = (int)(limit.rlim_cur - 50) / 2;
    }
    int rc = 0;
    BL_GROUP(group, rc) {
        REQUIRE_OK(server_open(&server, group));
        for (int i = 0; i < count; i++) {
            clients[i] = (struct client){ &server.address, i, 0 };
            REQUIRE_OK(bl_spawn(group, talk, &clients[i]));
        }
    }
    CHECK_OK(rc);
    for (int i = 0; i < count; i++)
        CHECK_EQ(clients[i].answers, 5);
    CHECK_EQ(server.served, count);
    bl_listener_close(server.listener);
}

/* ---- everything at every point ----------------------------------------- */

static int converse(struct server *server) {
    bl_stream *stream;
    char bytes[8];
    int rc = bl_tcp_connect(&server->address, &stream);
    if (rc < 0) return rc;
    rc = bl_stream_write_all(stream, "hello", 5, NULL);
    if (rc == 0) {
        /* Nobody may be there to answer, or even to accept. */
        rc = bl_wait_for(bl_stream_read_exactly(stream, bytes, 5, NULL),
                         BL_SEC(1));
    }
    bl_stream_abort(stream);
    return rc;
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    struct server server = { 0 };
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = server_open(&server, group);
        if (rc < 0) break;
        rc = converse(&server);
    }
    if (!t_injected()) CHECK_OK(rc);
    bl_listener_close(server.listener);
}

TEST(shuffled_orders_change_nothing, .schedules = 20, .tags = "bulky") {
    struct server server;
    int rc = 0;
    BL_GROUP(group, rc) {
        REQUIRE_OK(server_open(&server, group));
        for (int i = 0; i < 3; i++)
            CHECK_OK(converse(&server));
    }
    CHECK_OK(rc);
    bl_listener_close(server.listener);
}
