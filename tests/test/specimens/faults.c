/* SPDX-License-Identifier: MIT */
/*
 * specimens/faults.c - code that meets failing system calls, well or badly
 */
#include <string.h>

#include <belay/test.h>

struct server {
    bl_listener *listener;
    bl_addr address;
};

FIXTURE(struct server, server) {
    struct server made;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &made.address));
    REQUIRE_OK(bl_tcp_listen(&made.address, &made.listener));
    made.address = bl_listener_address(made.listener);
    YIELD(made);
    bl_listener_close(made.listener);
}

static int greet(void *arg) {
    struct server *server = arg;
    bl_stream *stream;
    int rc = bl_listener_accept(server->listener, &stream, NULL);
    if (rc < 0) return rc;
    rc = bl_stream_write_all(stream, "hello", 5, NULL);
    bl_stream_abort(stream);
    return rc;
}

static int be_greeted(struct server *server, char *bytes) {
    bl_stream *stream;
    int rc = bl_tcp_connect(&server->address, &stream);
    if (rc < 0) return rc;
    rc = bl_stream_read_exactly(stream, bytes, 5, NULL);
    bl_stream_abort(stream);
    return rc;
}

/* Whatever fails, it ends, nothing leaks, and a success is a real one. */
TEST(copes, (server), .sweep = T_IO) {
    BL_GROUP_SCOPED(group);
    char bytes[6] = "";
    REQUIRE_OK(bl_spawn(&group, greet, &server));
    int rc = be_greeted(&server, bytes);
    if (rc == 0) CHECK_ALWAYS(strcmp(bytes, "hello") == 0);
    CHECK_OK(rc);
    bl_group_cancel(&group);
    BL_IGNORE(bl_group_exit(&group, 0));
    bl_error_handled();
}

/* Takes one read for all of the message. */
TEST(reads_once, (server), .tags = "bug") {
    BL_GROUP_SCOPED(group);
    char bytes[6] = "";
    bl_stream *stream;
    REQUIRE_OK(bl_spawn(&group, greet, &server));
    REQUIRE_OK(bl_tcp_connect(&server.address, &stream));
    bl_ssize count = bl_stream_read(stream, bytes, 5);
    bl_stream_abort(stream);
    if (count > 0) CHECK_ALWAYS(strcmp(bytes, "hello") == 0);
}

/* Forgets the connection if the greeting fails. */
TEST(leaks_a_stream, (server), .tags = "bug") {
    bl_stream *stream;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, greet, &server));
    int rc = bl_tcp_connect(&server.address, &stream);
    if (rc < 0) return;
    char bytes[5];
    rc = bl_stream_read_exactly(stream, bytes, 5, NULL);
    if (rc < 0) return;
    bl_stream_abort(stream);
}

/* Takes no descriptor left in the process for all that may be lacking. */
TEST(knows_one_lack, (server), .tags = "bug") {
    bl_stream *streams[2] = { NULL, NULL };
    if (bl_tcp_connect(&server.address, &streams[0]) < 0) return;
    int rc = bl_listener_accept(server.listener, &streams[1], NULL);
    bl_stream_abort(streams[0]);
    bl_stream_abort(streams[1]);
    if (rc < 0) CHECK_ALWAYS(rc == BL_EMFILE);
}

/* Tries again for ever, whatever the error says. */
TEST(never_gives_up, (server), .tags = "bug") {
    bl_stream *stream = NULL;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, greet, &server));
    int rc = bl_tcp_connect(&server.address, &stream);
    while (rc < 0) {
        BL_IGNORE(bl_yield());
    }
    bl_stream_abort(stream);
}

TEST(reads_in_parts, (server), .tags = "short", .short_io = true,
     .schedules = 50) {
    BL_GROUP_SCOPED(group);
    char bytes[6] = "";
    REQUIRE_OK(bl_spawn(&group, greet, &server));
    CHECK_OK(be_greeted(&server, bytes));
    CHECK_STR(bytes, "hello");
}
