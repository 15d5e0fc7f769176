/* SPDX-License-Identifier: MIT */
/*
 * testing/test_echo.c - a server and its clients, over real TCP
 *
 * Fixtures depend on each other and on a parameter: whatever needs `piece`
 * runs three times.  Build with -DBUG_ECHO to see a failure.
 */
#include <belay/probe.h>
#include <belay/test.h>

/* ---- the code under test ------------------------------------------------- */

/* Sends back what comes, in pieces of a size that can be chosen. */
struct server {
    bl_listener *listener;
    size_t piece;
    int open;   /* connections */
    int served; /* in all */
};

struct connection {
    struct server *server;
    bl_stream *stream;
};

static int send_back(struct connection *connection) {
    char bytes[4096];
    bl_ssize count;
    do {
        count = bl_stream_read(connection->stream, bytes,
                               connection->server->piece);
        if (count <= 0) return (int)count;
#ifdef BUG_ECHO
        if (count > 8) bytes[8] ^= 0x20;
#endif
        count =
            bl_stream_write_all(connection->stream, bytes, (size_t)count, NULL);
    } while (count == 0);
    return (int)count;
}

static int serve_one(void *arg) {
    struct connection *connection = arg;
    connection->server->open++;
    connection->server->served++;
    BL_PROBE("accepted");
    int rc = send_back(connection);
    connection->server->open--;
    bl_stream_abort(connection->stream);
    return rc == BL_ECANCELED ? rc : 0;
}

static int serve(void *arg) {
    struct server *server = arg;
    int rc;
    BL_GROUP(connections, rc) {
        do {
            struct connection one = { .server = server };
            rc = bl_listener_accept(server->listener, &one.stream, NULL);
            if (rc < 0) break;
            rc = bl_spawn_copy(connections, serve_one, &one, sizeof one);
            if (rc < 0) bl_stream_abort(one.stream);
        } while (rc == 0);
    }
    return rc;
}

/* ---- the fixtures: set up, YIELD a value, tear down ---------------------- */

PARAM(size_t, piece, 1, 7, 4096);

FIXTURE(struct server *, server, (piece)) {
    struct server made = { .piece = piece };
    bl_addr any;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    REQUIRE_OK(bl_tcp_listen(&any, &made.listener));
    BL_GROUP_SCOPED(background); /* it may span the YIELD */
    REQUIRE_OK(bl_spawn(&background, serve, &made));

    if (YIELD(&made) != T_PASSED) { /* the test runs in here */
        printf("the server has served %d\n", made.served);
    }

    bl_group_cancel(&background);
    CHECK_OK(bl_group_exit(&background, 0));
    CHECK_EQ(made.open, 0);
    bl_listener_close(made.listener);
}

static bl_stream *connect_to(struct server *server) {
    bl_stream *stream;
    bl_addr address = bl_listener_address(server->listener);
    REQUIRE_OK(bl_tcp_connect(&address, &stream));
    return stream;
}

FIXTURE(bl_stream *, client, (server)) { /* `server` is a struct server * */
    bl_stream *stream = connect_to(server);
    YIELD(stream);
    bl_stream_abort(stream);
}

/* ---- the tests ----------------------------------------------------------- */

TEST(what_is_sent_comes_back, (client)) {
    const char sent[] = "hello, structured world";
    char got[sizeof sent] = { 0 };
    WITHIN(SEC(5)) {
        REQUIRE_OK(bl_stream_write_all(client, sent, sizeof sent, NULL));
        REQUIRE_OK(bl_stream_read_exactly(client, got, sizeof got, NULL));
    }
    CHECK_MEM(got, sizeof got, sent, sizeof sent);
}

TEST(a_client_that_goes_is_noticed, (server)) {
    bl_stream *first = connect_to(server);
    bl_stream *second = connect_to(server);
    t_wait_probe("accepted", 2, SEC(1));
    CHECK_EQ(server->open, 2);
    bl_stream_abort(first);
    REQUIRE_EVENTUALLY_EQ(server->open, 1, SEC(1));
    bl_stream_abort(second);
    REQUIRE_EVENTUALLY_EQ(server->open, 0, SEC(1));
}
