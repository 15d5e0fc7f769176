/* SPDX-License-Identifier: MIT */
/*
 * test/specimens/scripts.c - conversations that do not go by their script
 */
#include <belay/test.h>

static const bl_test_step talk[] = {
    T_EXPECT("one\n"),
    T_SEND("two\n"),
    T_EXPECT("three\n"),
};

static void begin(bl_stream *stream) {
    char bytes[4];
    CHECK_OK(bl_stream_write_all(stream, "one\n", 4, NULL));
    CHECK_OK(bl_stream_read_exactly(stream, bytes, 4, NULL));
}

TEST(says_the_wrong_thing, .tags = "order") {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, talk);
    begin(stream);
    CHECK_OK(bl_stream_write_all(stream, "four\n", 5, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
}

TEST(ends_early) {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, talk);
    begin(stream);
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(is_cancelled) {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, talk);
    begin(stream);
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
}

static const bl_test_step brief[] = { T_EXPECT_END() };

TEST(says_too_much, .tags = "order") {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, brief);
    CHECK_OK(bl_stream_write_all(stream, "and\n", 4, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
}

static const bl_test_step deaf[] = { T_WAIT(BL_SEC(1)), T_SEND("hello") };

TEST(does_not_listen) {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, deaf);
    bl_stream_abort(stream);
    CHECK_OK(bl_group_exit(&group, 0));
}
