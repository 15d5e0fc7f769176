/* SPDX-License-Identifier: MIT */
/*
 * belay/test/script.h - the other end of a stream, played from a script
 *
 * A script is an array of steps, which a task of the test's group plays over a
 * stream in memory, while the code under test talks at the other end:
 *
 *     static const bl_test_step greeting[] = {
 *         T_EXPECT("HELLO me\n"),
 *         T_SEND("250 welcome\n"),
 *         T_EXPECT_END(),
 *     };
 *
 *     TEST(a_client_greets) {
 *         BL_GROUP_SCOPED(group);
 *         bl_stream *stream = t_peer(&group, greeting);
 *         CHECK_OK(greet(stream, "me"));
 *         CHECK_OK(bl_stream_close(stream));
 *         CHECK_OK(bl_group_exit(&group, 0));
 *     }
 *
 * What does not go by the script fails the test, and the report names the
 * script and the step.  So does an end before the last step.
 */
#ifndef BELAY_TEST_SCRIPT_H
#define BELAY_TEST_SCRIPT_H

#include <belay/group.h>
#include <belay/stream.h>
#include <belay/test/parts.h>

BL_BEGIN_DECLS

/* What a step does.  After the last one the stream is closed. */
typedef enum bl_test_step_kind {
    BL_TEST_STEP_EXPECT,     /* exactly these bytes come */
    BL_TEST_STEP_SEND,       /* these bytes go */
    BL_TEST_STEP_WAIT,       /* nothing is done for so long */
    BL_TEST_STEP_EXPECT_END, /* nothing more comes */
    BL_TEST_STEP_END         /* nothing more goes: shutdown_write */
} bl_test_step_kind;

typedef struct bl_test_step {
    bl_test_step_kind kind;
    const char *bytes;
    size_t count;
    bl_ns duration;
} bl_test_step;

/* bl_test_peer stands on it. */
BL_API
bl_stream *bl__test_peer(const struct bl__test_place *place, bl_group *group,
                         const bl_test_step *steps, size_t count);

BL_END_DECLS

/* The steps; the texts are literals, which may contain NUL. */
#define BL_TEST_EXPECT(text) \
    { BL_TEST_STEP_EXPECT, "" text, sizeof(text) - 1, 0 }
#define BL_TEST_SEND(text) \
    { BL_TEST_STEP_SEND, "" text, sizeof(text) - 1, 0 }
#define BL_TEST_WAIT(duration) \
    { BL_TEST_STEP_WAIT, "", 0, (duration) }
#define BL_TEST_EXPECT_END() \
    { BL_TEST_STEP_EXPECT_END, "", 0, 0 }
#define BL_TEST_END() \
    { BL_TEST_STEP_END, "", 0, 0 }

#if defined(__GNUC__) && !defined(__cplusplus)

/*
 * bl_test_peer(group, steps) plays the array `steps` in a task of the group.
 *
 * Returns the other end, a stream in memory that the caller closes.  Without
 * memory it fails the test by REQUIRE.  bl_mem_limit takes what is sent apart.
 */
#    define bl_test_peer(group, steps)                                       \
        bl__test_peer(BL__TEST_HERE("t_peer", #steps, NULL, BL__TEST_CHECK), \
                      (group), (steps), sizeof(steps) / sizeof *(steps))

#endif

#endif
