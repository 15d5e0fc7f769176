/* SPDX-License-Identifier: MIT */
/*
 * test/test_script.c - the other end of a stream, played from a script
 *
 * What goes by the script is here; what does not is in specimens/scripts.c.
 */
#include <string.h>

#include "test/subrun.h"

static const bl_test_step greeting[] = {
    T_EXPECT("HELLO me\r\n"),     T_WAIT(BL_SEC(2)),
    T_SEND("250 \0 welcome\r\n"), T_END(),
    T_EXPECT("QUIT\r\n"),         T_EXPECT_END(),
};

/* Greets, waits for the answer and its end, and leaves. */
static int greet(bl_stream *stream) {
    char answer[32];
    size_t total = 0;
    int rc = bl_stream_write_all(stream, "HELLO ", 6, NULL);
    if (rc == 0) rc = bl_stream_write_all(stream, "me\r\n", 4, NULL);
    while (rc == 0) {
        bl_ssize count =
            bl_stream_read(stream, answer + total, sizeof answer - total);
        if (count < 0) return (int)count;
        if (count == 0) break;
        total += (size_t)count;
    }
    if (rc < 0) return rc;
    CHECK_MEM(answer, total, "250 \0 welcome\r\n", 15);
    return bl_stream_write_all(stream, "QUIT\r\n", 6, NULL);
}

TEST(a_conversation_goes_by_its_script) {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, greeting);
    CHECK_OK(greet(stream));
    CHECK_EQ(bl_now(), BL_SEC(2));
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(it_may_be_taken_apart, .schedules = 30) {
    BL_GROUP_SCOPED(group);
    bl_stream *stream = t_peer(&group, greeting);
    CHECK_OK(bl_mem_limit(stream, 1, 1));
    CHECK_OK(greet(stream));
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(injected_faults_are_not_its_failures, .sweep = T_CANCEL | T_OOM) {
    int rc = 0;
    BL_GROUP(group, rc) {
        bl_stream *stream = t_peer(group, greeting);
        rc = greet(stream);
        bl_stream_abort(stream);
    }
    if (!t_injected()) CHECK_OK(rc);
}

/* ---- what fails ---------------------------------------------------------- */

static void report_says(const char *test, const char *text) {
    struct subrun run =
        subrun_run(SPECIMEN("scripts"), "-k", test, (char *)NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, text);
    CHECK_CONTAINS(run.output, "scripts.c:");
    subrun_done(&run);
}

TEST(a_wrong_word_is_shown_with_its_step) {
    report_says("says_the_wrong_thing",
                "script talk, step 3 of 3, expect \"three\\n\": the peer sent "
                "\"four\\n\"");
}

TEST(an_early_end_is_shown_with_what_was_left) {
    report_says("ends_early",
                "script talk, step 3 of 3, expect \"three\\n\": the peer has "
                "ended");
}

TEST(a_cancelled_script_is_not_finished) {
    report_says("is_cancelled", "step 3 of 3, expect \"three\\n\": it was "
                                "cancelled before its end");
}

TEST(a_word_too_many_is_shown) {
    report_says("says_too_much", "script brief, step 1 of 1, expect the end: "
                                 "the peer sent \"and\\n\"");
}

TEST(a_peer_that_is_gone_is_an_error_of_the_step) {
    report_says("does_not_listen", "script deaf, step 2 of 2, send \"hello\": "
                                   "nobody reads at the other end");
}
